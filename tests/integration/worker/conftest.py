"""A worker with a scripted engine in the real child process, over a deployment of its own."""

from collections.abc import Iterator

import pytest

from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.shutdown import Shutdown
from tests.scripted_engine import LOADER
from tests.workers import Deployment, emulated


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    process = EngineProcess(LOADER, tmp_path_factory.mktemp("home"))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def deployment(emulator_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with emulated(emulator_port):
        yield Deployment.create(tmp_path_factory.mktemp("packs"), max_failures=2)


@pytest.fixture
def shutdown() -> Shutdown:
    return Shutdown()


@pytest.fixture(scope="module")
def connections(deployment: Deployment) -> Connections:
    return Connections.connect(deployment.settings)


@pytest.fixture
def consumer(connections: Connections, engine: EngineProcess, shutdown: Shutdown) -> Consumer:
    engine.start()
    return Consumer(connections, engine, shutdown, "worker-1")
