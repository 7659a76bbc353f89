"""The AWS emulator, ministack: what it is started with, when it is ready, and what its callers need to know."""

import os
import time
from pathlib import Path
from typing import Protocol

from infra.local.answers import answers
from infra.local.errors import EmulatorFailed

#: The module that is run, `python -m`.
MODULE = "infra.local.guarded_emulator"

#: How long a start may take before it is given up, in seconds; a busy machine takes 3.
START_TIMEOUT = 30.0

#: What the emulator wants to be told; it checks nothing of it.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}

#: Where a client of the emulator looks for the user's AWS settings: nowhere, for they may lead it past the emulator.
NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class Process(Protocol):
    """A process that may have ended."""

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""


def url(port: int) -> str:
    """Return the address of an emulator on this machine's port."""
    return f"http://127.0.0.1:{port}"


def environment(port: int, state: Path | None = None, scratch: Path | None = None) -> dict[str, str]:
    """Return the settings of an emulator on loopback alone.

    With `state`, a SIGTERM keeps all it holds there; in `scratch` it unpacks functions and does not clear up.
    """
    settings = {
        **client_environment(port),  # its Lambda functions inherit it
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # stands in the addresses that it gives out
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        # Services that would listen on ports of their own.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }
    if scratch is not None:
        settings["TMPDIR"] = str(scratch)
    if state is not None:
        settings |= {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "objects"),
        }
    return settings


def client_environment(port: int) -> dict[str, str]:
    """Return what a process needs in its environment for its AWS calls to go to the emulator, past any proxy."""
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1", "localhost")))
    return {**CREDENTIALS, **NO_FILES, "AWS_ENDPOINT_URL": url(port), "NO_PROXY": direct, "no_proxy": direct}


def saved_at(state: Path) -> dict[str, int]:
    """Return when each service that jobs are in was last saved to the folder, in nanoseconds; 0 if it never was.

    All are saved when the emulator is asked to stop, and at no other time. A failure to is but a line in its log.
    """
    files = {service: state / "services" / f"{service}.json" for service in ("dynamodb", "s3", "sqs")}
    return {service: file.stat().st_mtime_ns if file.exists() else 0 for service, file in files.items()}


def is_healthy(port: int) -> bool:
    """Tell whether an emulator answers on the port."""
    return answers(f"{url(port)}/_ministack/health")


def wait_until_ready(port: int, process: Process) -> None:
    """Return once the emulator answers; raises EmulatorFailed when it ended or did not answer in time."""
    deadline = time.monotonic() + START_TIMEOUT
    while not is_healthy(port):
        if (status := process.poll()) is not None:
            raise EmulatorFailed(f"The emulator ended with status {status} while starting.")
        if time.monotonic() > deadline:
            raise EmulatorFailed(f"The emulator did not answer on port {port} within {START_TIMEOUT:.0f} seconds.")
        time.sleep(0.05)
