"""Submitting at most once, under concurrency."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs.errors import KeyReused
from jobs.request import JobRequest
from jobs.service import JobService

REQUEST = JobRequest(model="mini")


@pytest.mark.concurrent
def test_twenty_callers_with_one_key_and_one_request_make_one_job(service: JobService) -> None:
    def submit(_: int) -> str:
        return service.submit_once(REQUEST, "A text.", "public", "key").job_id

    with ThreadPoolExecutor(20) as callers:
        found = set(callers.map(submit, range(20)))
    assert len(found) == 1
    job = service.get(found.pop(), "public")
    assert service.store.waiting() == [job.job_id]
    assert service.documents.read(job.document_key).decode() == "A text."
    listed = service.documents.client.list_objects_v2(Bucket=service.documents.bucket)
    assert [one["Key"] for one in listed["Contents"]] == [job.document_key]


@pytest.mark.concurrent
def test_of_twenty_callers_with_one_key_and_two_requests_one_kind_wins_with_its_own_text(service: JobService) -> None:
    def submit(number: int) -> str | None:
        try:
            return service.submit_once(REQUEST, f"Text {number % 2}.", "public", "key").job_id
        except KeyReused:
            return None

    with ThreadPoolExecutor(20) as callers:
        found = list(callers.map(submit, range(20)))
    winners = {number % 2 for number, job_id in enumerate(found) if job_id}
    assert len(winners) == 1
    assert found.count(None) == 10
    job = service.get(next(filter(None, found)), "public")
    assert service.documents.read(job.document_key).decode() == f"Text {winners.pop()}."
