"""Both clients against a scripted service: what it sends, what it repeats, what it raises."""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookjob import errors
from bookjob.async_client import AsyncClient
from bookjob.client import Client
from bookjob.models import Job, JobState, Token
from bookjob.protocol import MAX_ATTEMPTS, MAX_RETRY_AFTER

from .conftest import JOB_ID, READY, Connect, ScriptedService, Time, body_of, job, problem, result


def test_a_submission_sends_only_what_the_caller_asked_for(client: Client, service: ScriptedService) -> None:
    submitted = client.submit("Call me Ishmael.", book_id="moby", pipeline=["entity"])

    assert submitted.job_id == JOB_ID
    assert submitted.queue_position == 1
    assert body_of(service.requests[0]) == {"text": "Call me Ishmael.", "book_id": "moby", "pipeline": ["entity"]}


@pytest.mark.parametrize("call", ["submit", "analyze"])
def test_half_a_surrogate_pair_is_no_text(client: Client, service: ScriptedService, call: str) -> None:
    with pytest.raises(errors.InvalidBook, match=r"lone surrogate, '\\ud800', at character 1\."):
        getattr(client, call)("a\ud800")
    assert service.requests == []


@pytest.mark.parametrize("key", ["é", "\udcff", "a\nb", " a", "a ", "", "x" * 256])
@pytest.mark.parametrize("call", ["submit", "upload", "analyze"])
def test_an_idempotency_key_that_no_header_can_carry_is_refused_before_anything_is_sent(
    client: Client, service: ScriptedService, call: str, key: str
) -> None:
    with pytest.raises(errors.InvalidArgument, match="printable ASCII characters"):
        getattr(client, call)("text", idempotency_key=key)
    assert service.requests == []


@pytest.mark.parametrize(
    ("call", "arguments", "more"),
    [
        ("submit", ("text",), {"book_id": "caf\udce9"}),
        ("upload", ("text",), {"options": {"referential_gender_cats": [["\udce9"]]}}),
        ("analyze", ("text",), {"pipeline": ["entity", "\udce9"]}),
        ("status", ("\udce9",), {}),
        ("page", (), {"cursor": "\udce9"}),
        ("latest", (), {"book_id": "\udce9"}),
    ],
)
def test_half_a_surrogate_pair_is_refused_in_every_argument_before_anything_is_sent(
    client: Client, service: ScriptedService, call: str, arguments: tuple[str, ...], more: dict[str, Any]
) -> None:
    with pytest.raises(errors.InvalidArgument, match="lone surrogate"):
        getattr(client, call)(*arguments, **more)
    assert service.requests == []


@pytest.mark.parametrize(("call", "argument"), [("status", "job_id"), ("result", "job_id"), ("latest", "book_id")])
def test_what_is_too_long_for_a_url_is_refused_before_anything_is_sent(
    client: Client, service: ScriptedService, call: str, argument: str
) -> None:
    with pytest.raises(errors.InvalidArgument, match=r"too long.*characters\."):
        getattr(client, call)(**{argument: "x" * 70_000})
    assert service.requests == []


@pytest.mark.parametrize("call", ["submit", "upload", "analyze"])
def test_a_keyword_that_does_not_exist_is_refused_before_anything_is_sent(
    client: Client, service: ScriptedService, call: str
) -> None:
    with pytest.raises(TypeError, match=r"no keyword bookid, compat\..*book_id.*options"):
        getattr(client, call)("text", compat=True, bookid="emma")
    assert service.requests == []


TROUBLES = st.sampled_from([0, 400, 401, 409, 413, 422, 425, 429, 500, 502, 503, 504])


