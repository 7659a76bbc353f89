"""One suite of the HTTP contract for every place that the API runs in.

It always runs against the Lambda function in this process, over moto; and against a live deployment as well where
BOOKJOB_URL names one. Tests that need to be the worker themselves, or to break AWS, run in this process only.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from moto import mock_aws

from functions.api import routes
from infra.local.emulator import CREDENTIALS
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand
from tests.contract.transport import LambdaTransport
from tests.resources import create_resources

LIVE_URL = os.environ.get("BOOKJOB_URL")

#: How long a live deployment may take for one answer, in seconds.
PATIENCE = 60


def pytest_report_header() -> str:
    return f"contract tests run against the function in process{f' and {LIVE_URL}' if LIVE_URL else ''}"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, clock: SettableClock) -> Iterator[JobService]:
    """The job service behind the function in this process, over empty resources and with the test's clock."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        service = replace(JobService.connect(create_resources(substitute_pack="mini")), clock=clock)
        monkeypatch.setattr(routes, "jobs", lambda: service)
        yield service


@pytest.fixture
def here(service: JobService) -> Iterator[httpx.Client]:
    """A client of the function in this process."""
    with httpx.Client(transport=LambdaTransport(), base_url="http://in.process") as client:
        yield client


@pytest.fixture(params=["in process", *(["live"] if LIVE_URL else [])])
def api(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the API, wherever it runs."""
    if request.param == "in process":
        yield request.getfixturevalue("here")
        return
    with httpx.Client(base_url=LIVE_URL or "", timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def submit(api: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Submits a text and returns the answer's body."""

    def submit(text: str = "It was a dark night.", **fields: Any) -> dict[str, Any]:
        answer = api.post("/v1/jobs", json={"text": text, "model": "mini", **fields})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return submit


@pytest.fixture
def at_hand(service: JobService, clock: SettableClock) -> JobsAtHand:
    """Jobs in whatever state the test wants, made as a worker makes them."""
    return JobsAtHand(service, clock)
