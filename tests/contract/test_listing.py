"""GET /v1/jobs and GET /v1/jobs/latest."""

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.cursors import opened, sealed
from jobs.errors import InvalidRequest
from jobs.listing import JobFilter
from jobs.model import Job, Status
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand


def page(here: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = here.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"jobs", "cursor"}
    return body


def ids(jobs: list[Job] | list[dict[str, Any]]) -> list[str]:
    return [job.job_id if isinstance(job, Job) else job["job_id"] for job in jobs]


def all_pages(here: httpx.Client, **query: Any) -> list[str]:
    found, cursor = [], None
    while True:
        body = page(here, **query, **({"cursor": cursor} if cursor else {}))
        assert body["jobs"] or cursor is None, "a cursor led to nothing"
        found += ids(body["jobs"])
        if (cursor := body["cursor"]) is None:
            return found


@pytest.fixture
def assorted(at_hand: JobsAtHand) -> dict[str, list[Job]]:
    """Jobs of each state, oldest first, by state; those of odd number are of the book `moby`."""
    makers: dict[str, Callable[[str | None], Job]] = {
        "failed": lambda book: _ended(at_hand, book),
        "completed": lambda book: at_hand.completed(book_id=book),
        "running": lambda book: at_hand.running(book_id=book)[0],
        "pending": lambda book: at_hand.pending(book_id=book),
    }
    return {status: [make("moby" if number % 2 else None) for number in range(3)] for status, make in makers.items()}


def _ended(at_hand: JobsAtHand, book: str | None) -> Job:
    _, lease = at_hand.running(book_id=book)
    return at_hand.service.store.fail(lease, "No.", at_hand.clock())


def newest_first(assorted: dict[str, list[Job]]) -> list[str]:
    jobs = [job for some in assorted.values() for job in some]
    return ids(sorted(jobs, key=lambda job: job.submitted_at, reverse=True))


def test_jobs_are_listed_newest_first_with_everything_that_their_status_tells(
    here: httpx.Client, assorted: dict[str, list[Job]]
) -> None:
    body = page(here)
    assert ids(body["jobs"]) == newest_first(assorted)
    assert body["cursor"] is None
    for job in body["jobs"]:
        assert job == here.get(f"/v1/jobs/{job['job_id']}").json()


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 11, 12, 13])
def test_pages_of_any_size_hold_every_job_once(here: httpx.Client, assorted: dict[str, list[Job]], limit: int) -> None:
    assert all_pages(here, limit=limit) == newest_first(assorted)


@pytest.mark.parametrize("status", ["failed", "completed", "running", "pending"])
def test_jobs_can_be_chosen_by_status_and_by_book(
    here: httpx.Client, assorted: dict[str, list[Job]], status: str
) -> None:
    assert all_pages(here, status=status, limit=2) == ids(assorted[status])[::-1]
    assert all_pages(here, status=status, book_id="moby", limit=1) == [assorted[status][1].job_id]


def test_jobs_can_be_chosen_by_book_alone(here: httpx.Client, assorted: dict[str, list[Job]]) -> None:
    mobys = {job.job_id for some in assorted.values() for job in some if job.book_id == "moby"}
    assert all_pages(here, book_id="moby", limit=3) == [one for one in newest_first(assorted) if one in mobys]
    assert all_pages(here, book_id="mob") == []


def test_jobs_expire_in_the_listing_to_the_second(
    here: httpx.Client, assorted: dict[str, list[Job]], at_hand: JobsAtHand, clock: SettableClock
) -> None:
    clock.advance(at_hand.service.settings.job_ttl_seconds)
    ended = {job.job_id for status in ("failed", "completed") for job in assorted[status]}
    expired = [one for one in newest_first(assorted) if one in ended]
    assert all_pages(here, status="completed") == all_pages(here, status="failed") == []
    assert all_pages(here, status="expired", limit=4) == expired
    assert all_pages(here, status="expired", book_id="moby") == [one for one in expired if one in _mobys(assorted)]
    assert all_pages(here) == newest_first(assorted)
    clock.advance(24 * 3600)
    assert all_pages(here, status="expired") == []
    assert set(all_pages(here)) == set(newest_first(assorted)) - ended


def _mobys(assorted: dict[str, list[Job]]) -> set[str]:
    return {job.job_id for some in assorted.values() for job in some if job.book_id == "moby"}


def test_a_listing_is_not_shifted_by_what_is_submitted_meanwhile(
    here: httpx.Client, assorted: dict[str, list[Job]], at_hand: JobsAtHand
) -> None:
    first = page(here, limit=5)
    for _ in range(3):
        at_hand.pending()
    rest = page(here, limit=100, cursor=first["cursor"])
    assert ids(first["jobs"]) + ids(rest["jobs"]) == newest_first(assorted)


