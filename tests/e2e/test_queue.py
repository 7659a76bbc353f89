"""Fifty callers at once, ten places, one worker: what is accepted is read, in order, one at a time."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest

from tests.e2e.conftest import TEXT, Installation

pytestmark = pytest.mark.timeout(300)  # whole starts and stops, on a machine that may be busy

CALLERS, PLACES = 50, 10


def submit(url: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/jobs", json={"text": TEXT, "pipeline": ["entity"]}, timeout=120)


def test_of_fifty_callers_ten_get_a_place_and_their_jobs_run_in_order_one_at_a_time(
    installation: Installation,
) -> None:
    installation.up("--no-worker")
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(callers.map(submit, [installation.url] * CALLERS))
    accepted = [answer.json()["job_id"] for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert (len(accepted), len(refused)) == (PLACES, CALLERS - PLACES)
    assert all("retry-after" in answer.headers and "full" in answer.json()["detail"] for answer in refused)
    stats = httpx.get(f"{installation.url}/v1/jobs/stats").json()
    assert (stats["total_jobs"], stats["queue_size"], stats["pending"], stats["worker_running"]) == (10, 10, 10, False)

    assert installation.bookjob("down").returncode == 0
    installation.up()
    jobs = [installation.finish(job_id) for job_id in accepted]
    assert {(job["status"], job["attempt"]) for job in jobs} == {("completed", 1)}
    in_order = sorted(jobs, key=lambda job: str(job["submitted_at"]))
    for before, after in pairwise(in_order):
        assert before["completed_at"] <= after["started_at"]
