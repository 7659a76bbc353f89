"""A template under given parameters: its conditions decided, and what they leave out left out.

What is deployed is the template itself, whose conditions CloudFormation decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.template import Template

#: What `!Ref AWS::NoValue` leaves in place of itself.
_NOTHING = object()


def under(template: Template, parameters: Mapping[str, str]) -> Template:
    """Return the template as it is where parameters have these values, and the others their defaults."""
    defaults = {name: parameter.get("Default", "") for name, parameter in template.body.get("Parameters", {}).items()}
    decision = _Decision({**defaults, **parameters}, template.body.get("Conditions", {}))
    return Template(
        {
            section: {name: decision.settle(part) for name, part in parts.items() if decision.includes(part)}
            if section in ("Resources", "Outputs")
            else parts
            for section, parts in template.body.items()
        }
    )


@dataclass(frozen=True)
class _Decision:
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def includes(self, part: Mapping[str, Any]) -> bool:
        return "Condition" not in part or self.holds({"Condition": part["Condition"]})

    def holds(self, condition: Mapping[str, Any]) -> bool:
        (function, argument), *_ = condition.items()
        match function:
            case "Condition":
                return self.holds(self.conditions[argument])
            case "Fn::Equals":
                one, other = (str(self._value(side)) for side in argument)
                return one == other
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(each) for each in argument)
            case "Fn::Or":
                return any(self.holds(each) for each in argument)
            case _:
                raise ValueError(f"{function} is no condition")

    def settle(self, part: Any) -> Any:
        match part:
            case {"Fn::If": [name, then, otherwise]}:
                return self.settle(then if self.holds({"Condition": name}) else otherwise)
            case {"Ref": "AWS::NoValue"}:
                return _NOTHING
            case dict():
                settled = {name: self.settle(value) for name, value in part.items()}
                return {name: value for name, value in settled.items() if value is not _NOTHING}
            case list():
                return [value for each in part if (value := self.settle(each)) is not _NOTHING]
            case _:
                return part

    def _value(self, side: Any) -> Any:
        return self.parameters[side["Ref"]] if isinstance(side, dict) else side
