"""What the client needs where it is installed alone, and what it says there of the commands that need more."""

import subprocess
import sys
import tomllib
from pathlib import Path

from bookjob.exit_codes import ExitCode

#: What only the service, its worker and the local stack run on.
ABSENT = (
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "hypercorn",
    "ministack",
    "numpy",
    "psutil",
    "spacy",
    "torch",
    "yaml",
)


def alone(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as where nothing but the client is installed."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split()));"
        "from bookjob import AsyncClient, Client; from bookjob.cli import app; app()"
    )
    command = [sys.executable, "-c", code, " ".join(ABSENT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_client_takes_the_versions_that_a_program_has() -> None:
    described = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [one.partition(">=")[0] for one in described["dependencies"]] == ["httpx", "pydantic", "rich", "typer"]


def test_the_client_runs_without_what_the_service_runs_on() -> None:
    told = alone("list", "--url", "nowhere")  # refused by the client itself: no call is made, and none made again
    assert (told.returncode, "nowhere" in told.stderr) == (ExitCode.USAGE, True), told.stderr
    assert alone("--help").returncode == ExitCode.OK


def test_a_command_that_needs_more_says_in_a_sentence_what_and_whence() -> None:
    for command in (("up",), ("packs", "list"), ("keys", "list")):
        told = alone(*command)
        assert told.returncode == ExitCode.UNREACHABLE
        assert "is not installed, which this command needs" in told.stderr
        assert "`make setup` in the project's folder" in told.stderr
        assert len(told.stderr.splitlines()) == 1
