"""When to look at a job next, and when to look no more, without any I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bookjob import errors
from bookjob.models import Job

#: Seconds that the service may hold its answer until something changes (`Prefer: wait`, RFC 7240).
HOLD: Final = 20
#: Seconds between the starts of two looks, at least.
SHORTEST: Final = 0.5
#: Seconds between two looks at a job that does not move, at most.
LONGEST: Final = 3.0
_GROWTH: Final = 1.4
#: Seconds that a watch bears a service that does not answer, such as while it is deployed anew.
OUTAGE_PATIENCE: Final = 120.0
#: Seconds that an uploaded text is looked for before it must be taken to wait for a place in the queue.
ARRIVAL_PATIENCE: Final = 60.0
#: Seconds between two looks for a text that may wait for a place, at most.
_LONGEST_FOR_A_PLACE: Final = 30.0


@dataclass(slots=True)
class Pace:
    """Looks often while a job moves and less often while it rests.

    A service that holds its answer until something changes has done the waiting itself, so the next look follows at
    once; one that answers at once is asked less and less often.
    """

    _interval: float = SHORTEST
    _last: Job | None = None

    def pause(self, job: Job, took: float) -> float:
        """Return the seconds to pause after a look that showed this job and took this many seconds."""
        moved = self._last is None or _visible(job) != _visible(self._last)
        self._last = job
        self._interval = SHORTEST if moved else min(self._interval * _GROWTH, LONGEST)
        return max(0.0, self._interval - took)


def _visible(job: Job) -> tuple[object, ...]:
    return job.status, job.stage, int(job.progress), job.queue_position


class Watch:
    """The looks at one job until it ends: what each is asked for, and how long to pause after it."""

    def __init__(
        self,
        job_id: str,
        timeout: float | None,
        on_change: Callable[[Job], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._job_id = job_id
        self._timeout = timeout
        self._on_change = on_change
        self._clock = clock
        self._pace = Pace()
        self._seen: Job | None = None
        self._started = self._looked = clock()
        #: When the service was first found not to answer, since it last did.
        self._lost: float | None = None

    def begin(self) -> int:
        """Return the seconds that the look which begins now may be held; raises JobTimedOut when time is up."""
        self._looked = self._clock()
        if self._timeout is None:
            return HOLD
        left = self._started + self._timeout - self._looked
        if left <= 0:
            raise errors.JobTimedOut(self._job_id, self._timeout)
        return max(1, min(HOLD, int(left)))

    def saw(self, job: Job) -> float:
        """Take what the look showed, tell it when it is new, and return the seconds to pause."""
        took = self._clock() - self._looked
        self._lost = None
        if self._on_change is not None and job != self._seen:
            self._on_change(job)
        self._seen = job
        return self._pace.pause(job, took)

    def missed(self, error: errors.BookjobError) -> float:
        """Return the seconds to pause after a look that failed; raises its error when it is no passing one."""
        if isinstance(error, errors.TooManyRequests):
            self._lost = None
        elif not _passes(error):
            raise error
        elif self._lost is None:
            self._lost = self._clock()
        elif self._clock() - self._lost > OUTAGE_PATIENCE:
            raise error
        return LONGEST


class Arrival:
    """The looks for a job whose text was uploaded, from its upload until it is there."""

    def __init__(self, job_id: str, *, wait_for_place: bool, clock: Callable[[], float]) -> None:
        self._job_id = job_id
        self._wait_for_place = wait_for_place
        self._patience = OUTAGE_PATIENCE if wait_for_place else ARRIVAL_PATIENCE
        self._longest = _LONGEST_FOR_A_PLACE if wait_for_place else LONGEST
        self._clock = clock
        self._heard = clock()
        self._interval = SHORTEST

    def missed(self, error: errors.BookjobError) -> float:
        """Return the seconds to pause after a look that met this error instead of the job.

        Raises UploadWaits when there were enough looks, and the error when it is no passing one.
        """
        answered = isinstance(error, errors.NotFound | errors.TooManyRequests)
        if not (answered or _passes(error)):
            raise error
        if answered and self._wait_for_place:
            self._heard = self._clock()
        if self._clock() - self._heard > self._patience:
            raise errors.UploadWaits(self._job_id) from error
        pause, self._interval = self._interval, min(self._interval * _GROWTH, self._longest)
        return pause


def _passes(error: errors.BookjobError) -> bool:
    return isinstance(error, errors.ServiceUnreachable | errors.ServiceFailed)