def test_a_listing_goes_on_though_the_job_of_its_cursor_moved(
    here: httpx.Client, assorted: dict[str, list[Job]]
) -> None:
    first = page(here, status="pending", limit=1)
    here.delete(f"/v1/jobs/{first['jobs'][0]['job_id']}")
    rest = page(here, status="pending", limit=100, cursor=first["cursor"])
    assert ids(rest["jobs"]) == ids(assorted["pending"])[1::-1]


def test_a_strangers_jobs_are_not_listed(here: httpx.Client, at_hand: JobsAtHand) -> None:
    at_hand.pending(tenant="somebody else", book_id="moby")
    at_hand.pending(tenant="publi")
    assert page(here)["jobs"] == page(here, book_id="moby")["jobs"] == page(here, status="pending")["jobs"] == []


@pytest.mark.parametrize(
    "other", [{}, {"status": "pending", "book_id": "moby"}, {"status": "running"}, {"book_id": "pending"}]
)
def test_a_cursor_of_another_query_gets_400(
    here: httpx.Client, assorted: dict[str, list[Job]], other: dict[str, str]
) -> None:
    cursor = page(here, status="pending", limit=1)["cursor"]
    answer = here.get("/v1/jobs", params={**other, "cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("cursor: ")


def test_a_cursor_of_another_caller_gets_400(here: httpx.Client, at_hand: JobsAtHand) -> None:
    for _ in range(2):
        at_hand.pending(tenant="somebody else")
    cursor = at_hand.service.page("somebody else", JobFilter(), limit=1).cursor
    assert here.get("/v1/jobs", params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("cursor", ["", "x", "null", "=", "🦊", "AAAA" * 20, "{}", "a" * 1024, "../.."])
def test_a_cursor_that_was_made_up_gets_400(api: httpx.Client, cursor: str) -> None:
    assert api.get("/v1/jobs", params={"cursor": cursor}).status_code == 400


def test_a_cursor_with_any_one_character_altered_gets_400(here: httpx.Client, assorted: dict[str, list[Job]]) -> None:
    cursor = page(here, limit=1)["cursor"]
    for position, character in enumerate(cursor):
        for other in "AZ":
            forged = cursor[:position] + other + cursor[position + 1 :]
            if character != other:
                assert here.get("/v1/jobs", params={"cursor": forged}).status_code == 400


@settings(max_examples=200, deadline=None)
@given(text=st.text() | st.binary().map(lambda content: base64.urlsafe_b64encode(content).decode().rstrip("=")))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    with pytest.raises(InvalidRequest):
        opened(text, "public", JobFilter(), b"key")


@given(place=st.text(min_size=1), tenant=st.text(), book=st.text())
def test_a_cursor_opens_for_its_own_query_alone(place: str, tenant: str, book: str) -> None:
    query = JobFilter(Status.PENDING, book)
    cursor = sealed(place, tenant, query, b"key")
    assert opened(cursor, tenant, query, b"key") == place
    for other in ((tenant + "x", query, b"key"), (tenant, JobFilter(), b"key"), (tenant, query, b"other")):
        with pytest.raises(InvalidRequest):
            opened(cursor, *other)


WRONG = {
    "a status that is none": ({"status": "done"}, "status: must be 'pending', 'running'"),
    "no job at all": ({"limit": "0"}, "limit: must be at least 1"),
    "too many jobs": ({"limit": "101"}, "limit: must be at most 100"),
    "a number in words": ({"limit": "ten"}, "limit: must be a whole number"),
    "two limits": ({"limit": ["1", "2"]}, "limit: must be a whole number"),
    "a book's name too long": ({"book_id": "x" * 257}, "book_id: must have at most 256 characters"),
}


@pytest.mark.parametrize(("query", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_query_gets_400_and_a_sentence(api: httpx.Client, query: dict[str, Any], sentence: str) -> None:
    answer = api.get("/v1/jobs", params=query)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_the_latest_job_is_the_one_submitted_last(here: httpx.Client, assorted: dict[str, list[Job]]) -> None:
    assert here.get("/v1/jobs/latest").json()["job_id"] == newest_first(assorted)[0]
    of_the_book = here.get("/v1/jobs/latest", params={"book_id": "moby"}).json()
    assert of_the_book == here.get(f"/v1/jobs/{assorted['pending'][1].job_id}").json()


def test_there_is_no_latest_job_before_the_first(here: httpx.Client, at_hand: JobsAtHand) -> None:
    at_hand.pending(tenant="somebody else")
    answer = here.get("/v1/jobs/latest")
    assert answer.status_code == 404
    assert "POST /v1/jobs" in answer.json()["detail"]
    assert here.get("/v1/jobs/latest", params={"book_id": "moby"}).status_code == 404


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.sampled_from(["status", "book_id", "limit", "cursor", "x"]), st.text(max_size=50)))
def test_no_query_is_answered_otherwise_than_with_jobs_or_a_reason(here: httpx.Client, query: dict[str, str]) -> None:
    answer = here.get("/v1/jobs", params=query)
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["detail"]
