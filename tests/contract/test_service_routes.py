"""Health, readiness, the document of the API, request ids, and what HTTP itself refuses."""

import io
import uuid
from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.api import routes
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.jobs_at_hand import JobsAtHand

_NO_JOB = "5f0c7e52-3b7e-4c55-9d6b-6f1d0a1b2c3d"


@pytest.mark.parametrize("path", ["/health", "/v1/health"])
def test_health_is_told_without_asking_anything(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"status", "model_status", "version", "timestamp"}
    assert body["status"] == "healthy"
    assert body["model_status"] in ("ready", "warming", "error")
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None


def test_health_does_not_need_aws(here: httpx.Client, service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    break_aws(service, monkeypatch)
    assert here.get("/health").json()["status"] == "healthy"


@pytest.mark.parametrize("path", ["/ready", "/v1/ready"])
def test_a_deployment_with_everything_is_ready(
    here: httpx.Client, service: JobService, clock: SettableClock, path: str
) -> None:
    service.store.hear_worker("worker", clock())
    answer = here.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert {name: check["ok"] for name, check in body["checks"].items()} == dict.fromkeys(
        ("table", "bucket", "queue", "worker", "pack"), True
    )


def test_a_deployment_without_a_worker_is_not_ready_and_says_so(here: httpx.Client, service: JobService) -> None:
    answer = here.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "Not ready: worker."
    assert answer.json()["checks"]["worker"]["ok"] is False


def test_each_part_that_is_missing_is_named(
    here: httpx.Client, service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(
        service,
        store=replace(service.store, table="gone"),
        documents=replace(service.documents, bucket="gone"),
        queue=replace(service.queue, url=service.queue.url + "gone"),
        settings=service.settings.model_copy(update={"packs": frozenset(), "substitute_pack": None}),
    )
    monkeypatch.setattr(routes, "jobs", lambda: broken)
    answer = here.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "Not ready: table, bucket, queue, worker, pack."


def test_a_path_that_is_not_there_gets_404(api: httpx.Client) -> None:
    for path in ("/", "/v1", "/v1/jobs/a/b/c", "/v1/job", "/favicon.ico", "/v1/jobs/"):
        answer = api.get(path)
        assert answer.status_code == 404, path
        assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "POST"),
        ("POST", "/v1/jobs/stats", "GET"),
        ("PATCH", f"/v1/jobs/{_NO_JOB}", "GET"),
        ("POST", "/health", "GET"),
    ],
)
def test_another_method_gets_405_and_the_ones_that_there_are(
    api: httpx.Client, method: str, path: str, allowed: str
) -> None:
    answer = api.request(method, path)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"].split(", ")
    assert allowed in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/health", "/nothing", f"/v1/jobs/{_NO_JOB}"])
def test_a_request_id_is_echoed_whatever_the_answer(api: httpx.Client, path: str) -> None:
    given = "caller: 42/x!" + "y" * 115
    assert api.get(path, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "caf\xe9", "a\tb"])
def test_a_request_id_that_cannot_be_logged_is_replaced(here: httpx.Client, given: str) -> None:
    answer = here.get("/health", headers={b"X-Request-ID": given.encode("latin-1")})
    assert str(uuid.UUID(answer.headers["X-Request-ID"])) == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/docs", "/nothing", "/v1/jobs", "/v1/webhooks/secret"])
