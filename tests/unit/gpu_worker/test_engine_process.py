"""The worker's end of the engine's process, where the process does what no process should."""

import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest

from gpu_worker.engine_process import EngineProcess


class Unkillable:
    """A process that waits within a driver, where no signal reaches it."""

    pid = 4711

    def kill(self) -> None:
        pass

    def poll(self) -> None:
        pass

    def wait(self, timeout: float | None = None) -> int:
        assert timeout is not None, "for ever"
        raise subprocess.TimeoutExpired("engine", timeout)


def test_a_process_that_outlives_its_kill_is_left_behind_and_the_next_one_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subprocess, "Popen", start := Mock(return_value=Unkillable()))
    engine = EngineProcess("loader", tmp_path)
    engine.start()
    engine.kill()
    assert "outlives its kill" in caplog.text
    engine.start()
    assert start.call_count == 2
    engine.kill()
