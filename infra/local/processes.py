"""Child processes that end with their parent, and processes told apart from others that came to the same number."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict


class Identity(BaseModel):
    """A process for good: its number, which the system gives out again, and when it started."""

    model_config = ConfigDict(frozen=True)

    pid: int
    #: Epoch seconds, as the system tells them.
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the identity of a process that runs; raises psutil.NoSuchProcess."""
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """Return the process, or None when it has ended, whoever may have its number now."""
        try:
            process = psutil.Process(self.pid)
            same = process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None


@dataclass
class Child:
    """A module that runs as a process of its own, on a leash that its parent holds."""

    name: str
    process: "subprocess.Popen[bytes]"
    identity: Identity

    @classmethod
    def start(
        cls,
        name: str,
        module: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        keep_open: Sequence[int] = (),
    ) -> Self:
        """Start `python -m` of the module with its arguments, beside our environment and with its output in the log.

        `keep_open` are file descriptors that it inherits. It is in a session of its own, so that a Ctrl-C at the
        terminal reaches the parent alone, which stops its children in order.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.leash", *module],
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=keep_open,
                start_new_session=True,
            )
        return cls(name, process, Identity.of(process.pid))

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self.process.poll()

    def stop(self, patience: float) -> None:
        """Ask it to stop, and kill it when it has not within `patience` seconds."""
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
