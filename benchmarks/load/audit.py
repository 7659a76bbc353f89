"""What became of the jobs of a load run: a recount through the list, beside what callers and `stats` were told."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx

from benchmarks.load.record import AcceptedJob, Record

ENDED = ("completed", "failed", "cancelled", "expired")

#: The states that `stats` counts.
COUNTED = ("pending", "running", "completed", "failed", "cancelled")

#: How many results are fetched at once.
READERS = 4


async def audit(client: httpx.AsyncClient, record: Record, patience: float) -> Counter[str]:
    """Wait up to `patience` seconds for every job to end and check them all; return the recount by status."""
    listed = await _when_all_have_ended(client, record, patience)
    for job in record.jobs.values():
        _check(job, listed.get(job.job_id), record)
    _check_refused(listed, record)
    recount = Counter(job["status"] for job in listed.values())
    await _check_stats(client, recount, record)
    await _check_results(client, [listed[job_id] for job_id in record.jobs if job_id in listed], record)
    return recount


async def _when_all_have_ended(client: httpx.AsyncClient, record: Record, patience: float) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + patience
    while True:
        listed = await _recount(client)
        ended = {job_id for job_id, job in listed.items() if job["status"] in ENDED}
        if ended >= set(record.jobs) or time.monotonic() > deadline:
            return listed
        await asyncio.sleep(1)


async def _recount(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """Return all jobs of the caller by their ids."""
    listed: dict[str, dict[str, Any]] = {}
    cursor = None
    while True:
        query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/jobs", params=query)).raise_for_status().json()
        listed |= {job["job_id"]: job for job in page["jobs"]}
        if (cursor := page["cursor"]) is None:
            return listed


def _check(job: AcceptedJob, found: dict[str, Any] | None, record: Record) -> None:
    if found is None:
        record.fault(f"audit: the job {job.job_id} is lost")
        return
    status, attempt = found["status"], found["attempt"]
    if status not in ENDED:
        record.fault(f"audit: the job {job.job_id} does not end ({status}, attempt {attempt})")
    if status == "failed" or (status == "expired" and not job.is_discarded):
        record.fault(f"audit: the job {job.job_id} is {status} ({found['error_message']})")
    if attempt > 1 + job.retries or (status == "completed" and attempt == 0):
        record.fault(f"audit: the job {job.job_id} ran {attempt} times, and was queued again {job.retries} times")


def _check_refused(listed: dict[str, dict[str, Any]], record: Record) -> None:
    books = Counter(job["book_id"] for job in listed.values())
    promised = {job.book_id for job in record.jobs.values()}
    for book_id in record.refused & set(books):
        record.fault(f"audit: the submission {book_id} was refused and made a job")
    for book_id in promised:
        if books[book_id] > 1:
            record.fault(f"audit: the submission {book_id} made {books[book_id]} jobs")


async def _check_stats(client: httpx.AsyncClient, recount: Counter[str], record: Record) -> None:
    stats = (await client.get("/v1/jobs/stats")).raise_for_status().json()
    counted = {status: recount[status] for status in COUNTED}
    told = {status: stats[status] for status in COUNTED}
    if told != counted or stats["total_jobs"] != sum(counted.values()):
        record.fault(f"audit: stats tell {told}, {stats['total_jobs']} in all; a recount finds {counted}")
    if stats["queue_size"] != counted["pending"]:
        record.fault(f"audit: the queue's counter is {stats['queue_size']}, and {counted['pending']} jobs wait")


async def _check_results(client: httpx.AsyncClient, jobs: list[dict[str, Any]], record: Record) -> None:
    readers = asyncio.Semaphore(READERS)

    async def check(job: dict[str, Any]) -> None:
        async with readers:
            answer = await client.get(f"/v1/jobs/{job['job_id']}/result")
        expected = {"completed": 200, "expired": 404}.get(job["status"], 409)
        if answer.status_code != expected or (expected == 200 and answer.json()["job_id"] != job["job_id"]):
            record.fault(f"audit: the result of a {job['status']} job is answered {answer.status_code}")

    await asyncio.gather(*(check(job) for job in jobs if job["status"] in ENDED))
