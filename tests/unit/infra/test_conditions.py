"""How a template reads under given parameters."""

from typing import Any

import pytest

from infra.local.template import Template
from tests.conditions import under

NOTHING = {"Ref": "AWS::NoValue"}


def template(condition: Any, **resource: Any) -> Template:
    return Template(
        {
            "Parameters": {"Stage": {"Default": "prod"}, "Size": {"Type": "Number", "Default": 1}},
            "Conditions": {
                "IsProduction": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
                "IsSmall": {"Fn::Equals": [{"Ref": "Size"}, "1"]},
                "Asked": condition,
            },
            "Resources": {"Thing": {"Type": "A::B::C", **resource}},
        }
    )


@pytest.mark.parametrize(
    ("condition", "production", "development"),
    [
        ({"Condition": "IsProduction"}, True, False),
        ({"Fn::Not": [{"Condition": "IsProduction"}]}, False, True),
        ({"Fn::And": [{"Condition": "IsProduction"}, {"Condition": "IsSmall"}]}, True, False),
        ({"Fn::Or": [{"Condition": "IsProduction"}, {"Condition": "IsSmall"}]}, True, True),
    ],
)
def test_a_resource_is_there_where_its_condition_holds(condition: Any, production: bool, development: bool) -> None:
    conditional = template(condition, Condition="Asked")
    assert ("Thing" in under(conditional, {}).body["Resources"]) is production
    assert ("Thing" in under(conditional, {"Stage": "dev"}).body["Resources"]) is development


def test_a_value_is_the_one_that_its_condition_chooses_or_none_at_all() -> None:
    properties = {"A": {"Fn::If": ["IsSmall", "small", "large"]}, "B": {"Fn::If": ["IsSmall", NOTHING, ["b"]]}}
    conditional = template({"Condition": "IsSmall"}, Properties=properties)
    assert under(conditional, {}).properties("Thing") == {"A": "small"}
    assert under(conditional, {"Size": "2"}).properties("Thing") == {"A": "large", "B": ["b"]}


def test_a_list_lacks_what_a_condition_leaves_out() -> None:
    conditional = template({"Condition": "IsSmall"}, Properties={"A": [{"Fn::If": ["IsSmall", NOTHING, 1]}, 2]})
    assert under(conditional, {}).properties("Thing") == {"A": [2]}


def test_what_is_no_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="Fn::Sub is no condition"):
        under(template({"Fn::Sub": "x"}, Condition="Asked"), {})
