"""POST /v1/analyze."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.api import routes
from jobs.documents import DocumentStore
from jobs.lookup import JobLookup
from jobs.model import Job
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import RESULT, JobsAtHand
from tests.contract.transport import invoke, to_event

Script = Callable[[], object]
Install = Callable[[Script], list[float]]


@pytest.fixture
def while_waiting(service: JobService, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes time pass in no time: whenever the service sleeps, the clock goes on and the script runs.

    Returns the seconds of each sleep.
    """

    def install(script: Script) -> list[float]:
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            clock.advance(seconds)
            slept.append(seconds)
            script()

        sleeping = replace(service, sleep=sleep)
        monkeypatch.setattr(routes, "jobs", lambda: sleeping)
        return slept

    return install


@pytest.fixture
def waiting(service: JobService) -> Callable[[], Job]:
    """Returns the only job that waits."""

    def waiting() -> Job:
        (job_id,) = service.store.waiting()
        return service.get(job_id, "public")

    return waiting


def nothing() -> None:
    """What a worker does that is busy elsewhere."""


def analyze(here: httpx.Client, text: str = "Call me Ishmael.", **headers: str) -> httpx.Response:
    return here.post("/v1/analyze", json={"text": text, "model": "mini"}, headers=headers)


def test_the_result_is_answered_as_soon_as_there_is_one(
    here: httpx.Client, at_hand: JobsAtHand, while_waiting: Install, waiting: Callable[[], Job]
) -> None:
    slept = while_waiting(lambda: at_hand.finish(*at_hand.claim(waiting())))
    answer = analyze(here)
    assert answer.status_code == 200
    assert answer.json()["result"] == RESULT
    assert answer.json() == here.get(f"/v1/jobs/{answer.json()['job_id']}/result").json()
    assert len(slept) == 1


@pytest.mark.parametrize(
    ("prefer", "seconds"), [({}, 25), ({"Prefer": "wait=5"}, 5), ({"Prefer": "wait=0"}, 0), ({"Prefer": "wait=90"}, 25)]
)
def test_what_takes_longer_is_answered_with_the_job_and_where_to_look_for_it(
    here: httpx.Client, while_waiting: Install, prefer: dict[str, str], seconds: int
) -> None:
    slept = while_waiting(nothing)
    answer = analyze(here, **prefer)
    assert answer.status_code == 202
    assert sum(slept) == pytest.approx(seconds, abs=0.5)
    assert answer.headers.get("Preference-Applied") == (f"wait={seconds}" if prefer else None)
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json() == here.get(answer.headers["Location"]).json()
    assert answer.json()["status"] == "pending"


def test_the_time_that_a_function_takes_to_start_is_not_waited_once_more(
    here: httpx.Client, while_waiting: Install, clock: SettableClock
) -> None:
    slept = while_waiting(nothing)
    event = to_event(here.build_request("POST", "/v1/analyze", json={"text": "Call me Ishmael.", "model": "mini"}))
    event["requestContext"]["timeEpoch"] = int((clock() - timedelta(seconds=10)).timestamp() * 1000)
    assert invoke(event)["statusCode"] == 202
    assert sum(slept) == pytest.approx(15, abs=0.5)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_job_that_ends_without_a_result_gets_409_with_the_reason(
    here: httpx.Client,
    at_hand: JobsAtHand,
    service: JobService,
    while_waiting: Install,
    waiting: Callable[[], Job],
    end: str,
) -> None:
    def script() -> None:
        if end == "failed":
            _, lease = at_hand.claim(waiting())
            service.store.fail(lease, "The model ran out of memory.", at_hand.clock())
        else:
            service.cancel(waiting().job_id, "public")

    while_waiting(script)
    answer = analyze(here)
    assert answer.status_code == 409
    assert f"is {end}" in answer.json()["detail"]
    assert ("ran out of memory" in answer.json()["detail"]) is (end == "failed")


@pytest.mark.parametrize("unread", [(JobLookup, "get"), (JobLookup, "waiting"), (DocumentStore, "locate")])
def test_a_job_that_was_accepted_and_cannot_be_looked_at_is_told_of_and_no_error(
    here: httpx.Client,
    at_hand: JobsAtHand,
    service: JobService,
    while_waiting: Install,
    waiting: Callable[[], Job],
    monkeypatch: pytest.MonkeyPatch,
    unread: tuple[type, str],
) -> None:
    def unreachable(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws")

    while_waiting((lambda: at_hand.finish(*at_hand.claim(waiting()))) if unread[0] is DocumentStore else nothing)
    with monkeypatch.context() as outage:
        outage.setattr(*unread, unreachable)
        answer = analyze(here)
    assert answer.status_code == 202
    assert answer.json()["queue_position"] is None
    assert here.get(answer.headers["Location"]).json()["job_id"] == answer.json()["job_id"]


def test_a_request_can_be_repeated_until_it_answers_the_result(
    here: httpx.Client, at_hand: JobsAtHand, while_waiting: Install, waiting: Callable[[], Job]
) -> None:
    while_waiting(nothing)
    key = {"Idempotency-Key": "a scene"}
    first, again = analyze(here, **key), analyze(here, **key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    at_hand.finish(*at_hand.claim(waiting()))
    assert analyze(here, **key).json()["job_id"] == first.json()["job_id"]
    assert analyze(here, text="Another text.", **key).status_code == 422


def test_the_longest_text_is_taken_and_one_character_more_is_sent_elsewhere(
    here: httpx.Client, while_waiting: Install, service: JobService
) -> None:
    while_waiting(nothing)
    assert analyze(here, text="é" * 10_000).status_code == 202
    answer = analyze(here, text="é" * 10_001)
    assert answer.status_code == 400
    assert answer.json() == {
        "detail": "text: 10001 characters are more than the 10000 that can be waited for; submit it by POST /v1/jobs"
    }
    assert len(service.store.waiting()) == 1


def test_a_full_queue_is_told_of_at_once(here: httpx.Client, service: JobService, while_waiting: Install) -> None:
    slept = while_waiting(nothing)
    for _ in range(service.settings.max_queue_size):
        assert analyze(here, Prefer="wait=0").status_code == 202
    answer = analyze(here)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert slept == []
