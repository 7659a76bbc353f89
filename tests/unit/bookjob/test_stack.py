"""`bookjob up`, `down` and `health`: how they end when they cannot go on, with nothing started."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from bookjob.client import Client
from bookjob.exit_codes import ExitCode
from infra.local.errors import StateNotKept
from infra.local.home import Home, Running
from infra.local.processes import Identity

from .conftest import JOB_ID, Command, ScriptedService


def interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    monkeypatch.setenv("BOOKJOB_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    ("command", "called"),
    [
        (("health",), "infra.local.health.check"),
        (("down",), "infra.local.session.stop"),
        (("up", "--detach"), "infra.local.detached.start_detached"),
    ],
)
def test_ctrl_c_stops_a_command_and_not_the_service(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], called: str
) -> None:
    monkeypatch.setattr(called, interrupted)

    ran = bookjob(*command)

    assert ran.exit_code == ExitCode.INTERRUPTED
    assert "Stopped" not in ran.stderr
    assert "bookjob health" in ran.stderr


def test_ctrl_c_while_a_running_service_reads_a_book_stops_the_reading_alone(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Running(supervisor=Identity.of(os.getpid()), port=8000, with_worker=True, ready=True)
    monkeypatch.setattr("infra.local.session.take", lambda _: runs)
    monkeypatch.setattr("infra.local.detached.wait_until_ready", lambda _: runs)
    monkeypatch.setattr("bookjob.reading.read_book", interrupted)

    ran = bookjob("up", "--read", "emma.txt")

    assert ran.exit_code == ExitCode.INTERRUPTED
    assert "Unfinished jobs are kept" not in ran.stderr


@pytest.mark.parametrize(
    ("broken_off", "how_to_go_on"),
    [
        (JOB_ID, f"the job goes on once the service is up again. Watch on with: bookjob watch {JOB_ID}\n"),
        ("result", f"Fetch it once the service is up again with: bookjob result {JOB_ID}\n"),
    ],
)
def test_ctrl_c_that_stops_the_service_with_the_reading_says_that_both_go_on_once_it_is_up_again(
    bookjob: Command, service: ScriptedService, monkeypatch: pytest.MonkeyPatch, broken_off: str, how_to_go_on: str
) -> None:
    service.fail("GET", broken_off, KeyboardInterrupt())
    runs = Running(supervisor=Identity.of(os.getpid()), port=8000, with_worker=True, ready=True)

    def run(*given: Any) -> None:
        when_ready: Callable[[Running], None] = given[-1]
        when_ready(runs)

    monkeypatch.setattr("infra.local.session.run", run)
    monkeypatch.setattr("bookjob.client.Client", lambda url: Client(url, transport=httpx.MockTransport(service)))

    ran = bookjob("up", "--read", "emma.txt")

    assert ran.exit_code == ExitCode.OK
    assert f"{how_to_go_on}Stopped. Unfinished jobs are kept" in ran.stderr


def test_ctrl_c_stops_a_service_in_the_foreground_as_it_should(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.session.run", interrupted)

    ran = bookjob("up")

    assert (ran.exit_code, ran.stderr.startswith("Stopped. Unfinished jobs are kept")) == (ExitCode.OK, True)


def test_a_stop_that_loses_jobs_does_not_say_that_they_are_kept(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_: Home) -> NoReturn:
        raise StateNotKept

    monkeypatch.setattr("infra.local.session.stop", lose)

    ran = bookjob("down")

    assert ran.exit_code == ExitCode.UNREACHABLE
    assert "since the last start is lost" in ran.stderr
    assert "jobs are kept" not in ran.stderr


@pytest.mark.parametrize(
    ("asked", "with_worker", "told"),
    [
        (("--no-substitute",), True, "serves small and big with mini"),
        (("--keys",), True, "asks for no API key"),
        (("--port", "8001"), True, "on port 8000"),
        ((), False, "only accepts jobs"),
    ],
)
def test_a_start_that_asks_for_something_else_than_runs_is_refused(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...], with_worker: bool, told: str
) -> None:
    running = Running(supervisor=Identity.of(os.getpid()), port=8000, with_worker=with_worker, ready=True)
    monkeypatch.setattr("infra.local.session.take", lambda _: running)

    ran = bookjob("up", "--detach", *asked)

    assert ran.exit_code == ExitCode.UNREACHABLE
    assert told in ran.stderr
    assert "bookjob down" in ran.stderr


def test_a_start_that_asks_for_less_than_runs_uses_it(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    running = Running(
        supervisor=Identity.of(os.getpid()),
        port=8000,
        with_worker=True,
        with_substitute=False,
        with_keys=True,
        ready=True,
    )
    monkeypatch.setattr("infra.local.session.take", lambda _: running)
    home.prepare()
    home.note_running(running)

    ran = bookjob("up", "--detach", "--no-worker")

    assert (ran.exit_code, "runs already" in ran.stderr) == (ExitCode.OK, True)


def test_a_home_that_is_a_file_is_told(bookjob: Command, home: Home) -> None:
    home.path.write_text("a file")

    started, stopped, looked_at = bookjob("up"), bookjob("down"), bookjob("health")

    assert started.exit_code == ExitCode.USAGE
    assert re.search(r"home cannot be written to \(File exists\)\. Set BOOKJOB_HOME", started.stderr)
    assert (stopped.exit_code, stopped.stderr) == (ExitCode.OK, "Nothing runs.\n")
    assert (looked_at.exit_code, "bookjob up" in looked_at.stdout) == (1, True)
