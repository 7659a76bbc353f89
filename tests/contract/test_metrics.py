"""GET /metrics."""

import re

import httpx

from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand

SAMPLE = re.compile(r'^([a-z_]+(?:\{[a-z]+="[^"]*"\})?) (\d+)$')


def samples(answer: httpx.Response) -> dict[str, int]:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    matches = [SAMPLE.match(line) for line in answer.text.splitlines() if not line.startswith("# ")]
    assert all(matches)
    return {match[1]: int(match[2]) for match in matches if match}


def test_the_numbers_are_in_prometheus_text_format(api: httpx.Client) -> None:
    found = samples(api.get("/metrics"))
    assert found["bookjob_queue_capacity"] >= 1
    assert found["bookjob_worker_up"] in (0, 1)


def test_every_name_is_explained_before_it_is_used(api: httpx.Client) -> None:
    explained: set[str] = set()
    for line in api.get("/metrics").text.splitlines():
        if line.startswith("# TYPE "):
            explained.add(line.split()[2])
        elif not line.startswith("#"):
            assert re.split(r"[{ ]", line)[0] in explained


def test_jobs_are_counted_by_status(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, clock: SettableClock
) -> None:
    at_hand.completed()
    at_hand.halfway()
    at_hand.pending()
    at_hand.pending()
    service.store.hear_worker("worker", clock())
    found = samples(here.get("/metrics"))
    assert found['bookjob_jobs{status="pending"}'] == found["bookjob_queue_size"] == 2
    assert found['bookjob_jobs{status="running"}'] == found['bookjob_jobs{status="completed"}'] == 1
    assert found['bookjob_jobs{status="failed"}'] == 0
    assert found["bookjob_worker_up"] == 1


def test_jobs_are_counted_whoever_they_are_of(here: httpx.Client, at_hand: JobsAtHand, clock: SettableClock) -> None:
    at_hand.pending(tenant="acme")
    at_hand.completed(tenant="globex")
    told = here.get("/metrics")
    assert samples(told)['bookjob_jobs{status="pending"}'] == samples(told)['bookjob_jobs{status="completed"}'] == 1
    assert "acme" not in told.text
    clock.advance(3601)
    assert samples(here.get("/metrics"))['bookjob_jobs{status="completed"}'] == 0
    assert samples(here.get("/metrics"))['bookjob_jobs{status="pending"}'] == 1


def test_jobs_are_not_counted_anew_for_whoever_asks_again_at_once(
    here: httpx.Client, at_hand: JobsAtHand, clock: SettableClock
) -> None:
    completed = 'bookjob_jobs{status="completed"}'
    assert samples(here.get("/metrics"))[completed] == 0
    at_hand.completed()
    clock.advance(14)
    assert samples(here.get("/metrics"))[completed] == 0
    clock.advance(1)
    assert samples(here.get("/metrics"))[completed] == 1
