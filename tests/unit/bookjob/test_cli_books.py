"""The commands that upload a book or analyse a text, against a scripted service, and how a book's way is broken off."""

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from .conftest import JOB_ID, STORAGE, Command, ScriptedService, body_of, job, problem, result


def uploads(service: ScriptedService) -> list[bytes]:
    return [request.content for request in service.requests if request.url.host == STORAGE]


def test_upload_prints_the_id_alone(bookjob: Command, service: ScriptedService) -> None:
    ran = bookjob("upload", "emma.txt", "--model", "mini", "--callback-url", "https://books.example/told")

    assert ran.stdout == f"{JOB_ID}\n"
    assert ran.stderr == f"Watch it with: bookjob watch {JOB_ID}\n"
    asked = {"book_id": "emma", "model": "mini", "callback_url": "https://books.example/told"}
    assert body_of(service.requests[0]) == asked
    assert b"Emma Woodhouse, handsome" in uploads(service)[0]


def test_upload_can_watch_the_job_to_its_end(bookjob: Command, service: ScriptedService) -> None:
    service.looks = [job("pending"), job("running", stage="tokens"), job()]

    ran = bookjob("upload", "emma.txt", "--watch")

    assert ran.stdout == f"{JOB_ID}\n"
    assert "Reading words and sentences\n" in ran.stderr
    assert f"bookjob result {JOB_ID}" in ran.stderr


def test_upload_reads_standard_input(bookjob: Command, service: ScriptedService) -> None:
    assert bookjob("upload", "-", input="Call me Ishmael.").exit_code == 0
    assert b"\r\n\r\nCall me Ishmael.\r\n" in uploads(service)[0]


def test_upload_reads_a_pipe(bookjob: Command, service: ScriptedService) -> None:
    os.mkfifo("book.txt")
    with ThreadPoolExecutor() as writer:
        writer.submit(Path("book.txt").write_text, "Call me Ishmael.")
        assert bookjob("upload", "book.txt").exit_code == 0
    assert b"\r\n\r\nCall me Ishmael.\r\n" in uploads(service)[0]


def test_what_is_no_book_is_never_uploaded(bookjob: Command, service: ScriptedService) -> None:
    Path("bad.txt").write_bytes(b"A fox.\n" * 300_000 + b"caf\xe9")

    ran = bookjob("upload", "bad.txt")

    assert ran.exit_code == 2
    assert "byte 0xE9 at offset 2,100,003 (line 300,001)" in ran.stderr
    assert service.requests == []


def test_an_upload_that_finds_no_place_names_the_job_that_it_becomes(
    bookjob: Command, service: ScriptedService
) -> None:
    service.fail("GET", JOB_ID, *[problem(404, "not yet") for _ in range(100)])

    ran = bookjob("upload", "emma.txt")

    assert ran.exit_code == 5
    assert f"bookjob status {JOB_ID}" in ran.stderr


def test_run_uploads_by_itself_what_no_request_carries_and_says_so(bookjob: Command, service: ScriptedService) -> None:
    Path("war.txt").write_text("A fox.\n" * 700_000)

    ran = bookjob("run", "war.txt")

    assert ran.exit_code == 0
    assert ran.stderr.count("The book is too large for one request; it is uploaded instead.\n") == 1
    assert len(uploads(service)) == 1


def test_run_uploads_a_small_book_too_when_asked(bookjob: Command, service: ScriptedService) -> None:
    ran = bookjob("run", "emma.txt", "--large")

    assert ran.exit_code == 0
    assert "too large" not in ran.stderr
    assert len(uploads(service)) == 1


@pytest.mark.parametrize("command", ["run", "submit", "upload"])
def test_a_command_can_be_made_repeatable(bookjob: Command, service: ScriptedService, command: str) -> None:
    assert bookjob(command, "emma.txt", "--idempotency-key", "mine").exit_code == 0
    assert service.sent("POST")[0].headers["Idempotency-Key"] == "mine"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [(("run", "emma.txt"), "jobs"), (("submit", "emma.txt"), "jobs"), (("upload", "my emma.txt"), "books")],
)
def test_ctrl_c_while_a_book_is_handed_in_says_how_to_go_on_with_the_same_job(
    bookjob: Command, service: ScriptedService, arguments: tuple[str, str], path: str
) -> None:
    Path("my emma.txt").write_text("Emma")
    service.fail("POST", path, KeyboardInterrupt())

    ran = bookjob(*arguments, "--model", "mini")

    assert ran.exit_code == 130
    key = service.requests[0].headers["Idempotency-Key"]
    command, file = arguments
    file = f"'{file}'" if " " in file else file
    assert f"bookjob {command} {file} --model mini --idempotency-key {key}\n" in ran.stderr.replace("root", "bookjob")


