"""Which of the engine's many steps are worth a write to the record."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gpu_worker.protocol import Advanced
from jobs.model import Progress

#: The least time between two writes.
PAUSE = timedelta(seconds=1)

#: The least gain, in percent, that is written while the stage stays the same.
GAIN = 1.0

#: The most that a running job shows: 100 percent means that its result can be fetched.
CEILING = 99.0


@dataclass
class ProgressReport:
    """What the engine has said last and what the record shows. Percent never falls."""

    _latest: Progress | None = field(default=None, init=False)
    _told: Progress | None = field(default=None, init=False)
    _told_at: datetime | None = field(default=None, init=False)

    def note(self, advanced: Advanced) -> None:
        """Take in how far the engine is."""
        percent = min(round(advanced.fraction * 100, 1), CEILING)
        if self._latest is not None:
            percent = max(percent, self._latest.percent)
        self._latest = Progress(advanced.stage, percent, advanced.eta_seconds)

    def due(self, now: datetime) -> Progress | None:
        """Return what to write now: nothing within a second of the last write or without a visible change."""
        latest = self._latest
        if latest is None or (self._told_at is not None and now - self._told_at < PAUSE):
            return None
        return latest if _differs(latest, self._told) else None

    def told(self, progress: Progress, now: datetime) -> None:
        """Take in that the record shows this from `now` on."""
        self._told, self._told_at = progress, now


def _differs(new: Progress, old: Progress | None) -> bool:
    return old is None or new.stage != old.stage or new.percent - old.percent >= GAIN
