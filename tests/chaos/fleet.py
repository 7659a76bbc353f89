"""Worker processes that a test may kill, and patience with a deadline."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.workers import Deployment


def eventually(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@dataclass
class WorkerProcess:
    """A worker as a process of its own, and what it logs."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged; the last line may be cut off by its death."""
        whole = self.log.read_text().splitlines()
        return [json.loads(line) for line in whole if line.startswith("{") and line.endswith("}")]

    def said(self, message: str) -> bool:
        return any(line["message"] == message for line in self.lines())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def engine(self) -> psutil.Process:
        """Return the process that holds its engine."""
        eventually(lambda: bool(psutil.Process(self.pid).children()), "an engine's process")
        return psutil.Process(self.pid).children()[0]


@dataclass
class Workers:
    """All workers that a test started, one after the other or side by side."""

    deployment: Deployment
    folder: Path
    started: list[WorkerProcess] = field(default_factory=list)

    @property
    def homes(self) -> Path:
        """The folder in which the workers put what they work on."""
        return self.folder / "homes"

    def start(self) -> WorkerProcess:
        self.homes.mkdir(exist_ok=True)
        log = self.folder / f"worker-{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker"],
                env={**os.environ, **self.deployment.settings.as_environment(), "TMPDIR": str(self.homes)},
                stderr=output,
                start_new_session=True,
            )
        self.started.append(WorkerProcess(process, log))
        return self.started[-1]

    def holding(self, owner: str | None) -> WorkerProcess | None:
        """Return the worker that a lease names as its owner, if it is one of these and lives."""
        pids = {str(worker.pid): worker for worker in self.started if worker.process.poll() is None}
        return next((worker for pid, worker in pids.items() if owner and f"-{pid}-" in owner), None)

    def lines(self) -> list[dict[str, Any]]:
        return [line for worker in self.started for line in worker.lines()]

    def end(self) -> None:
        for worker in self.started:
            if worker.process.poll() is None:
                worker.send(signal.SIGCONT)
                worker.send(signal.SIGTERM)
        for worker in self.started:
            worker.process.wait(10)
