"""POST /v1/jobs."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.lookup import JobLookup
from jobs.service import JobService

Submit = Callable[..., dict[str, Any]]


def detail_of(answer: httpx.Response) -> str:
    """Return an error's sentence, having checked that there is nothing beside it."""
    body = answer.json()
    assert list(body) == ["detail"]
    assert isinstance(body["detail"], str)
    return str(body["detail"])


def post(api: httpx.Client, content: str | bytes, content_type: str = "application/json") -> httpx.Response:
    return api.post("/v1/jobs", content=content, headers={"Content-Type": content_type})


def test_a_text_becomes_a_pending_job(submit: Submit) -> None:
    body = submit(book_id="moby")
    assert str(uuid.UUID(body["job_id"])) == body["job_id"]
    assert body["status"] == "pending"
    assert datetime.fromisoformat(body["submitted_at"]).tzinfo is not None
    assert body["submitted_at"].endswith("Z")
    assert body["book_id"] == "moby"


def test_the_first_job_is_the_next_to_run_and_the_second_waits_behind_it(here: httpx.Client) -> None:
    positions = [here.post("/v1/jobs", json={"text": "A text."}).json()["queue_position"] for _ in range(2)]
    assert positions == [1, 2]


def test_a_job_that_was_accepted_is_answered_so_though_its_place_in_the_queue_cannot_be_read(
    here: httpx.Client, service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(JobLookup, "waiting", unreachable)
        answer = here.post("/v1/jobs", json={"text": "A text."})
    assert answer.status_code == 200
    assert answer.json()["queue_position"] is None
    assert service.store.waiting() == [answer.json()["job_id"]]


def unreachable(*_: object) -> None:
    raise EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")


def test_a_model_that_is_not_installed_is_served_by_another_and_the_job_says_so(here: httpx.Client) -> None:
    body = here.post("/v1/jobs", json={"text": "A text.", "model": "big"}).json()
    assert body["pack"] == "mini"
    assert body["warnings"] == ["model 'big' is not installed here; 'mini' ran in its place"]


def test_fields_that_are_not_known_are_ignored(submit: Submit) -> None:
    assert submit(colour="red")["status"] == "pending"


def test_a_body_that_arrives_as_base64_is_read_like_any_other(api: httpx.Client) -> None:
    """API Gateway encodes bodies without a content type."""
    answer = api.send(api.build_request("POST", "/v1/jobs", content=b'{"text": "Ein Caf\xc3\xa9.", "model": "mini"}'))
    assert answer.status_code == 200


def test_a_byte_order_mark_before_the_json_is_not_held_against_it(api: httpx.Client) -> None:
    assert post(api, '\ufeff{"text": "A text.", "model": "mini"}'.encode()).status_code == 200


WRONG = {
    "an empty text": ({"text": ""}, "text: there is nothing to read"),
    "white space alone": ({"text": " \n\t\u00a0\u2003"}, "text: there is nothing to read"),
    "no text": ({}, "text: is required"),
    "a text that is a number": ({"text": 1}, "text: must be a string"),
    "a text that is null": ({"text": None}, "text: must be a string"),
    "a text that is a list": ({"text": ["A text."]}, "text: must be a string"),
    "NUL in the text": ({"text": "A\0B"}, "text: NUL character at position 1"),
    "a lone surrogate": ({"text": "A\ud800"}, "text: lone surrogate at position 1"),
    "a lone surrogate in the book's name": ({"text": "A", "book_id": "\udfff"}, "book_id: must be well-formed Unicode"),
    "an unknown model": ({"text": "A", "model": "huge"}, "model: must be 'small', 'big', 'custom' or 'mini'"),
    "a model that is null": ({"text": "A", "model": None}, "model: must be"),
    "custom without a pack": ({"text": "A", "model": "custom"}, "custom_model_path: model 'custom' needs"),
    "a pack that is not installed": (
        {"text": "A", "model": "custom", "custom_model_path": "../../etc"},
        "is not installed in this deployment",
    ),
    "coref without entity": ({"text": "A", "pipeline": ["quote", "coref"]}, "needs 'entity'"),
    "quote without entity": ({"text": "A", "pipeline": ["quote"]}, "'quote' needs 'entity'"),
    "an empty pipeline": ({"text": "A", "pipeline": []}, "pipeline: must have at least 1 element(s)"),
    "an unknown task": ({"text": "A", "pipeline": ["entity", "ner"]}, "pipeline.1: must be 'entity', "),
    "a pipeline that is a string": ({"text": "A", "pipeline": "entity"}, "pipeline: must be a list"),
    "an unknown option": ({"text": "A", "options": {"fast": True}}, "options.fast: is not known here"),
    "an option of the wrong type": (
        {"text": "A", "options": {"compat": "yes"}},
        "options.compat: must be true or false",
    ),
    "a pronoun that is a book": (
        {"text": "A", "options": {"referential_gender_cats": [["he", "x" * 400_000]]}},
        "options.referential_gender_cats.0.1: must have at most 40 characters",
    ),
    "a lone surrogate for a pronoun": (
        {"text": "A", "options": {"referential_gender_cats": [["\ud800"]]}},
        "options.referential_gender_cats.0.0: must be well-formed Unicode",
    ),
    "the same pronouns twice": (
        {"text": "A", "options": {"referential_gender_cats": [["he"], ["he"]]}},
        "options.referential_gender_cats: 0 and 1 are the same; leave one out",
    ),
    "no pronouns at all": (
        {"text": "A", "options": {"referential_gender_cats": []}},
        "options.referential_gender_cats: must have at least 1 element(s)",
    ),
    "options that are a list": ({"text": "A", "options": []}, "options: must be an object"),
    "a book's name that is a number": ({"text": "A", "book_id": 7}, "book_id: must be a string"),
    "a book's name too long": ({"text": "A", "book_id": "x" * 257}, "book_id: must have at most 256 characters"),
}


@pytest.mark.parametrize(("fields", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_gets_400_and_a_sentence(api: httpx.Client, fields: dict[str, Any], sentence: str) -> None:
    answer = post(api, json.dumps({"model": "mini"} | fields))
    assert answer.status_code == 400
    assert sentence in detail_of(answer)


BROKEN = {
    "nothing": ("", "empty"),
    "half an object": ('{"text":', "line 1, column 9"),
    "a list": ('["text"]', "not an object"),
    "a string": ('"text"', "not an object"),
    "null": ("null", "not an object"),
    "NaN": ('{"text": NaN}', "NaN"),
    "minus infinity": ('{"text": -Infinity}', "-Infinity"),
    "a name twice": ('{"text": "A", "text": "B"}', '"text" twice'),
    "a name twice, deep inside": ('{"text": "A", "options": {"compat": true, "compat": true}}', '"compat" twice'),
    "100,000 lists in one another": ("[" * 100_000, "nested too deeply"),
    "100,000 closed lists in one another": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    "100,000 objects in one another": ('{"a":' * 100_000, "nested too deeply"),
    "a number of 5,000 digits": ('{"text": "A", "n": ' + "1" * 5000 + "}", "too many digits"),
    "JSON with a comment": ('{"text": "A"} // a', "extra data"),
}


@pytest.mark.parametrize(("content", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_body_that_is_no_json_object_gets_400_and_a_sentence(api: httpx.Client, content: str, sentence: str) -> None:
    answer = post(api, content)
    assert answer.status_code == 400
    assert sentence in detail_of(answer)


def test_at_most_three_wrong_fields_are_named(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json={"text": 1, "model": 1, "book_id": 1, "options": 1, "pipeline": 1})
    assert detail_of(answer).count(";") == 3
    assert detail_of(answer).endswith("; and 2 more")


def test_a_byte_that_is_not_utf8_is_named_by_its_offset(here: httpx.Client) -> None:
    answer = here.send(here.build_request("POST", "/v1/jobs", content=b'{"text": "\xff"}'))
    assert answer.status_code == 400
    assert "offset 10" in detail_of(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_gets_415(api: httpx.Client, content_type: str) -> None:
    answer = post(api, '{"text": "A text."}', content_type)
    assert answer.status_code == 415
    assert "application/json" in detail_of(answer) or "UTF-8" in detail_of(answer)


def test_a_compressed_body_gets_415(here: httpx.Client) -> None:
    answer = here.post("/v1/jobs", json={"text": "A text."}, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert "Content-Encoding" in detail_of(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; Charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json; charset=utf-8; profile=book",
    ],
)
def test_json_may_name_its_character_set(api: httpx.Client, content_type: str) -> None:
    assert post(api, '{"text": "A text.", "model": "mini"}', content_type).status_code == 200


def test_a_text_of_exactly_the_longest_length_is_taken(here: httpx.Client) -> None:
    assert here.post("/v1/jobs", json={"text": "a" * 5_000_000}).status_code == 200


def test_a_text_of_one_character_more_gets_400(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json={"text": "a" * 5_000_001, "model": "mini"})
    assert answer.status_code == 400
    assert "5000001 characters" in detail_of(answer)


def test_a_body_too_large_for_one_request_gets_413_and_the_other_way(here: httpx.Client) -> None:
    answer = here.post("/v1/jobs", json={"text": "\U00010348" * 2_000_000})
    assert answer.status_code == 413
    assert "POST /v1/uploads" in detail_of(answer)


def test_a_megabyte_without_space_or_line_end_is_taken(here: httpx.Client) -> None:
    assert here.post("/v1/jobs", json={"text": "x" * 1_000_000}).status_code == 200


def test_a_full_queue_gets_503_and_nothing_is_stored(here: httpx.Client, service: JobService) -> None:
    for _ in range(service.settings.max_queue_size):
        assert here.post("/v1/jobs", json={"text": "A text."}).status_code == 200
    answer = here.post("/v1/jobs", json={"text": "A text."})
    assert answer.status_code == 503
    assert "queue is full (10 jobs" in detail_of(answer)
    assert int(answer.headers["Retry-After"]) > 0
    assert here.get("/v1/jobs/stats").json()["total_jobs"] == 10
    documents = service.documents
    assert documents.client.list_objects_v2(Bucket=documents.bucket)["KeyCount"] == 10


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(["text", "model", "pipeline", "options", "book_id", "custom_model_path", "x"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(FIELDS, JSON_VALUES))
def test_no_json_object_is_answered_otherwise_than_taken_or_refused_with_a_reason(
    here: httpx.Client, fields: dict[str, Any]
) -> None:
    answer = post(here, json.dumps(fields))
    assert answer.status_code in (200, 400, 503)
    assert answer.status_code == 200 or detail_of(answer)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_are_answered_otherwise_than_taken_or_refused(here: httpx.Client, content: bytes) -> None:
    answer = here.send(here.build_request("POST", "/v1/jobs", content=content))
    assert answer.status_code in (200, 400, 503)
    assert answer.status_code == 200 or detail_of(answer)
