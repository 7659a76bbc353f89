"""The application's own `template.yaml`, read as data: the one description of every resource there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

#: The project's folder: template, functions and job core are deployed from here.
PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = PROJECT / "template.yaml"

#: CloudFormation's own value of an object: what `!GetAtt A.B` and its like stand for.
Intrinsic = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads YAML with CloudFormation's short tags as the long form: `!Ref A` as `{"Ref": "A"}`."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Intrinsic:
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = node.value
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


@dataclass(frozen=True)
class Template:
    """A CloudFormation template as it stands in its file."""

    body: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path = TEMPLATE) -> "Template":
        """Return the template of the file; raises yaml.YAMLError when it is not YAML."""
        return cls(yaml.load(path.read_text(), _Loader))  # noqa: S506 - a SafeLoader with CloudFormation's tags

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """Return the properties of one resource."""
        properties: Mapping[str, Any] = self.body["Resources"][logical_id].get("Properties", {})
        return properties

    def of_type(self, resource_type: str) -> list[str]:
        """Return the logical ids of the resources of one type, in the file's order."""
        return [name for name, resource in self.body["Resources"].items() if resource["Type"] == resource_type]
