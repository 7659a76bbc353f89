"""What the records make of a message."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gpu_worker.triage import Claim, Drop, GiveBack, places_taken, triage
from jobs.model import Job, Status

NOW = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)


def job(status: Status, job_id: str = "job", lease: float | None = None, minute: int = 0) -> Job:
    """Return a job of a minute of the hour whose lease, if any, has that many seconds left."""
    return Job(
        job_id=job_id,
        tenant="public",
        status=status,
        submitted_at=NOW.replace(minute=minute),
        document_key="documents/job.txt",
        characters=6,
        model="mini",
        pack="mini",
        pipeline=("entity",),
        lease_expires_at=None if lease is None else NOW + timedelta(seconds=lease),
    )


@pytest.mark.parametrize("status", [status for status in Status if status.ended])
def test_a_message_for_an_ended_job_is_dropped(status: Status) -> None:
    assert triage(job(status), [job(Status.PENDING, "other")], 1, NOW) == Drop()


def test_a_message_for_a_job_that_is_gone_is_dropped() -> None:
    assert triage(None, [job(Status.PENDING, "other")], 1, NOW) == Drop()


def test_a_waiting_job_is_claimed() -> None:
    waiting = job(Status.PENDING)
    assert triage(waiting, [waiting], 1, NOW) == Claim(waiting)


def test_the_oldest_job_is_claimed_whichever_was_woken_for() -> None:
    oldest = job(Status.PENDING, "oldest")
    assert triage(job(Status.PENDING), [oldest], 1, NOW) == Claim(oldest)


@pytest.mark.parametrize("lease", [0, -30])
def test_a_job_whose_lease_ran_out_is_claimed(lease: float) -> None:
    left = job(Status.RUNNING, lease=lease)
    assert triage(left, [left], 1, NOW) == Claim(left)


@pytest.mark.parametrize(("lease", "seconds"), [(0.001, 1), (1.0, 1), (1.2, 2), (59.9, 60)])
def test_a_job_that_another_worker_holds_waits_for_just_its_lease(lease: float, seconds: int) -> None:
    held = job(Status.RUNNING, lease=lease)
    assert triage(held, [held], 1, NOW) == GiveBack(seconds)


def test_a_message_whose_job_ended_between_two_reads_is_looked_at_again() -> None:
    assert triage(job(Status.PENDING), [], 1, NOW) == GiveBack(1)


def test_a_second_job_runs_beside_the_first_where_two_may() -> None:
    held, waiting = job(Status.RUNNING, "held", lease=60), job(Status.PENDING, minute=1)
    assert triage(waiting, [held, waiting], 1, NOW) == GiveBack(60)
    assert triage(waiting, [held, waiting], 2, NOW) == Claim(waiting)


def test_a_message_of_a_job_that_runs_wakes_for_the_next_one() -> None:
    held, waiting = job(Status.RUNNING, "held", lease=60), job(Status.PENDING, minute=1)
    assert triage(held, [held, waiting], 2, NOW) == Claim(waiting)


def test_a_job_that_was_given_back_goes_before_one_that_was_left_but_came_later() -> None:
    left, given_back = job(Status.RUNNING, "left", lease=-1, minute=2), job(Status.PENDING, "back", minute=1)
    assert triage(left, [left, given_back], 1, NOW) == Claim(given_back)


def test_a_job_that_was_given_back_waits_while_as_many_run_as_may() -> None:
    held, given_back = job(Status.RUNNING, "held", lease=30, minute=2), job(Status.PENDING, "back", minute=1)
    assert triage(given_back, [held, given_back], 1, NOW) == GiveBack(30)


def test_where_as_many_run_as_may_the_first_lease_to_end_is_waited_for() -> None:
    running = [job(Status.RUNNING, "one", lease=50), job(Status.RUNNING, "two", lease=20, minute=1)]
    assert triage(job(Status.PENDING, minute=2), [*running, job(Status.PENDING, minute=2)], 2, NOW) == GiveBack(20)


def test_a_job_that_pauses_after_a_failed_attempt_keeps_its_place() -> None:
    pausing = job(Status.PENDING, "pausing").evolve(not_before=NOW + timedelta(seconds=7.5))
    waiting, later = job(Status.PENDING, "waiting", minute=1), job(Status.PENDING, "later", minute=2)
    assert triage(waiting, [pausing, waiting], 1, NOW) == GiveBack(8)
    assert triage(later, [pausing, waiting, later], 2, NOW) == Claim(waiting)
    held = job(Status.RUNNING, "held", lease=60)
    assert triage(later, [held, pausing, later], 2, NOW) == GiveBack(8)


def test_a_place_is_taken_as_long_as_the_lease_of_its_job_stands() -> None:
    one, other = job(Status.RUNNING, "one", lease=50), job(Status.RUNNING, "other", lease=-1, minute=1)
    assert places_taken([one, other, job(Status.PENDING, minute=2)], NOW) == 1


def test_no_record_is_read_behind_the_first_job_that_waits() -> None:
    def unfinished() -> Iterator[Job]:
        yield job(Status.PENDING)
        pytest.fail("a second waiting job was read")

    assert isinstance(triage(job(Status.PENDING), unfinished(), 3, NOW), Claim)