def test_no_answer_is_kept_on_its_way_or_taken_for_something_else(api: httpx.Client, path: str) -> None:
    headers = api.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_document_of_the_api_is_served(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert "/v1/jobs/{job_id}/result" in document["paths"]


def test_the_page_of_the_api_loads_nothing_from_elsewhere(api: httpx.Client) -> None:
    page = api.get("/docs")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "SwaggerUIBundle" in page.text
    assert "<script src=" not in page.text
    assert "<link" not in page.text


def break_aws(service: JobService, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error or EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    for client in (service.store.client, service.documents.client, service.queue.client):
        monkeypatch.setattr(client, "_make_api_call", refuse)


OUTAGES = {
    "no connection": EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com"),
    "throttled": ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "GetItem"),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES.keys())
def test_an_outage_of_aws_gets_503_and_only_the_log_has_the_cause(
    here: httpx.Client,
    service: JobService,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
    error: Exception,
) -> None:
    break_aws(service, monkeypatch, error)
    for request in (
        here.build_request("POST", "/v1/jobs", json={"text": "A text."}),
        here.build_request("GET", f"/v1/jobs/{_NO_JOB}"),
        here.build_request("GET", "/v1/jobs/stats"),
    ):
        answer = here.send(request)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json() == {
            "detail": "A part of the service does not answer at the moment. Try again in a few seconds."
        }
        assert type(error).__name__ in log.getvalue()


def test_an_error_that_nobody_foresaw_shows_nothing_of_itself(
    here: httpx.Client, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("/var/task/secret.py")

    monkeypatch.setattr(routes, "jobs", fail)
    answer = here.get("/v1/jobs/stats")
    assert answer.status_code == 500
    assert list(answer.json()) == ["detail"]
    assert "secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in log.getvalue()


def test_every_line_of_the_log_names_the_request_and_the_job(here: httpx.Client, log: io.StringIO) -> None:
    job_id = here.post("/v1/jobs", json={"text": "A text."}).json()["job_id"]
    log.truncate(0)
    here.get(f"/v1/jobs/{job_id}", headers={"X-Request-ID": "mine"})
    line = next(line for line in log.getvalue().splitlines() if '"Answered"' in line)
    assert '"request_id":"mine"' in line
    assert f'"job_id":"{job_id}"' in line


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/result", 200),
        ("GET", "/files/entities", 404),
        ("DELETE", "", 409),
        ("POST", "/cancel", 409),
        ("POST", "/retry", 409),
        ("DELETE", "/result", 204),
    ],
)
def test_the_log_names_the_job_of_a_request_whatever_comes_of_it(
    here: httpx.Client, at_hand: JobsAtHand, log: io.StringIO, method: str, path: str, status: int
) -> None:
    job = at_hand.completed()
    log.truncate(0)
    assert here.request(method, f"/v1/jobs/{job.job_id}{path}").status_code == status
    line = next(line for line in log.getvalue().splitlines() if '"Answered"' in line)
    assert f'"job_id":"{job.job_id}"' in line


def test_no_log_line_names_the_job_of_an_earlier_request(here: httpx.Client, log: io.StringIO) -> None:
    job_id = here.post("/v1/jobs", json={"text": "A text."}).json()["job_id"]
    log.truncate(0)
    here.get("/health")
    assert job_id not in log.getvalue()


@pytest.mark.parametrize("path", ["/v1/jobs/latest", "/v1/jobs/stats"])
def test_a_name_is_not_taken_for_the_id_of_a_job(api: httpx.Client, path: str) -> None:
    answer = api.delete(path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/v1/jobs", "/v1/jobs/stats", "/v1/jobs/none"])
def test_a_head_is_answered_as_the_get_is_but_without_a_body(api: httpx.Client, path: str) -> None:
    got, head = api.get(path), api.head(path)
    assert head.status_code == got.status_code
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert got.content
    assert head.content == b""


def test_a_head_tells_whether_there_is_a_result(here: httpx.Client, at_hand: JobsAtHand) -> None:
    assert here.head(f"/v1/jobs/{at_hand.completed().job_id}/result").status_code == 200
    assert here.head(f"/v1/jobs/{at_hand.pending().job_id}/result").status_code == 425


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        (f"/v1/jobs/{_NO_JOB}", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/analyze", "OPTIONS, POST"),
    ],
)
def test_options_tell_the_methods_of_a_path(api: httpx.Client, path: str, methods: str) -> None:
    answer = api.options(path)
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (204, methods, b"")


def test_a_path_that_is_not_there_has_no_options(api: httpx.Client) -> None:
    assert api.options("/nowhere").status_code == 404
