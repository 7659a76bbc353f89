"""What a callback is: the telling of one end of one job to the address that came with it. No I/O.

A job that is retried may end again; each end is a callback of its own, with the job as it stood then. So whatever
becomes of the job meanwhile (it is retried, it expires, its caller deletes it), what is told stays true and is told.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from jobs.clock import Instant, isoformat
from jobs.model import Job

#: How long after a job's end its callback is tried.
TRIED_FOR = timedelta(hours=24)

#: The longest that one attempt may take, whatever happens to it; longer than the function lives that makes it.
ATTEMPT_TIME = timedelta(seconds=90)

#: How long a callback is kept at least, which is longer than it is tried.
KEPT_FOR = timedelta(hours=48)

#: The pause before the second attempt, how much longer each one is than the one before, and the longest.
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = timedelta(seconds=5), 4, timedelta(hours=4)


class CallbackState(StrEnum):
    """How far a callback is."""

    #: It has not been taken yet, and is tried until it is.
    PENDING = "pending"
    #: The receiver answered 2xx.
    DELIVERED = "delivered"
    #: The receiver answered 410, or took it at no attempt for as long as it is tried.
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One end of a job and how far its telling is. Immutable: a move returns the callback as it is afterwards."""

    #: The `webhook-id`: the same for every attempt, another for every other end.
    callback_id: str
    url: str
    #: The job as it stood at this end.
    job: Job
    state: CallbackState = CallbackState.PENDING
    #: How often it was tried, the attempt that may be running included.
    attempts: int = 0
    #: Why the last attempt that failed did.
    last_error: str | None = None
    #: When it is tried next, unless an attempt that runs now succeeds; None once it is settled.
    next_attempt_at: Instant | None = None

    @classmethod
    def of(cls, job: Job) -> Self | None:
        """Return the callback of an end as it begins; None for a job that came with no address or has not ended."""
        if job.callback_url is None or job.completed_at is None:
            return None
        return cls(callback_id=id_of(job), url=job.callback_url, job=job, next_attempt_at=job.completed_at)

    @property
    def event(self) -> str:
        """The type of what happened, such as `job.completed`."""
        return f"job.{self.job.status}"

    @property
    def happened_at(self) -> datetime:
        """When the job ended."""
        return self.job.completed_at or self.job.submitted_at

    @property
    def purge_at(self) -> int:
        """Epoch second from which DynamoDB may delete the record: not while the job's own tells of it."""
        return max(int((self.happened_at + KEPT_FOR).timestamp()), self.job.purge_at or 0)

    def due_by(self, now: datetime) -> bool:
        """Whether it is to be tried now. The first attempt waits for nothing, so two clocks need not agree on it."""
        return self.next_attempt_at is not None and (self.attempts == 0 or self.next_attempt_at <= now)

    def begun(self, now: datetime) -> Self:
        """Return it with an attempt begun, which counts as failed when nothing is heard of it in time."""
        return replace(self, attempts=self.attempts + 1, next_attempt_at=now + ATTEMPT_TIME)

    def delivered(self) -> Self:
        """Return it taken by its receiver."""
        return replace(self, state=CallbackState.DELIVERED, last_error=None, next_attempt_at=None)

    def refused(self, reason: str) -> Self:
        """Return it given up, as its receiver wants no more of it."""
        return replace(self, state=CallbackState.FAILED, last_error=reason, next_attempt_at=None)

    def missed(self, reason: str, now: datetime, jitter: float) -> Self:
        """Return it to be tried again, the last time when it has been tried for a day, and given up after that."""
        until = self.happened_at + TRIED_FOR
        if now >= until:
            return self.refused(reason)
        again = min(now + pause_after(self.attempts, jitter), until)
        return replace(self, last_error=reason, next_attempt_at=again)


def id_of(job: Job) -> str:
    """Return the id of the callback of the job's present end."""
    ended_at = isoformat(job.completed_at) if job.completed_at else ""
    return "msg_" + hashlib.sha256(f"{job.job_id}/{ended_at}".encode()).hexdigest()[:32]


def pause_after(attempts: int, jitter: float) -> timedelta:
    """Return how long to wait after so many attempts; `jitter` from 0 to 1 lies between half the pause and all of it.

    So receivers that were down are not all asked again at once.
    """
    growth: int = GROWTH ** min(attempts - 1, 10)  # beyond that the longest pause holds, and the power grows absurd
    return min(FIRST_PAUSE * growth, LONGEST_PAUSE) * (0.5 + jitter / 2)
