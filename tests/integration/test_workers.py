"""Workers as programs of their own: how many books they read side by side, and when they end by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gpu_worker import consumer
from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.shutdown import Shutdown
from jobs.clock import utc_now
from jobs.model import Job, Status
from tests.chaos.fleet import Workers, eventually
from tests.scripted_engine import LOADER, script
from tests.workers import TENANT, Deployment, consume, emulated

#: Seconds that no test has patience for: such a book is read until it is called off.
FOR_EVER = 600.0

#: Seconds that a worker may have nothing to do; the books of its test take longer.
IDLE = 2


@contextmanager
def ended_at_last(deployment: Deployment, folder: Path) -> Iterator[Workers]:
    """Give workers of a deployment, none of which is left running."""
    workers = Workers(deployment, folder)
    try:
        yield workers
    finally:
        workers.end()


def deployed(folder: Path, concurrency: int = 1) -> Deployment:
    (folder / "packs").mkdir()
    return Deployment.create(folder / "packs", worker_concurrency=concurrency)


def test_two_books_are_read_at_once_where_two_are_allowed_and_a_free_worker_leaves_the_third_alone(
    emulator_port: int, tmp_path: Path
) -> None:
    with emulated(emulator_port), ended_at_last(deployed(tmp_path, concurrency=2), tmp_path) as workers:
        deployment = workers.deployment

        def status(job: Job) -> Status:
            return deployment.job(job).status

        first, second = (deployment.submit(script(seconds=FOR_EVER)) for _ in range(2))
        for _ in range(2):
            workers.start()
        eventually(lambda: {status(first), status(second)} == {Status.RUNNING}, "two books are read at once")
        readers = [workers.holding(deployment.job(job).lease_owner) for job in (first, second)]
        assert len({reader.pid for reader in readers if reader is not None}) == 2
        third = deployment.submit(script())
        free = Consumer(
            Connections.connect(deployment.settings), EngineProcess(LOADER, tmp_path), Shutdown(), "free-worker"
        )
        free.consume_one()
        assert deployment.messages() == (1, 2), "what cannot be read yet is not received"
        assert (status(third), deployment.service.queue_position(deployment.job(third))) == (Status.PENDING, 1)
        called_off_at = utc_now()
        deployment.service.stop(first.job_id, TENANT)
        eventually(lambda: status(third) is Status.COMPLETED, "the third book is read in the place of the first")
        started_at = deployment.job(third).started_at
        assert started_at is not None
        assert started_at > called_off_at
        assert status(second) is Status.RUNNING
        deployment.service.stop(second.job_id, TENANT)
        eventually(lambda: deployment.messages() == (0, 0), "every message is acknowledged")


def test_a_job_pauses_after_a_failed_attempt_though_another_jobs_message_wakes_its_worker(
    emulator_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "jittered", lambda _: 60)
    with emulated(emulator_port):
        deployment = deployed(tmp_path, concurrency=2)
        failing, other = deployment.submit(script(do="raise")), deployment.submit(script())
        engine = EngineProcess(LOADER, tmp_path)
        engine.start()
        try:
            worker = Consumer(Connections.connect(deployment.settings), engine, Shutdown(), "worker")
            consume(worker, lambda: deployment.job(other).status is Status.COMPLETED)
        finally:
            engine.kill()
        assert (deployment.job(failing).status, deployment.job(failing).attempt) == (Status.PENDING, 1)


def test_a_worker_ends_by_itself_once_it_had_nothing_to_read_for_as_long_as_it_may(
    emulator_port: int, tmp_path: Path
) -> None:
    with emulated(emulator_port):
        deployment = deployed(tmp_path)
        hasty = replace(deployment, settings=deployment.settings.model_copy(update={"idle_exit_seconds": IDLE}))
        books = [hasty.submit(script(seconds=1.25 * IDLE)) for _ in range(2)]
        with ended_at_last(hasty, tmp_path) as workers:
            worker = workers.start()
            assert worker.process.wait(60) == 0
            ended_at = [job.completed_at for job in map(hasty.job, books) if job.status is Status.COMPLETED]
            assert len(ended_at) == 2
            assert all(moment and moment + timedelta(seconds=IDLE) <= utc_now() for moment in ended_at)
            assert worker.said("stopped")
