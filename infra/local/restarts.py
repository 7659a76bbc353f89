"""When a process that died is started again: soon at first, less and less often while it keeps dying."""

from dataclasses import dataclass

#: The longest wait, in seconds.
LONGEST = 30.0

#: A process that ran this long, in seconds, is no longer one that keeps dying.
SOUND_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """How often a process has died in a row."""

    deaths: int = 0

    def after_death(self, ran_for: float) -> "BackOff":
        """Return the back-off once more, or anew when the process ran long enough, in seconds."""
        return BackOff(1 if ran_for >= SOUND_AFTER else self.deaths + 1)

    @property
    def delay(self) -> float:
        """Seconds until it is started again: 1, 2, 4, … up to the longest."""
        return float(min(2.0 ** (self.deaths - 1), LONGEST))
