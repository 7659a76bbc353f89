"""A text that is uploaded, by a form or by any S3 client, is read like one that was posted."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deadlines import until
from tests.e2e.conftest import TEXT, Installation

pytestmark = pytest.mark.timeout(300)


def test_an_uploaded_text_is_read_and_its_result_served(service: Installation) -> None:
    job = service.finish(service.upload("incoming/a short text.txt", TEXT))
    assert (job["status"], job["book_id"]) == ("completed", "uploaded"), job
    result = httpx.get(f"{service.url}/v1/jobs/{job['job_id']}/result", timeout=60).json()
    assert any("Aldermouth" in quote["quote"] for quote in result["result"]["quotes"])


def test_uploads_become_jobs_after_a_stop_and_a_start_too(installation: Installation) -> None:
    installation.up("--no-worker")
    installation.bookjob("down")
    installation.up("--no-worker")
    assert installation.job(installation.upload("incoming/later.txt", TEXT))["status"] == "pending"


def test_the_longest_books_are_taken_whichever_way_they_come(installation: Installation, tmp_path: Path) -> None:
    installation.up("--no-worker")
    form: Any = httpx.post(f"{installation.url}/v1/uploads", json={"book_id": "gothic"}, timeout=60).json()
    widest = "𐌰" * 5_000_000
    sent = httpx.post(form["url"], data=form["fields"], files={"file": widest.encode()}, timeout=120)
    assert sent.status_code == 204, sent.text
    assert until(lambda: "status" in installation.job(form["job_id"]), every=0.25)
    job = installation.core().get(form["job_id"], "public")
    assert (job.status, job.characters, job.book_id) == ("pending", 5_000_000, "gothic")

    book = tmp_path / "book.txt"
    book.write_text("“A fox.”\n" * 555_555, encoding="utf-8")
    submitted = installation.bookjob("submit", str(book))
    assert submitted.returncode == 0, submitted.stderr
    job = installation.core().get(submitted.stdout.strip(), "public")
    assert (job.status, job.characters, job.book_id) == ("pending", 4_999_995, "book")
