"""How a worker is asked to stop: SIGTERM or SIGINT once to finish in good order, twice to end at once."""

import os
import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """Whether the worker was asked to stop."""

    def __init__(self) -> None:
        self._requested = threading.Event()

    def listen(self) -> None:
        """Take over the signals; call from the main thread."""
        for number in SIGNALS:
            signal.signal(number, self._hear)

    @property
    def requested(self) -> bool:
        """Whether to begin nothing new and give back what runs."""
        return self._requested.is_set()

    def request(self) -> None:
        """Ask the worker to stop."""
        self._requested.set()

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until the worker is asked to stop; return whether it was."""
        return self._requested.wait(seconds)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.requested:
            # Nothing is given back: the lease runs out, and the engine's process ends with its pipe.
            os._exit(128 + number)
        self.request()
