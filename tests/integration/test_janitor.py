"""The janitor, against what it is there for: each test breaks something first and lets it look."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest

from functions.janitor import handler as janitor
from gpu_worker.triage import Claim, triage
from jobs.documents import DocumentStore, checkpoint_key, result_key
from jobs.errors import AWS_ERRORS
from jobs.model import Job, Lease, Outcome, Status
from jobs.queue import JobQueue
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.store import JobStore
from tests.conftest import SettableClock
from tests.contract.transport import LambdaContext

LEASE = timedelta(seconds=60)
HOUR = 3600


@pytest.fixture(autouse=True)
def _janitor_of_the_service(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "jobs", lambda: service)


def look() -> None:
    """The schedule fires."""
    janitor.handler({"source": "aws.events"}, LambdaContext())


def submitted(service: JobService) -> Job:
    return service.submit(JobRequest(model="mini"), "It was a dark night.", "public")


def stored_unqueued(service: JobService) -> Job:
    """Return a job that has no message, as when its function died between the record and the message."""
    job = submitted(service)
    message = service.queue.receive(30, 0)
    assert message is not None
    service.queue.acknowledge(message)
    return job


def claimed(service: JobService) -> tuple[Job, Lease]:
    return service.store.claim(submitted(service), "worker-1", service.clock(), LEASE)


def completed(service: JobService) -> Job:
    job, lease = claimed(service)
    service.documents.put(result_key(job.job_id, lease.epoch), b"{}", "application/json")
    service.documents.put(checkpoint_key(job.job_id, "f", "tokens"), b"{}", "application/json")
    return service.store.publish(lease, Outcome(6, service.clock(), 12))


def objects(service: JobService) -> list[str]:
    listed = service.documents.client.list_objects_v2(Bucket=service.documents.bucket)
    return [found["Key"] for found in listed.get("Contents", [])]


def spoil_queue_record(service: JobService, expression: str, place: str) -> None:
    service.store.client.update_item(
        TableName=service.store.table,
        Key={"pk": {"S": "queue"}},
        UpdateExpression=expression,
        ExpressionAttributeValues={":place": {"SS": [place]}},
    )


def test_an_expired_job_leaves_its_tombstone_and_no_object(service: JobService, clock: SettableClock) -> None:
    ended, waiting = completed(service), submitted(service)
    clock.advance(HOUR)
    look()
    assert objects(service) == [waiting.document_key]
    tombstone = service.store.find(ended.job_id)
    assert tombstone is not None
    assert (tombstone.status, tombstone.result_epoch, tombstone.due_at) == (Status.EXPIRED, None, None)


def test_a_job_that_has_not_expired_keeps_everything(service: JobService, clock: SettableClock) -> None:
    ended = completed(service)
    clock.advance(HOUR - 60)
    look()
    assert len(objects(service)) == 3
    assert service.store.find(ended.job_id) == ended


def test_a_janitor_that_dies_before_it_deletes_is_followed_by_one_that_does(
    service: JobService, clock: SettableClock
) -> None:
    completed(service)
    clock.advance(HOUR)
    with patch.object(DocumentStore, "delete_all", side_effect=OSError), pytest.raises(ExceptionGroup):
        look()
    assert len(objects(service)) == 3
    look()
    assert objects(service) == []


def test_a_job_whose_objects_s3_would_not_delete_is_not_swept(service: JobService, clock: SettableClock) -> None:
    """S3 answers 200 and names what it did not delete."""
    ended = completed(service)
    clock.advance(HOUR)
    refusing = {"Errors": [{"Key": ended.document_key, "Code": "InternalError", "Message": "We encountered an error"}]}
    with patch.object(service.documents.client, "delete_objects", return_value=refusing), pytest.raises(ExceptionGroup):
        look()
    look()
    assert objects(service) == []


def test_a_job_that_cannot_be_swept_holds_up_none_that_expired_after_it(
    service: JobService, clock: SettableClock
) -> None:
    stuck = completed(service)
    clock.advance(5)
    behind = completed(service)
    clock.advance(HOUR)
    delete_all = DocumentStore.delete_all

    def refuse_one(documents: DocumentStore, job_id: str) -> None:
        if job_id == stuck.job_id:
            raise OSError
        delete_all(documents, job_id)

    with patch.object(DocumentStore, "delete_all", refuse_one), pytest.raises(ExceptionGroup):
        look()
    assert len(objects(service)) == 3
    assert not any(behind.job_id in key for key in objects(service))


def test_a_job_that_cannot_be_taken_back_holds_up_no_other(service: JobService, clock: SettableClock) -> None:
    stuck, _ = claimed(service)
    clock.advance(5)
    behind, _ = claimed(service)
    clock.advance(2 * LEASE.total_seconds())
    take_back = JobStore.take_back

    def refuse_one(store: JobStore, job: Job, until: datetime) -> Job:
        if job.job_id == stuck.job_id:
            raise OSError
        return take_back(store, job, until)

    with patch.object(JobStore, "take_back", refuse_one), pytest.raises(ExceptionGroup):
        look()
    assert service.get(behind.job_id, "public").status is Status.PENDING


def test_what_a_caller_discarded_is_swept_though_its_function_died_before_deleting(service: JobService) -> None:
    service.store.discard(completed(service), service.clock())
    look()
    assert objects(service) == []


def test_a_job_that_was_stored_but_never_queued_is_queued(service: JobService, clock: SettableClock) -> None:
    job = stored_unqueued(service)
    assert service.queue.receive(30, 0) is None
    clock.advance(61)
    look()
    message = service.queue.receive(30, 0)
    assert message is not None
    assert message.job_id == job.job_id


def test_a_job_whose_function_may_still_be_queueing_it_is_left_to_it(service: JobService, clock: SettableClock) -> None:
    stored_unqueued(service)
    clock.advance(30)
    look()
    assert service.queue.size() == 0


def test_nothing_is_sent_again_while_there_are_messages_enough(service: JobService, clock: SettableClock) -> None:
    submitted(service)
    message = service.queue.receive(300, 0)
    clock.advance(120)
    look()
    assert service.queue.size() == 1
    assert message is not None


def test_a_count_of_messages_that_lags_does_not_send_the_same_message_twice(
    service: JobService, clock: SettableClock
) -> None:
    stored_unqueued(service)
    clock.advance(61)
    with patch.object(JobQueue, "size", return_value=0):
        look()
        clock.advance(240)
        look()
    assert service.queue.size() == 1


def test_a_running_job_whose_worker_is_gone_waits_again(service: JobService, clock: SettableClock) -> None:
    job, lease = claimed(service)
    clock.advance(2 * LEASE.total_seconds())
    look()
    taken_back = service.get(job.job_id, "public")
    assert (taken_back.status, taken_back.failures, taken_back.lease_owner) == (Status.PENDING, 0, None)
    assert service.queue_position(taken_back) == 1
    again, new_lease = service.store.claim(taken_back, "worker-2", service.clock(), LEASE)
    assert (again.attempt, new_lease.epoch) == (2, lease.epoch + 1)


def test_a_lease_that_ran_out_a_moment_ago_is_left_to_the_workers(service: JobService, clock: SettableClock) -> None:
    job, _ = claimed(service)
    clock.advance(LEASE.total_seconds() + 30)
    look()
    assert service.get(job.job_id, "public").status is Status.RUNNING


def test_a_job_that_was_to_be_cancelled_is_cancelled_when_its_worker_is_gone(
    service: JobService, clock: SettableClock
) -> None:
    job, _ = claimed(service)
    service.stop(job.job_id, "public")
    clock.advance(2 * LEASE.total_seconds())
    look()
    assert service.get(job.job_id, "public").status is Status.CANCELLED


def test_a_place_whose_job_ended_or_never_was_is_removed(service: JobService) -> None:
    waiting, ended = submitted(service), completed(service)
    spoil_queue_record(service, "ADD waiting :place", ended.place)
    spoil_queue_record(service, "ADD running :place", "2026-01-20T10:00:00.000Z#11111111-1111-4111-8111-111111111111")
    look()
    assert service.store.places() == {Status.PENDING: {waiting.place}, Status.RUNNING: frozenset()}


def test_a_job_that_lost_its_place_gets_it_back(service: JobService) -> None:
    (running, _), waiting = claimed(service), submitted(service)
    spoil_queue_record(service, "DELETE waiting :place", waiting.place)
    spoil_queue_record(service, "DELETE running :place", running.place)
    look()
    assert service.store.places() == {Status.PENDING: {waiting.place}, Status.RUNNING: {running.place}}
    assert isinstance(triage(waiting, [running, waiting], 2, service.clock()), Claim)


def test_a_place_in_the_wrong_line_changes_lines(service: JobService) -> None:
    job = submitted(service)
    spoil_queue_record(service, "DELETE waiting :place", job.place)
    spoil_queue_record(service, "ADD running :place", job.place)
    look()
    assert service.store.places() == {Status.PENDING: {job.place}, Status.RUNNING: frozenset()}


def test_a_repair_that_a_move_overtakes_changes_nothing(service: JobService) -> None:
    """The janitor saw the job wait; by the time it writes, the job runs."""
    job = submitted(service)
    service.store.claim(job, "worker-1", service.clock(), LEASE)
    with patch.object(JobStore, "find", return_value=job):
        assert not service.store.reseat(job.place)
    assert service.store.places() == {Status.PENDING: frozenset(), Status.RUNNING: {job.place}}


@pytest.mark.concurrent
def test_repairs_among_running_moves_leave_the_queue_as_the_jobs_are(service: JobService) -> None:
    jobs = [submitted(service) for _ in range(8)]

    def claim_and_end(job: Job) -> None:
        _, lease = service.store.claim(job, "worker-1", service.clock(), LEASE)
        service.store.fail(lease, "no", service.clock())

    with ThreadPoolExecutor(6) as threads:
        repairs = [threads.submit(service.store.reseat, job.place) for _ in range(3) for job in jobs]
        list(threads.map(claim_and_end, jobs[:4]))
        assert not any(repair.result() for repair in repairs)
    assert service.store.places() == {Status.PENDING: {job.place for job in jobs[4:]}, Status.RUNNING: frozenset()}


def test_a_duty_that_fails_keeps_none_of_the_others_from_being_done(service: JobService, clock: SettableClock) -> None:
    completed(service)
    clock.advance(HOUR)
    stored_unqueued(service)
    clock.advance(61)
    service.queue.client.delete_queue(QueueUrl=service.queue.url)
    with pytest.raises(ExceptionGroup, match="Some of the janitor's duties") as failed:
        look()
    assert isinstance(failed.value.exceptions[0], AWS_ERRORS)
    assert len(objects(service)) == 1
