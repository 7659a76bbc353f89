from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from jobs.errors import InvalidRequest
from jobs.model import Job, Status
from jobs.records import LARGEST, size_of, to_item
from jobs.request import TASKS, JobRequest, RequestOptions, check_text, resolve_pack
from jobs.settings import Settings

SETTINGS = Settings(table="t", bucket="b", queue_url="q", max_document_size=20)


def cats(*categories: list[str]) -> dict[str, object]:
    return {"options": {"referential_gender_cats": [*categories]}}


def test_a_request_that_says_nothing_asks_for_every_task_of_the_small_model() -> None:
    assert (JobRequest().pipeline, JobRequest().model) == (TASKS, "small")


def test_a_pipeline_is_put_in_one_order_and_loses_its_doubles() -> None:
    assert JobRequest(pipeline=("coref", "quote", "entity", "quote")).pipeline == ("entity", "quote", "coref")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"pipeline": ["coref"]}, "'coref' needs 'entity' and 'quote'"),
        ({"pipeline": ["coref", "entity"]}, "'coref' needs 'quote'"),
        ({"pipeline": ["quote"]}, "'quote' needs 'entity'"),
        ({"pipeline": []}, "at least 1 item"),
        ({"pipeline": ["poetry"]}, "'entity', 'quote'"),
        ({"model": "huge"}, "'small', 'big', 'custom' or 'mini'"),
        ({"model": "custom"}, "'custom' needs the name of a pack"),
        ({"model": "small", "custom_model_path": "x"}, "only model 'custom'"),
        ({"options": {"speed": "fast"}}, "Extra inputs"),
        ({"options": {"compat": "yes"}}, "valid boolean"),
        ({"book_id": ""}, "at least 1 character"),
        (cats(), "at least 1 item"),
        (cats([]), "at least 1 item"),
        (cats(["he", ""]), "at least 1 character"),
        (cats(["x" * 41]), "at most 40 characters"),
        (cats(["he"] * 21), "at most 20 items"),
        (cats(*([str(n)] for n in range(21))), "at most 20 items"),
        (cats(["he"], ["she"], ["he"]), "0 and 2 are the same; leave one out"),
        (cats(["he", "him"], ["he/him"]), "0 and 1 are the same; leave one out"),
        (cats(["\ud800"]), "unicode"),
    ],
)
def test_a_request_that_cannot_run_is_refused_with_the_reason(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        JobRequest.model_validate(fields)


def test_the_longest_request_makes_a_record_that_is_not_too_large() -> None:
    """A job's record is written whole, and once more in its callback's, which grows with every attempt."""
    longest = tuple((f"{number:02}" + "\U00010330" * 38,) * 20 for number in range(20))
    request = JobRequest(
        model="custom",
        custom_model_path="\U00010330" * 1024,
        book_id="\U00010330" * 256,
        callback_url="https://" + "x" * 1016,
        options=RequestOptions(referential_gender_cats=longest),
    )
    job = Job(
        job_id="j" * 36,
        tenant="t" * 64,
        status=Status.PENDING,
        submitted_at=datetime(2026, 1, 20, tzinfo=UTC),
        document_key="d" * 60,
        characters=5_000_000,
        model=request.model,
        pack=str(request.custom_model_path),
        pipeline=request.pipeline,
        options=request.options.to_domain(),
        book_id=request.book_id,
        callback_url=request.callback_url,
    )
    assert size_of(to_item(job)) < LARGEST


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "nothing to read"),
        (" \n\t\u2003", "nothing to read"),
        ("a" * 21, "21 characters are more than the 20 allowed"),
        ("ab\0c", "NUL character at position 2"),
        ("abc\ud800", "lone surrogate at position 3"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_the_reason(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        check_text(text, SETTINGS)


def test_a_text_of_the_longest_length_is_accepted_whatever_its_bytes() -> None:
    check_text("\U0001f4d6" * 20, SETTINGS)


def test_a_model_that_is_not_installed_is_refused_with_what_is() -> None:
    with pytest.raises(InvalidRequest, match="'big' is not installed in this deployment; available: mini"):
        resolve_pack(JobRequest(model="big"), SETTINGS)


def test_a_deployment_that_was_told_to_puts_another_pack_in_its_place_and_warns() -> None:
    told = SETTINGS.model_copy(update={"substitute_pack": "mini"})
    pack, warnings = resolve_pack(JobRequest(model="big"), told)
    assert (pack, warnings) == ("mini", ("model 'big' is not installed here; 'mini' ran in its place",))


@pytest.mark.parametrize(
    "request_",
    [
        {"pipeline": [0] * 50_000},
        {"options": {"referential_gender_cats": [0] * 50_000}},
        {"options": {"referential_gender_cats": [[0] * 50_000]}},
        {"options": {str(number): 0 for number in range(50_000)}},
    ],
    ids=["tasks", "categories", "pronouns", "options"],
)
def test_a_request_that_is_wrong_in_thousands_of_places_is_told_of_few(request_: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        JobRequest.model_validate(request_)
    assert refused.value.error_count() <= 3, "an element and the lists around it"


def test_a_custom_pack_is_never_replaced() -> None:
    told = SETTINGS.model_copy(update={"substitute_pack": "mini"})
    with pytest.raises(InvalidRequest, match="'ours' is not installed"):
        resolve_pack(JobRequest(model="custom", custom_model_path="ours"), told)
    assert resolve_pack(
        JobRequest(model="custom", custom_model_path="ours"), told.model_copy(update={"packs": {"ours"}})
    ) == ("ours", ())


def test_settings_read_back_what_they_wrote_to_the_environment() -> None:
    settings = Settings(table="t", bucket="b", queue_url="q", packs=frozenset({"mini", "big"}), lease_seconds=15)
    assert Settings.from_environment(settings.as_environment()) == settings


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="queue_url"):
        Settings.from_environment({"BOOKJOB_TABLE": "t", "BOOKJOB_BUCKET": "b"})
