"""The command line and the clients against the service itself, over HTTP."""

import asyncio
import codecs
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bookjob import AsyncClient
from bookjob.models import JobState
from tests.e2e.conftest import TEXT, Installation

pytestmark = pytest.mark.timeout(300)  # whole starts and stops, on a machine that may be busy

ROOT = Path(__file__).parents[2]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "tarrant.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


def listed(installation: Installation, *arguments: str) -> list[str]:
    """Return the ids that `bookjob list` shows."""
    printed = installation.bookjob("list", "--json", *arguments)
    assert printed.returncode == 0, printed.stderr
    return [json.loads(line)["job_id"] for line in printed.stdout.splitlines()]


def test_a_book_is_uploaded_watched_listed_fetched_and_deleted(service: Installation, book: Path) -> None:
    uploaded = service.bookjob("upload", str(book), "--book-id", "tarrant", "--watch")
    assert uploaded.returncode == 0, uploaded.stderr
    job_id = uploaded.stdout.strip()
    assert f"bookjob result {job_id}" in uploaded.stderr

    assert job_id in listed(service, "--status", "completed", "--book-id", "tarrant", "--all")
    assert listed(service, "--book-id", "nobody's") == []
    assert json.loads(service.bookjob("latest", "--book-id", "tarrant", "--json").stdout)["job_id"] == job_id
    fetched = service.bookjob("result", job_id, "-o", str(book.parent / "out"), "--json")
    assert json.loads(fetched.stdout)["summary"]["quotes"] > 0
    assert (book.parent / "out" / "tarrant.quotes").stat().st_size > 0

    assert service.bookjob("delete", job_id).stdout.startswith("Deleted")
    assert service.bookjob("status", job_id).returncode == 4
    assert service.bookjob("delete", job_id).returncode == 4


def test_a_text_is_analysed_in_one_go(service: Installation, book: Path) -> None:
    analysed = service.bookjob("analyze", str(book), "--json")
    assert analysed.returncode == 0, analysed.stderr
    assert any("Aldermouth" in quote["quote"] for quote in json.loads(analysed.stdout)["result"]["quotes"])

    book.write_text(TEXT * 100, encoding="utf-8")
    refused = service.bookjob("analyze", str(book))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "`bookjob run FILE`" in refused.stderr


def test_a_program_with_asyncio_reads_a_book(service: Installation, book: Path) -> None:
    async def read() -> None:
        async with AsyncClient(service.url) as client:
            assert (await client.ready()).checks["worker"].ok
            job = await client.submit(TEXT, book_id="awaited")
            assert (await client.wait(job.job_id, timeout=120)).status is JobState.COMPLETED
            await client.download_file(job.job_id, "entities", book.with_suffix(".entities"))
            assert [job.status async for job in client.jobs(book_id="awaited", page_size=1)] == ["completed"]

    asyncio.run(read())
    assert book.with_suffix(".entities").read_text().startswith("COREF\t")


def example(service: Installation, name: str, *books: Path) -> str:
    """Run an example to its end and return what it printed."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, books)],
        env=service.environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return ran.stdout


def test_the_example_reads_a_shelf_and_no_book_of_it_twice(service: Installation, book: Path) -> None:
    bad = book.with_name("bad.txt")
    bad.write_bytes(b"caf\xe9")

    second, first = sorted(example(service, "shelf.py", book, bad).splitlines())
    assert first.startswith("tarrant: ")
    assert "Dorothea" in first
    assert "byte 0xE9 at offset 3" in second
    result = book.with_suffix(".json")
    kept = result.stat()
    assert example(service, "shelf.py", book) == f"{first}\n"
    assert result.stat() == kept


def test_the_example_tells_who_says_what_and_where_in_the_text(service: Installation, book: Path) -> None:
    text = TEXT.replace("\n", "\r\n")
    book.write_bytes(codecs.BOM_UTF8 + text.encode())

    rows = list(csv.DictReader(io.StringIO(example(service, "script.py", book), newline="")))

    assert [row["quote"] for row in rows] == ["“You have been to Aldermouth, Dorothea,”", "“I have, aunt,”"]
    assert all(text[int(row["start"]) : int(row["end"])] == row["quote"] for row in rows)
    assert [row["speaker"] for row in rows] == ["Mrs. Tarrant", "Dorothea"]


def test_a_full_queue_refuses_and_a_cancelled_job_is_retried_when_there_is_a_place(
    installation: Installation, book: Path
) -> None:
    installation.up("--no-worker")
    jobs = [installation.submit() for _ in range(10)]
    assert installation.bookjob("cancel", jobs[0]).stdout == "Cancelled.\n"
    installation.submit()
    for command in ("submit", "upload"):
        refused = installation.bookjob(command, str(book))
        assert (refused.returncode, refused.stdout) == (5, ""), refused.stderr
        assert "The queue is full" in refused.stderr

    assert installation.bookjob("retry", jobs[0]).returncode == 5
    assert installation.bookjob("cancel", jobs[1]).returncode == 0
    assert installation.bookjob("retry", jobs[0]).stdout.startswith("Queued again, 1st")
    assert listed(installation, "--status", "cancelled") == [jobs[1]]


def test_an_upload_of_the_longest_book_can_be_repeated(installation: Installation, tmp_path: Path) -> None:
    installation.up("--no-worker")
    widest = tmp_path / "gothic.txt"
    widest.write_text("𐌰" * 5_000_000, encoding="utf-8")

    ids = {installation.bookjob("upload", str(widest), "--idempotency-key", "mine").stdout for _ in range(2)}

    assert ids == {f"{job_id}\n" for job_id in listed(installation)}
    assert len(ids) == 1


def test_a_service_that_was_stopped_is_told_with_what_to_do(installation: Installation, book: Path) -> None:
    for arguments in (("list",), ("upload", str(book))):
        told = installation.bookjob(*arguments)
        assert (told.returncode, told.stdout) == (3, "")
        assert told.stderr.startswith(f"Error: No answer from {installation.url} (no connection: ")
