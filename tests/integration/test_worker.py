"""What the worker makes of a message, with a scripted engine in the real child process."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.shutdown import Shutdown
from jobs.clock import isoformat
from jobs.documents import FILES, file_key
from jobs.model import Job, Status
from jobs.queue import JobQueue
from tests.scripted_engine import LOADER, script
from tests.workers import TENANT, Deployment

#: The worker's threads write at the same time.
pytestmark = [pytest.mark.concurrent, pytest.mark.usefixtures("aws")]


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess(LOADER)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def deployment(aws: object, tmp_path: Path) -> Deployment:
    return Deployment.create(tmp_path, max_failures=2)


@pytest.fixture
def shutdown() -> Shutdown:
    return Shutdown()


@pytest.fixture
def connections(deployment: Deployment) -> Connections:
    return Connections.connect(deployment.settings)


@pytest.fixture
def consumer(connections: Connections, engine: EngineProcess, shutdown: Shutdown) -> Consumer:
    engine.start()
    return Consumer(connections, engine, shutdown, "worker-1")


def consume(consumer: Consumer, until: Callable[[], bool], seconds: float = 15) -> None:
    """Consume until something is so."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not come to pass"
        consumer.consume_one()


def finish(consumer: Consumer, deployment: Deployment, job: Job) -> Job:
    """Consume until the job has ended and its message is acknowledged; return the job."""
    consume(consumer, lambda: deployment.job(job).status.ended and deployment.messages() == (0, 0))
    return deployment.job(job)


def as_soon_as(condition: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Act in another thread once something is so."""

    def watch() -> None:
        deadline = time.monotonic() + 15
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_book_goes_in_and_its_result_comes_out(consumer: Consumer, deployment: Deployment) -> None:
    job = finish(consumer, deployment, deployment.submit(script(word="fog")))
    assert (job.status, job.attempt, job.progress, job.token_count) == (Status.COMPLETED, 1, 100.0, 1)
    assert job.pack == "mini@0.0.1"
    assert deployment.result(job) == {
        "job_id": job.job_id,
        "status": "completed",
        "result": {
            "tokens": [{"token_ID_within_document": 0, "word": "fog"}],
            "entities": [],
            "quotes": [],
            "characters": [],
            "events": [],
            "supersenses": [],
        },
        "submitted_at": isoformat(job.submitted_at),
        "started_at": isoformat(job.started_at) if job.started_at else None,
        "completed_at": isoformat(job.completed_at) if job.completed_at else None,
        "processing_time_ms": job.processing_time_ms,
        "token_count": 1,
    }


def test_every_file_of_booknlp_is_stored_beside_the_result(consumer: Consumer, deployment: Deployment) -> None:
    job = finish(consumer, deployment, deployment.submit(script(word="fog")))
    assert {name: deployment.file(job, name) for name in FILES} == {name: f"{name} of fog\n" for name in FILES}
    head = deployment.service.documents.client.head_object(
        Bucket=deployment.settings.bucket, Key=file_key(job.job_id, 1, "book.html")
    )
    assert head["ContentType"] == "text/html; charset=utf-8"


def test_a_completed_job_keeps_no_checkpoint(consumer: Consumer, deployment: Deployment) -> None:
    job = finish(consumer, deployment, deployment.submit(script()))
    assert deployment.objects(f"checkpoints/{job.job_id}/") == []


def test_jobs_run_in_order_of_submission_whatever_the_order_of_their_messages(
    consumer: Consumer, deployment: Deployment
) -> None:
    queue = deployment.service.queue
    unsent = replace(deployment, service=replace(deployment.service, queue=MuteQueue(queue.client, queue.url)))
    jobs = [unsent.submit(script()) for _ in range(3)]
    for job in (jobs[1], jobs[2], jobs[0]):
        queue.send(job.job_id)
    consume(consumer, lambda: deployment.messages() == (0, 0))
    ended = [deployment.job(job) for job in jobs]
    assert [job.status for job in ended] == [Status.COMPLETED] * 3
    starts = [job.started_at for job in ended if job.started_at]
    assert starts == sorted(starts)


class MuteQueue(JobQueue):
    def send(self, job_id: str) -> None:
        pass


def test_a_message_for_a_cancelled_job_is_dropped(consumer: Consumer, deployment: Deployment) -> None:
    job = deployment.submit(script())
    deployment.service.cancel(job.job_id, TENANT)
    consume(consumer, lambda: deployment.messages() == (0, 0))
    assert deployment.job(job).attempt == 0


def test_a_message_for_no_job_is_dropped(consumer: Consumer, deployment: Deployment) -> None:
    deployment.service.queue.send("nobody")
    consume(consumer, lambda: deployment.messages() == (0, 0))


def test_a_message_that_is_none_of_ours_does_not_block_the_queue(consumer: Consumer, deployment: Deployment) -> None:
    queue = deployment.service.queue
    queue.client.send_message(
        QueueUrl=queue.url, MessageBody="hello?", MessageGroupId="books", MessageDeduplicationId="1"
    )
    job = finish(consumer, deployment, deployment.submit(script()))
    assert job.status is Status.COMPLETED
