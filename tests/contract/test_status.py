"""GET /v1/jobs/{job_id}, DELETE /v1/jobs/{job_id} and GET /v1/jobs/stats."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jobs.records import job_key
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand

Submit = Callable[..., dict[str, Any]]

#: What clients in the wild read, and what is ours beside it.
FIXED = {
    "job_id",
    "status",
    "progress",
    "submitted_at",
    "started_at",
    "completed_at",
    "error_message",
    "queue_position",
}
OURS = {
    "stage",
    "eta_seconds",
    "book_id",
    "model",
    "pack",
    "attempt",
    "token_count",
    "expires_at",
    "warnings",
    "callback",
}

_NO_JOB = "5f0c7e52-3b7e-4c55-9d6b-6f1d0a1b2c3d"


def look(here: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = here.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == FIXED | OURS
    return body


def test_a_submitted_job_can_be_looked_at(api: httpx.Client, submit: Submit) -> None:
    submitted = submit(book_id="moby")
    body = look(api, submitted["job_id"])
    assert body["submitted_at"] == submitted["submitted_at"]
    assert body["book_id"] == "moby"
    assert body["model"] == "mini"


def test_a_waiting_job_tells_its_place_and_nothing_that_is_to_come(here: httpx.Client, at_hand: JobsAtHand) -> None:
    at_hand.pending()
    body = look(here, at_hand.pending().job_id)
    assert body["status"] == "pending"
    assert body["queue_position"] == 2
    assert body["progress"] == 0
    assert body["attempt"] == 0
    nothing = ("started_at", "completed_at", "error_message", "stage", "eta_seconds", "expires_at", "token_count")
    assert all(body[name] is None for name in nothing)


def test_a_running_job_tells_how_far_it_is(here: httpx.Client, at_hand: JobsAtHand) -> None:
    body = look(here, at_hand.halfway().job_id)
    assert body["status"] == "running"
    assert body["progress"] == 45.0
    assert body["stage"] == "coref"
    assert body["eta_seconds"] == 12.5
    assert body["attempt"] == 1
    assert body["queue_position"] is None
    assert body["started_at"].endswith("Z")


def test_a_completed_job_tells_when_its_result_goes(here: httpx.Client, at_hand: JobsAtHand) -> None:
    body = look(here, at_hand.completed().job_id)
    assert body["status"] == "completed"
    assert body["progress"] == 100
    assert body["token_count"] == 2
    assert body["completed_at"] == "2026-01-20T10:00:00.003Z"
    assert body["expires_at"] == "2026-01-20T11:00:00.000Z"


def test_a_failed_job_tells_why(here: httpx.Client, at_hand: JobsAtHand) -> None:
    body = look(here, at_hand.failed("The text has no words.").job_id)
    assert body["status"] == "failed"
    assert body["error_message"] == "The text has no words."


def test_an_expired_job_is_told_of_for_a_day_and_then_forgotten(
    here: httpx.Client, at_hand: JobsAtHand, clock: SettableClock
) -> None:
    job = at_hand.expired()
    assert look(here, job.job_id)["status"] == "expired"
    clock.advance(timedelta(hours=24).total_seconds())
    assert here.get(f"/v1/jobs/{job.job_id}").status_code == 404


@pytest.mark.parametrize("path", ["", "/result", "/files/tokens"])
@pytest.mark.parametrize("job_id", [_NO_JOB, "abc", "0", "..", "%00", "a" * 3000, "{job_id}", "%F0%9F%92%A9"])
def test_a_job_that_is_not_there_gets_404_whatever_its_id(api: httpx.Client, path: str, job_id: str) -> None:
    answer = api.get(f"/v1/jobs/{job_id}{path}")
    assert answer.status_code == 404
    assert list(answer.json()) == ["detail"]


def test_a_job_of_a_newer_version_is_told_to_be_kept(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job, store = at_hand.pending(), at_hand.service.store
    store.client.update_item(
        TableName=store.table,
        Key=job_key(job.job_id),
        UpdateExpression="SET model = :model",
        ExpressionAttributeValues={":model": {"S": "enormous"}},
    )
    answer = here.get(f"/v1/jobs/{job.job_id}")
    assert answer.status_code == 500
    assert "the version that wrote it is back" in answer.json()["detail"]


def test_a_strangers_job_is_not_there(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job = at_hand.pending(tenant="somebody else")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("GET", "/files/tokens")):
        assert here.request(method, f"/v1/jobs/{job.job_id}{path}").status_code == 404
    assert here.get("/v1/jobs/stats").json()["total_jobs"] == 0


def test_a_waiting_job_can_be_called_off(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job, behind = at_hand.pending(), at_hand.pending()
    answer = here.delete(f"/v1/jobs/{job.job_id}")
    assert answer.status_code == 200
    assert answer.json() == {"job_id": job.job_id, "status": "cancelled"}
    assert look(here, job.job_id)["status"] == "cancelled"
    assert look(here, behind.job_id)["queue_position"] == 1


def test_a_running_job_is_not_called_off_this_way(here: httpx.Client, at_hand: JobsAtHand) -> None:
    job, _ = at_hand.running()
    answer = here.delete(f"/v1/jobs/{job.job_id}")
    assert answer.status_code == 409
    assert "it is running" in answer.json()["detail"]
    assert look(here, job.job_id)["status"] == "running"


def test_an_ended_job_is_not_called_off(here: httpx.Client, at_hand: JobsAtHand) -> None:
    cancelled = at_hand.pending()
    here.delete(f"/v1/jobs/{cancelled.job_id}")
    for job_id, status in (
        (at_hand.completed().job_id, "completed"),
        (at_hand.failed("No words.").job_id, "failed"),
        (cancelled.job_id, "cancelled"),
    ):
        answer = here.delete(f"/v1/jobs/{job_id}")
        assert answer.status_code == 409
        assert f"it is {status}" in answer.json()["detail"]


def test_stats_count_jobs_by_state_and_tell_the_limits(here: httpx.Client, at_hand: JobsAtHand) -> None:
    at_hand.completed()
    at_hand.failed("No words.")
    at_hand.running()
    here.delete(f"/v1/jobs/{at_hand.pending().job_id}")
    at_hand.pending()
    at_hand.pending(tenant="somebody else")
    assert here.get("/v1/jobs/stats").json() == {
        "total_jobs": 5,
        "queue_size": 2,
        "max_queue_size": 10,
        "pending": 1,
        "running": 1,
        "completed": 1,
        "failed": 1,
        "cancelled": 1,
        "worker_running": False,
        "max_document_size": 5_000_000,
        "job_ttl_seconds": 3600,
        "max_concurrent_jobs": 1,
    }


def test_stats_tell_whether_a_worker_was_heard_of_within_its_lease_time(
    here: httpx.Client, service: JobService, clock: SettableClock
) -> None:
    service.store.hear_worker("worker", clock())
    assert here.get("/v1/jobs/stats").json()["worker_running"] is True
    clock.advance(service.settings.lease_seconds)
    assert here.get("/v1/jobs/stats").json()["worker_running"] is False


def test_the_word_stats_is_never_taken_for_a_jobs_id(api: httpx.Client) -> None:
    assert "total_jobs" in api.get("/v1/jobs/stats").json()
