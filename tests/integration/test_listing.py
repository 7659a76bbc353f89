"""What every backend must do for listings: the indexes in their order, page by page, and one key for the cursors."""

from dataclasses import replace

import pytest

from jobs.listing import JobFilter, Page
from jobs.model import Job, Status
from jobs.request import JobRequest
from jobs.service import JobService


def submitted(service: JobService, book_id: str | None = None, tenant: str = "public") -> Job:
    return service.submit(JobRequest(model="mini", book_id=book_id), "A text.", tenant)


def pages(service: JobService, query: JobFilter, limit: int) -> list[Page]:
    found = [service.page("public", query, limit)]
    while (cursor := found[-1].cursor) is not None:
        found.append(service.page("public", query, limit, cursor))
    return found


@pytest.mark.parametrize(
    "query",
    [JobFilter(), JobFilter(status=Status.PENDING), JobFilter(book_id="moby"), JobFilter(Status.PENDING, "moby")],
    ids=["all", "by status", "by book", "by both"],
)
def test_pages_follow_each_other_newest_first_and_hold_only_what_matches(service: JobService, query: JobFilter) -> None:
    jobs = [submitted(service, book_id=("moby", None)[number % 2]) for number in range(7)]
    submitted(service, "moby", tenant="somebody else")
    service.cancel(jobs[4].job_id, "public")
    now = {job.job_id: service.get(job.job_id, "public") for job in jobs}
    matching = [
        job
        for job in reversed(now.values())
        if query.status in (None, job.status) and query.book_id in (None, job.book_id)
    ]
    found = pages(service, query, limit=2)
    assert [job for page in found for job in page.jobs] == matching
    assert all(len(page.jobs) == 2 for page in found[:-1])


def test_expired_jobs_are_found_though_their_records_say_otherwise(service: JobService) -> None:
    job, waiting = submitted(service), submitted(service)
    service.cancel(job.job_id, "public")
    later = replace(service, clock=lambda: service.clock() + service.store.ttl)
    assert [one.job_id for one in later.page("public", JobFilter(Status.EXPIRED), 10).jobs] == [job.job_id]
    assert later.page("public", JobFilter(Status.CANCELLED), 10).jobs == ()
    assert [one.job_id for one in later.page("public", JobFilter(), 10).jobs] == [waiting.job_id, job.job_id]


def test_the_signing_key_is_made_once_and_is_the_same_for_every_process(service: JobService) -> None:
    first = service.store.signing_key()
    assert len(first) == 32
    assert service.store.signing_key() == first
