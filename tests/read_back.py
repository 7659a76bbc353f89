"""A deployed template beside what stands: its properties with every reference resolved, and where the two differ."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.local.template import Template
from tests.standing import Standing

#: What is not made as the template has it: nested stacks, which the emulator leaves out, and code, which is packaged.
NESTED, CODE = "AWS::CloudFormation::Stack", "Code"


@dataclass(frozen=True)
class ReadBack:
    """A template as it was deployed: under its parameters, and with the physical ids that its resources got."""

    template: Template
    parameters: Mapping[str, str]
    ids: Mapping[str, str]
    standing: Standing

    def dropped(self) -> set[str]:
        """Return what differs from the template, each as `Type.Property.Part`, wherever a resource of the type does."""
        return {
            f"{resource['Type']}.{path}"
            for name, resource in self.template.body["Resources"].items()
            if resource["Type"] != NESTED
            for path in self._differences_of(name, resource["Type"])
        }

    def _differences_of(self, name: str, kind: str) -> Iterator[str]:
        properties = self.template.properties(name)
        wanted = {key: self._resolve(value) for key, value in properties.items() if key != CODE}
        yield from differences(wanted, self.standing.read(kind, self.ids[name], wanted))

    def _resolve(self, part: Any) -> Any:
        """Return the part of a template with its intrinsic functions carried out."""
        match part:
            case {"Ref": str(name)}:
                return self._names[name]
            case {"Fn::GetAtt": [name, attribute]}:
                return self._attribute(name, attribute)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([\w:]+)(?:\.(\w+))?\}", self._substitute, text)
            case {"Fn::Split": [separator, value]}:
                return self._resolve(value).split(separator)
            case dict():
                return {key: self._resolve(value) for key, value in part.items()}
            case list():
                return [self._resolve(each) for each in part]
            case _:
                return part

    def _substitute(self, found: "re.Match[str]") -> str:
        name, attribute = found.groups()
        return self._attribute(name, attribute) if attribute else self._names[name]

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """What `!Ref` of a parameter, a resource or a pseudo parameter stands for."""
        defaults = {key: str(parameter["Default"]) for key, parameter in self.template.body["Parameters"].items()}
        return {**defaults, **self.parameters, **self.ids, **self.standing.pseudo_parameters()}

    def _attribute(self, name: str, attribute: str) -> str:
        return self.standing.attribute(self.template.body["Resources"][name]["Type"], self.ids[name], attribute)


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the path of each wanted property that was not found, or not so; the path of a list ends with the list."""
    for name, value in wanted.items():
        standing = found.get(name)
        if isinstance(value, dict) and isinstance(standing, dict):
            yield from (f"{name}.{path}" for path in differences(value, standing))
        elif not covers(standing, value):
            yield name


def covers(found: Any, wanted: Any) -> bool:
    """Tell whether all that is wanted was found; of a mapping there may be more, of a list there may not.

    The order of a list does not count, and numbers and truth values are the same written as text.
    """
    match wanted:
        case dict():
            return isinstance(found, dict) and all(covers(found.get(name), value) for name, value in wanted.items())
        case list():
            alike = isinstance(found, list) and len(found) == len(wanted)
            return alike and all(any(covers(each, one) for each in found) for one in wanted)
        case _:
            return _as_text(found) == _as_text(wanted)


def _as_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
