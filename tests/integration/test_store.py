"""What every backend must do for the job store, shown move by move and under concurrency."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from jobs.errors import InvalidRequest, JobNotFound, LeaseLost, MoveRefused, QueueFull
from jobs.model import Job, Lease, Outcome, Progress, Status
from jobs.records import LARGEST, size_of, to_item
from jobs.request import JobRequest
from jobs.service import JobService
from jobs.table import is_unwritable
from tests.integration.conftest import Aws

LEASE = timedelta(seconds=60)
REQUEST = JobRequest(model="mini")
DIAGRAM = Path(__file__).parents[2] / "docs" / "job-states.md"
EDGES = {
    (source, move, target)
    for source, target, move in re.findall(r"^    (\S+) --> (\S+): (\w+)$", DIAGRAM.read_text(), re.MULTILINE)
}


def submitted(service: JobService) -> Job:
    return service.submit(REQUEST, "It was a dark night.", "public")


def claimed(service: JobService) -> tuple[Job, Lease]:
    return service.store.claim(submitted(service), "worker-1", service.clock(), LEASE)


def outcome(service: JobService) -> Outcome:
    return Outcome(token_count=6, completed_at=service.clock(), processing_time_ms=12)


def brought_to(service: JobService, status: Status) -> tuple[Job, Lease]:
    """Return a job in that state, and a lease of its last epoch whether or not it is held still."""
    if status is Status.PENDING:
        job = submitted(service)
        return job, Lease(job.job_id, job.tenant, job.place, 0, service.clock())
    job, lease = claimed(service)
    ends: dict[Status, Callable[[], Job]] = {
        Status.RUNNING: lambda: job,
        Status.COMPLETED: lambda: service.store.publish(lease, outcome(service)),
        Status.FAILED: lambda: service.store.fail(lease, "no", service.clock()),
        Status.CANCELLED: lambda: service.store.stop(lease, service.clock()),
        Status.EXPIRED: lambda: service.store.expire(
            service.store.publish(lease, outcome(service)), service.clock() + timedelta(hours=2)
        ),
    }
    return ends[status](), lease


def attempt(service: JobService, move: str, job: Job, lease: Lease) -> Job | None:
    """Make the move and return the job after it; None where nothing is left of it."""
    store, now = service.store, service.clock()
    moves: dict[str, Callable[[], Job | None]] = {
        "claim": lambda: store.claim(job, "worker-2", now, LEASE)[0],
        "cancel": lambda: store.cancel(job, now),
        "beat": lambda: store.beat(lease, now + LEASE),
        "release": lambda: store.release(job, lease),
        "publish": lambda: store.publish(lease, outcome(service)),
        "fail": lambda: store.fail(lease, "broken", now),
        "stop": lambda: store.stop(lease, now),
        "expire": lambda: store.expire(job, now + timedelta(hours=2)),
        "request_cancel": lambda: store.request_cancel(job),
        "retry": lambda: store.retry(job, now, max_queue_size=10),
        "discard": lambda: store.discard(job, now),
        "sweep": lambda: store.sweep(job),
        "take_back": lambda: store.take_back(job, now + timedelta(hours=2)),
        "bury": lambda: store.bury(job, "no worker survived it", now + timedelta(hours=2)),
        "reject": lambda: store.reject(job, "not a text", now),
    }
    return moves[move]()


@pytest.mark.parametrize("move", sorted({move for _, move, _ in EDGES} - {"submit"}))
def test_a_move_leaves_exactly_the_states_that_the_diagram_lets_it_leave(
    service: JobService, subtests: pytest.Subtests, move: str
) -> None:
    for status in Status:
        with subtests.test(status=status):
            check_move(service, move, status)


#: Where a move leads that changes nothing when it is made again.
SAME_END = {
    "publish": Status.COMPLETED, "fail": Status.FAILED, "stop": Status.CANCELLED, "cancel": Status.CANCELLED,
    "release": Status.PENDING,
}  # fmt: skip


def check_move(service: JobService, move: str, status: Status) -> None:
    job, lease = brought_to(service, status)
    targets = {target for source, name, target in EDGES if (source, name) == (status, move)}
    if targets or SAME_END.get(move) is status:
        after = attempt(service, move, job, lease)
        assert {after.status.value if after else "[*]"} == (targets or {status.value})
        return
    with pytest.raises(MoveRefused) as refused:
        attempt(service, move, job, lease)
    assert refused.value.job is not None
    assert refused.value.job.status is status
    assert service.store.get(job.job_id, service.clock()) == refused.value.job


def test_every_move_of_the_store_is_in_the_diagram() -> None:
    assert {move for _, move, _ in EDGES} == {
        "submit", "claim", "beat", "release", "publish", "fail", "stop", "cancel", "expire",
        "request_cancel", "retry", "discard", "sweep", "take_back", "bury", "reject",
    }  # fmt: skip


def test_a_job_that_was_never_submitted_is_not_found(service: JobService) -> None:
    with pytest.raises(JobNotFound, match="nowhere"):
        service.store.get("nowhere", service.clock())


def test_the_same_id_is_not_submitted_twice(service: JobService) -> None:
    job = submitted(service)
    with pytest.raises(MoveRefused) as refused:
        service.store.submit(job, max_queue_size=10)
    assert refused.value.job == job


def test_a_full_queue_takes_nothing_until_a_place_is_free(service: JobService) -> None:
    jobs = [submitted(service) for _ in range(service.settings.max_queue_size)]
    with pytest.raises(QueueFull, match="10 jobs are waiting"):
        submitted(service)
    service.store.cancel(jobs[3], service.clock())
    submitted(service)
    with pytest.raises(QueueFull):
        submitted(service)


@pytest.mark.concurrent
def test_fifty_callers_at_once_get_exactly_the_ten_places(service: JobService) -> None:
    def call(_: int) -> bool:
        try:
            submitted(service)
        except QueueFull:
            return False
        return True

    with ThreadPoolExecutor(50) as callers:
        accepted = sum(callers.map(call, range(50)))
    assert (accepted, len(service.store.waiting())) == (10, 10)
    assert service.stats("public").pending == 10


@pytest.mark.concurrent
def test_of_twenty_workers_that_claim_one_job_one_gets_it(service: JobService) -> None:
    job = submitted(service)

    def claim(worker: int) -> bool:
        try:
            service.store.claim(job, f"worker-{worker}", service.clock(), LEASE)
        except MoveRefused:
            return False
        return True

    with ThreadPoolExecutor(20) as workers:
        assert sum(workers.map(claim, range(20))) == 1
    assert service.store.get(job.job_id, service.clock()).attempt == 1


def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_can_write_nothing(service: JobService) -> None:
    job, old = claimed(service)
    later = service.clock() + LEASE
    taken, new = service.store.claim(job, "worker-2", later, LEASE)
    assert (taken.attempt, new.epoch) == (2, 2)
    writes: tuple[Callable[[], object], ...] = (
        lambda: service.store.beat(old, later),
        lambda: service.store.publish(old, outcome(service)),
        lambda: service.store.fail(old, "late", later),
        lambda: service.store.release(job, old),
        lambda: service.store.note_pack(old, "mini@0"),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    assert service.store.get(job.job_id, later) == taken


def test_a_beat_extends_the_lease_and_notes_progress(service: JobService) -> None:
    _, lease = claimed(service)
    until = service.clock() + 2 * LEASE
    service.store.beat(lease, until, Progress("tagging", 41.5, eta_seconds=12.5))
    after = service.store.beat(lease, until)
    assert (after.stage, after.progress, after.eta_seconds) == ("tagging", 41.5, 12.5)
    assert not after.claimable_at(service.clock() + LEASE)
    assert after.claimable_at(until)


def test_a_released_job_waits_again_at_its_old_place(service: JobService) -> None:
    first, lease = claimed(service)
    second = submitted(service)
    service.store.beat(lease, service.clock() + LEASE, Progress("tokens", 10.0))
    released = service.store.release(first, lease)
    assert (released.failures, released.progress, released.stage) == (0, 0.0, None)
    assert service.store.waiting() == sorted([first.job_id, second.job_id], key=[first.job_id, second.job_id].index)


def test_a_release_whose_answer_was_lost_can_be_repeated_and_counts_once(service: JobService) -> None:
    job, lease = claimed(service)
    released = [service.store.release(job, lease, failure="S3 did not answer") for _ in range(2)]
    assert released[0] == released[1]
    assert released[0].failures == 1


def test_a_release_after_an_error_counts_it_and_keeps_the_reason(service: JobService) -> None:
    job, lease = claimed(service)
    later = service.clock() + timedelta(seconds=8)
    released = service.store.release(job, lease, failure="S3 did not answer", not_before=later)
    assert (released.failures, released.error_message, released.not_before) == (1, "S3 did not answer", later)
    again, _ = service.store.claim(released, "worker-2", later, LEASE)
    assert again.not_before is None


def test_a_cancelled_job_has_no_reason_left_of_an_attempt_that_failed(service: JobService) -> None:
    for stopped in (False, True):
        job, lease = claimed(service)
        released = service.store.release(job, lease, failure="S3 did not answer")
        if stopped:
            _, lease = service.store.claim(released, "worker-2", service.clock(), LEASE)
            ended = service.store.stop(lease, service.clock())
        else:
            ended = service.store.cancel(released, service.clock())
        assert (ended.status, ended.error_message) == (Status.CANCELLED, None)
        assert service.store.get(job.job_id, service.clock()) == ended


def test_the_unfinished_jobs_are_told_in_order_of_submission_whether_they_run_or_wait(service: JobService) -> None:
    running, _ = claimed(service)
    _, lease = claimed(service)
    service.store.fail(lease, "no", service.clock())
    waiting = submitted(service)
    assert service.store.unfinished() == [running.job_id, waiting.job_id]


def test_an_ended_job_reads_as_expired_after_its_hour_and_is_gone_after_its_day(service: JobService) -> None:
    job, lease = claimed(service)
    service.store.publish(lease, outcome(service))
    now = service.clock()
    assert service.store.get(job.job_id, now + timedelta(minutes=59)).status is Status.COMPLETED
    assert service.store.get(job.job_id, now + timedelta(hours=1)).status is Status.EXPIRED
    with pytest.raises(JobNotFound):
        service.store.get(job.job_id, now + timedelta(hours=25))


def test_a_job_is_not_expired_before_its_time(service: JobService) -> None:
    _, lease = claimed(service)
    completed = service.store.publish(lease, outcome(service))
    with pytest.raises(MoveRefused):
        service.store.expire(completed, service.clock() + timedelta(minutes=59))


def test_stats_count_each_state_and_leave_out_what_expired(service: JobService) -> None:
    for status in (Status.PENDING, Status.RUNNING, Status.FAILED, Status.CANCELLED, Status.COMPLETED, Status.EXPIRED):
        brought_to(service, status)
    stats = service.stats("public")
    assert (stats.pending, stats.running, stats.completed, stats.failed, stats.cancelled) == (1, 1, 1, 1, 1)
    assert service.stats("another tenant").total == 0


def test_a_worker_is_running_while_it_was_heard_of_within_its_lease_time(service: JobService) -> None:
    assert not service.stats("public").worker_running
    service.store.hear_worker("worker-1", service.clock())
    assert service.stats("public").worker_running
    service.store.hear_worker("worker-1", service.clock() - timedelta(seconds=service.settings.lease_seconds))
    assert not service.stats("public").worker_running


def test_a_worker_that_stops_is_forgotten_but_its_successor_is_not(service: JobService) -> None:
    service.store.hear_worker("worker-2", service.clock())
    service.store.forget_worker("worker-1")
    assert service.stats("public").worker_running
    service.store.forget_worker("worker-2")
    assert not service.stats("public").worker_running


def test_a_submission_whose_answer_was_lost_and_which_a_worker_took_meanwhile_is_one_job(
    aws: Aws, service: JobService
) -> None:
    if aws.name == "moto":
        pytest.skip("moto takes what is sent again for something new")
    taken: list[Job] = []

    def lose_the_answer(**_: object) -> float | None:
        """Take the job as soon as it is written, and have the SDK send its submission again."""
        if taken or not (waiting := service.store.waiting()):
            return None
        taken.append(service.store.get(waiting[0], service.clock()))
        service.store.claim(taken[0], "worker-1", service.clock(), LEASE)
        return 0.0

    events = service.store.client.meta.events
    events.register("needs-retry.dynamodb.TransactWriteItems", lose_the_answer)  # type: ignore[arg-type]  # in its stub
    job = submitted(service)
    assert [one.job_id for one in taken] == [job.job_id]
    assert service.get(job.job_id, "public").status is Status.RUNNING


def test_a_record_that_could_not_grow_any_more_is_refused_and_takes_no_place(service: JobService) -> None:
    """DynamoDB takes it up to 400 KB, and then no write that claims it, calls it off or ends it."""
    job = submitted(service).evolve(job_id="large", warnings=("x" * LARGEST,))
    with pytest.raises(InvalidRequest, match="shorten them to 100000"):
        service.store.submit(job, max_queue_size=10)
    assert service.store.find("large") is None
    assert len(service.store.waiting()) == 1


def test_a_record_that_is_full_is_told_from_a_table_that_does_not_answer(service: JobService, aws: Aws) -> None:
    if aws.name == "ministack":
        pytest.skip("the emulator holds no record to DynamoDB's size")
    job = submitted(service)
    full = to_item(job) | {"book_id": {"S": "x" * (400_000 - size_of(to_item(job)))}}
    service.store.client.put_item(TableName=service.store.table, Item=full)
    with pytest.raises(ClientError) as refused:
        service.store.claim(job, "worker-1" * 2000, service.clock(), LEASE)
    assert is_unwritable(refused.value)
