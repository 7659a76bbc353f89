"""Workers that are killed, stopped and frozen: no accepted job is lost, none is done twice to the outside."""

import random
import signal
import time
from collections import Counter
from functools import partial

import psutil

from jobs.model import Job, Status
from tests.chaos.fleet import WorkerProcess, Workers, eventually
from tests.scripted_engine import script
from tests.workers import Deployment

KILLS = 10


def running(deployment: Deployment, job: Job, stage: str | None = None) -> bool:
    """Tell whether a worker has the job, in a stage if one is named."""
    now = deployment.job(job)
    return now.status is Status.RUNNING and (stage is None or now.stage == stage)


def completed(deployment: Deployment, job: Job) -> bool:
    return deployment.job(job).status is Status.COMPLETED


def test_ten_killed_workers_lose_and_double_nothing(deployment: Deployment, workers: Workers) -> None:
    dice = random.Random(1851)
    engines = [workers.start().engine() for _ in range(2)]
    jobs: list[Job] = []
    for _ in range(KILLS):
        while sum(not deployment.job(job).status.ended for job in jobs) < 2:
            jobs.append(deployment.submit(script(seconds=1.5, word=f"word {len(jobs)}")))
        victim = _busy_worker(deployment, workers)
        time.sleep(dice.uniform(0, 1.5))
        victim.send(signal.SIGKILL)
        victim.process.wait()
        engines.append(workers.start().engine())
    for job in jobs:
        eventually(partial(completed, deployment, job), f"{job.job_id} completes")
    eventually(lambda: deployment.messages() == (0, 0), "every message is acknowledged")
    _check_each_came_out_once(deployment, workers, jobs)
    workers.end()
    psutil.wait_procs(engines, timeout=5)
    assert [engine for engine in engines if engine.is_running()] == []
    assert list(workers.homes.iterdir()) == [], "nothing of a book is left on the disk"


def _busy_worker(deployment: Deployment, workers: Workers) -> WorkerProcess:
    """Return the worker that holds a lease, once there is one; there are never two."""
    holders: list[WorkerProcess] = []

    def look() -> bool:
        store = deployment.service.store
        unfinished = [job for job_id in store.unfinished() if (job := store.find(job_id))]
        leased = [job for job in unfinished if job.status is Status.RUNNING]
        assert len(leased) <= 1
        holders[:] = [holder for job in leased if (holder := workers.holding(job.lease_owner))]
        return bool(holders)

    eventually(look, "a worker holds a lease")
    return holders[0]


def _check_each_came_out_once(deployment: Deployment, workers: Workers, jobs: list[Job]) -> None:
    claims = Counter(line["job_id"] for line in workers.lines() if line["message"] == "claimed")
    ends = Counter(line["job_id"] for line in workers.lines() if line["message"] == "ended")
    for number, job in enumerate(jobs):
        ended = deployment.job(job)
        assert ended.attempt == ended.lease_epoch == claims[job.job_id]
        assert ended.failures == 0
        assert ends[job.job_id] <= 1
        assert deployment.result(job)["result"]["tokens"][0]["word"] == f"word {number}"
        stored = deployment.objects(f"results/{job.job_id}/")
        assert len(stored) == 7
        assert all(key.startswith(f"results/{job.job_id}/{ended.result_epoch}/") for key in stored)
        assert deployment.objects(f"checkpoints/{job.job_id}/") == []


def test_a_worker_that_is_asked_to_stop_gives_its_job_back_and_the_next_resumes_it(
    deployment: Deployment, workers: Workers
) -> None:
    worker, job = workers.start(), deployment.submit(script(seconds=3))
    engine = worker.engine()
    eventually(lambda: running(deployment, job, "tagging"), "the second stage runs")
    asked_at = time.monotonic()
    worker.send(signal.SIGTERM)
    assert worker.process.wait(10) == 0
    assert time.monotonic() - asked_at < 5
    assert not engine.is_running()
    assert not deployment.service.worker_heard()
    given_back = deployment.job(job)
    assert (given_back.status, given_back.failures, given_back.lease_owner) == (Status.PENDING, 0, None)
    assert deployment.messages() == (1, 0)
    workers.start()
    eventually(lambda: completed(deployment, job), "the next worker finishes the job")
    assert deployment.job(job).attempt == 2
    assert deployment.result(job)["result"]["events"] == ["tokens"]


def test_a_second_signal_ends_a_worker_at_once(deployment: Deployment, workers: Workers) -> None:
    worker, job = workers.start(), deployment.submit(script(do="hang"))
    engine = worker.engine()
    eventually(lambda: running(deployment, job, "tagging"), "the engine hangs")
    worker.send(signal.SIGTERM)
    worker.send(signal.SIGINT)
    assert worker.process.wait(5) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    psutil.wait_procs([engine], timeout=5)
    assert not engine.is_running()


def test_a_worker_that_slept_through_its_lease_changes_nothing(deployment: Deployment, workers: Workers) -> None:
    sleeper, job = workers.start(), deployment.submit(script(seconds=1.5))
    eventually(lambda: running(deployment, job), "the sleeper has the job")
    sleeper.send(signal.SIGSTOP)
    other = workers.start()
    eventually(lambda: completed(deployment, job), "another worker takes over and finishes")
    other.send(signal.SIGTERM)
    other.process.wait(10)
    as_it_was = deployment.job(job)
    sleeper.send(signal.SIGCONT)
    eventually(lambda: sleeper.said("the lease was lost: nothing of this attempt is kept"), "the sleeper notices")
    eventually(
        lambda: len(deployment.objects(f"results/{job.job_id}/")) == 7, "the sleeper clears up what it had stored"
    )
    assert deployment.job(job) == as_it_was
    assert (as_it_was.attempt, as_it_was.result_epoch) == (2, 2)
    assert deployment.result(job)["result"]["tokens"][0]["word"] == "fog"
    after = deployment.submit(script())
    eventually(lambda: completed(deployment, after), "the sleeper works on")
