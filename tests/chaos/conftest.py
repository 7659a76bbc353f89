"""Workers against an emulator of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import emulator
from infra.local.ports import free_port
from infra.local.processes import Child
from tests.chaos.fleet import Workers
from tests.workers import Deployment, emulated


@pytest.fixture(scope="session")
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    port = free_port()
    child = Child.start(
        "emulator", [emulator.MODULE], emulator.environment(port), tmp_path_factory.mktemp("emulator") / "emulator.log"
    )
    try:
        emulator.wait_until_ready(port, child)
        with emulated(port):
            yield
    finally:
        child.ask_to_stop()
        child.see_stopped(patience=10)


@pytest.fixture
def deployment(_environment: None, tmp_path: Path) -> Deployment:
    packs = tmp_path / "packs"
    packs.mkdir()
    return Deployment.create(packs)


@pytest.fixture
def workers(deployment: Deployment, tmp_path: Path) -> Iterator[Workers]:
    some = Workers(deployment, tmp_path)
    try:
        yield some
    finally:
        some.end()
