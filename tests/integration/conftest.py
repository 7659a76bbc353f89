"""AWS for the integration tests: each of them runs against every backend that is there.

- `ministack`: the embedded emulator, over the wire, one child process for the session;
- `moto`: in this process; not for tests marked `concurrent`, since its threads are not atomic;
- `localstack`: where LOCALSTACK_HOST is set.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
from localstack_client.config import get_service_endpoint
from moto import mock_aws

from infra.local import emulator
from infra.local.ports import free_port
from infra.local.processes import Child
from jobs.clock import Clock
from jobs.service import JobService
from tests.resources import create_resources, forget_everything

LOCALSTACK = bool(os.environ.get("LOCALSTACK_HOST"))
BACKENDS = ("ministack", "moto", *(["localstack"] if LOCALSTACK else []))


@dataclass(frozen=True)
class Aws:
    """An AWS to test against; `environment` is what another process needs to reach it (nothing for moto)."""

    name: str
    environment: Mapping[str, str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "concurrent: needs a backend that is atomic under threads, so not moto")


def pytest_report_header() -> str:
    return f"integration tests run against {', '.join(BACKENDS)}{'' if LOCALSTACK else ' (LOCALSTACK_HOST is not set)'}"


@pytest.fixture(scope="session")
def _emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    home, port = tmp_path_factory.mktemp("emulator"), free_port()
    child = Child.start("emulator", [emulator.MODULE], emulator.environment(port, scratch=home), home / "emulator.log")
    try:
        emulator.wait_until_ready(port, child)
        yield port
    finally:
        child.ask_to_stop()
        child.see_stopped(patience=10)


@pytest.fixture(scope="module")
def emulator_port(_emulator: int) -> int:
    """The port of an emulator that nobody has put anything into."""
    forget_everything(_emulator)
    return _emulator


@pytest.fixture(params=BACKENDS)
def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name, value in emulator.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if request.param == "moto":
        if request.node.get_closest_marker("concurrent"):
            pytest.skip("moto is not atomic under threads")
        with mock_aws():
            yield Aws("moto", emulator.CREDENTIALS)
        return
    if request.param == "ministack":
        environment = emulator.client_environment(request.getfixturevalue("emulator_port"))
    else:
        environment = {**emulator.CREDENTIALS, "AWS_ENDPOINT_URL": get_service_endpoint("dynamodb")}
    monkeypatch.setenv("AWS_ENDPOINT_URL", environment["AWS_ENDPOINT_URL"])
    yield Aws(request.param, environment)


@pytest.fixture
def service(aws: Aws, clock: Clock) -> JobService:
    """The job service over resources of its own, with the clock that the test sets."""
    return replace(JobService.connect(create_resources()), clock=clock)
