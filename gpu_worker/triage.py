"""What a message means, decided by the records alone: a message only wakes the worker."""

import math
from dataclasses import dataclass
from datetime import datetime

from jobs.model import Job


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


def triage(woken_for: Job | None, oldest: Job | None, now: datetime) -> Drop | GiveBack | Claim:
    """Return what to do about a message for the job `woken_for` while `oldest` is the first unfinished one.

    Messages may arrive in another order than jobs were submitted, so the oldest job runs whichever message came.
    Since a message is dropped only when its own job has ended, every unfinished job keeps a message that wakes
    a worker for it.
    """
    if woken_for is None or woken_for.status.ended:
        return Drop()
    if oldest is None:
        return GiveBack(1)
    if oldest.claimable_at(now):
        return Claim(oldest)
    lease_left = (oldest.lease_expires_at - now).total_seconds() if oldest.lease_expires_at else 0
    return GiveBack(max(1, math.ceil(lease_left)))
