"""From an event's body to a JSON object, at the limits of size and against bytes of every kind."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.bodies import json_object
from functions.api.limits import REQUEST_LIMIT
from functions.api.refusals import Refusal

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def event(body: str, *, is_base64: bool = False) -> dict[str, Any]:
    return {"headers": {"content-type": "application/json"}, "body": body, "isBase64Encoded": is_base64}


def refusal(body: str, *, is_base64: bool = False) -> Refusal:
    with pytest.raises(Refusal) as caught:
        json_object(event(body, is_base64=is_base64))
    return caught.value


@given(fields=st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_every_json_object_is_read_as_it_is_plain_or_in_base64(fields: dict[str, Any]) -> None:
    text = json.dumps(fields)
    assert json_object(event(text)) == fields
    assert json_object(event(base64.b64encode(text.encode()).decode(), is_base64=True)) == fields


@given(body=st.text() | st.binary().map(lambda content: base64.b64encode(content).decode()), is_base64=st.booleans())
def test_any_other_body_is_refused_with_a_sentence(body: str, is_base64: bool) -> None:
    try:
        read: object = json_object(event(body, is_base64=is_base64))
    except Refusal as refused:
        read = refused
    assert isinstance(read, dict) or (isinstance(read, Refusal) and read.status == 400 and str(read).endswith("."))


@given(value=JSON_VALUES.filter(lambda value: not isinstance(value, dict)))
def test_json_that_is_no_object_is_refused(value: object) -> None:
    assert refusal(json.dumps(value)).status == 400


@given(depth=st.integers(900, 200_000), bracket=st.sampled_from(["[", '{"a":']))
def test_no_depth_of_nesting_breaks_the_reading(depth: int, bracket: str) -> None:
    assert refusal(bracket * depth).status == 400


@given(name=st.text(), others=st.dictionaries(st.text(), st.integers(), max_size=5))
def test_a_name_that_comes_twice_is_refused_wherever_it_stands(name: str, others: dict[str, int]) -> None:
    pairs = [*((other, value) for other, value in others.items() if other != name), (name, 1), (name, math.inf)]
    twice = "{" + ", ".join(f"{json.dumps(key)}: {0 if value == math.inf else value}" for key, value in pairs) + "}"
    assert "twice" in str(refusal(twice))
    assert "twice" in str(refusal(f'{{"options": [{twice}]}}'))


def test_a_million_names_are_compared_in_good_time() -> None:
    names = ", ".join(f'"{number:x}": 0' for number in range(300_000))
    assert "twice" in str(refusal(f'{{{names}, "0": 0}}'))


def object_of_event_size(size: int) -> str:
    """Return a JSON object that weighs that much as a string of its event, where a quote inside it weighs two."""
    return '{"text": "' + "a" * (size - len('"{\\"text\\": \\"\\"}"')) + '"}'


def test_the_largest_body_that_lambda_takes_is_read_and_one_byte_more_is_refused() -> None:
    assert json_object(event(object_of_event_size(REQUEST_LIMIT)))
    refused = refusal(object_of_event_size(REQUEST_LIMIT + 1))
    assert refused.status == 413
    assert "POST /v1/uploads" in str(refused)


def test_a_body_in_base64_weighs_its_base64() -> None:
    content = object_of_event_size(REQUEST_LIMIT * 3 // 4)
    assert json_object(event(base64.b64encode(content.encode()).decode(), is_base64=True))
    larger = base64.b64encode(object_of_event_size(REQUEST_LIMIT * 3 // 4 + 10).encode()).decode()
    assert refusal(larger, is_base64=True).status == 413


def test_base64_that_is_none_is_refused() -> None:
    assert "damaged" in str(refusal("{}", is_base64=True))
