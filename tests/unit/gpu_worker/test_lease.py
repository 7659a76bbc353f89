"""What a heartbeat does at each tick."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import pytest

from gpu_worker.connections import Connections
from gpu_worker.errors import CancelRequested
from gpu_worker.lease import Heartbeat
from gpu_worker.protocol import Advanced
from gpu_worker.settings import WorkerSettings
from gpu_worker.sign_of_life import SignOfLife
from gpu_worker.traces import Tracer
from jobs.documents import DocumentStore
from jobs.errors import JobNotFound, LeaseLost
from jobs.model import Job, Lease, Progress, Status
from jobs.queue import JobQueue, Message
from jobs.store import JobStore
from tests.conftest import SettableClock

LEASE_SECONDS = 30


@dataclass
class Recorder:
    """A store and a queue that only write down what was asked of them and answer with one job."""

    job: Job
    calls: list[tuple[object, ...]] = field(default_factory=list)
    gone: bool = False
    lost: bool = False

    def get(self, job_id: str, _now: datetime) -> Job:
        self.calls.append(("look",))
        if self.gone:
            raise JobNotFound(job_id)
        return self.job

    def beat(self, lease: Lease, expires_at: datetime, progress: Progress | None = None) -> Job:
        self.calls.append(("beat", expires_at, progress))
        if self.lost:
            raise LeaseLost("keep its lease", lease.job_id, self.job)
        return self.job

    def extend(self, _message: Message, visibility_seconds: int) -> None:
        self.calls.append(("extend", visibility_seconds))

    def hear_worker(self, worker_id: str, now: datetime) -> None:
        pass

    def since(self, mark: int) -> list[object]:
        return [call[0] for call in self.calls[mark:]]


@pytest.fixture
def recorder(clock: SettableClock) -> Recorder:
    return Recorder(
        Job(
            job_id="job",
            tenant="public",
            status=Status.RUNNING,
            submitted_at=clock.now,
            document_key="documents/job.txt",
            characters=6,
            model="mini",
            pack="mini",
            pipeline=("entity",),
            lease_epoch=1,
        )
    )


@pytest.fixture
def heartbeat(recorder: Recorder, clock: SettableClock) -> Heartbeat:
    settings = WorkerSettings(table="t", bucket="b", queue_url="q", lease_seconds=LEASE_SECONDS)
    store, queue = cast("JobStore", recorder), cast("JobQueue", recorder)
    documents, tracer = cast("DocumentStore", None), cast("Tracer", None)
    connections = Connections(settings, store, documents, queue, tracer, clock=clock)
    lease = Lease("job", "public", recorder.job.place, 1, clock.now + timedelta(seconds=LEASE_SECONDS))
    return Heartbeat(connections, SignOfLife(store, "worker-1", clock, 10), Message("job", "receipt"), lease)


def test_the_lease_is_renewed_before_the_message_so_that_whoever_sees_the_message_may_claim(
    heartbeat: Heartbeat, recorder: Recorder, clock: SettableClock
) -> None:
    heartbeat.tick()
    renewed_until = clock.now + timedelta(seconds=LEASE_SECONDS)
    assert recorder.calls == [("beat", renewed_until, None), ("extend", LEASE_SECONDS)]


def test_both_are_renewed_every_third_of_the_lease_and_between_the_record_is_only_looked_at(
    heartbeat: Heartbeat, recorder: Recorder, clock: SettableClock
) -> None:
    heartbeat.tick()
    mark = len(recorder.calls)
    for _ in range(9):
        clock.advance(1)
        heartbeat.tick()
    assert recorder.since(mark) == ["look"] * 9
    clock.advance(1)
    heartbeat.tick()
    assert recorder.since(mark + 9) == ["beat", "extend"]


def test_writing_progress_does_not_let_the_lease_outlast_the_message(
    heartbeat: Heartbeat, recorder: Recorder, clock: SettableClock
) -> None:
    heartbeat.tick()
    expires_at = recorder.calls[0][1]
    clock.advance(2)
    heartbeat.note(Advanced("tokens", 0.5))
    heartbeat.tick()
    assert recorder.calls[-1] == ("beat", expires_at, Progress("tokens", 50.0))


def test_a_job_that_goes_well_may_go_on(heartbeat: Heartbeat) -> None:
    heartbeat.tick()
    heartbeat.check()


def test_a_request_to_cancel_is_noticed(heartbeat: Heartbeat, recorder: Recorder) -> None:
    recorder.job = recorder.job.evolve(cancel_requested=True)
    heartbeat.tick()
    with pytest.raises(CancelRequested):
        heartbeat.check()


@pytest.mark.parametrize("changes", [{"lease_epoch": 2}, {"status": Status.PENDING}])
def test_a_look_that_finds_the_job_in_other_hands_tells_that_the_lease_is_lost(
    changes: dict[str, object], heartbeat: Heartbeat, recorder: Recorder
) -> None:
    heartbeat.tick()
    recorder.job = recorder.job.evolve(**changes)
    heartbeat.tick()
    with pytest.raises(LeaseLost):
        heartbeat.check()


def test_a_refused_beat_tells_that_the_lease_is_lost_and_leaves_the_message_alone(
    heartbeat: Heartbeat, recorder: Recorder
) -> None:
    recorder.lost = True
    heartbeat.tick()
    assert recorder.since(0) == ["beat"]
    with pytest.raises(LeaseLost):
        heartbeat.check()


def test_a_job_that_is_gone_tells_that_the_lease_is_lost(heartbeat: Heartbeat, recorder: Recorder) -> None:
    heartbeat.tick()
    recorder.gone = True
    heartbeat.tick()
    with pytest.raises(LeaseLost):
        heartbeat.check()
