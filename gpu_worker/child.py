"""The engine's process: it holds the engine warm, takes one command at a time and ends with the pipe to its worker.

Started by `engine_process` as `python -m gpu_worker.child FD LOADER HOME`.
"""

import faulthandler
import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from dataclasses import dataclass, field, replace
from importlib import import_module
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import cast

from gpu_worker.engine import Cancelled, EngineError, Options, PackError, Progress, Stage, Task, UnreadableText
from gpu_worker.engine.checkpoints import VERSION as CHECKPOINT_VERSION
from gpu_worker.engine.options import CATEGORIES
from gpu_worker.engine_port import Engine, EngineLoader
from gpu_worker.logs import logger
from gpu_worker.protocol import (
    Advanced,
    Analyze,
    Command,
    Event,
    Failed,
    FinalAnswer,
    Finished,
    Halted,
    Load,
    Loaded,
    Saved,
    Stop,
)
from gpu_worker.results import write_results
from gpu_worker.scratch import Scratch
from gpu_worker.shutdown import SIGNALS
from jobs.clock import utc_now


@dataclass
class Line:
    """The child's end of the pipe. A thread reads it, so that `Stop` and the worker's end are heard amid work."""

    connection: Connection
    #: The folder that holds all attempts' folders.
    home: Path
    commands: queue.SimpleQueue[Load | Analyze] = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """Hear commands until the worker is gone, then delete what is left of its job and end this process at once."""
        try:
            while True:
                self._hear(self.connection.recv())
        except (EOFError, OSError):
            shutil.rmtree(self.home, ignore_errors=True)
            os._exit(0)

    def _hear(self, command: Command) -> None:
        match command:
            case Stop():
                self.stop.set()
            case Load() | Analyze():
                self.stop.clear()
                self.commands.put(command)

    def say(self, event: Event) -> None:
        """Tell the worker."""
        self.connection.send(event)


@dataclass(frozen=True, slots=True)
class FolderCheckpoints:
    """Checkpoints in the attempt's folder, from where the worker stores them."""

    scratch: Scratch
    line: Line

    def load(self, stage: Stage) -> bytes | None:
        """Return what an earlier attempt saved of the stage, or None."""
        place = self.scratch.checkpoint(stage)
        return place.read_bytes() if place.exists() else None

    def save(self, stage: Stage, state: bytes) -> None:
        """Keep the stage's output and tell the worker."""
        self.scratch.checkpoint(stage).write_bytes(state)
        self.line.say(Saved(stage))


class Child:
    """Obeys the commands of a pipe with one engine."""

    def __init__(self, line: Line, load_engine: EngineLoader) -> None:
        self._line = line
        self._load_engine = load_engine
        self._engine: Engine | None = None
        self._pack_folder: Path | None = None

    def obey_forever(self) -> None:
        """Answer one command after the other."""
        while True:
            self._line.say(self._answer(self._line.commands.get()))

    def _answer(self, command: Load | Analyze) -> FinalAnswer:
        try:
            return self._load(command) if isinstance(command, Load) else self._analyze(command)
        except Cancelled:
            return Halted()
        except Exception as error:
            return replace(_failure(error), stack=traceback.format_exc())

    def _load(self, command: Load) -> Loaded:
        if self._engine is None or self._pack_folder != command.pack_folder:
            self._engine = None  # so that two packs never share the memory
            self._engine = self._load_engine(command.pack_folder)
            self._pack_folder = command.pack_folder
        pack = self._engine.pack
        return Loaded(f"{pack.name}@{pack.version}", f"{CHECKPOINT_VERSION}:{pack.digest}", str(pack.device))

    def _analyze(self, order: Analyze) -> Finished:
        if self._engine is None:
            raise EngineError("no model pack is loaded")
        scratch = Scratch(order.folder)
        with logger.append_context_keys(job_id=order.job_id):
            analysis = self._engine.analyze(
                scratch.text.read_bytes().decode(),
                _options(order),
                on_progress=self._advance,
                checkpoints=FolderCheckpoints(scratch, self._line),
                cancelled=self._line.stop.is_set,
            )
            return Finished(write_results(order, analysis, utc_now))

    def _advance(self, progress: Progress) -> None:
        self._line.say(Advanced(progress.stage, progress.fraction, progress.eta_seconds))


def _options(order: Analyze) -> Options:
    """Return a job's options as the engine takes them; raises UnreadableText where it takes no such options."""
    try:
        return Options(
            tasks=frozenset(map(Task, order.pipeline)),
            pronominal_coref_only=order.options.pronominal_coref_only,
            referential_gender_cats=order.options.referential_gender_cats or CATEGORIES,
            compat=order.options.compat,
        )
    except ValueError as error:
        raise UnreadableText(f"the options contradict each other: {error}") from error


def _failure(error: Exception) -> Failed:
    """Return what a caller is told of an error: nothing of the code, its paths or its stack."""
    match error:
        case UnreadableText():
            return Failed(f"The text could not be analysed: {error}.", permanent=True)
        case PackError():
            return Failed("The model pack is damaged or not one that this engine can run.", permanent=True)
        case EngineError():
            return Failed(f"The engine failed: {error}.", permanent=False)
        case MemoryError():
            return Failed("The text needs more memory than the worker has; split it.", permanent=False)
        case _:
            return Failed("The engine met an internal error; the worker's log has the details.", permanent=False)


def find_loader(name: str) -> EngineLoader:
    """Return the loader that `module:function` names."""
    module, _, function = name.partition(":")
    return cast("EngineLoader", attrgetter(function)(import_module(module)))


def main(descriptor: int, loader: str, home: Path) -> None:
    """Obey the worker at the other end of the pipe until it is gone."""
    faulthandler.enable()
    for number in SIGNALS:
        # Ctrl-C reaches every process of a terminal, but the worker decides what becomes of its engine.
        signal.signal(number, signal.SIG_IGN)
    line = Line(Connection(descriptor), home)
    threading.Thread(target=line.listen, name="listen", daemon=True).start()
    Child(line, find_loader(loader)).obey_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
