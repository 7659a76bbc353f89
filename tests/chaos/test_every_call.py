"""A worker that dies, or is not answered, after each of the calls that it makes to AWS for a job, one after the other.

Nobody waits for leases and messages to run out: each further worker comes by a clock that is ahead.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from gpu_worker import consumer, retries
from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.shutdown import Shutdown
from jobs.clock import utc_now
from jobs.model import Job, Status
from jobs.queue import Message
from tests.scripted_engine import LOADER, script
from tests.workers import Deployment


class Death(BaseException):
    """The worker is gone."""


@dataclass
class Accident:
    """What happens to a worker after its call of that number."""

    at: int
    deadly: bool
    calls: int = 0
    dead: bool = False
    #: Of the messages that it was handed out.
    receipts: list[str] = field(default_factory=list)

    def watch(self, client: Any) -> None:
        """Happen among the calls of this client too."""
        client.meta.events.register("after-call", self._happen)

    def _happen(self, model: Any, parsed: Any, **_: Any) -> None:
        self.calls += 1
        if model.name == "ReceiveMessage":
            self.receipts += [message["ReceiptHandle"] for message in parsed.get("Messages", ())]
        struck = self.calls == self.at
        self.dead |= struck and self.deadly
        if self.dead and threading.current_thread() is threading.main_thread():
            raise Death
        if self.dead or struck:
            raise EndpointConnectionError(endpoint_url=model.name)


@pytest.fixture
def engine(deployment: Deployment, tmp_path: Path) -> Iterator[EngineProcess]:
    (tmp_path / "home").mkdir()
    process = EngineProcess(LOADER, tmp_path / "home")
    yield process
    process.kill()


def consume_one(deployment: Deployment, engine: EngineProcess, accident: Accident, ahead: timedelta) -> None:
    """Let a worker have the accident, by a clock that is ahead; its messages show again at once."""
    connections = replace(Connections.connect(deployment.settings), clock=lambda: utc_now() + ahead)
    for client in (connections.store.client, connections.documents.client, connections.queue.client):
        accident.watch(client)
    with suppress(Death):
        Consumer(connections, engine, Shutdown(), f"worker, {ahead} later").consume_one()
    if deployment.messages() != (0, 0):
        for receipt in accident.receipts:
            deployment.service.queue.extend(Message(None, receipt), 0)


def check_that_it_came_out_once(deployment: Deployment, job: Job, word: str) -> None:
    ended = deployment.job(job)
    assert (ended.status, deployment.messages()) == (Status.COMPLETED, (0, 0))
    assert ended.attempt <= 2, "one accident costs one attempt"
    assert deployment.result(job)["result"]["tokens"][0]["word"] == word
    stored = deployment.objects(f"results/{job.job_id}/")
    assert len(stored) == 7
    assert all(key.startswith(f"results/{job.job_id}/{ended.result_epoch}/") for key in stored)
    assert deployment.objects(f"checkpoints/{job.job_id}/") == []
    assert deployment.dead_letters.size() == 0


@pytest.mark.parametrize("deadly", [True, False], ids=["dies", "is not answered"])
def test_a_job_comes_out_once_whichever_call_its_worker(
    deployment: Deployment, engine: EngineProcess, monkeypatch: pytest.MonkeyPatch, deadly: bool
) -> None:
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(consumer, "jittered", lambda _: 0)
    lease_time = timedelta(seconds=deployment.settings.lease_seconds)
    for number in count(1):
        job, accident = deployment.submit(script(word=f"word {number}")), Accident(number, deadly)
        consume_one(deployment, engine, accident, timedelta(0))
        if accident.calls < number:
            break
        for later in range(1, 4):
            if deployment.messages() != (0, 0):
                consume_one(deployment, engine, Accident(at=0, deadly=False), later * lease_time)
        check_that_it_came_out_once(deployment, job, f"word {number}")
    assert number > 20, "a job takes more calls than that"
