"""The local stack as a process of its own, and waiting for a stack that another process brings up."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from infra.local.errors import ServiceFailed
from infra.local.home import Home, Running
from infra.local.session import STOP_WITHIN
from infra.local.stack import Options

#: How long a start may take, in seconds.
READY_WITHIN = 120.0


def start_detached(home: Home, options: Options) -> Running:
    """Start the stack so that it outlives this process and return it once it is ready.

    Raises ServiceFailed with the reason that the other process told. A start that is broken off leaves nothing running.
    """
    log = home.log("up")
    switches = {"worker": options.worker, "substitute": options.substitute, "keys": options.keys}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "infra.local", "--port", str(options.port)]
            + [f"--{name}" if on else f"--no-{name}" for name, on in switches.items()],
            env={**os.environ, "BOOKJOB_HOME": str(home.path)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _once_ready(home, process, log)
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN)
        raise


def _once_ready(home: Home, process: "subprocess.Popen[bytes]", log: Path) -> Running:
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        running = home.running()
        if running is not None and running.ready and running.supervisor.pid == process.pid:
            return running
        time.sleep(0.1)
    if lines := log.read_text().splitlines():
        raise ServiceFailed(lines[-1])
    if process.poll() is not None:
        raise ServiceFailed(f"The service ended before it was ready, and {log} does not say why: is its disk full?")
    raise ServiceFailed(f"The service was not ready within {READY_WITHIN:.0f} seconds; see {log}.")


def wait_until_ready(home: Home) -> Running:
    """Return the stack that another process brings up, once it is ready; raises ServiceFailed when it is not."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        running = home.running()
        if running is None or running.supervisor.find() is None:
            break
        if running.ready:
            return running
        time.sleep(0.1)
    raise ServiceFailed(f"The service did not become ready; see the logs in {home.path / 'logs'}.")
