"""The worker's end of the engine's process: started once, kept warm from job to job, replaced when it dies."""

import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from gpu_worker.errors import EngineDied
from gpu_worker.logs import logger
from gpu_worker.protocol import Command, Event, FinalAnswer, Stop

#: The loader of the product's own engine.
BOOKNLP = "gpu_worker.engine:Engine.load"

#: How long a process may take to be gone that was killed or whose pipe closed, in seconds.
LAST_BREATH = 5


class EngineProcess:
    """A process that holds an engine; there is none until `start`, and a dead one is replaced by the next `start`.

    `home` is the folder for the attempts' folders. It holds parts of books, so the process deletes it when the
    worker is gone.
    """

    def __init__(self, loader: str, home: Path) -> None:
        self.home = home
        self._loader = loader
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process's number, or None when there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process unless it runs. It begins to import the engine at once."""
        if self._process is not None and self._process.poll() is None:
            return
        self.kill()
        ours, theirs = Pipe()
        # An own program rather than a fork: this process has threads. The child keeps no other descriptor of ours,
        # so when this process ends, however it does, the child reads the pipe's end and goes too.
        python = [sys.executable, *(["-P"] if sys.flags.safe_path else [])]
        command = [*python, "-m", "gpu_worker.child", str(theirs.fileno()), self._loader, str(self.home)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])  # noqa: S603 - ours
        theirs.close()
        self._pipe = ours

    def send(self, command: Command) -> None:
        """Give a command; raises EngineDied."""
        pipe = self._open_pipe()
        try:
            pipe.send(command)
        except OSError as closed:
            raise self._death() from closed

    def receive(self, timeout: float) -> Event | None:
        """Return the next event, or None when none came within `timeout` seconds; raises EngineDied."""
        pipe = self._open_pipe()
        try:
            if not pipe.poll(timeout):
                return None
            event: Event = pipe.recv()
        except (EOFError, OSError) as closed:
            raise self._death() from closed
        return event

    def halt(self, grace: float) -> None:
        """End the command that runs: ask, and kill the process if there is no final answer in `grace` seconds."""
        deadline = time.monotonic() + grace
        try:
            self.send(Stop())
            while (left := deadline - time.monotonic()) > 0:
                if isinstance(self.receive(left), FinalAnswer):
                    return
        except EngineDied:
            logger.info("the engine's process died while it was asked to stop")
        self.kill()

    def kill(self) -> None:
        """End the process now, if there is one. Stuck in the system, as in a GPU's driver, it is left behind."""
        if self._process is not None:
            self._process.kill()
            if self._ended() is None:
                logger.error("the engine's process outlives its kill", engine_pid=self.pid)
            self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _open_pipe(self) -> Connection:
        if self._pipe is None:
            raise EngineDied("The engine is not running.")
        return self._pipe

    def _death(self) -> EngineDied:
        """Return the error that tells how the process ended."""
        code = self._ended()
        if code is None:
            logger.warning("the engine's process closed its pipe and stayed")
        self.kill()
        return EngineDied(_how_it_ended(code))

    def _ended(self) -> int | None:
        """Return the exit status of a process that is about to end, None where it is there for longer than it may."""
        try:
            return self._process.wait(LAST_BREATH) if self._process is not None else None
        except subprocess.TimeoutExpired:
            return None


def _how_it_ended(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "The engine was killed, most likely because the worker's memory ran out; try a shorter text."
    if code is not None and code < 0:
        return f"The engine crashed ({signal.Signals(-code).name})."
    return "The engine stopped unexpectedly."
