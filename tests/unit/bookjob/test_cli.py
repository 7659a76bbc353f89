"""The command line against a scripted service: what it prints where, and the exit code that a script sees."""

import json
import os
import re
import signal
import subprocess
import sys
import time as wall
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from bookjob import cli
from bookjob.exit_codes import ExitCode

from .conftest import JOB_ID, STATS, Command, ScriptedService, Time, body_of, job, problem, result


def test_run_reads_a_book_from_end_to_end(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("pending", queue_position=2), job("running", stage="tokens"), job()]
    emma = {
        "id": 1,
        "count": 9,
        "mentions": {"proper": [{"n": "Emma", "c": 9}], "common": [], "pronoun": []},
        "g": None,
    }
    service.result = result(characters=[emma])

    ran = bookjob("run", "emma.txt")

    assert ran.exit_code == 0
    assert body_of(service.sent("POST")[0])["book_id"] == "emma"
    assert "Waiting, 2nd in the queue\n" in ran.stderr
    assert "Reading words and sentences\n" in ran.stderr
    assert "Emma" in ran.stdout
    assert "mini@1.0.0" in ran.stdout
    assert sorted(file.name for file in Path("output/emma").iterdir()) == [
        "emma.book.html",
        "emma.json",
        "emma.tokens",
    ]
    assert Path("output/emma/emma.tokens").read_bytes() == b"word\nHello\n"


def test_run_prints_one_json_object_for_machines(bookjob: Command) -> None:
    ran = bookjob("run", "emma.txt", "--json", "-o", "here")

    answer = json.loads(ran.stdout)
    assert answer["job"]["job_id"] == JOB_ID
    assert answer["files"] == ["here/emma.tokens", "here/emma.book.html", "here/emma.json"]
    assert answer["summary"]["quotes"] == 0
    assert "100 %  Done" in ran.stderr


def test_run_passes_on_how_the_book_is_to_be_read(bookjob: Command, service: ScriptedService) -> None:
    ran = bookjob("run", "emma.txt", "--model", "big", "--pipeline", "entity, quote", "--book-id", "Emma!")

    assert ran.exit_code == 0
    sent = body_of(service.sent("POST")[0])
    assert (sent["model"], sent["pipeline"], sent["book_id"]) == ("big", ["entity", "quote"], "Emma!")


@pytest.mark.parametrize(
    "arguments",
    [
        *(("run", "emma.txt", option, "caf\udce9") for option in ("--book-id", "--model", "--callback-url", "--url")),
        ("analyze", "emma.txt", "--pipeline", "entity,\udce9"),
        ("submit", "emma.txt", "--idempotency-key", ""),
        ("list", "--book-id", "\udce9"),
        ("status", "\udce9"),
    ],
)
def test_what_no_request_can_carry_is_refused_before_anything_is_sent(
    bookjob: Command, service: ScriptedService, arguments: tuple[str, ...]
) -> None:
    ran = bookjob(*arguments)

    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: ")
    assert service.requests == []


def test_a_folder_that_cannot_be_written_to_is_told_before_the_book_is_handed_in(
    bookjob: Command, service: ScriptedService
) -> None:
    Path("taken").write_text("a file")

    ran = bookjob("run", "emma.txt", "-o", "taken")

    assert ran.exit_code == 2
    assert "taken cannot be made a folder" in ran.stderr
    assert service.requests == []


@pytest.mark.parametrize(
    ("end", "code", "sentence"),
    [
        (job("failed", error_message="it has no words"), 1, "The job failed: it has no words"),
        (job("cancelled"), 1, "The job was cancelled."),
        (job("expired"), 4, "The job has expired"),
    ],
)
@pytest.mark.parametrize("command", [("run", "emma.txt"), ("watch", JOB_ID), ("result", JOB_ID)])
def test_a_job_that_ends_without_a_result_says_why(
    bookjob: Command, service: ScriptedService, end: dict[str, Any], code: int, sentence: str, command: tuple[str, str]
) -> None:
    service.looks = [end]

    ran = bookjob(*command)

    assert ran.exit_code == code
    assert sentence in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (problem(400, "unknown model"), 2),
        (problem(401, "Missing API key"), 5),
        (problem(503, "The queue is full.", Retry_After="30"), 5),
        (problem(429, "Slow down.", Retry_After="3600"), 5),
        (httpx.Response(200, text="<html>"), 3),
    ],
)
def test_a_refusal_is_the_services_sentence_and_a_code_of_its_own(
    bookjob: Command, service: ScriptedService, trouble: httpx.Response, code: int
) -> None:
    service.fail("POST", "jobs", trouble)

    ran = bookjob("submit", "emma.txt")

    assert ran.exit_code == code
    assert ran.stderr.startswith("Error: ")
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_what_the_service_says_to_do_is_said_as_a_command(bookjob: Command, service: ScriptedService) -> None:
    service.fail("DELETE", "result", problem(409, f"Cancel it first: POST /v1/jobs/{JOB_ID}/cancel."))

    assert bookjob("delete", JOB_ID).stderr == f"Error: Cancel it first: `bookjob cancel {JOB_ID}`.\n"


