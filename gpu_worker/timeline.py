"""When the stages of one attempt ran: what its metrics and its trace are made from."""

from dataclasses import dataclass, field
from datetime import datetime

from jobs.clock import Clock


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of the engine that ran to its end."""

    stage: str
    began_at: datetime
    ended_at: datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.began_at).total_seconds()


@dataclass
class Timeline:
    """One attempt: when it began, which stages ran, and whether it went wrong."""

    clock: Clock
    began_at: datetime
    failed: bool = False
    runs: list[StageRun] = field(default_factory=list)
    _stages: dict[str, datetime] = field(default_factory=dict, init=False)

    def enter(self, stage: str) -> None:
        """Note that the engine is in a stage; only the first time counts."""
        self._stages.setdefault(stage, self.clock())

    def leave(self, stage: str) -> StageRun:
        """Note that a stage is done and return how it ran."""
        now = self.clock()
        run = StageRun(stage, self._stages.setdefault(stage, now), now)
        self.runs.append(run)
        return run
