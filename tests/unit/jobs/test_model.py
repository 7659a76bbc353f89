from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.clock import isoformat
from jobs.model import Job, Options, Status
from jobs.records import from_item, merged, to_item, update_expression

NOW = datetime(2026, 1, 20, 10, tzinfo=UTC)

instants = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
# DynamoDB stores no float: numbers go through decimals, whose text a JSON number round-trips.
percents = st.integers(0, 1000).map(lambda tenths: tenths / 10)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

jobs = st.builds(
    Job,
    job_id=st.uuids().map(str),
    tenant=st.sampled_from(["public", "lab"]),
    status=st.sampled_from(Status),
    submitted_at=instants,
    document_key=texts.filter(bool),
    characters=st.integers(1, 5_000_000),
    model=st.sampled_from(["small", "big", "custom", "mini"]),
    pack=texts.filter(bool),
    pipeline=st.just(("entity", "event")),
    options=st.builds(
        Options,
        pronominal_coref_only=st.booleans(),
        referential_gender_cats=st.none() | st.just((("he", "him"), ("she",))),
        compat=st.booleans(),
    ),
    book_id=st.none() | texts.filter(bool),
    warnings=st.lists(texts, max_size=2).map(tuple),
    started_at=st.none() | instants,
    completed_at=st.none() | instants,
    progress=percents,
    eta_seconds=st.none() | percents,
    error_message=st.none() | texts,
    expires_at=st.none() | st.integers(0, 2**40),
)


def make_job(**changes: object) -> Job:
    job = Job(
        job_id="11111111-1111-4111-8111-111111111111",
        tenant="public",
        status=Status.PENDING,
        submitted_at=NOW,
        document_key="documents/x.txt",
        characters=5,
        model="mini",
        pack="mini",
        pipeline=("entity",),
    )
    return job.evolve(**changes)


@given(jobs)
def test_a_record_reads_back_as_the_job_that_was_written(job: Job) -> None:
    assert from_item(to_item(job)) == job


def test_a_record_of_a_newer_version_is_read_without_what_this_one_does_not_know() -> None:
    assert from_item(to_item(make_job()) | {"invented_later": {"S": "x"}}) == make_job()


@given(instants, instants)
def test_times_sort_as_text_in_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (isoformat(one) < isoformat(other)) == (one < other)


def test_a_job_reads_as_expired_from_its_second_on() -> None:
    ended = make_job(status=Status.COMPLETED, expires_at=int(NOW.timestamp()))
    assert ended.as_seen_at(NOW).status is Status.EXPIRED
    assert ended.as_seen_at(NOW - timedelta(seconds=1)).status is Status.COMPLETED


@pytest.mark.parametrize(
    ("job", "claimable"),
    [
        (make_job(), True),
        (make_job(not_before=NOW), True),
        (make_job(not_before=NOW + timedelta(milliseconds=1)), False),
        (make_job(status=Status.RUNNING, lease_expires_at=NOW), True),
        (make_job(status=Status.RUNNING, lease_expires_at=NOW + timedelta(milliseconds=1)), False),
        (make_job(status=Status.COMPLETED), False),
        (make_job(status=Status.CANCELLED), False),
    ],
)
def test_a_job_can_be_claimed_while_it_waits_or_once_its_lease_ran_out(job: Job, claimable: bool) -> None:
    assert job.claimable_at(NOW) is claimable


def test_an_update_sets_what_has_a_value_and_removes_what_has_none() -> None:
    assert update_expression({"stage": None, "progress": {"N": "4"}}) == {
        "UpdateExpression": "SET #progress = :new_progress REMOVE #stage",
        "ExpressionAttributeNames": {"#stage": "stage", "#progress": "progress"},
        "ExpressionAttributeValues": {":new_progress": {"N": "4"}},
    }


def test_parts_of_a_request_unite_their_names_and_drop_empty_maps() -> None:
    assert merged({"Table": "t", "Names": {"a": 1}, "Values": {}}, {"Names": {"b": 2}}) == {
        "Table": "t",
        "Names": {"a": 1, "b": 2},
    }
