"""One suite of the HTTP contract for every place that the API runs in.

It always runs against the Lambda function in this process, over moto; and against a live deployment as well where
BOOKJOB_URL names one, with the key in BOOKJOB_API_KEY:

    BOOKJOB_URL=http://localhost:8000 make test TESTS=tests/contract

Tests that need to be the worker themselves, or to break AWS, run in this process only.
"""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from functions.api import connections, routes
from functions.api.handler import logger
from infra.local.emulator import CREDENTIALS
from jobs.key_ring import KeyRing
from jobs.key_store import KeyStore
from jobs.rate_limits import RateLimits
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand
from tests.contract.keyed import Doors
from tests.contract.transport import LambdaTransport
from tests.resources import create_resources

LIVE_URL, LIVE_KEY = os.environ.get("BOOKJOB_URL"), os.environ.get("BOOKJOB_API_KEY")

#: No test but those of the limits themselves comes near them; each has a minute of a clock that hardly moves.
PLENTY = {"submissions_per_minute": 10_000, "requests_per_minute": 10_000}

#: How long a live deployment may take for one answer, in seconds.
PATIENCE = 60


def pytest_report_header() -> str:
    return f"contract tests run against the function in process{f' and {LIVE_URL}' if LIVE_URL else ''}"


@pytest.fixture(scope="module")
def deployment() -> Iterator[JobService]:
    """The job service over resources of moto's."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        service = JobService.connect(create_resources(substitute_pack="mini", **PLENTY))
        # Nobody reads the table's stream here, and moto copies all of it with every transaction.
        region = service.store.client.meta.region_name
        get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][region].get_table(service.store.table).stream_shard = None
        yield service


@pytest.fixture
def service(deployment: JobService, monkeypatch: pytest.MonkeyPatch, clock: SettableClock) -> JobService:
    """The job service behind the function in this process, over empty resources and with the test's clock."""
    _empty(deployment)
    service = replace(deployment, clock=clock)
    monkeypatch.setattr(routes, "jobs", lambda: service)
    monkeypatch.setattr(connections, "jobs", lambda: service)
    monkeypatch.setattr(connections, "keys", lambda: None)
    limits = RateLimits(service.store.client, service.store.table, clock)
    monkeypatch.setattr(connections, "rate_limits", lambda: limits)
    return service


def _empty(deployment: JobService) -> None:
    store, documents = deployment.store, deployment.documents
    for page in store.client.get_paginator("scan").paginate(TableName=store.table, ProjectionExpression="pk"):
        for item in page["Items"]:
            store.client.delete_item(TableName=store.table, Key={"pk": item["pk"]})
    for found in documents.client.list_objects_v2(Bucket=documents.bucket).get("Contents", []):
        documents.client.delete_object(Bucket=documents.bucket, Key=found["Key"])


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
    yield request.getfixturevalue("live")


@pytest.fixture
def live() -> Iterator[httpx.Client]:
    """A client of the live deployment, with its key if it asks for one."""
    if LIVE_URL is None:
        pytest.skip("BOOKJOB_URL names no live deployment")
    key = {"X-API-Key": LIVE_KEY} if LIVE_KEY else {}
    with httpx.Client(base_url=LIVE_URL, timeout=PATIENCE, headers=key) as client:
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
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function in this process writes to its log."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


@pytest.fixture
def at_hand(service: JobService, clock: SettableClock) -> JobsAtHand:
    """Jobs in whatever state the test wants, made as a worker makes them."""
    return JobsAtHand(service, clock)


@pytest.fixture
def doors(service: JobService, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> Doors:
    """The keys of the function in this process, which asks its callers for one."""
    assert service.settings.keys_table is not None
    store = KeyStore(service.store.client, service.settings.keys_table)
    ring = KeyRing(store, clock)
    monkeypatch.setattr(connections, "keys", lambda: ring)
    return Doors(store, clock)