@given(st.lists(st.tuples(TROUBLES, st.sampled_from(["", "2", "31", "soon"])), max_size=6))
def test_whatever_befalls_a_submission_it_is_one_job_asked_for_a_few_times(troubles: list[tuple[int, str]]) -> None:
    service, time = ScriptedService(), Time()
    answers = [
        problem(status, "oops", Retry_After=after) if status else httpx.ReadError("gone") for status, after in troubles
    ]
    service.fail("POST", "jobs", *answers)

    with (
        Client(transport=httpx.MockTransport(service), sleep=time.sleep, clock=time) as client,
        suppress(errors.BookjobError),
    ):
        client.submit("text")

    asked = [request for request in service.sent("POST") if request.url.path == "/v1/jobs"]
    assert 1 <= len(asked) <= MAX_ATTEMPTS
    assert len({request.headers["Idempotency-Key"] for request in asked}) == 1
    assert len(time.slept) >= len(asked) - 1
    assert all(0 < pause <= MAX_RETRY_AFTER for pause in time.slept)
    for (status, after), pause in zip(troubles, time.slept, strict=False):
        assert pause >= 2 or not (status in (429, 500, 502, 503, 504) and after == "2")


def test_a_submission_that_is_tried_again_is_the_same_submission(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "jobs", httpx.ReadError("gone"), problem(502, "bad gateway"))

    client.submit("text")

    keys = [request.headers["Idempotency-Key"] for request in service.sent("POST")]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_submissions_are_two_jobs_unless_the_caller_gives_the_key(client: Client, service: ScriptedService) -> None:
    client.submit("text")
    client.submit("text")
    client.submit("text", idempotency_key="mine")

    first, second, third = (request.headers["Idempotency-Key"] for request in service.sent("POST"))
    assert first != second
    assert third == "mine"


def test_a_full_queue_is_the_callers_to_decide(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail("POST", "jobs", problem(503, "The queue is full.", Retry_After="7"))

    with pytest.raises(errors.QueueFull, match=r"The queue is full\."):
        client.submit("text")
    assert time.slept == []


def test_a_caller_can_wait_for_a_place_in_the_queue(client: Client, service: ScriptedService, time: Time) -> None:
    full = [problem(503, "The queue is full.", Retry_After="40") for _ in range(9)]
    service.fail("POST", "jobs", *full)

    assert client.submit("text", wait_for_place=True).job_id == JOB_ID
    assert time.slept == [40.0] * 9


@pytest.mark.parametrize(("call", "last"), [("submit", "jobs"), ("upload", "uploads")])
def test_whoever_waits_for_a_place_waits_too_while_too_many_ask_for_one(
    client: Client, service: ScriptedService, time: Time, call: str, last: str
) -> None:
    service.fail("POST", last, *[problem(429, "Too many submissions.", Retry_After="1") for _ in range(99)])

    assert getattr(client, call)("text", wait_for_place=True).job_id == JOB_ID
    assert len(service.sent("POST")) / time.now < 0.2


def test_too_many_submissions_are_the_callers_to_decide(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "jobs", *[problem(429, "Too many submissions.", Retry_After="1") for _ in range(99)])

    with pytest.raises(errors.TooManyRequests):
        client.submit("text")
    assert len(service.requests) == MAX_ATTEMPTS


def test_a_call_waits_its_turn_while_others_have_all_connections(client: Client, service: ScriptedService) -> None:
    client.status(JOB_ID)

    assert service.requests[0].extensions["timeout"]["pool"] is None


def test_a_service_that_is_briefly_away_is_asked_again(client: Client, service: ScriptedService, time: Time) -> None:
    service.fail(
        "GET", JOB_ID, httpx.ConnectError("refused"), problem(500, "oops"), problem(429, "slow", Retry_After="4")
    )

    assert client.status(JOB_ID).status is JobState.COMPLETED
    assert len(time.slept) == 3
    assert time.slept[2] >= 4


def test_a_service_that_stays_away_is_unreachable(client: Client, service: ScriptedService) -> None:
    service.fail("GET", "stats", *[httpx.ConnectError("refused")] * 10)

    with pytest.raises(errors.ServiceUnreachable, match=r"http://localhost:8000.*bookjob up"):
        client.stats()
    assert len(service.requests) == 4


@pytest.mark.parametrize("call", ["cancel", "stop", "retry", "delete_result"])
def test_what_acts_is_not_sent_twice(client: Client, service: ScriptedService, call: str) -> None:
    for method, last in (("DELETE", JOB_ID), ("POST", "cancel"), ("POST", "retry"), ("DELETE", "result")):
        service.fail(method, last, httpx.ReadError("gone"), problem(500, "oops"))

    with pytest.raises(errors.ServiceUnreachable):
        getattr(client, call)(JOB_ID)
    assert len(service.requests) == 1


@pytest.mark.parametrize("trouble", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), 429])
def test_what_the_service_has_not_acted_on_is_sent_again(
    client: Client, service: ScriptedService, trouble: Exception | int
) -> None:
    service.fail("POST", "retry", problem(trouble, "slow down") if isinstance(trouble, int) else trouble)

    assert client.retry(JOB_ID).status is JobState.PENDING
    assert len(service.requests) == 2


