"""The narrow seam behind which the engine sits: what of `gpu_worker.engine` the worker calls, and nothing more.

Only the child process imports an engine. The worker names a loader, `module:function`, which the child calls with a
pack's folder.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from gpu_worker.engine import Options, Progress
from gpu_worker.engine.checkpoints import Checkpoints


class Pack(Protocol):
    """The weights that an engine has loaded."""

    @property
    def name(self) -> str:
        """The pack's name."""
        ...

    @property
    def version(self) -> str:
        """The pack's version."""
        ...

    @property
    def digest(self) -> str:
        """A digest of every byte of the pack."""
        ...

    @property
    def device(self) -> object:
        """What they are on, which as text is torch's name for it."""
        ...


class Analysis(Protocol):
    """What an engine found in a text."""

    @property
    def token_count(self) -> int:
        """How many tokens the text has."""
        ...

    def files(self) -> Mapping[str, str]:
        """Return BookNLP's output files by the names of `jobs.documents.FILES`."""
        ...

    def sections(self) -> Mapping[str, Iterable[object]]:
        """Return the result's parts, each an iterable of JSON-like items that is read once."""
        ...


class Engine(Protocol):
    """An engine with a pack in memory."""

    @property
    def pack(self) -> Pack:
        """The pack that is loaded."""
        ...

    def analyze(
        self,
        text: str,
        options: Options,
        *,
        on_progress: Callable[[Progress], None],
        checkpoints: Checkpoints,
        cancelled: Callable[[], bool],
    ) -> Analysis:
        """Analyse the text; raises the errors of `gpu_worker.engine.errors`."""
        ...


#: Returns an engine with the pack of a folder; raises PackError when the folder holds none.
EngineLoader = Callable[[Path], Engine]
