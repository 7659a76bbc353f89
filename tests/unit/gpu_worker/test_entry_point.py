"""What `python -m gpu_worker` says when it cannot start, and what it costs to start."""

import os
import subprocess
import sys

import pytest

SETTINGS = {
    "BOOKJOB_TABLE": "jobs",
    "BOOKJOB_BUCKET": "books",
    "BOOKJOB_QUEUE_URL": "http://127.0.0.1/queue.fifo",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def start(**changes: str) -> "subprocess.CompletedProcess[str]":
    """Start the worker with some settings changed; an empty one is not set."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOOKJOB_", "AWS_"))}
    given = {name: value for name, value in {**SETTINGS, **changes}.items() if value}
    command = [sys.executable, "-m", "gpu_worker"]
    return subprocess.run(command, env={**clean, **given}, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"BOOKJOB_TABLE": ""}, "gpu_worker: BOOKJOB_TABLE is not set\n"),
        (
            {"BOOKJOB_LEASE_SECONDS": "2"},
            "gpu_worker: BOOKJOB_LEASE_SECONDS: Input should be greater than or equal to 3\n",
        ),
        (
            {"AWS_DEFAULT_REGION": ""},
            "gpu_worker: the AWS region is not known: set AWS_DEFAULT_REGION\n",
        ),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_one_sentence(changes: dict[str, str], sentence: str) -> None:
    ended = start(**changes)
    assert (ended.returncode, ended.stderr, ended.stdout) == (2, sentence, "")


def test_the_workers_own_process_loads_no_engine() -> None:
    look = "import gpu_worker.__main__, sys; print('gpu_worker.engine' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "False\n"