def test_a_service_that_is_not_there_is_named_with_what_to_do(bookjob: Command, service: ScriptedService) -> None:
    service.fail("GET", JOB_ID, *[httpx.ConnectError("refused")] * 4)

    ran = bookjob("status", JOB_ID)

    assert ran.exit_code == 3
    assert "No answer from http://localhost:8000 (no connection: refused)." in ran.stderr


@pytest.mark.parametrize("command", ["status", "watch", "result", "cancel"])
def test_an_unknown_job_has_a_code_of_its_own(bookjob: Command, service: ScriptedService, command: str) -> None:
    for method, last in (("GET", "nope"), ("POST", "cancel")):
        service.fail(method, last, problem(404, "Job nope not found."))

    ran = bookjob(command, "nope")

    assert ran.exit_code == 4
    assert ran.stderr == "Error: Job nope not found.\n"


@pytest.mark.parametrize("content", [None, b"", b"caf\xe9", b"a\0b", b"%PDF-1.7"])
def test_what_is_no_book_is_never_sent(bookjob: Command, service: ScriptedService, content: bytes | None) -> None:
    if content is not None:
        Path("bad.txt").write_bytes(content)

    for command in ("run", "submit"):
        ran = bookjob(command, "bad.txt")
        assert ran.exit_code == 2
        assert "bad.txt" in ran.stderr
    assert service.requests == []


@pytest.mark.parametrize(
    "arguments", [("status",), ("frobnicate",), ("run", "emma.txt", "--frob"), ("stats", "--url", "x")]
)
def test_a_command_that_makes_no_sense_is_a_usage_error(bookjob: Command, arguments: tuple[str, ...]) -> None:
    assert bookjob(*arguments).exit_code == 2


def test_submit_prints_the_id_alone(bookjob: Command) -> None:
    ran = bookjob("submit", "emma.txt", "--url", "https://books.example")

    assert ran.stdout == f"{JOB_ID}\n"
    assert f"bookjob watch {JOB_ID} --url https://books.example" in ran.stderr


def test_submit_reads_standard_input(bookjob: Command, service: ScriptedService) -> None:
    assert bookjob("submit", "-", input="Call me Ishmael.").exit_code == 0

    assert body_of(service.requests[0])["text"] == "Call me Ishmael."


def test_submit_can_wait_for_a_place_in_the_queue(bookjob: Command, service: ScriptedService, time: Time) -> None:
    service.fail("GET", "stats", httpx.Response(200, json=STATS | {"queue_size": 10}))
    service.fail("POST", "jobs", problem(503, "The queue is full.", Retry_After="30"))

    ran = bookjob("submit", "emma.txt", "--wait-for-place")

    assert ran.exit_code == 0
    assert "The queue is full (10 jobs are waiting); the book is handed in when there is a place.\n" in ran.stderr
    assert time.slept == [30.0]


def test_status_shows_a_job_to_people(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("running", stage="speakers", progress=61.6, eta_seconds=75.2, warnings=["no 'small' here"])]

    ran = bookjob("status", JOB_ID)

    assert ran.exit_code == 0
    for words in ("Working out who speaks", "62 %", "about 1 min 15 s", "no 'small' here"):
        assert words in ran.stdout


def test_status_shows_what_others_wrote_as_it_is(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("failed", book_id="a[/b]", error_message="[red]no words")]

    ran = bookjob("status", JOB_ID)

    assert ran.exit_code == 0
    assert "a[/b]" in ran.stdout
    assert "[red]no words" in ran.stdout


def test_status_of_a_failed_job_is_an_answer_like_any_other(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("failed", error_message="it has no words")]

    ran = bookjob("status", JOB_ID)

    assert ran.exit_code == 0
    assert "it has no words" in ran.stdout


def test_status_of_an_expired_job_is_not_found(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("expired")]

    assert bookjob("status", JOB_ID, "--json").exit_code == 4


def test_watch_prints_a_line_of_json_for_each_change(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("pending"), job("pending"), job("running", progress=40.0), job()]

    lines = [json.loads(line) for line in bookjob("watch", JOB_ID, "--json").stdout.splitlines()]

    assert [line["status"] for line in lines] == ["pending", "running", "completed"]


