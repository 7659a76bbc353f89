"""What every kind of test may use: a clock that it sets; and Ctrl-C, wherever the tests run."""

import signal
from datetime import UTC, datetime, timedelta

import pytest


def pytest_configure() -> None:
    """Let the programs that tests start hear Ctrl-C: a shell's background jobs and their children are born deaf."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class SettableClock:
    """Tells the time that the test set, a millisecond later each time, so that no two moments are the same."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.advance(0.001)

    def advance(self, seconds: float) -> datetime:
        """Let that many seconds pass and return the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()
