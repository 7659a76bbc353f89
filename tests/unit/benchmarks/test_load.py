"""What the audit of a load run finds, with a service that is played by the test."""

import asyncio
from typing import Any

import httpx
import pytest

from benchmarks.load.audit import audit
from benchmarks.load.record import Record
from jobs.errors import QueueFull

STATES = ("pending", "running", "completed", "failed", "cancelled")


def job(job_id: str, status: str = "completed", attempt: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "job_id": job_id, "book_id": f"book {job_id}", "status": status, "attempt": attempt, "error_message": None,
    } | fields  # fmt: skip


def faults(record: Record, *listed: dict[str, Any], results: int | None = None, **told: int) -> list[str]:
    """Return what the audit of the record finds in a service that lists these jobs and tells these counts."""
    counts = {status: sum(one["status"] == status for one in listed) for status in STATES}
    stats = counts | {"queue_size": counts["pending"], "total_jobs": sum(counts.values())} | told

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/stats"):
            return httpx.Response(200, json=stats)
        if request.url.path.endswith("/result"):
            job_id = request.url.path.split("/")[3]
            status = {one["job_id"]: one["status"] for one in listed}[job_id]
            usual = {"completed": 200, "expired": 404}.get(status, 409)
            return httpx.Response(results or usual, json={"job_id": job_id})
        page = int(request.url.params.get("cursor", "0"))
        more = str(page + 1) if page + 1 < len(listed) else None
        return httpx.Response(200, json={"jobs": listed[page : page + 1], "cursor": more})

    async def look() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(service), base_url="http://service") as client:
            await audit(client, record, patience=0)

    asyncio.run(look())
    return list(record.faults)


@pytest.fixture
def record() -> Record:
    record = Record()
    record.accepted("1", "book 1")
    return record


def test_jobs_that_ended_and_are_counted_are_as_promised(record: Record) -> None:
    record.accepted("2", "book 2")
    record.jobs["2"].retries = 1
    assert faults(record, job("1"), job("2", "cancelled", attempt=2), job("3 of others", "failed")) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (job("2"), "the job 1 is lost"),
        (job("1", "running"), "does not end"),
        (job("1", attempt=2), "ran 2 times"),
        (job("1", "failed", error_message="out of memory"), "is failed (out of memory)"),
        (job("1", "expired"), "is expired"),
    ],
)
def test_a_job_that_is_not_as_promised_is_told(record: Record, found: dict[str, Any], fault: str) -> None:
    (told,) = faults(record, found)
    assert fault in told


def test_a_submission_that_was_refused_or_made_two_jobs_is_told(record: Record) -> None:
    record.refused.add("book 2")
    (made,) = faults(record, job("1"), job("2"))
    assert "book 2 was refused and made a job" in made
    record.faults.clear()
    record.refused.clear()
    (twice,) = faults(record, job("1"), job("2", book_id="book 1"))
    assert "book 1 made 2 jobs" in twice


def test_counts_that_are_not_what_the_list_has_are_told(record: Record) -> None:
    (told,) = faults(record, job("1"), completed=2)
    assert "a recount finds" in told
    record.faults.clear()
    (queue,) = faults(record, job("1"), queue_size=1)
    assert "the queue's counter is 1, and 0 jobs wait" in queue


def test_a_result_that_does_not_come_is_told(record: Record) -> None:
    (told,) = faults(record, job("1"), results=503)
    assert "the result of a completed job is answered 503" in told


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx.Response(500, json={"detail": "?"}), "call: 500"),
        (httpx.Response(503, json={"detail": "down"}, headers={"Retry-After": "5"}), "call: 503"),
        (httpx.Response(503, json={"detail": "The queue is full."}), "503 without Retry-After"),
        (httpx.Response(429, json={"detail": "often"}), "429 without Retry-After"),
        (httpx.Response(400, text="no"), "400 without a sentence"),
        (httpx.Response(201), "call: 201"),
    ],
)
def test_an_answer_that_is_not_as_promised_is_told(answer: httpx.Response, fault: str) -> None:
    record = Record()
    record.answered("call", answer, 0.1, (200, 400, 503))
    assert fault in "".join(record.faults)


def test_a_full_queue_is_meant_to_happen_and_counted() -> None:
    record = Record()
    full = httpx.Response(503, json={"detail": str(QueueFull(10))}, headers={"Retry-After": "30"})
    record.answered("submit", full, 0.1, (200, 503))
    assert (record.full, record.faults.total()) == (1, 0)
