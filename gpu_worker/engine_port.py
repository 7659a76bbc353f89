"""The narrow seam behind which the engine sits: what the worker asks of it and nothing more.

The worker's own process never imports an engine. It names a loader, `module:function`, which the child process
imports and calls with a pack's folder.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.model import Options, TaskName

#: The loader of the product's own engine.
BOOKNLP = "gpu_worker.booknlp_engine:load"


@dataclass(frozen=True, slots=True)
class Advance:
    """How far the engine is: the stage that runs, the share of all work done from 0 to 1, seconds left."""

    stage: str
    fraction: float
    eta_seconds: float | None = None


class Reading(Protocol):
    """What an engine found in a text."""

    @property
    def token_count(self) -> int:
        """How many tokens the text has."""
        ...

    def files(self) -> Mapping[str, str]:
        """Return BookNLP's output files by the names of `jobs.documents.FILES`."""
        ...

    def document(self) -> Mapping[str, Iterable[object]]:
        """Return the result's sections, each an iterable of JSON-like items that is read once."""
        ...


class Checkpoints(Protocol):
    """Where the outputs of finished stages are kept for a later attempt."""

    def load(self, stage: str) -> bytes | None:
        """Return what an earlier attempt saved of the stage, or None."""
        ...

    def save(self, stage: str, state: bytes) -> None:
        """Keep the stage's output."""
        ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an engine calls while it works."""

    on_progress: Callable[[Advance], None]
    checkpoints: Checkpoints
    #: Whether to stop; the engine asks often and then raises `gpu_worker.errors.Stopped`.
    cancelled: Callable[[], bool]


class LoadedEngine(Protocol):
    """An engine with a pack's weights in memory."""

    @property
    def pack(self) -> str:
        """The pack as callers see it, `name@version`."""
        ...

    @property
    def identity(self) -> str:
        """What of code and weights decides the output: checkpoints of another identity are not used."""
        ...

    def read(self, text: str, pipeline: tuple[TaskName, ...], options: Options, hooks: Hooks) -> Reading:
        """Analyse the text.

        Raises `PermanentFailure` for a text that can never be read, `Stopped` when told to stop.
        """
        ...


#: Loads the pack of a folder; raises `PermanentFailure` when it is not one that the engine can run.
EngineLoader = Callable[[Path], LoadedEngine]
