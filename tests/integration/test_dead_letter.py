"""A message in the dead-letter queue ends its job, with the last reason there is."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.dead_letter import handler as dead_letter
from jobs.model import Job, Lease, Status
from jobs.request import JobRequest
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.transport import LambdaContext

LEASE = timedelta(seconds=60)


@pytest.fixture(autouse=True)
def _function_of_the_service(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letter, "jobs", lambda: service)


def deliver(*bodies: str) -> Any:
    """Return the ids of the messages that are to be delivered again; a message's id is its place in the batch."""
    records = [
        {"messageId": str(index), "body": body, "eventSource": "aws:sqs", "attributes": {}}
        for index, body in enumerate(bodies)
    ]
    answer = dead_letter.handler({"Records": records}, LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def naming(job: Job) -> str:
    return json.dumps({"job_id": job.job_id})


def attempted(service: JobService, times: int) -> tuple[Job, Lease]:
    """A job that killed so many workers, held by the last of them."""
    job = service.submit(JobRequest(model="mini"), "It was a dark night.", "public")
    for _ in range(times):
        job, lease = service.store.claim(job, "worker-1", service.clock(), timedelta(0))
    return service.store.beat(lease, service.clock() + LEASE), lease


def test_a_job_that_killed_its_workers_fails_with_the_last_reason(service: JobService, clock: SettableClock) -> None:
    job, lease = attempted(service, 10)
    service.store.release(job, lease, failure="The worker ran out of memory.")
    assert deliver(naming(job)) == []
    buried = service.get(job.job_id, "public")
    assert (buried.status, buried.error_message) == (Status.FAILED, "The worker ran out of memory.")
    assert buried.expires_at is not None
    assert not any(service.store.places().values())


def test_a_job_that_left_no_reason_fails_with_a_sentence_of_its_own(service: JobService, clock: SettableClock) -> None:
    job, _ = attempted(service, 11)
    clock.advance(61)
    assert deliver(naming(job)) == []
    buried = service.get(job.job_id, "public")
    assert buried.status is Status.FAILED
    assert str(buried.error_message).startswith("11 attempts ended without a result")
    assert not any(service.store.places().values())


def test_a_retried_job_has_as_many_attempts_as_a_new_one(service: JobService) -> None:
    _, lease = attempted(service, 10)
    failed = service.store.fail(lease, "The worker ran out of memory.", service.clock(), failures=3)
    job = service.retry(failed.job_id, "public")
    for _ in range(9):
        job, _ = service.store.claim(job, "worker-1", service.clock(), timedelta(0))
    assert deliver(naming(job)) == []
    assert service.get(job.job_id, "public").status is Status.RUNNING
    service.store.claim(job, "worker-1", service.clock(), timedelta(0))
    assert deliver(naming(job)) == []
    assert str(service.get(job.job_id, "public").error_message).startswith("10 attempts ended")


def test_a_job_that_a_worker_holds_is_looked_at_again_later_and_holds_up_no_other(service: JobService) -> None:
    held, _ = attempted(service, 10)
    assert deliver(naming(held), '{"job_id": "nowhere"}') == ["0"]
    assert service.get(held.job_id, "public").status is Status.RUNNING


def test_a_job_that_only_stood_behind_another_is_queued_again(service: JobService) -> None:
    behind = service.submit(JobRequest(model="mini"), "An innocent text.", "public")
    message = service.queue.receive(60, 0)
    assert message is not None
    service.queue.acknowledge(message)
    assert deliver(naming(behind)) == []
    assert service.get(behind.job_id, "public").status is Status.PENDING
    again = service.queue.receive(60, 0)
    assert again is not None
    assert again.job_id == behind.job_id


def test_a_job_that_failed_is_counted_and_one_that_is_queued_again_is_not(
    service: JobService, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = service.submit(JobRequest(model="mini"), "An innocent text.", "public")
    killer, lease = attempted(service, 10)
    service.store.release(killer, lease)
    assert deliver(naming(behind)) == deliver(naming(killer)) == []
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line["DeadLetters"] for line in told] == [[0.0], [1.0]]


def test_a_job_that_has_ended_or_is_gone_and_a_message_that_is_not_ours_are_dropped(service: JobService) -> None:
    job, lease = attempted(service, 10)
    failed = service.store.fail(lease, "The first reason.", service.clock(), failures=3)
    assert deliver(naming(job), '{"job_id": "nowhere"}', "not JSON") == []
    assert service.store.find(job.job_id) == failed
