"""POST /v1/uploads."""

import base64
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from jobs.service import JobService
from tests.conftest import SettableClock


def conditions_of(form: dict[str, Any]) -> list[Any]:
    """Return what the form's policy holds its sender to."""
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    conditions: list[Any] = policy["conditions"]
    return conditions


def test_a_request_gets_a_form_for_a_job_that_is_not_there_yet(here: httpx.Client, clock: SettableClock) -> None:
    lasts_until = clock.now + timedelta(minutes=15)
    answer = here.post("/v1/uploads", json={"book_id": "moby"})
    assert answer.status_code == 200
    form = answer.json()
    assert set(form) == {"job_id", "url", "fields", "expires_at"}
    assert str(uuid.UUID(form["job_id"])) == form["job_id"]
    assert form["fields"]["key"] == f"incoming/uploads/public/{form['job_id']}"
    assert lasts_until < datetime.fromisoformat(form["expires_at"]) <= lasts_until + timedelta(seconds=1)
    assert here.get(f"/v1/jobs/{form['job_id']}").status_code == 404
    assert here.get("/v1/jobs/stats").json()["total_jobs"] == 0


def test_the_policy_of_the_form_bounds_key_size_type_and_request(here: httpx.Client) -> None:
    form = here.post("/v1/uploads", json={"book_id": "Æsop", "model": "mini", "options": {"compat": True}}).json()
    conditions = conditions_of(form)
    assert {"key": form["fields"]["key"]} in conditions
    assert ["content-length-range", 1, 20_000_003] in conditions
    assert ["starts-with", "$Content-Type", "text/plain"] in conditions
    assert {"x-amz-meta-request": form["fields"]["x-amz-meta-request"]} in conditions
    asked = json.loads(form["fields"]["x-amz-meta-request"])
    assert asked == {"book_id": "Æsop", "model": "mini", "options": {"compat": True}}


def test_two_requests_get_forms_for_two_jobs_unless_they_have_one_key(here: httpx.Client) -> None:
    keys = [{}, {}, {"Idempotency-Key": "a"}, {"Idempotency-Key": "a"}, {"Idempotency-Key": "b"}]
    first, second, third, again, other = (
        here.post("/v1/uploads", json={}, headers=key).json()["job_id"] for key in keys
    )
    assert third == again
    assert len({first, second, third, other}) == 4


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": "huge"}, "model: must be"),
        ({"model": "custom", "custom_model_path": "none"}, "is not installed in this deployment"),
        ({"pipeline": ["quote"]}, "'quote' needs 'entity'"),
        ({"book_id": "\U00010330" * 256}, "shorten book_id"),
    ],
)
def test_what_would_not_become_a_job_gets_400_and_no_form(
    api: httpx.Client, fields: dict[str, Any], sentence: str
) -> None:
    answer = api.post("/v1/uploads", json=fields)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_no_form_is_given_while_the_queue_is_full(here: httpx.Client, service: JobService) -> None:
    for _ in range(service.settings.max_queue_size):
        here.post("/v1/jobs", json={"text": "A text."})
    answer = here.post("/v1/uploads", json={})
    assert answer.status_code == 503
    assert "queue is full" in answer.json()["detail"]
    assert int(answer.headers["Retry-After"]) > 0
