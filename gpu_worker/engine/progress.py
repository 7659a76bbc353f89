"""How far an analysis is: work done over work known, each stage weighted by what it was measured to cost."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from gpu_worker.engine.document import Stage, Task
from gpu_worker.engine.errors import Cancelled

#: Seconds for 100,000 tokens on two CPU cores with the bundled pack, coreference between the default mode's 1 and the
#: 10 of `compat`. All grow with the tokens, so their ratios hold for any length, roughly for other packs and machines.
COSTS = {
    Stage.TOKENS: 4.0,
    Stage.TAGGING: 14.0,
    Stage.QUOTES: 0.1,
    Stage.NAMES: 0.3,
    Stage.SPEAKERS: 19.0,
    Stage.COREFERENCE: 3.0,
    Stage.CHARACTERS: 0.2,
}

#: The task without which a stage has nothing to do.
_TASK_OF = {
    Stage.NAMES: Task.ENTITY,
    Stage.SPEAKERS: Task.QUOTE,
    Stage.COREFERENCE: Task.COREF,
    Stage.CHARACTERS: Task.COREF,
}

#: The share of the work from which the time of the rest is told.
_TELLING = 0.01

#: Reports the share of a stage that is done, from 0 to 1; raises `Cancelled` when the caller wants to stop.
Advance = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is."""

    stage: Stage
    #: The share of the whole work that is done, from 0 to 1.
    fraction: float
    #: Seconds until the end at this run's speed, None as long as too little of it is done to tell.
    eta_seconds: float | None


def stages_of(tasks: frozenset[Task]) -> list[Stage]:
    """Return the stages that the tasks take, in the order in which they run."""
    return [stage for stage in Stage if _TASK_OF.get(stage) in (None, *tasks)]


class Meter:
    """Turns what stages say of themselves into the progress of the whole, which never falls."""

    def __init__(
        self,
        tasks: frozenset[Task],
        report: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        stages = stages_of(tasks)
        self._total = sum(COSTS[stage] for stage in stages)
        #: What is done before each stage, in the costs' seconds.
        sums = [0.0, *itertools.accumulate(COSTS[stage] for stage in stages)]
        self._before = dict(zip(stages, sums, strict=False))
        self._report = report
        self._cancelled = cancelled
        self._clock = clock
        self._started_at = clock()
        self._done = 0.0
        #: Work that an earlier run did, from which no speed can be told.
        self._inherited = 0.0

    def inherit(self, stage: Stage) -> None:
        """Count a stage as done that was not run."""
        self._inherited += COSTS[stage] / self._total
        self._advance(stage, 1.0)

    def run(self, stage: Stage) -> Advance:
        """Begin a stage; return what it calls as it goes."""
        self._advance(stage, 0.0)
        return lambda share: self._advance(stage, share)

    def _advance(self, stage: Stage, share: float) -> None:
        if self._cancelled():
            raise Cancelled("the analysis was stopped on request")
        share = min(max(share, 0.0), 1.0)
        self._done = max(self._done, (self._before[stage] + share * COSTS[stage]) / self._total)
        self._report(Progress(stage, self._done, self._eta()))

    def _eta(self) -> float | None:
        own = self._done - self._inherited
        if own < _TELLING:
            return None
        return (self._clock() - self._started_at) / own * (1 - self._done)
