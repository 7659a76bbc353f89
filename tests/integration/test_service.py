"""What the job service promises its callers: an accepted job is whole, a refused one leaves nothing behind."""

from dataclasses import replace
from typing import NoReturn

import pytest
from botocore.exceptions import EndpointConnectionError

from jobs.errors import InvalidRequest, JobNotFound, MoveRefused, QueueFull
from jobs.model import Status
from jobs.queue import JobQueue
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.upkeep import send_again
from tests.conftest import SettableClock

REQUEST = JobRequest(model="mini", book_id="dracula")


def objects(service: JobService) -> list[str]:
    listed = service.documents.client.list_objects_v2(Bucket=service.documents.bucket)
    return [found["Key"] for found in listed.get("Contents", [])]


class DeadQueue(JobQueue):
    def send(self, job_id: str, occasion: str = "") -> NoReturn:  # noqa: ARG002 - the signature is JobQueue's
        raise EndpointConnectionError(endpoint_url=self.url)


def test_an_accepted_job_has_its_text_its_record_and_its_message(service: JobService) -> None:
    job = service.submit(REQUEST, "“Welcome,” said the Count.", "public")
    assert service.documents.read(job.document_key).decode() == "“Welcome,” said the Count."
    assert service.get(job.job_id, "public") == job
    message = service.queue.receive(visibility_seconds=30, wait_seconds=1)
    assert message is not None
    assert message.job_id == job.job_id


def test_a_text_that_cannot_be_read_leaves_nothing_behind(service: JobService) -> None:
    with pytest.raises(InvalidRequest):
        service.submit(REQUEST, "   ", "public")
    assert (objects(service), service.queue_size()) == ([], 0)


def test_a_job_that_finds_no_place_leaves_nothing_behind(service: JobService) -> None:
    for _ in range(10):
        service.submit(REQUEST, "A text.", "public")
    kept = objects(service)
    with pytest.raises(QueueFull):
        service.submit(REQUEST, "One too many.", "public")
    assert objects(service) == kept


def test_a_job_that_could_not_be_queued_is_accepted_and_waits_for_the_janitor(
    service: JobService, clock: SettableClock
) -> None:
    broken = replace(service, queue=DeadQueue(service.queue.client, service.queue.url))
    submitted = {
        broken.submit(REQUEST, "A text.", "public").job_id,
        broken.submit_once(REQUEST, "A text.", "public", "mine").job_id,
    }
    assert {service.get(job_id, "public").status for job_id in submitted} == {Status.PENDING}
    assert (len(objects(service)), service.queue.size()) == (2, 0)
    clock.advance(61)
    assert send_again(service) == service.queue.size() == 2


def test_a_job_that_a_worker_took_before_its_message_could_be_sent_is_accepted(service: JobService) -> None:
    class TakenMeanwhile(DeadQueue):
        def send(self, job_id: str, occasion: str = "") -> NoReturn:
            job = service.get(job_id, "public")
            service.store.claim(job, "worker", service.clock(), service.lease_time)
            super().send(job_id, occasion)

    racing = replace(service, queue=TakenMeanwhile(service.queue.client, service.queue.url))
    job = racing.submit(REQUEST, "A text.", "public")
    assert service.get(job.job_id, "public").status is Status.RUNNING
    assert objects(service) == [job.document_key]


def test_places_in_the_queue_are_told_from_one_and_close_up(service: JobService) -> None:
    first, second, third = (service.submit(REQUEST, "A text.", "public") for _ in range(3))
    assert [service.queue_position(job) for job in (first, second, third)] == [1, 2, 3]
    cancelled = service.cancel(first.job_id, "public")
    assert [service.queue_position(job) for job in (cancelled, second, third)] == [None, 1, 2]


def test_a_cancelled_job_keeps_its_text_and_is_not_cancelled_twice(service: JobService) -> None:
    job = service.submit(REQUEST, "A text.", "public")
    cancelled = service.cancel(job.job_id, "public")
    assert cancelled.status is Status.CANCELLED
    assert objects(service) == [job.document_key]
    with pytest.raises(MoveRefused, match="it is cancelled"):
        service.cancel(job.job_id, "public")
    assert service.get(job.job_id, "public") == cancelled


def test_a_running_job_is_not_cancelled_as_a_pending_one(service: JobService) -> None:
    job = service.submit(REQUEST, "A text.", "public")
    service.store.claim(job, "worker", service.clock(), service.lease_time)
    with pytest.raises(MoveRefused, match="it is running"):
        service.cancel(job.job_id, "public")
    assert objects(service) == [job.document_key]


def test_another_tenants_job_is_not_found(service: JobService) -> None:
    job = service.submit(REQUEST, "A text.", "public")
    with pytest.raises(JobNotFound):
        service.get(job.job_id, "somebody else")
    with pytest.raises(JobNotFound):
        service.cancel(job.job_id, "somebody else")


def test_a_retried_job_wakes_a_worker_though_it_was_queued_a_moment_ago(service: JobService) -> None:
    """SQS drops a message that looks like one of the last five minutes."""
    job = service.submit(REQUEST, "A text.", "public")
    for _ in range(2):
        message = service.queue.receive(visibility_seconds=30, wait_seconds=1)
        assert message is not None
        assert message.job_id == job.job_id
        service.queue.acknowledge(message)
        service.cancel(job.job_id, "public")
        service.retry(job.job_id, "public")
