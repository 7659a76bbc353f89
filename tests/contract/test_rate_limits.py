"""429 and the X-RateLimit headers."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import httpx
import pytest
from botocore.exceptions import ClientError

from functions.api import caller, connections, routes
from functions.api.caller import Caller
from functions.api.rate_limits import holder_of
from jobs.keys import KeyLimits
from jobs.rate_limits import RateLimits
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand
from tests.contract.transport import invoke, to_event

OPEN = ("/health", "/v1/health", "/ready", "/v1/ready", "/metrics", "/openapi.json", "/docs")

Allow = Callable[[int, int], None]


@pytest.fixture
def allow(service: JobService, monkeypatch: pytest.MonkeyPatch) -> Allow:
    """Sets how many submissions and other requests a minute the deployment allows."""

    def allow(submissions: int, requests: int) -> None:
        rates = {"submissions_per_minute": submissions, "requests_per_minute": requests}
        limited = replace(service, settings=service.settings.model_copy(update=rates))
        monkeypatch.setattr(connections, "jobs", lambda: limited)
        monkeypatch.setattr(routes, "jobs", lambda: limited)

    return allow


def submit(here: httpx.Client) -> httpx.Response:
    return here.post("/v1/jobs", json={"text": "A text.", "model": "mini"})


def told(answer: httpx.Response) -> tuple[int, int, int]:
    """Return the limit, what remains of it, and the seconds until all of it does."""
    limit, remaining, reset = (int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
    return limit, remaining, reset


def test_every_answer_tells_how_many_requests_are_left_whatever_else_it_says(
    here: httpx.Client, at_hand: JobsAtHand, allow: Allow
) -> None:
    allow(2, 60)
    job = at_hand.completed()
    answers = [here.get("/v1/jobs"), here.get(f"/v1/jobs/{job.job_id}/result"), here.get("/v1/jobs/unknown")]
    answers += [here.get("/v1/jobs", params={"limit": 0}), here.delete(f"/v1/jobs/{job.job_id}")]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 400, 409]
    assert [told(answer) for answer in answers] == [(60, 59 - taken, taken + 1) for taken in range(5)]
    assert told(here.post("/v1/jobs", content=b"{")) == (2, 1, 30)


def test_whoever_asks_too_often_is_told_when_to_ask_again_and_nothing_is_done(
    here: httpx.Client, allow: Allow, clock: SettableClock, service: JobService
) -> None:
    allow(2, 600)
    assert [submit(here).status_code for _ in range(3)] == [200, 200, 429]
    clock.advance(10)
    answer = submit(here)
    assert answer.status_code == 429
    assert told(answer) == (2, 0, 50)
    assert answer.headers["Retry-After"] == "20"
    assert answer.json() == {"detail": "Too many submissions: 2 a minute are allowed. Try again in 20 second(s)."}
    assert len(service.store.waiting()) == 2
    clock.advance(20)
    assert submit(here).status_code == 200


def test_looking_takes_nothing_from_submitting_and_the_answer_names_a_better_way(
    here: httpx.Client, allow: Allow
) -> None:
    allow(1, 2)
    answers = [here.get("/v1/jobs/stats") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Prefer: wait=20" in answers[-1].json()["detail"]
    assert submit(here).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/jobs"), ("POST", "/v1/uploads"), ("POST", "/v1/analyze"), ("POST", "/v1/jobs/unknown/retry")],
)
def test_what_makes_work_counts_as_a_submission(here: httpx.Client, allow: Allow, method: str, path: str) -> None:
    allow(7, 600)
    assert told(here.request(method, path))[0] == 7


def test_nobody_is_asked_how_often_the_service_is_looked_at(
    here: httpx.Client, allow: Allow, service: JobService, clock: SettableClock
) -> None:
    allow(1, 1)
    service.store.hear_worker("worker", clock())
    for path in OPEN * 2:
        answer = here.get(path)
        assert answer.status_code == 200
        assert "X-RateLimit-Limit" not in answer.headers


def test_a_key_has_a_bucket_and_limits_of_its_own(
    here: httpx.Client, allow: Allow, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(5, 50)
    keys = {
        "a": Caller("lab", "a", KeyLimits(submissions=1)),
        "b": Caller("lab", "b", KeyLimits(requests=3)),
        "c": Caller("lab", "c"),
    }
    monkeypatch.setattr(caller, "caller_by_key", lambda event: keys[event["headers"]["x-api-key"]])

    def look(key: str) -> int:
        return told(here.get("/v1/jobs", headers={"X-API-Key": key}))[0]

    def post(key: str) -> int:
        return told(here.post("/v1/jobs", headers={"X-API-Key": key}))[0]

    assert [(look(key), post(key)) for key in keys] == [(50, 1), (3, 5), (50, 5)]
    assert [here.post("/v1/jobs", headers={"X-API-Key": key}).status_code for key in keys] == [429, 400, 400]


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("203.0.113.7", "address:203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "address:2001:db8:1:2::/64"),
    ],
)
def test_without_keys_an_address_is_a_caller_and_a_network_where_each_has_many(address: str, holder: str) -> None:
    event = {"requestContext": {"http": {"sourceIp": address}}, "headers": {"x-forwarded-for": "198.51.100.1"}}
    assert holder_of(Caller("public"), event) == holder


def test_another_address_has_another_bucket(here: httpx.Client, allow: Allow) -> None:
    allow(1, 1)
    assert here.get("/v1/jobs").status_code == 200
    event = to_event(here.build_request("GET", "/v1/jobs"))
    assert invoke(event)["statusCode"] == 429
    event["requestContext"]["http"]["sourceIp"] = "203.0.113.7"
    assert invoke(event)["statusCode"] == 200


def test_a_table_that_throttles_the_limiter_limits_nobody_and_the_log_says_so(
    here: httpx.Client, allow: Allow, service: JobService, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    allow(1, 1)

    class Throttled(RateLimits):
        def take(self, *_: object) -> NoReturn:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "UpdateItem")

    throttled = Throttled(service.store.client, service.store.table, service.clock)
    monkeypatch.setattr(connections, "rate_limits", lambda: throttled)
    for _ in range(3):
        answer = here.get("/v1/jobs")
        assert answer.status_code == 200
        assert "X-RateLimit-Limit" not in answer.headers
    assert "The rate limits were not asked" in log.getvalue()
