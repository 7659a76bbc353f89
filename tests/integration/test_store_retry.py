"""`retry`: a failed or cancelled job waits again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from jobs.errors import MoveRefused, QueueFull
from jobs.model import Job, Status
from jobs.request import JobRequest
from jobs.service import JobService

LEASE = timedelta(seconds=60)


def submitted(service: JobService) -> Job:
    return service.submit(JobRequest(model="mini"), "A text.", "public")


def failed(service: JobService) -> Job:
    _, lease = service.store.claim(submitted(service), "worker-1", service.clock(), LEASE)
    return service.store.fail(lease, "no memory", service.clock(), failures=3)


def test_a_retried_job_is_as_if_it_had_not_ended_but_for_its_attempts(service: JobService) -> None:
    ended = failed(service)
    job = service.store.retry(ended, service.clock(), max_queue_size=10)
    assert service.store.get(job.job_id, service.clock()) == job
    assert job.status is Status.PENDING
    assert (job.failures, job.error_message, job.completed_at, job.expires_at, job.purge_at) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert (job.attempt, job.lease_epoch) == (1, 1)


def test_a_retried_job_waits_at_its_place_by_submission(service: JobService) -> None:
    ended, later = failed(service), submitted(service)
    service.store.retry(ended, service.clock(), max_queue_size=10)
    assert service.store.waiting() == [ended.job_id, later.job_id]


def test_a_request_to_cancel_is_forgotten(service: JobService) -> None:
    job, lease = service.store.claim(submitted(service), "worker-1", service.clock(), LEASE)
    service.store.request_cancel(job)
    cancelled = service.store.stop(lease, service.clock())
    assert not service.store.retry(cancelled, service.clock(), max_queue_size=10).cancel_requested


def test_a_job_that_finds_no_place_stays_as_it_ended(service: JobService) -> None:
    ended = failed(service)
    submitted(service)
    with pytest.raises(QueueFull):
        service.store.retry(ended, service.clock(), max_queue_size=1)
    assert service.store.get(ended.job_id, service.clock()) == ended


def test_an_expired_job_is_not_retried_though_its_record_says_failed_still(service: JobService) -> None:
    ended = failed(service)
    with pytest.raises(MoveRefused):
        service.store.retry(ended, service.clock() + timedelta(hours=1), max_queue_size=10)


@pytest.mark.concurrent
def test_of_ten_callers_that_retry_one_job_one_does(service: JobService) -> None:
    ended = failed(service)

    def retry(_: int) -> bool:
        try:
            service.store.retry(ended, service.clock(), max_queue_size=10)
        except MoveRefused:
            return False
        return True

    with ThreadPoolExecutor(10) as callers:
        assert sum(callers.map(retry, range(10))) == 1
    assert service.store.waiting() == [ended.job_id]