def test_a_job_that_waits_is_cancelled_and_one_that_runs_is_being_stopped(client: Client) -> None:
    assert client.cancel(JOB_ID).status is JobState.CANCELLED
    assert client.stop(JOB_ID).status is JobState.RUNNING


def test_all_jobs_are_gone_through_page_by_page(client: Client, service: ScriptedService) -> None:
    service.pages = {
        None: {"jobs": [job(book_id="c"), job(book_id="b")], "cursor": "next/page="},
        "next/page=": {"jobs": [job(book_id="a")], "cursor": None},
    }

    assert [job.book_id for job in client.jobs(status=JobState.COMPLETED, page_size=2)] == ["c", "b", "a"]
    first, second = (dict(request.url.params) for request in service.requests)
    assert first == {"status": "completed", "limit": "2"}
    assert second == first | {"cursor": "next/page="}


def test_a_page_is_asked_for_by_what_the_caller_chose_alone(client: Client, service: ScriptedService) -> None:
    service.pages["c"] = service.pages[None]

    assert client.page(book_id="Pride & Prejudice", limit=5, cursor="c").cursor is None
    assert dict(service.requests[0].url.params) == {"book_id": "Pride & Prejudice", "limit": "5", "cursor": "c"}


def test_the_newest_job_is_that_of_a_book_where_one_is_named(client: Client, service: ScriptedService) -> None:
    assert client.latest().job_id == JOB_ID
    assert client.latest(book_id="emma").book_id == "emma"
    assert [str(request.url.query, "ascii") for request in service.requests] == ["", "book_id=emma"]


def test_deleting_a_result_has_no_answer(client: Client, service: ScriptedService) -> None:
    client.delete_result(JOB_ID)

    assert service.requests[0].url.path == f"/v1/jobs/{JOB_ID}/result"


def test_a_service_that_is_not_ready_says_what_is_missing(client: Client, service: ScriptedService) -> None:
    checks = {"worker": {"ok": False, "detail": "none was heard of"}}
    service.fail("GET", "ready", httpx.Response(503, json=READY | {"status": "not ready", "checks": checks}))

    readiness = client.ready()

    assert readiness.status == "not ready"
    assert not readiness.checks["worker"].ok
    assert client.ready().status == "ready"
    assert len(service.requests) == 2


def test_a_short_text_is_analysed_by_one_call(client: Client, service: ScriptedService) -> None:
    assert client.analyze("Call me Ishmael.", pipeline=["entity"]).job_id == JOB_ID
    assert body_of(service.requests[0]) == {"text": "Call me Ishmael.", "pipeline": ["entity"]}
    assert len(service.requests) == 1


def test_an_analysis_that_takes_longer_is_waited_for(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "analyze", httpx.Response(202, json=job("running")))
    service.looks = [job("running"), job()]

    assert client.analyze("text").status is JobState.COMPLETED
    assert [request.url.path.rsplit("/", 1)[1] for request in service.requests] == ["analyze", JOB_ID, JOB_ID, "result"]


