"""What the worker makes of a message, with a scripted engine in the real child process."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.shutdown import Shutdown
from jobs.clock import isoformat, utc_now
from jobs.documents import FILES, file_key
from jobs.model import Job, Lease, Status
from jobs.queue import JobQueue
from jobs.records import job_key
from jobs.request import JobRequest
from tests.scripted_engine import script
from tests.workers import TENANT, Deployment, consume, finish


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
    documents = deployment.service.documents
    heads = {
        name: documents.client.head_object(Bucket=documents.bucket, Key=file_key(job.job_id, 1, name)) for name in FILES
    }
    assert {name: head["ContentType"] for name, head in heads.items()} == FILES


def test_a_job_of_a_newer_version_holds_up_none_behind_it_and_is_kept(
    consumer: Consumer, deployment: Deployment
) -> None:
    newer, ours = deployment.submit(script()), deployment.submit(script(word="fog"))
    rewrite_model(deployment, newer, "enormous")
    consume(consumer, lambda: deployment.job(ours).status is Status.COMPLETED)
    rewrite_model(deployment, newer, newer.model)
    assert deployment.job(newer).status is Status.PENDING
    deployment.service.cancel(newer.job_id, TENANT)


def rewrite_model(deployment: Deployment, job: Job, model: str) -> None:
    store = deployment.service.store
    store.client.update_item(
        TableName=store.table,
        Key=job_key(job.job_id),
        UpdateExpression="SET model = :model",
        ExpressionAttributeValues={":model": {"S": model}},
    )


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
    def send(self, job_id: str, occasion: str = "") -> None:
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


def test_a_text_that_the_engine_refuses_fails_at_once_with_its_reason(
    consumer: Consumer, deployment: Deployment
) -> None:
    job = finish(consumer, deployment, deployment.submit(script(do="refuse")))
    assert (job.status, job.attempt, job.failures) == (Status.FAILED, 1, 0)
    assert job.error_message == "The text could not be analysed: the text holds no word."
    assert deployment.dead_letters.receive(30, 0) is None


def test_a_text_that_is_not_utf8_fails_at_once(consumer: Consumer, deployment: Deployment) -> None:
    job = deployment.submit(script())
    deployment.service.documents.put(job.document_key, b"caf\xe9", "text/plain")
    job = finish(consumer, deployment, job)
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.error_message is not None
    assert "byte 3" in job.error_message


def test_a_text_that_is_gone_fails_at_once(consumer: Consumer, deployment: Deployment) -> None:
    job = deployment.submit(script())
    deployment.service.documents.delete_all(job.job_id)
    job = finish(consumer, deployment, job)
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.error_message == "The text is not stored any more; submit it again."


@pytest.mark.parametrize(
    ("pack", "reason"),
    [
        ("damaged", "The model pack is damaged or not one that this engine can run."),
        ("absent", "The model pack 'absent' is not installed on the worker; choose another model."),
        ("../mini", "The model pack '../mini' is not installed on the worker; choose another model."),
    ],
)
def test_a_pack_that_cannot_be_loaded_fails_at_once_and_tells_no_path(
    pack: str, reason: str, consumer: Consumer, deployment: Deployment
) -> None:
    (deployment.settings.pack_dir / "damaged").mkdir(exist_ok=True)
    (deployment.settings.pack_dir / "damaged" / "damaged").touch()
    settings = deployment.settings.model_copy(update={"substitute_pack": pack})
    service = replace(deployment.service, settings=settings)
    job = finish(consumer, deployment, service.submit(JobRequest(model="small"), script(), TENANT))
    assert (job.status, job.attempt, job.error_message) == (Status.FAILED, 1, reason)


def test_an_engine_that_crashes_is_replaced_until_the_attempts_are_used_up(
    consumer: Consumer, deployment: Deployment
) -> None:
    job = finish(consumer, deployment, deployment.submit(script(do="crash")))
    assert (job.status, job.attempt, job.failures) == (Status.FAILED, 2, 2)
    assert job.error_message == "The engine crashed (SIGSEGV)."
    buried = deployment.dead_letters.receive(30, 1)
    assert buried is not None
    assert buried.job_id == job.job_id
    after = finish(consumer, deployment, deployment.submit(script()))
    assert after.status is Status.COMPLETED


def test_an_internal_error_of_the_engine_tells_the_caller_nothing_of_the_code(
    consumer: Consumer, deployment: Deployment
) -> None:
    job = finish(consumer, deployment, deployment.submit(script(do="raise")))
    assert (job.status, job.attempt) == (Status.FAILED, 2)
    assert job.error_message == "The engine met an internal error; the worker's log has the details."


def test_an_engine_that_hangs_is_killed_and_its_attempt_counts(
    connections: Connections, deployment: Deployment, engine: EngineProcess, shutdown: Shutdown
) -> None:
    settings = deployment.settings.model_copy(update={"engine_silence_seconds": 1, "max_failures": 1})
    engine.start()
    consumer = Consumer(replace(connections, settings=settings), engine, shutdown, "worker-1")
    job = finish(consumer, deployment, deployment.submit(script(do="hang")))
    assert job.status is Status.FAILED
    assert job.error_message is not None
    assert job.error_message.startswith("The engine hung")


def test_a_running_job_that_is_called_off_ends_within_five_seconds(consumer: Consumer, deployment: Deployment) -> None:
    job = deployment.submit(script(seconds=60))
    called_off_at: list[float] = []

    def call_off() -> None:
        called_off_at.append(time.monotonic())
        deployment.service.stop(job.job_id, TENANT)

    watch = as_soon_as(lambda: deployment.job(job).stage is not None, call_off)
    ended = finish(consumer, deployment, job)
    assert time.monotonic() - called_off_at[0] < 5
    assert ended.status is Status.CANCELLED
    assert deployment.objects(f"results/{job.job_id}/") == []
    watch.join()


def test_a_hung_engine_does_not_keep_a_job_from_being_called_off(consumer: Consumer, deployment: Deployment) -> None:
    job = deployment.submit(script(do="hang"))
    watch = as_soon_as(
        lambda: deployment.job(job).stage is not None, lambda: deployment.service.stop(job.job_id, TENANT)
    )
    started_at = time.monotonic()
    assert finish(consumer, deployment, job).status is Status.CANCELLED
    assert time.monotonic() - started_at < 8
    watch.join()
    after = finish(consumer, deployment, deployment.submit(script()))
    assert after.status is Status.COMPLETED


def test_a_worker_whose_job_was_taken_over_keeps_nothing(consumer: Consumer, deployment: Deployment) -> None:
    job = deployment.submit(script(seconds=60))
    store = deployment.service.store
    leases: list[Lease] = []

    def take_over() -> None:
        later = utc_now() + timedelta(seconds=deployment.settings.lease_seconds)
        leases.append(store.claim(deployment.job(job), "worker-2", later, timedelta(minutes=1))[1])

    watch = as_soon_as(lambda: deployment.job(job).stage is not None, take_over)
    consumer.consume_one()
    watch.join()
    taken = deployment.job(job)
    assert (taken.status, taken.lease_owner, taken.attempt) == (Status.RUNNING, "worker-2", 2)
    assert deployment.objects(f"results/{job.job_id}/") == []
    store.stop(leases[0], utc_now())
    finish(consumer, deployment, job)


def test_a_job_that_another_worker_holds_waits_for_its_lease_to_run_out(
    consumer: Consumer, deployment: Deployment
) -> None:
    job = deployment.submit(script())
    deployment.service.store.claim(deployment.job(job), "worker-2", utc_now(), timedelta(seconds=2))
    consumer.consume_one()
    assert (deployment.job(job).lease_owner, deployment.messages()) == ("worker-2", (0, 1))
    ended = finish(consumer, deployment, job)
    assert (ended.status, ended.attempt, ended.result_epoch) == (Status.COMPLETED, 2, 2)


def test_a_worker_whose_folder_was_tidied_away_while_it_was_idle_reads_on(
    consumer: Consumer, deployment: Deployment, engine: EngineProcess
) -> None:
    engine.home.rmdir()
    assert finish(consumer, deployment, deployment.submit(script())).status is Status.COMPLETED


def test_the_engine_stays_warm_from_job_to_job(
    consumer: Consumer, deployment: Deployment, engine: EngineProcess
) -> None:
    finish(consumer, deployment, deployment.submit(script()))
    before = engine.pid
    finish(consumer, deployment, deployment.submit(script()))
    assert engine.pid == before
