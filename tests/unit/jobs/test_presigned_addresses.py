"""Where presigned forms and links lead to."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from jobs.service import JobService
from jobs.settings import Settings


def addresses(region: str, monkeypatch: pytest.MonkeyPatch, endpoint: str = "") -> list[str]:
    environment = {"AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in {**environment, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    documents = JobService.connect(Settings(table="t", bucket="books", queue_url="q")).documents
    form, _ = documents.presign_upload("incoming/uploads/t/j", {}, 10, timedelta(minutes=1))
    return [url.scheme + "://" + url.netloc + url.path for url in map(urlsplit, (form, documents.presign("r", 60)))]


@pytest.mark.parametrize("region", ["eu-west-1", "il-central-1"])
def test_they_lead_to_the_bucket_in_its_region(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"https://books.s3.{region}.amazonaws.com"
    assert addresses(region, monkeypatch) == [f"{bucket}/", f"{bucket}/r"]


def test_an_endpoint_of_ones_own_has_buckets_as_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = "http://localhost:4566"
    assert addresses("eu-west-1", monkeypatch, endpoint) == [f"{endpoint}/books", f"{endpoint}/books/r"]