def test_an_analysis_that_fails_says_why(client: Client, service: ScriptedService) -> None:
    service.fail("POST", "analyze", httpx.Response(202, json=job("running")), problem(409, "it has no words"))
    service.fail("GET", "result", problem(409, "it has no words"))
    service.looks = [job("failed")]

    for _ in range(2):
        with pytest.raises(errors.NoResult, match="it has no words"):
            client.analyze("text")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.NotAllowed),
        (404, errors.NotFound),
        (409, errors.NoResult),
        (413, errors.DocumentTooLarge),
        (425, errors.NotReady),
        (500, errors.ServiceFailed),
    ],
)
def test_an_error_carries_the_services_own_words(
    client: Client, service: ScriptedService, status: int, kind: type[errors.ServiceError]
) -> None:
    service.fail("GET", "result", *[problem(status, "what was wrong") for _ in range(4)])

    with pytest.raises(kind, match="what was wrong") as raised:
        client.result(JOB_ID)
    assert raised.value.status_code == status


@pytest.mark.parametrize("body", [b"<html>a router's login page</html>", b'{"status": "completed"}', b"[]", b""])
def test_an_answer_of_something_else_is_told_as_such(client: Client, service: ScriptedService, body: bytes) -> None:
    service.fail("GET", JOB_ID, httpx.Response(200, content=body))

    with pytest.raises(errors.UnexpectedAnswer, match=r"http://localhost:8000.*Is the URL right\?"):
        client.status(JOB_ID)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("call", ["submit", "result"])
def test_a_redirect_that_is_not_the_services_is_not_followed(
    client: Client, service: ScriptedService, call: str, status: int
) -> None:
    login = {"Location": "https://login.example/?from=jobs"}
    for method, last in (("POST", "jobs"), ("GET", "result")):
        service.fail(method, last, httpx.Response(status, headers=login))

    with pytest.raises(errors.UnexpectedAnswer, match=rf"\({status} .* to https://login\.example/\)"):
        getattr(client, call)(JOB_ID)
    assert len(service.requests) == 1


def test_fields_of_a_newer_service_are_kept(client: Client, service: ScriptedService) -> None:
    columns = dict.fromkeys(Token.__annotations__, "0") | {"mood": "sunny"}
    service.looks = [job(mood="sunny")]
    service.result = result(tokens=[columns])

    assert client.status(JOB_ID).model_dump()["mood"] == "sunny"
    assert dict(client.result(JOB_ID).result.tokens[0])["mood"] == "sunny"


def test_an_id_cannot_name_another_path(client: Client, service: ScriptedService) -> None:
    client.status("../stats?x=")

    assert service.requests[0].url.raw_path == b"/v1/jobs/..%2Fstats%3Fx%3D"


@pytest.mark.parametrize("url", ["http://books.example/v1", "http://books.example/", " http://books.example "])
def test_a_url_may_be_written_with_or_without_the_version(url: str) -> None:
    with Client(url) as client:
        assert client.url == "http://books.example"


@pytest.mark.parametrize(
    "url", ["books.example", "ftp://books.example", "http://", "http://[::", "http://books.example/\udcff"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidUrl, match="should look like"):
        Client(url)


def test_the_environment_names_the_service_and_the_key(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, service: ScriptedService
) -> None:
    monkeypatch.setenv("BOOKJOB_URL", "https://books.example/prod")
    monkeypatch.setenv("BOOKJOB_API_KEY", "secret")

    connect(service).stats()

    assert str(service.requests[0].url) == "https://books.example/prod/v1/jobs/stats"
    assert service.requests[0].headers["X-API-Key"] == "secret"


def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> dict[str, inspect.Signature]:
        public = {name: call for name, call in vars(kind).items() if not name.startswith("_")}
        return {name: inspect.signature(call) for name, call in public.items()}

    plain, awaited = calls(Client), calls(AsyncClient)
    assert awaited["jobs"].return_annotation == AsyncIterator[Job]
    awaited["jobs"] = awaited["jobs"].replace(return_annotation=Iterator[Job])
    assert plain == awaited
    assert all(inspect.iscoroutinefunction(getattr(AsyncClient, name)) for name in awaited if name != "jobs")
