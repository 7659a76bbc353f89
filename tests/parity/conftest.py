"""The real upstream, run once over all texts in a process of its own, and our engine in `compat` beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from gpu_worker.engine import Engine, Options
from gpu_worker.packs.places import MINI
from gpu_worker.packs.store import look_at

TEXTS = sorted((Path(__file__).parent / "texts").glob("*.txt"))

#: Upstream's clusters of names depend on the order of sets, and so on how strings are hashed. Texts so short are
#: read faster by one thread than by several that wait for each other.
ENVIRONMENT = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}

Files = Mapping[str, str]


class RunUpstream(Protocol):
    """Runs upstream over texts, with the bundled pack or the models of another folder; returns where its files are."""

    def __call__(self, texts: list[Path], params: Mapping[str, object], models: Path | None = None) -> Path: ...


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load(MINI, device="cpu")


@pytest.fixture(scope="session")
def run_upstream(tmp_path_factory: pytest.TempPathFactory) -> RunUpstream:
    """Upstream as it is, but for what keeps it from loading; its models are what `bookjob packs export` writes."""
    from infra.local.packs import export

    bundled = tmp_path_factory.mktemp("layout")
    export(look_at(MINI), bundled)

    def run(texts: list[Path], params: Mapping[str, object], models: Path | None = None) -> Path:
        out = tmp_path_factory.mktemp("upstream")
        layout = models or bundled
        command: list[str | Path] = [sys.executable, "-m", "benchmarks.upstream", layout, out, *texts]
        command += ["--params", json.dumps(params)]
        subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
        return out

    return run


@pytest.fixture(scope="session")
def upstream(run_upstream: RunUpstream) -> Path:
    """The folder of upstream's files for all texts, made with its default parameters."""
    return run_upstream(TEXTS, {})


def files_of(folder: Path, text: Path) -> Files:
    """Return upstream's files of a text by the ends of their names."""
    return {path.name.removeprefix(f"{text.stem}."): read(path) for path in folder.glob(f"{text.stem}.*")}


def read(path: Path) -> str:
    return path.read_bytes().decode()


def ours(engine: Engine, text: Path, options: Options) -> Files:
    return dict(engine.analyze(read(text), options).files())
