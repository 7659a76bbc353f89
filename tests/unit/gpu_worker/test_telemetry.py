"""What the worker tells of an attempt: its metrics as lines on stdout, its trace as one segment, its log's keys."""

import errno
import json
import sys
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError

from gpu_worker import logs, metrics
from gpu_worker.timeline import Timeline
from gpu_worker.traces import Tracer
from jobs.model import Job, Status
from tests.conftest import SettableClock

ROOT, PARENT = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"


@pytest.fixture
def job(clock: SettableClock) -> Job:
    return Job(
        job_id="job",
        tenant="public",
        status=Status.RUNNING,
        submitted_at=clock.now,
        document_key="documents/job.txt",
        characters=6,
        model="mini",
        pack="mini",
        pipeline=("entity",),
        attempt=1,
        lease_epoch=1,
        trace=f"Root={ROOT};Parent={PARENT};Sampled=1",
    )


@pytest.fixture
def timeline(clock: SettableClock) -> Timeline:
    """An attempt of three seconds, two of which were a stage."""
    timeline = Timeline(clock, clock.now)
    clock.advance(1)
    timeline.enter("tagging")
    clock.advance(1)
    timeline.enter("tagging")
    clock.advance(1)
    timeline.leave("tagging")
    return timeline


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    return {name: value[0] if isinstance(value, list) else value for name, value in found.items()}


def test_a_metric_is_a_line_of_the_embedded_format_that_names_its_job(
    job: Job, clock: SettableClock, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.job_claimed(job, clock.now + timedelta(seconds=90))
    line = told(capsys)
    assert (line["QueueWait"], line["job_id"], line["service"]) == (90.0, "job", "gpu_worker")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Bookjob", [["service"]])


def test_a_metric_that_cannot_be_written_is_no_error(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Mock(write=Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    monkeypatch.setattr(sys, "stdout", full)
    metrics.attempt_failed(job)
    full.write.assert_called()


def test_only_the_first_claim_ends_a_wait(job: Job, clock: SettableClock, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.job_claimed(job.evolve(attempt=2), clock.now)
    assert capsys.readouterr().out == ""


def test_a_completed_job_tells_how_fast_it_was_read(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.job_ended(job.evolve(status=Status.COMPLETED, token_count=6000, processing_time_ms=4000))
    line = told(capsys)
    assert (line["Tokens"], line["ReadingTime"], line["TokensPerSecond"]) == (6000, 4.0, 1500.0)
    assert (line["JobsCompleted"], line["JobsFailed"], line["JobsCancelled"]) == (1, 0, 0)


def test_a_failed_job_counts_as_one_and_has_no_speed(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.job_ended(job.evolve(status=Status.FAILED))
    line = told(capsys)
    assert (line["JobsCompleted"], line["JobsFailed"], line["JobsCancelled"]) == (0, 1, 0)
    assert "TokensPerSecond" not in line


def test_a_stage_is_timed_from_its_first_sign_to_its_end(
    job: Job, timeline: Timeline, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.stage_done(job, timeline.runs[0])
    line = told(capsys)
    assert (line["stage"], round(line["StageTime"], 1)) == ("tagging", 2.0)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["stage", "service"]]


def sent(client: Mock) -> dict[str, Any]:
    (document,) = client.put_trace_segments.call_args.kwargs["TraceSegmentDocuments"]
    found: dict[str, Any] = json.loads(document)
    return found


def test_an_attempt_is_a_segment_below_the_request_s_with_its_stages(
    job: Job, timeline: Timeline, clock: SettableClock
) -> None:
    client = Mock(put_trace_segments=Mock(return_value={"UnprocessedTraceSegments": []}))
    Tracer(client).send(job, timeline, clock.now)
    segment = sent(client)
    assert (segment["trace_id"], segment["parent_id"], segment["fault"]) == (ROOT, PARENT, False)
    assert segment["annotations"] == {"job_id": "job", "attempt": 1}
    (stage,) = segment["subsegments"]
    assert stage["name"] == "tagging"
    assert segment["start_time"] < stage["start_time"] < stage["end_time"] <= segment["end_time"]
    assert len({segment["id"], stage["id"]}) == 2


def test_a_failed_attempt_is_a_fault(job: Job, timeline: Timeline, clock: SettableClock) -> None:
    timeline.failed = True
    client = Mock(put_trace_segments=Mock(return_value={"UnprocessedTraceSegments": []}))
    Tracer(client).send(job, timeline, clock.now)
    assert sent(client)["fault"] is True


@pytest.mark.parametrize("trace", [None, f"Root={ROOT};Parent={PARENT};Sampled=0"])
def test_a_trace_that_nobody_records_is_not_sent(
    job: Job, timeline: Timeline, clock: SettableClock, trace: str | None
) -> None:
    client = Mock()
    Tracer(client).send(job.evolve(trace=trace), timeline, clock.now)
    client.put_trace_segments.assert_not_called()


def test_a_trace_that_does_not_arrive_is_no_error(job: Job, timeline: Timeline, clock: SettableClock) -> None:
    client = Mock(put_trace_segments=Mock(side_effect=EndpointConnectionError(endpoint_url="https://xray")))
    Tracer(client).send(job, timeline, clock.now)


def test_a_log_line_names_its_job_s_trace_until_the_job_has_ended(job: Job) -> None:
    logs.begin_job(job)
    assert logs.logger.get_current_keys()["xray_trace_id"] == ROOT
    logs.end_job()
    assert not logs.logger.get_current_keys().keys() & {"job_id", "xray_trace_id"}
