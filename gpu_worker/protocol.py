"""What the worker and the engine's process say to each other over their pipe.

The worker says `Load` or `Analyze` and hears exactly one of their final answers; before that, any number of
`Advanced` and `Saved`. `Stop` has no answer of its own: it hastens the final one. Texts, checkpoints and results
do not travel through the pipe but lie in the attempt's folder.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jobs.model import Options, Outcome, TaskName


@dataclass(frozen=True, slots=True)
class Load:
    """Load the pack of a folder, unless it is loaded already."""

    pack_folder: Path


@dataclass(frozen=True, slots=True)
class Loaded:
    """The final answer to `Load`."""

    #: The pack as `name@version`.
    pack: str
    #: A name for all that decides the engine's output.
    identity: str
    #: What the engine computes on: `cuda`, or `cpu` where it found no GPU.
    device: str


@dataclass(frozen=True, slots=True)
class Analyze:
    """Read the text in the attempt's folder and write the results there."""

    folder: Path
    job_id: str
    pipeline: tuple[TaskName, ...]
    options: Options
    submitted_at: datetime
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far the engine is: the stage that runs, the share of all work done from 0 to 1, seconds left."""

    stage: str
    fraction: float
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """The checkpoint of a stage lies in the attempt's folder."""

    stage: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A final answer to `Analyze`: the results lie in the attempt's folder, and tell of this outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Failed:
    """A final answer to either command: why there is no result, as the job's caller is told."""

    reason: str
    permanent: bool
    #: Where in the engine it failed, for the worker to log with the job's id.
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Halted:
    """A final answer to `Analyze`: the engine heard `Stop`."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the analysis that runs."""


Command = Load | Analyze | Stop
FinalAnswer = Loaded | Finished | Failed | Halted
Event = Advanced | Saved | FinalAnswer
