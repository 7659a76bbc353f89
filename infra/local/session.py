"""From a command to a running stack: the folder's lock, what a killed run left behind, the signals that stop it."""

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

from infra.local.errors import AlreadyRunning
from infra.local.home import Home, Running
from infra.local.processes import Identity
from infra.local.stack import PATIENCE, LocalStack, Options

#: How long a stack may take to stop, in seconds: as long as its processes may, and some for itself.
STOP_WITHIN = sum(PATIENCE.values()) + 10.0

#: How long what an earlier run left behind may take to end, in seconds: its emulator saves the jobs.
LEFTOVERS_WITHIN = PATIENCE["emulator"]


def take(home: Home) -> int | Running:
    """Return the folder's lock, or the stack that already runs there.

    What a killed run left behind is ended first. Raises FolderNotWritable, and AlreadyRunning when something holds
    the folder that we cannot prove to be ours.
    """
    home.prepare()
    deadline = time.monotonic() + LEFTOVERS_WITHIN
    while True:
        try:
            return home.lock()
        except AlreadyRunning:
            running = home.running()
            if running is not None and running.supervisor.find() is not None:
                return running
            if time.monotonic() > deadline:
                raise
            end_leftovers(running)
            time.sleep(0.1)


def run(
    home: Home, lock: int, options: Options, report: Callable[[str], None], when_ready: Callable[[Running], None]
) -> None:
    """Run the local stack until SIGINT, SIGTERM or SIGHUP stops it in order, or it cannot go on.

    Raises what LocalStack's `start`, `wait` and `stop` raise; KeyboardInterrupt for any of the signals.
    """
    with stopped_by_signals(), LocalStack(home, lock, options, report) as stack:
        when_ready(stack.start())
        stack.wait()


def stop(home: Home) -> bool:
    """Stop the stack of the folder, and what a killed one left behind; return whether there was one.

    Raises StateNotKept when its jobs are lost.
    """
    running = home.running()
    if running is None:
        return False
    _end([running.supervisor], STOP_WITHIN)
    end_leftovers(running)
    home.note_running(None)
    home.see_state_kept(running)
    return True


def end_leftovers(running: Running | None) -> None:
    """End the processes of a stack whose supervisor is gone: only those that still are the very ones it noted."""
    _end(running.children.values() if running is not None else (), LEFTOVERS_WITHIN)


def _end(identities: Iterable[Identity], patience: float) -> None:
    """Ask processes to stop and return once they have, though nobody may have asked yet what became of them."""
    for process in _running(identities):
        with suppress(psutil.NoSuchProcess):  # it ends by itself
            process.resume()  # what Ctrl-Z stopped would hear of nothing
            process.terminate()
    deadline = time.monotonic() + patience
    while _running(identities) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in _running(identities):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _running(identities: Iterable[Identity]) -> list[psutil.Process]:
    return [process for identity in identities if (process := identity.find())]


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let each signal that means `stop` raise KeyboardInterrupt, once; one that our starter ignores stays ignored."""

    def stop_once(_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    stopping = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in stopping if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop_once)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
