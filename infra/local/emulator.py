"""The AWS emulator, ministack, as a child process: what it is started with, and when it is ready."""

import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from infra.local.errors import EmulatorFailed

#: How long a start may take before it is given up, in seconds; a busy machine takes 3.
START_TIMEOUT = 30.0

#: What the emulator asks for; it checks neither.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Running(Protocol):
    """A process that may have ended."""

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""


def url(port: int) -> str:
    """Return the address of an emulator on this machine's port."""
    return f"http://127.0.0.1:{port}"


def environment(port: int, state: Path | None = None) -> dict[str, str]:
    """Return the settings of an emulator on loopback alone; with `state`, a SIGTERM keeps all it holds there."""
    settings = {
        **CREDENTIALS,
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # it stands in the addresses that the emulator gives out
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        # Services that would listen on ports of their own.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }
    if state is not None:
        settings |= {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "objects"),
        }
    return settings


def client_environment(port: int) -> dict[str, str]:
    """Return what a process needs in its environment for its AWS calls to go to the emulator."""
    return {**CREDENTIALS, "AWS_ENDPOINT_URL": url(port)}


def is_healthy(port: int, timeout: float = 2.0) -> bool:
    """Tell whether an emulator answers on the port."""
    try:
        with urllib.request.urlopen(f"{url(port)}/_ministack/health", timeout=timeout) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def wait_until_ready(port: int, process: Running) -> None:
    """Return once the emulator answers; raises EmulatorFailed when it ended or did not answer in time."""
    deadline = time.monotonic() + START_TIMEOUT
    while not is_healthy(port):
        if process.poll() is not None:
            raise EmulatorFailed(f"The emulator ended with status {process.poll()} while starting.")
        if time.monotonic() > deadline:
            raise EmulatorFailed(f"The emulator did not answer on port {port} within {START_TIMEOUT:.0f} seconds.")
        time.sleep(0.05)


def forget_everything(port: int) -> None:
    """Empty the emulator: every resource, object and message in it is gone."""
    request = urllib.request.Request(f"{url(port)}/_ministack/reset", method="POST")  # noqa: S310 - loopback only
    with urllib.request.urlopen(request, timeout=10):
        pass
