"""`request_cancel`: a running job's caller asks its worker to stop it."""

from datetime import timedelta

from jobs.model import Job, Lease, Outcome, Status
from jobs.request import JobRequest
from jobs.service import JobService

LEASE = timedelta(seconds=60)


def running(service: JobService) -> tuple[Job, Lease]:
    job = service.submit(JobRequest(model="mini"), "A text.", "public")
    return service.store.claim(job, "worker-1", service.clock(), LEASE)


def test_the_worker_sees_the_request_at_its_next_beat_and_may_then_stop(service: JobService) -> None:
    job, lease = running(service)
    assert service.store.request_cancel(job).cancel_requested
    assert service.store.beat(lease, service.clock() + LEASE).cancel_requested
    assert service.store.stop(lease, service.clock()).status is Status.CANCELLED


def test_the_request_changes_nothing_else_and_asking_again_nothing_at_all(service: JobService) -> None:
    job, _ = running(service)
    asked = service.store.request_cancel(job)
    assert asked == job.evolve(cancel_requested=True)
    assert service.store.request_cancel(job) == asked


def test_a_job_that_is_given_back_keeps_the_request(service: JobService) -> None:
    job, lease = running(service)
    service.store.request_cancel(job)
    released = service.store.release(job, lease)
    assert (released.status, released.cancel_requested) == (Status.PENDING, True)


def test_a_result_that_is_published_first_stands(service: JobService) -> None:
    """The worker may have finished before it saw the request."""
    job, lease = running(service)
    service.store.request_cancel(job)
    outcome = Outcome(token_count=2, completed_at=service.clock(), processing_time_ms=5)
    assert service.store.publish(lease, outcome).status is Status.COMPLETED
