"""How long to pause between two looks at a job."""

from dataclasses import dataclass
from typing import Final

from bookjob.models import Job

#: Seconds that the service may hold its answer until something changes (`Prefer: wait`, RFC 7240).
HOLD: Final = 20
#: Seconds between the starts of two looks, at least.
SHORTEST: Final = 0.5
#: Seconds between two looks at a job that does not move, at most.
LONGEST: Final = 3.0
_GROWTH: Final = 1.4


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
