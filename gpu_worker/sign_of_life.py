"""How others know that a worker lives: a record in the jobs table, and a file for a container's health check."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from gpu_worker.logs import logger
from jobs.clock import Clock
from jobs.errors import AWS_ERRORS
from jobs.store import JobStore


@dataclass
class SignOfLife:
    """One worker's sign of life, given at most every `interval` seconds, idle or busy."""

    store: JobStore
    worker_id: str
    clock: Clock
    interval: float
    file: Path | None = None
    _given_at: float = field(default=float("-inf"), init=False)

    def give(self) -> None:
        """Tell that the worker lives, unless it was told a moment ago. A sign that does not arrive is only logged."""
        if time.monotonic() - self._given_at < self.interval:
            return
        self._given_at = time.monotonic()
        if self.file is not None:
            self.file.touch()
        try:
            self.store.hear_worker(self.worker_id, self.clock())
        except AWS_ERRORS:
            logger.warning("a sign of life did not arrive", exc_info=True)

    def end(self) -> None:
        """Tell that the worker stopped in good order."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
        try:
            self.store.forget_worker(self.worker_id)
        except AWS_ERRORS:
            logger.warning("the end of this worker could not be told", exc_info=True)
