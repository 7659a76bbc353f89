"""Child processes that end with their parent, and processes told apart from others that came to the same number."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict


class Identity(BaseModel):
    """A process for good: the system gives its number out again, but not to one that started at the same moment."""

    model_config = ConfigDict(frozen=True)

    pid: int
    #: psutil's hash of it: of its number and of when it started, by a clock that nobody sets and no sleep stops.
    mark: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the identity of a process that runs; raises psutil.NoSuchProcess."""
        return cls(pid=pid, mark=hash(psutil.Process(pid)))

    def find(self) -> psutil.Process | None:
        """Return the process, or None when it has ended, whoever may have its number now."""
        try:
            process = psutil.Process(self.pid)
            same = hash(process) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None


@dataclass(frozen=True)
class Child:
    """A module that runs as a process of its own, on a leash that its parent holds."""

    name: str
    module: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    keep_open: Sequence[int]
    process: "subprocess.Popen[bytes]"
    identity: Identity
    #: When it was started, by time.monotonic.
    began: float

    @classmethod
    def start(
        cls,
        name: str,
        module: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        keep_open: Sequence[int] = (),
    ) -> Self:
        """Start `python -m` of the module with its arguments and its output in the log.

        It inherits our environment but for what that says of AWS, and the file descriptors `keep_open`. It is in a
        session of its own, so that a Ctrl-C at the terminal reaches the parent alone, which stops it in order.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-P", "-m", "infra.local.leash", *module],
                env={**inherited, **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=keep_open,
                start_new_session=True,
            )
        return cls(name, module, environment, log, keep_open, process, Identity.of(process.pid), time.monotonic())

    def start_again(self) -> Self:
        """Start the same module in the same way, after it has ended."""
        self._let_go()
        return self.start(self.name, self.module, self.environment, self.log, self.keep_open)

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self.process.poll()

    @property
    def ran_for(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.began

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        status = self.process.poll() or 0
        return signal.Signals(-status).name if status < 0 else f"status {status}"

    def ask_to_stop(self) -> None:
        """Send it SIGTERM, once: a second one may mean `at once` to it."""
        self.process.terminate()

    def see_stopped(self, patience: float) -> None:
        """Return once it has ended; kill it when it has not within `patience` seconds."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._let_go()

    def _let_go(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
