"""What the engine's process makes of a command."""

import io
import json
import logging
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from gpu_worker.child import Child, Line
from gpu_worker.logs import logger
from gpu_worker.protocol import Analyze, Load
from gpu_worker.scratch import Scratch
from jobs.clock import utc_now
from jobs.model import Options
from tests.scripted_engine import ScriptedAnalysis, ScriptedEngine, script


class ComplainingEngine(ScriptedEngine):
    def analyze(self, *arguments: Any, **named: Any) -> ScriptedAnalysis:
        logging.getLogger("gpu_worker.engine.checkpoints").warning("the checkpoint is damaged")
        return super().analyze(*arguments, **named)


@pytest.fixture
def pipe() -> Iterator[Connection]:
    ours, theirs = Pipe()
    with ours, theirs:
        yield theirs


def test_what_the_engine_logs_is_in_the_workers_log_under_its_job(
    pipe: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    scratch = Scratch(tmp_path)
    scratch.lay_out()
    scratch.text.write_text(script())
    child = Child(Line(pipe, tmp_path), lambda _: ComplainingEngine())
    child._answer(Load(tmp_path))
    child._answer(Analyze(tmp_path, "job-1", ("entity",), Options(), utc_now(), utc_now()))
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["message"], line["job_id"]) == ("the checkpoint is damaged", "job-1")
