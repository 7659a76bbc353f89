"""A text that is uploaded, by a form or by any S3 client, is read like one that was posted."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local import emulator
from jobs.service import JobService
from jobs.settings import Settings
from tests.e2e.conftest import TEXT, Installation, until

pytestmark = pytest.mark.timeout(300)


def core(installation: Installation) -> JobService:
    """Return the job core over what the stack holds, for what the API does not tell."""
    running, deployment = installation.home.running(), installation.home.deployment()
    assert running is not None
    assert running.emulator_port is not None
    assert deployment is not None
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.client_environment(running.emulator_port).items():
            environment.setenv(name, value)
        return JobService.connect(Settings.from_environment(deployment.settings))


def upload(installation: Installation, key: str, text: str) -> str:
    """Put an object and return the id of the job that it becomes."""
    documents = core(installation).documents
    s3, stored = documents.client, {"Bucket": documents.bucket, "Key": key}
    s3.put_object(**stored, Body=text.encode(), Metadata={"book-id": "uploaded"})
    assert until(lambda: bool(s3.get_object_tagging(**stored)["TagSet"]), every=0.25)
    job_id: str = s3.get_object_tagging(**stored)["TagSet"][0]["Value"]
    return job_id


def test_an_uploaded_text_is_read_and_its_result_served(service: Installation) -> None:
    job = service.finish(upload(service, "incoming/a short text.txt", TEXT))
    assert (job["status"], job["book_id"]) == ("completed", "uploaded"), job
    result = httpx.get(f"{service.url}/v1/jobs/{job['job_id']}/result", timeout=60).json()
    assert any("Aldermouth" in quote["quote"] for quote in result["result"]["quotes"])


def test_uploads_become_jobs_after_a_stop_and_a_start_too(installation: Installation) -> None:
    installation.up("--no-worker")
    installation.bookjob("down")
    installation.up("--no-worker")
    assert installation.job(upload(installation, "incoming/later.txt", TEXT))["status"] == "pending"


def test_the_longest_books_are_taken_whichever_way_they_come(installation: Installation, tmp_path: Path) -> None:
    installation.up("--no-worker")
    form: Any = httpx.post(f"{installation.url}/v1/uploads", json={"book_id": "gothic"}, timeout=60).json()
    widest = "𐌰" * 5_000_000
    sent = httpx.post(form["url"], data=form["fields"], files={"file": widest.encode()}, timeout=120)
    assert sent.status_code == 204, sent.text
    assert until(lambda: "status" in installation.job(form["job_id"]), every=0.25)
    job = core(installation).get(form["job_id"], "public")
    assert (job.status, job.characters, job.book_id) == ("pending", 5_000_000, "gothic")

    book = tmp_path / "book.txt"
    book.write_text("“A fox.”\n" * 555_555, encoding="utf-8")
    submitted = installation.bookjob("submit", str(book))
    assert submitted.returncode == 0, submitted.stderr
    job = core(installation).get(submitted.stdout.strip(), "public")
    assert (job.status, job.characters, job.book_id) == ("pending", 4_999_995, "book")
