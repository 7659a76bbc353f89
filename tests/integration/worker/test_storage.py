"""What a worker leaves in the table and the bucket when these fail it, and when another worker was quicker."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import IO, Any, ClassVar, NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gpu_worker import publishing, retries
from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.shutdown import Shutdown
from jobs.clock import utc_now
from jobs.documents import DocumentStore, file_key
from jobs.model import Job, Lease, Outcome, Status
from jobs.store import JobStore
from tests.scripted_engine import script
from tests.workers import TENANT, Deployment, consume, finish


class OvertakenDocuments(DocumentStore):
    """Lets something happen after the first part of a result is stored."""

    overtake: ClassVar[Callable[[], object]]

    def put(self, key: str, body: bytes | IO[bytes], content_type: str, encoding: str | None = None) -> None:
        super().put(key, body, content_type, encoding)
        if key.endswith("result.json.gz"):
            type(self).overtake()


def test_a_worker_that_is_overtaken_while_it_stores_results_deletes_its_own(
    connections: Connections, deployment: Deployment, engine: EngineProcess
) -> None:
    job = deployment.submit(script())
    store, documents = deployment.service.store, deployment.service.documents
    leases: list[Lease] = []

    def overtake() -> None:
        later = utc_now() + timedelta(seconds=deployment.settings.lease_seconds)
        leases.append(store.claim(deployment.job(job), "worker-2", later, timedelta(minutes=1))[1])
        documents.put(file_key(job.job_id, 2, "book"), b"{}", "application/json")

    OvertakenDocuments.overtake = overtake
    engine.start()
    slow = replace(connections, documents=OvertakenDocuments(documents.client, documents.bucket))
    consumer = Consumer(slow, engine, Shutdown(), "worker-1")
    consumer.consume_one()
    assert deployment.objects(f"results/{job.job_id}/") == [file_key(job.job_id, 2, "book")]
    store.publish(leases[0], Outcome(1, utc_now(), 1))
    assert finish(consumer, deployment, job).result_epoch == 2


def test_an_end_that_nobody_cleared_up_behind_is_cleared_up_by_its_message(
    consumer: Consumer, deployment: Deployment
) -> None:
    job = deployment.submit(script())
    documents, store = deployment.service.documents, deployment.service.store
    for epoch in (1, 2):
        documents.put(file_key(job.job_id, epoch, "book"), b"{}", "application/json")
    documents.put(f"checkpoints/{job.job_id}/made-of/tokens", b"", "application/octet-stream")
    first, _ = store.claim(deployment.job(job), "worker-2", utc_now(), timedelta(0))
    _, lease = store.claim(first, "worker-2", utc_now(), timedelta(seconds=3))
    store.publish(lease, Outcome(1, utc_now(), 1))
    consume(consumer, lambda: deployment.messages() == (0, 0))
    assert deployment.objects(f"results/{job.job_id}/") == [file_key(job.job_id, 2, "book")]
    assert deployment.objects(f"checkpoints/{job.job_id}/") == []


def test_whoever_clears_up_behind_a_failed_job_leaves_what_is_being_made_of_its_retry(
    connections: Connections, deployment: Deployment
) -> None:
    job = deployment.submit(script())
    store, documents = deployment.service.store, deployment.service.documents
    _, lease = store.claim(job, "worker-2", utc_now(), timedelta(seconds=3))
    failed = store.fail(lease, "no memory", utc_now())
    _, again = store.claim(deployment.service.retry(job.job_id, TENANT), "worker-2", utc_now(), timedelta(minutes=1))
    for epoch in (lease.epoch, again.epoch):
        documents.put(file_key(job.job_id, epoch, "book"), b"{}", "application/json")
    publishing.tidy(connections, failed)
    assert deployment.objects(f"results/{job.job_id}/") == [file_key(job.job_id, again.epoch, "book")]
    store.stop(again, utc_now())


class FlakyDocuments(DocumentStore):
    """Fails every first time that it is to store a part of a result."""

    seen: ClassVar[set[str]] = set()

    def put(self, key: str, body: bytes | IO[bytes], content_type: str, encoding: str | None = None) -> None:
        if key.startswith("results/") and key not in self.seen:
            self.seen.add(key)
            raise EndpointConnectionError(endpoint_url="s3")
        super().put(key, body, content_type, encoding)


def test_publishing_outlasts_a_storage_that_fails_for_a_moment(
    connections: Connections, deployment: Deployment, engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.01)
    flaky = FlakyDocuments(connections.documents.client, connections.documents.bucket)
    engine.start()
    consumer = Consumer(replace(connections, documents=flaky), engine, Shutdown(), "worker-1")
    job = finish(consumer, deployment, deployment.submit(script()))
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)
    assert deployment.file(job, "book") == "book of fog\n"


class MuteStore(JobStore):
    """Publishes, and every answer to that is lost on the way."""

    def publish(self, lease: Lease, outcome: Outcome) -> NoReturn:
        super().publish(lease, outcome)
        raise EndpointConnectionError(endpoint_url="dynamodb")


def test_a_result_that_was_published_stays_though_its_worker_was_never_told(
    connections: Connections, deployment: Deployment, engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.01)
    mute = MuteStore(connections.store.client, connections.store.table, connections.store.ttl)
    engine.start()
    consumer = Consumer(replace(connections, store=mute), engine, Shutdown(), "worker-1")
    job = finish(consumer, deployment, deployment.submit(script()))
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)
    assert deployment.file(job, "book") == "book of fog\n"


class DeadDocuments(DocumentStore):
    def read(self, key: str) -> NoReturn:  # noqa: ARG002 - the signature is DocumentStore's
        raise EndpointConnectionError(endpoint_url="s3")


def test_a_storage_that_stays_away_costs_an_attempt_and_not_the_worker(
    connections: Connections, deployment: Deployment, engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.01)
    dead = DeadDocuments(connections.documents.client, connections.documents.bucket)
    engine.start()
    consumer = Consumer(replace(connections, documents=dead), engine, Shutdown(), "worker-1")
    job = finish(consumer, deployment, deployment.submit(script()))
    assert (job.status, job.attempt, job.failures) == (Status.FAILED, 2, 2)
    assert job.error_message == "The service's storage did not answer; submit the job again later."


class FullRecord(JobStore):
    """Refuses to lengthen one job's record, as DynamoDB does at 400 KB."""

    full: ClassVar[str]

    def claim(self, job: Job, owner: str, now: datetime, lease_time: timedelta) -> tuple[Job, Lease]:
        if job.job_id != self.full:
            return super().claim(job, owner, now, lease_time)
        reasons = [
            {"Code": "ValidationError", "Message": "Item size to update has exceeded the maximum allowed size"},
            {"Code": "None"},
        ]
        answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")


def test_a_job_whose_record_cannot_be_written_holds_up_no_other(
    connections: Connections, deployment: Deployment, engine: EngineProcess
) -> None:
    stuck, behind = deployment.submit(script()), deployment.submit(script())
    FullRecord.full = stuck.job_id
    store = FullRecord(connections.store.client, connections.store.table, connections.store.ttl)
    engine.start()
    consumer = Consumer(replace(connections, store=store), engine, Shutdown(), "worker-1")
    consume(consumer, lambda: deployment.job(behind).status.ended)
    assert deployment.job(stuck).attempt == 0
    deployment.service.cancel(stuck.job_id, TENANT)
    consume(consumer, lambda: deployment.messages() == (0, 0))
