"""`callback_url`, what a job tells of its callback, and the secret that callbacks are signed with."""

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from jobs.callbacks.model import id_of
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand

Submit = Callable[..., dict[str, Any]]

URL = "https://hooks.example.com/books?shelf=7"
NOTHING_YET = {"url": URL, "status": "pending", "attempts": 0, "last_error": None, "next_attempt_at": None}


def callback_in(api: httpx.Client, job_id: str) -> Any:
    return api.get(f"/v1/jobs/{job_id}").json()["callback"]


def test_a_job_tells_where_its_end_will_be_told(api: httpx.Client, submit: Submit) -> None:
    assert callback_in(api, submit(callback_url=URL)["job_id"]) == NOTHING_YET


def test_a_job_that_came_with_no_address_has_no_callback(api: httpx.Client, submit: Submit) -> None:
    assert callback_in(api, submit()["job_id"]) is None


def test_a_job_that_ended_tells_how_far_its_callback_is_wherever_it_is_told_of(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService
) -> None:
    job = at_hand.completed(callback_url=URL)
    outbox, callback = service.callbacks.outbox, service.callbacks.latest([job])[job.job_id]
    begun = outbox.begin(callback, service.clock())
    outbox.settle(begun, begun.missed("it answered 502", service.clock(), jitter=1))
    told = callback_in(here, job.job_id)
    assert told["next_attempt_at"].startswith("2026-01-20T10:00:05.")
    assert told == NOTHING_YET | {"attempts": 1, "last_error": "it answered 502"} | {
        "next_attempt_at": told["next_attempt_at"]
    }
    assert here.get("/v1/jobs").json()["jobs"][0]["callback"] == told
    assert here.get("/v1/jobs/latest").json()["callback"] == told


def test_an_expired_job_still_tells_of_its_callback(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService, clock: SettableClock
) -> None:
    job = at_hand.completed(callback_url=URL)
    clock.advance(service.settings.job_ttl_seconds)
    service.store.expire(job, service.clock())
    assert here.get(f"/v1/jobs/{job.job_id}").json()["status"] == "expired"
    assert callback_in(here, job.job_id)["status"] == "pending"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://example.com", "callback_url: it must begin with https://"),
        ("https://169.254.169.254/latest", "callback_url: its host must be a public address"),
        ("https://localhost:8000/", "callback_url: its port must be one of 443, 8443"),
        ("", "callback_url: must have at least 1 character(s)"),
        ("https://example.com/" + "a" * 1024, "callback_url: must have at most 1024 characters"),
        (7, "callback_url: must be a string"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/uploads"])
def test_an_address_that_callbacks_cannot_go_to_gets_400_and_a_sentence(
    here: httpx.Client, path: str, url: object, sentence: str
) -> None:
    answer = here.post(path, json={"text": "A text.", "model": "mini", "callback_url": url})
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]
    assert here.get("/v1/jobs/stats").json()["total_jobs"] == 0


def test_a_form_carries_the_address(here: httpx.Client) -> None:
    fields = here.post("/v1/uploads", json={"callback_url": URL}).json()["fields"]
    assert URL in fields["x-amz-meta-request"]


def test_a_secret_is_told_as_often_as_it_is_asked_for(here: httpx.Client) -> None:
    first, again = (here.get("/v1/webhooks/secret") for _ in range(2))
    assert first.status_code == 200
    assert first.json() == again.json()
    assert first.json()["previous_until"] is None
    assert len(base64.b64decode(first.json()["secret"].removeprefix("whsec_"))) == 32


def test_a_secret_is_rotated_once_a_day(here: httpx.Client, service: JobService, clock: SettableClock) -> None:
    clock.advance(48 * 3600)  # past whatever another test rotated
    old = here.get("/v1/webhooks/secret").json()["secret"]
    rotated = here.post("/v1/webhooks/secret/rotate")
    assert rotated.status_code == 200
    assert rotated.json()["secret"] != old
    assert rotated.json()["previous_until"].startswith("2026-01-23T10:00:")
    assert here.get("/v1/webhooks/secret").json() == rotated.json()
    refused = here.post("/v1/webhooks/secret/rotate")
    assert refused.status_code == 409
    assert "rotated less than a day ago" in refused.json()["detail"]
    clock.advance(24 * 3600)
    assert here.get("/v1/webhooks/secret").json() == {"secret": rotated.json()["secret"], "previous_until": None}


def test_the_callback_of_an_end_has_one_record_whatever_is_asked_of_the_job(
    here: httpx.Client, at_hand: JobsAtHand, service: JobService
) -> None:
    job = at_hand.completed(callback_url=URL)
    assert service.callbacks.outbox.find(id_of(job)) is not None
    here.delete(f"/v1/jobs/{job.job_id}/result")
    assert [*service.callbacks.outbox.due(service.clock())] == [id_of(job)]
