"""What a message means, decided by the records alone: a message only wakes the worker."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs.model import Job, Status


@dataclass(frozen=True, slots=True)
class Drop:
    """Acknowledge the message: its job has ended or is gone."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Hide the message for that many seconds: nothing can be done yet."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Try to take this job, which need not be the message's own."""

    job: Job


def triage(
    woken_for: Job | None, unfinished: Iterable[Job], concurrency: int, now: datetime
) -> Drop | GiveBack | Claim:
    """Return what to do about a message for the job `woken_for` while `unfinished` run and wait, in that order.

    Messages may arrive in another order than jobs were submitted, so the oldest job that nobody holds runs whichever
    message came, as long as fewer than `concurrency` are held. Since a message is dropped only when its own job has
    ended, every unfinished job keeps a message that wakes a worker for it.
    """
    if woken_for is None or woken_for.status.ended:
        return Drop()
    held, free = _front(unfinished, now)
    if free and len(held) < concurrency:
        return Claim(min(free, key=lambda job: job.place))
    waits = [job.free_at - now for job in held if job.free_at is not None]
    return GiveBack(max(1, math.ceil(min(waits).total_seconds())) if waits else 1)


def places_taken(unfinished: Iterable[Job], now: datetime) -> int:
    """Return how many of the unfinished jobs, given as to `triage`, nobody else may take."""
    held, _ = _front(unfinished, now)
    return len(held)


def _front(unfinished: Iterable[Job], now: datetime) -> tuple[list[Job], list[Job]]:
    """Return the jobs that are not to be taken, and those that one may take, up to the first of these that waits.

    One that pauses after a failed attempt counts as held: none that came later goes before it in its place.
    """
    held: list[Job] = []
    free: list[Job] = []
    for job in unfinished:
        if not job.claimable_at(now):
            held.append(job)
            continue
        free.append(job)
        if job.status is Status.PENDING:
            break
    return held, free
