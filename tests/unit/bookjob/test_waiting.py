"""Waiting for a job: what its caller hears, and what is borne."""

import httpx
import pytest

from bookjob import errors
from bookjob.client import Client
from bookjob.models import Job, JobState
from bookjob.polling import OUTAGE_PATIENCE
from bookjob.protocol import MAX_ATTEMPTS

from .conftest import JOB_ID, ScriptedService, Time, job, problem


def test_waiting_tells_every_change_once_and_returns_the_end(client: Client, service: ScriptedService) -> None:
    service.looks = [
        job("pending", queue_position=1),
        job("pending", queue_position=1),
        job("running", stage="tokens", progress=3.0),
        job("running", stage="tokens", progress=3.0),
        job(),
    ]
    seen = []

    ended = client.wait(JOB_ID, on_change=lambda job: seen.append((job.status, job.stage)))

    assert ended.status is JobState.COMPLETED
    assert seen == [("pending", None), ("running", "tokens"), ("completed", None)]


def test_waiting_asks_the_service_to_hold_its_answer(client: Client, service: ScriptedService) -> None:
    client.wait(JOB_ID)

    assert service.requests[0].headers["Prefer"] == "wait=20"


def test_waiting_bears_a_service_that_restarts(client: Client, service: ScriptedService) -> None:
    service.looks = [job("running"), job()]
    service.fail("GET", JOB_ID, *[httpx.ConnectError("refused")] * 30)

    assert client.wait(JOB_ID).status is JobState.COMPLETED


def test_waiting_ends_when_the_service_does_not_come_back(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail("GET", JOB_ID, *[httpx.ConnectError("refused")] * 1000)

    with pytest.raises(errors.ServiceUnreachable):
        client.wait(JOB_ID)
    assert OUTAGE_PATIENCE <= time.now < 2 * OUTAGE_PATIENCE


def test_waiting_goes_on_while_too_many_ask(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail("GET", JOB_ID, *[problem(429, "Too many requests.", Retry_After="1") for _ in range(1000)])

    assert client.wait(JOB_ID).status is JobState.COMPLETED
    assert time.now > 2 * OUTAGE_PATIENCE


def test_waiting_bears_a_service_that_is_away_after_an_answer_took_long(
    client: Client, service: ScriptedService, time: Time
) -> None:
    def fall_silent(now: Job) -> None:
        time.now += OUTAGE_PATIENCE + 1  # such as while others have all connections
        service.fail("GET", JOB_ID, *[httpx.ReadError("gone")] * MAX_ATTEMPTS)

    service.looks = [job("running"), job()]
    ended = client.wait(JOB_ID, on_change=lambda now: None if now.status.ended else fall_silent(now))

    assert ended.status is JobState.COMPLETED


def test_waiting_is_not_longer_than_the_caller_allows(client: Client, service: ScriptedService, time: Time) -> None:
    service.looks = [job("running")]

    with pytest.raises(errors.JobTimedOut, match="it goes on"):
        client.wait(JOB_ID, timeout=30)
    assert 30 <= time.now < 35


def test_waiting_for_an_unknown_job_ends_at_once(client: Client, service: ScriptedService) -> None:
    service.fail("GET", JOB_ID, problem(404, "not found"))

    with pytest.raises(errors.NotFound):
        client.wait(JOB_ID)
