"""An object that any S3 client puts into the stack's bucket is read like a text that was posted."""

import httpx
import pytest

from infra.local.clients import client
from tests.e2e.conftest import TEXT, Installation, until

pytestmark = pytest.mark.timeout(300)


def upload(installation: Installation, key: str, text: str) -> str:
    """Put an object and return the id of the job that it becomes."""
    running, deployment = installation.home.running(), installation.home.deployment()
    assert running is not None
    assert running.emulator_port is not None
    assert deployment is not None
    s3, stored = client("s3", running.emulator_port), {"Bucket": deployment.outputs["BucketName"], "Key": key}
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