@pytest.mark.parametrize("last", ["result", "tokens"])
def test_ctrl_c_while_a_result_is_fetched_leaves_no_half_of_a_file(
    bookjob: Command, service: ScriptedService, last: str
) -> None:
    service.fail("GET", last, KeyboardInterrupt())

    ran = bookjob("result", JOB_ID, "-o", "my out")

    assert ran.exit_code == 130
    assert f"bookjob result {JOB_ID} -o 'my out'\n" in ran.stderr
    assert [file.name for file in Path("my out").iterdir()] == (["emma.json"] if last == "tokens" else [])


def test_a_folder_keeps_no_file_of_an_earlier_job_of_the_same_name(bookjob: Command, service: ScriptedService) -> None:
    service.files["quotes"] = b"quote\nHello\n"
    bookjob("run", "emma.txt", "-o", "out")
    Path("out/persuasion.quotes").write_text("of another name")

    del service.files["quotes"]
    bookjob("run", "emma.txt", "-o", "out", "--pipeline", "entity")

    assert sorted(file.name for file in Path("out").iterdir()) == [
        "emma.book.html",
        "emma.json",
        "emma.tokens",
        "persuasion.quotes",
    ]


def test_books_of_one_folder_take_nothing_from_each_other(bookjob: Command, service: ScriptedService) -> None:
    for name in ("emma", "persuasion"):
        Path(f"{name}.txt").write_text(name)
        service.looks = [job(book_id=name)]
        bookjob("run", f"{name}.txt", "-o", "out")

    assert [file.name for file in sorted(Path("out").glob("*.json"))] == ["emma.json", "persuasion.json"]
    assert len(list(Path("out").iterdir())) == 6


def test_analyze_shows_what_is_in_a_text(bookjob: Command, service: ScriptedService) -> None:
    emma = {"id": 1, "count": 9, "mentions": {"proper": [{"n": "Emma", "c": 9}], "common": [], "pronoun": []}}
    service.result = result(characters=[emma])

    ran = bookjob("analyze", "emma.txt")

    assert ran.exit_code == 0
    assert "Emma" in ran.stdout
    assert "Files" not in ran.stdout
    assert list(Path().iterdir()) == [Path("emma.txt")]


def test_analyze_prints_the_whole_result_for_machines(bookjob: Command, service: ScriptedService) -> None:
    ran = bookjob("analyze", "--json", "--pipeline", "entity", input="Call me Ishmael.")

    assert json.loads(ran.stdout)["result"]["entities"] == []
    assert body_of(service.requests[0]) == {"text": "Call me Ishmael.", "book_id": "stdin", "pipeline": ["entity"]}
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("trouble", "code"), [(problem(400, "text: at most 10,000 characters"), 2), (problem(409, "it failed"), 1)]
)
def test_a_text_that_is_not_analysed_says_why(
    bookjob: Command, service: ScriptedService, trouble: httpx.Response, code: int
) -> None:
    service.fail("POST", "analyze", trouble)

    ran = bookjob("analyze", "emma.txt")

    assert ran.exit_code == code
    assert trouble.json()["detail"] in ran.stderr


#: A service that never takes a text, in a process's own client; the real command line around it.
_FULL = """
import httpx
from bookjob import client
from bookjob.cli import app

def answer(request):
    print("asked", flush=True)
    return httpx.Response(503, json={"detail": "The queue is full."}, headers={"Retry-After": "30"})

real = client.Client.__init__
client.Client.__init__ = lambda self, url, key: real(self, url, key, transport=httpx.MockTransport(answer))
app(["submit", "emma.txt", "--wait-for-place"], prog_name="bookjob")
"""


def test_ctrl_c_while_a_place_is_waited_for_ends_the_process_as_documented(tmp_path: Path) -> None:
    (tmp_path / "emma.txt").write_text("Emma")
    waiting = subprocess.Popen(
        [sys.executable, "-c", _FULL], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with waiting:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        waiting.send_signal(signal.SIGINT)
        stderr = waiting.communicate(timeout=20)[1]

    assert waiting.returncode == 130
    assert re.search(r"bookjob submit emma.txt --wait-for-place --idempotency-key [0-9a-f-]{36}\n", stderr)
