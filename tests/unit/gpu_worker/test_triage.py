"""What the records make of a message."""

from datetime import UTC, datetime, timedelta

import pytest

from gpu_worker.triage import Claim, Drop, GiveBack, triage
from jobs.model import Job, Status

NOW = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)


def job(status: Status, job_id: str = "job", lease: float | None = None) -> Job:
    """Return a job whose lease, if any, has that many seconds left."""
    return Job(
        job_id=job_id,
        tenant="public",
        status=status,
        submitted_at=NOW,
        document_key="documents/job.txt",
        characters=6,
        model="mini",
        pack="mini",
        pipeline=("entity",),
        lease_expires_at=None if lease is None else NOW + timedelta(seconds=lease),
    )


@pytest.mark.parametrize("status", [status for status in Status if status.ended])
def test_a_message_for_an_ended_job_is_dropped(status: Status) -> None:
    assert triage(job(status), job(Status.PENDING, "other"), NOW) == Drop()


def test_a_message_for_a_job_that_is_gone_is_dropped() -> None:
    assert triage(None, job(Status.PENDING, "other"), NOW) == Drop()


def test_a_waiting_job_is_claimed() -> None:
    waiting = job(Status.PENDING)
    assert triage(waiting, waiting, NOW) == Claim(waiting)


def test_the_oldest_job_is_claimed_whichever_was_woken_for() -> None:
    oldest = job(Status.PENDING, "oldest")
    assert triage(job(Status.PENDING), oldest, NOW) == Claim(oldest)


@pytest.mark.parametrize("lease", [0, -30])
def test_a_job_whose_lease_ran_out_is_claimed(lease: float) -> None:
    left = job(Status.RUNNING, lease=lease)
    assert triage(left, left, NOW) == Claim(left)


@pytest.mark.parametrize(("lease", "seconds"), [(0.001, 1), (1.0, 1), (1.2, 2), (59.9, 60)])
def test_a_job_that_another_worker_holds_waits_for_just_its_lease(lease: float, seconds: int) -> None:
    held = job(Status.RUNNING, lease=lease)
    assert triage(held, held, NOW) == GiveBack(seconds)


def test_a_message_whose_job_ended_between_two_reads_is_looked_at_again() -> None:
    assert triage(job(Status.PENDING), None, NOW) == GiveBack(1)
