"""`discard`: an ended job becomes its tombstone before its time."""

from datetime import timedelta

import pytest

from jobs.errors import JobNotFound
from jobs.model import Job, Outcome, Status
from jobs.request import JobRequest
from jobs.service import JobService


def completed(service: JobService) -> Job:
    job = service.submit(JobRequest(model="mini"), "A text.", "public")
    _, lease = service.store.claim(job, "worker-1", service.clock(), service.lease_time)
    return service.store.publish(lease, Outcome(2, service.clock(), 5))


def test_a_discarded_job_reads_as_expired_from_now_on_and_names_no_result(service: JobService) -> None:
    job = completed(service)
    now = service.clock()
    service.store.discard(job, now)
    found = service.store.get(job.job_id, now)
    assert (found.status, found.result_epoch) == (Status.EXPIRED, None)


def test_its_tombstone_stands_for_a_day(service: JobService) -> None:
    job = completed(service)
    now = service.clock()
    service.store.discard(job, now)
    assert service.store.get(job.job_id, now + timedelta(hours=23)).status is Status.EXPIRED
    with pytest.raises(JobNotFound):
        service.store.get(job.job_id, now + timedelta(hours=24))


def test_it_is_counted_no_more(service: JobService) -> None:
    service.store.discard(completed(service), service.clock())
    assert service.stats("public").total == 0
