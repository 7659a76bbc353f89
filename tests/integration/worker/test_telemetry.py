"""What the worker tells of the jobs that it really runs: metrics as lines on stdout, and segments of their traces."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import EngineProcess
from gpu_worker.logs import logger
from gpu_worker.shutdown import Shutdown
from gpu_worker.traces import Tracer
from jobs.model import Job, Status
from jobs.tracing import TRACE_VARIABLE
from tests.scripted_engine import LOADER, STAGES, script
from tests.workers import TENANT, Deployment, emulated, finish


@pytest.fixture(scope="module")
def deployment(emulator_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with emulated(emulator_port):
        yield Deployment.create(tmp_path_factory.mktemp("packs"))


@pytest.fixture(scope="module")
def xray() -> Mock:
    return Mock(put_trace_segments=Mock(return_value={"UnprocessedTraceSegments": []}))


@pytest.fixture(scope="module")
def consumer(deployment: Deployment, xray: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consumer]:
    connections = replace(Connections.connect(deployment.settings), tracer=Tracer(xray))
    engine = EngineProcess(LOADER, tmp_path_factory.mktemp("home"))
    engine.start()
    yield Consumer(connections, engine, Shutdown(), "worker-1")
    engine.kill()


def metrics_told(capsys: pytest.CaptureFixture[str], job: Job) -> set[str]:
    """The names of the metrics that were told of the job since the last look."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    mine = [line for line in lines if line.get("job_id") == job.job_id]
    return {
        metric["Name"]
        for line in mine
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        if line[metric["Name"]] != [0]
    }


def said(log: io.StringIO, message: str) -> list[dict[str, Any]]:
    """The lines of the log that say this."""
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == message]


def test_a_finished_job_is_counted_and_timed(
    consumer: Consumer, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    job = finish(consumer, deployment, deployment.submit(script(seconds=0.2)))
    told = metrics_told(capsys, job)
    assert told == {"QueueWait", "StageTime", "JobsCompleted", "Tokens", "ReadingTime", "TokensPerSecond"}


def test_a_failed_attempt_is_counted_and_so_is_the_job_that_it_ends(
    consumer: Consumer, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    job = finish(consumer, deployment, deployment.submit(script(do="refuse")))
    assert job.status is Status.FAILED
    assert {"AttemptsFailed", "JobsFailed"} <= metrics_told(capsys, job)


def test_the_stack_of_the_engine_is_in_the_log_under_the_job_and_its_stage(
    consumer: Consumer, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    job = deployment.submit(script(do="raise"))
    consumer.consume_one()
    (line,) = said(log, "the engine failed")
    assert (line["job_id"], line["attempt"], line["stage"]) == (job.job_id, 1, "tagging")
    assert "IndexError: list index out of range" in line["stack"]
    deployment.service.cancel(job.job_id, TENANT)
    finish(consumer, deployment, job)


def test_the_log_tells_of_each_attempt_what_its_engine_computes_on(
    consumer: Consumer, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that finds no GPU reads on without, and only slower."""
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    job = finish(consumer, deployment, deployment.submit(script()))
    (line,) = said(log, "the engine is ready")
    assert (line["job_id"], line["pack"], line["device"]) == (job.job_id, "mini@0.0.1", "cpu")


def test_an_attempt_joins_the_trace_of_the_request_that_submitted_its_job(
    consumer: Consumer, deployment: Deployment, xray: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, parent = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
    monkeypatch.setenv(TRACE_VARIABLE, f"Root={root};Parent={parent};Sampled=1")
    submitted = deployment.submit(script())
    monkeypatch.delenv(TRACE_VARIABLE)
    job = finish(consumer, deployment, submitted)
    (document,) = xray.put_trace_segments.call_args.kwargs["TraceSegmentDocuments"]
    segment = json.loads(document)
    assert (segment["trace_id"], segment["parent_id"], segment["fault"]) == (root, parent, False)
    assert segment["annotations"] == {"job_id": job.job_id, "attempt": 1}
    assert [stage["name"] for stage in segment["subsegments"]] == list(STAGES)
