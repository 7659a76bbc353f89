"""`Prefer: wait` on GET /v1/jobs/{job_id}."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from functions.api import routes
from jobs.model import Progress
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand

Script = Callable[[float], None]
Install = Callable[[Script], None]


@pytest.fixture
def while_waiting(service: JobService, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes time pass in no time: whenever the service sleeps, the clock goes on and the given script runs."""

    def install(script: Script) -> None:
        def sleep(seconds: float) -> None:
            clock.advance(seconds)
            script(seconds)

        slept = replace(service, sleep=sleep)
        monkeypatch.setattr(routes, "jobs", lambda: slept)

    return install


def look(here: httpx.Client, job_id: str, prefer: str) -> httpx.Response:
    answer = here.get(f"/v1/jobs/{job_id}", headers={"Prefer": prefer})
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=20", 20), ("wait=3", 3), ("wait=600", 20), ("respond-async, wait=5", 5), ('wait="7"', 7)],
)
def test_an_answer_is_held_as_long_as_is_asked_for_but_twenty_seconds_at_most(
    here: httpx.Client, at_hand: JobsAtHand, while_waiting: Install, prefer: str, seconds: int
) -> None:
    waited: list[float] = []
    while_waiting(waited.append)
    answer = look(here, at_hand.pending().job_id, prefer)
    assert sum(waited) == pytest.approx(seconds, abs=0.5)
    assert answer.headers["Preference-Applied"] == f"wait={seconds}"


@pytest.mark.parametrize("prefer", ["wait=0", "wait=-5", "wait=soon", "wait", "return=minimal", "waiting=5"])
def test_a_preference_that_is_none_of_ours_holds_nothing(
    here: httpx.Client, at_hand: JobsAtHand, while_waiting: Install, prefer: str
) -> None:
    waited: list[float] = []
    while_waiting(waited.append)
    assert "Preference-Applied" not in look(here, at_hand.pending().job_id, prefer).headers
    assert waited == []


def test_an_ended_job_is_told_of_at_once(here: httpx.Client, at_hand: JobsAtHand, while_waiting: Install) -> None:
    waited: list[float] = []
    while_waiting(waited.append)
    assert look(here, at_hand.completed().job_id, "wait=20").json()["status"] == "completed"
    assert waited == []


def test_a_change_of_status_ends_the_wait(here: httpx.Client, at_hand: JobsAtHand, while_waiting: Install) -> None:
    job, waited = at_hand.pending(), list[float]()

    def script(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            at_hand.claim(job)

    while_waiting(script)
    assert look(here, job.job_id, "wait=20").json()["status"] == "running"
    assert len(waited) == 3


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        (Progress("coref", 45.0), True),
        (Progress("tokens", 46.0), True),
        (Progress("tokens", 45.9), False),
    ],
    ids=["another stage", "another whole percent", "less than a percent"],
)
def test_a_change_of_stage_or_of_a_whole_percent_ends_the_wait_and_no_less(
    here: httpx.Client,
    at_hand: JobsAtHand,
    while_waiting: Install,
    progress: Progress,
    told: bool,
) -> None:
    job, lease = at_hand.running()
    at_hand.beat(lease, Progress("tokens", 45.0))
    waited: list[float] = []

    def script(seconds: float) -> None:
        waited.append(seconds)
        at_hand.beat(lease, progress)

    while_waiting(script)
    look(here, job.job_id, "wait=20")
    assert (len(waited) == 1) is told