@pytest.mark.parametrize("state", ["pending", "running"])
def test_the_result_of_a_job_that_goes_on_is_refused(bookjob: Command, service: ScriptedService, state: str) -> None:
    service.looks = [job(state)]

    ran = bookjob("result", JOB_ID)

    assert ran.exit_code == 5
    assert f"bookjob watch {JOB_ID}" in ran.stderr
    assert not Path("output").exists()


def test_stats_are_the_services_own_for_machines(bookjob: Command) -> None:
    assert json.loads(bookjob("stats", "--json").stdout) == STATS


def test_stats_tell_people_that_no_worker_lives(bookjob: Command, service: ScriptedService) -> None:
    service.fail("GET", "stats", httpx.Response(200, json=STATS | {"worker_running": False}))

    assert "jobs wait until one starts" in bookjob("stats").stdout


@pytest.mark.parametrize("width", [40, 200])
def test_what_machines_read_is_never_wrapped(bookjob: Command, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    for command in (("stats",), ("status", JOB_ID), ("watch", JOB_ID), ("run", "emma.txt")):
        assert all(json.loads(line) for line in bookjob(*command, "--json").stdout.splitlines())


def test_the_manual_names_every_exit_code() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()

    assert all(f"| {code} |" in manual for code in ExitCode)


def commands(group: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each command by its full name, with its options, told apart by their environment variables too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield (
                f"{path}{name}",
                {f"{option} {it.envvar or ''}".strip() for it in command.params for option in it.opts},
            )


@pytest.mark.parametrize(("row", "option"), [("--url URL", "--url BOOKJOB_URL"), ("--json", "--json")])
def test_the_manual_names_the_commands_that_do_not_have_an_option(row: str, option: str) -> None:
    manual = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    (excepted,) = re.findall(rf"^\| `{row}` \| all but (.+?) \|", manual, re.MULTILINE)
    named = tuple(re.findall("`(.+?)`", excepted))

    for command, options in commands(typer.main.get_command(cli.app)):
        without = command in named or command.partition(" ")[0] in named
        assert without is (option not in options), command


def test_help_names_every_exit_code(bookjob: Command) -> None:
    words = " ".join(bookjob("--help").stdout.split())

    assert all(f"{code} " in words for code in ExitCode)


#: A service that never ends a job, in a process's own client; the real command line around it.
_ENDLESS = """
import httpx, os
from bookjob import client
from bookjob.cli import app

def answer(request):
    return httpx.Response(200, json={"job_id": "j1", "status": "running", "submitted_at": "2026-01-20T10:00:00Z"})

real = client.Client.__init__
client.Client.__init__ = lambda self, url, key: real(self, url, key, transport=httpx.MockTransport(answer))
app(["watch", "j1"], prog_name="bookjob")
"""


def test_ctrl_c_leaves_the_job_alone_and_says_how_to_watch_on() -> None:
    watching = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with watching:
        assert watching.stderr is not None
        first = watching.stderr.readline()
        watching.send_signal(signal.SIGINT)
        stdout, stderr = watching.communicate(timeout=20)

    assert "Starting" in first
    assert watching.returncode == 130
    assert stdout == ""
    assert stderr.endswith("Stopped watching; the job goes on. Watch on with: bookjob watch j1\n")


def test_help_names_what_is_taken_where_nothing_is_said(bookjob: Command) -> None:
    words = " ".join(bookjob("run", "--help", color=False).stdout.replace("│", " ").split())

    for default in ("the file's name", "the service's, small", "all of them", "output/BOOK", "http://localhost:8000"):
        assert f"[default: ({default})]" in words


def test_the_version_is_told_before_any_command(bookjob: Command) -> None:
    described = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    for arguments in (("--version",), ("--version", "list")):
        assert bookjob(*arguments).stdout == f"bookjob {described['version']}\n"


def test_help_needs_neither_the_http_library_nor_the_local_stack() -> None:
    code = (
        "import sys\nfrom bookjob.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('httpx', 'pydantic', 'boto3', 'ministack', 'infra', 'torch') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.splitlines()[-1] == "[]"


def test_help_comes_at_once() -> None:
    def seconds() -> float:
        started = wall.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from bookjob.cli import app; app(['--help'])"],
            capture_output=True, check=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
        )  # fmt: skip
        return wall.perf_counter() - started

    # The quickest of five, since what else the machine does says nothing about the command.
    assert min(seconds() for _ in range(5)) < 1.0


def test_up_refuses_a_book_that_cannot_be_read_before_it_starts_anything(
    bookjob: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKJOB_HOME", "home")
    Path("emma.pdf").write_bytes(b"%PDF-1.7")

    refused = bookjob("up", "--read", "emma.pdf")

    assert refused.exit_code == ExitCode.USAGE
    assert "export its text first" in refused.stderr
    assert not Path("home").exists()
