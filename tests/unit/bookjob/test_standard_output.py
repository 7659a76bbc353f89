"""What a command's answer looks like where it is no terminal's, and what becomes of one that cannot be written."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from bookjob.console import Console

from .conftest import Command, ScriptedService, job, result

#: A service that lists as many jobs as the last argument says; the real command line around it.
_LISTING = """
import httpx, sys
from bookjob import client
from bookjob.cli import app

listed = int(sys.argv.pop())

def answer(request):
    job = {"job_id": "j1", "status": "completed", "submitted_at": "2026-01-20T10:00:00Z", "book_id": "Émile — 愛"}
    return httpx.Response(200, json={"jobs": [job] * listed, "cursor": None})

real = client.Client.__init__
client.Client.__init__ = lambda self, url, key: real(self, url, key, transport=httpx.MockTransport(answer))
app(sys.argv[1:], prog_name="bookjob")
"""


def listing(*arguments: str) -> list[str]:
    return [sys.executable, "-c", _LISTING, "list", "--all", *arguments]


def test_a_summary_that_no_terminal_shows_has_all_names_whole(bookjob: Command, service: ScriptedService) -> None:
    names = ["Emma", "Miss Emma Woodhouse of Hartfield", "that handsome, clever and rich young woman", "our dear Emma"]
    mentions = {"proper": [{"n": name, "c": 9} for name in names], "common": [], "pronoun": []}
    service.result = result(characters=[{"id": 1, "count": 36, "mentions": mentions, "g": None}])

    assert ", ".join(names[1:]) in bookjob("run", "emma.txt").stdout


def test_what_a_book_says_steers_no_terminal(bookjob: Command, service: ScriptedService) -> None:
    name = "Em\x1b[2Jma\x1b]0;x\x07 Wood\x9b1mhouse"
    mentions = {"proper": [{"n": name, "c": 9}], "common": [], "pronoun": []}
    service.looks = [job(book_id="em\x1b[31mma")]
    service.result = result(characters=[{"id": 1, "count": 9, "mentions": mentions, "g": None}])

    ran = bookjob("run", "emma.txt", "--book-id", "em\x1b[31mma")

    assert "Em[2Jma]0;x Wood1mhouse" in ran.stdout
    assert "em[31mma\n" in ran.stdout
    assert not re.search("[\x07\x1b\x9b]", ran.stdout + ran.stderr)


def test_a_terminal_obeys_the_console_itself() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard")

    console.print(Text("Em\x1b[2Jma", style="bold"))
    console.show_cursor(False)

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "\x1b[1mEm[2Jma\x1b[0m\n\x1b[?25l"


@pytest.mark.parametrize(
    ("encoding", "name"), [("latin-1", "Émile ? ?"), ("ascii", "?mile ? ?"), ("utf-8", "Émile — 愛")]
)
def test_a_character_that_the_locale_lacks_is_a_question_mark(encoding: str, name: str) -> None:
    listed = subprocess.run(
        listing("1"), env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=True
    )

    assert name in listed.stdout.decode(encoding)


def test_no_locale_takes_a_character_from_what_machines_read() -> None:
    listed = subprocess.run(
        listing("--json", "1"), env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
    )

    assert json.loads(listed.stdout)["book_id"] == "Émile — 愛"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [("1",), ("1000",), ("--json", "1")])
def test_an_answer_that_cannot_be_written_is_told_in_a_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(listing(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (2, "Error: No space left on device.\n")
