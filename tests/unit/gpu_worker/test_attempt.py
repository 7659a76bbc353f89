"""What an attempt makes of what its engine says, and of its silence; both, and the time, are the test's."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from gpu_worker import attempt
from gpu_worker.connections import Connections
from gpu_worker.engine_process import EngineProcess
from gpu_worker.errors import PermanentFailure, TransientFailure
from gpu_worker.protocol import Advanced, Command, Event, Failed, Finished, Loaded
from gpu_worker.scratch import Scratch
from gpu_worker.settings import WorkerSettings
from gpu_worker.shutdown import Shutdown
from gpu_worker.timeline import Timeline
from jobs.model import Job, Outcome, Status
from tests.conftest import SettableClock

#: Seconds that the engine may be silent for.
SILENCE = 60


class PlayedEngine:
    """Says each thing at its second; the time passes while somebody listens."""

    def __init__(self, *said: tuple[float, Event]) -> None:
        self.said = list(said)
        self.now = 0.0
        self.killed = False

    def start(self) -> None:
        pass

    def send(self, command: Command) -> None:
        pass

    def halt(self, grace: float) -> None:
        pass

    def kill(self) -> None:
        self.killed = True

    def receive(self, timeout: float) -> Event | None:
        at, event = self.said[0]
        if self.now + timeout < at:
            self.now += timeout
            return None
        self.now = at
        del self.said[0]
        return event


def run(engine: PlayedEngine, folder: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Run an attempt with the engine, by the engine's time."""
    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: engine.now))
    (folder / "packs" / "mini").mkdir(parents=True)
    settings = WorkerSettings(
        table="t", bucket="b", queue_url="q", pack_dir=folder / "packs", engine_silence_seconds=SILENCE
    )
    documents = Mock(read=Mock(return_value=b"It rains."), checkpointed=Mock(return_value=[]))
    job = Job(
        job_id="job", tenant="public", status=Status.RUNNING, submitted_at=clock.now,
        document_key="documents/job.txt", characters=9, model="mini", pack="mini", pipeline=("entity",),
    )  # fmt: skip
    trial = attempt.Attempt(
        Connections(settings, store=Mock(), documents=documents, queue=Mock(), tracer=Mock(), clock=clock),
        cast("EngineProcess", engine),
        Mock(),
        Shutdown(),
        Scratch(folder),
        Timeline(clock, clock.now),
    )
    return trial.run(job, Mock())


def test_an_engine_may_take_longer_than_it_may_be_silent(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = Outcome(2, clock.now, 200_000)
    heard = [(second, Advanced("tokens", second / 200)) for second in (50.0, 100.0, 150.0)]
    engine = PlayedEngine((0, Loaded("mini@1", "mini", "cpu")), *heard, (200, Finished(outcome)))
    assert run(engine, tmp_path, clock, monkeypatch) == outcome


def test_an_engine_that_is_silent_for_longer_than_it_may_be_is_hung(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Advanced("tokens", 0.5)
    engine = PlayedEngine((0, Loaded("mini@1", "mini", "cpu")), (30, heard), (100, Finished(Outcome(2, clock.now, 1))))
    with pytest.raises(TransientFailure, match="The engine hung: it gave no sign for 60 seconds"):
        run(engine, tmp_path, clock, monkeypatch)
    assert SILENCE < engine.now - 30 < SILENCE + 1


@pytest.mark.parametrize(("permanent", "error"), [(False, TransientFailure), (True, PermanentFailure)])
def test_an_engine_that_met_an_internal_error_is_replaced_and_one_that_refused_its_text_is_kept(
    permanent: bool, error: type[Exception], tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some errors of a GPU, everything that the same process tries on it fails: all jobs that follow would."""
    engine = PlayedEngine((0, Loaded("mini@1", "mini", "cpu")), (1, Failed("It broke.", permanent)))
    with pytest.raises(error, match="It broke"):
        run(engine, tmp_path, clock, monkeypatch)
    assert engine.killed is not permanent
