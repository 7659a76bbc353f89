"""What may be repeated, and after how long."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookjob import errors
from bookjob.protocol import (
    FIRST_DELAY,
    MAX_ATTEMPTS,
    MAX_RETRY_AFTER,
    Call,
    delay_before_retry,
    error_of,
    is_on_this_machine,
    unreachable,
)
from jobs.errors import QueueFull

from .conftest import problem

GET = Call("GET", "/v1/jobs/1")
ONCE = Call("DELETE", "/v1/jobs/1", repeatable=False)
GONE = errors.ServiceUnreachable("http://localhost", "no connection")


@given(st.integers(1, MAX_ATTEMPTS - 1))
def test_each_pause_is_about_twice_the_one_before(attempt: int) -> None:
    delay = delay_before_retry(GET, GONE, attempt)

    assert delay is not None
    assert FIRST_DELAY / 2 * 2 ** (attempt - 1) <= delay <= FIRST_DELAY * 2 ** (attempt - 1)


def test_the_last_failure_is_the_callers() -> None:
    assert delay_before_retry(GET, GONE, MAX_ATTEMPTS) is None


@pytest.mark.parametrize("error", [GONE, errors.ServiceFailed(500, ""), errors.ServiceFailed(503, "", retry_after=1)])
def test_what_must_not_happen_twice_is_not_repeated(error: errors.BookjobError) -> None:
    assert delay_before_retry(ONCE, error, 1) is None


@given(
    st.sampled_from([GET, ONCE]),
    st.integers(1, 2 * MAX_ATTEMPTS),
    st.sampled_from([errors.ServiceFailed, errors.TooManyRequests, errors.Conflict]),
    st.none() | st.floats(0, 1e6),
)
def test_a_pause_is_short_and_the_attempts_are_few(
    call: Call, attempt: int, kind: type[errors.ServiceError], retry_after: float | None
) -> None:
    delay = delay_before_retry(call, kind(503, "", retry_after=retry_after), attempt)

    assert delay is None or attempt < MAX_ATTEMPTS
    assert delay is None or 0 < delay <= max(MAX_RETRY_AFTER, FIRST_DELAY * 2**MAX_ATTEMPTS)


def test_a_retry_may_be_asked_for_by_date() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = error_of(GET, httpx.Response(429, headers={"Retry-After": in_a_minute}))

    assert isinstance(error, errors.TooManyRequests)
    assert error.retry_after == pytest.approx(60, abs=5)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
@example("Thu, 01 Jan 99999 00:00:00 GMT")
@example("Thu, 01 Jan 1970 00:00:00 GMT")
def test_whatever_a_gateway_says_of_a_retry_is_a_number_or_nothing(said: str) -> None:
    error = error_of(GET, httpx.Response(429, headers={"Retry-After": said}))

    assert isinstance(error, errors.TooManyRequests)
    assert error.retry_after is None or error.retry_after >= 0


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 415, 422, 425])
def test_what_would_be_refused_again_is_not_repeated(status: int) -> None:
    assert delay_before_retry(GET, error_of(GET, problem(status, "no")), 1) is None


@given(st.integers(0, int(MAX_RETRY_AFTER)))
def test_the_service_is_not_asked_before_it_wants_to_be(seconds: int) -> None:
    delay = delay_before_retry(GET, errors.TooManyRequests(429, "", retry_after=seconds), 1)

    assert delay is not None
    assert delay >= seconds


def test_an_hour_is_the_callers_to_wait() -> None:
    assert delay_before_retry(GET, errors.TooManyRequests(429, "", retry_after=3600.0), 1) is None


def test_a_service_that_is_away_is_not_a_full_queue() -> None:
    submission = Call("POST", "/v1/jobs", takes_place_in_queue=True)
    full = problem(503, str(QueueFull(10)), Retry_After="30")
    away = problem(503, "A part of the service does not answer at the moment.", Retry_After="5")

    assert isinstance(error_of(submission, full), errors.QueueFull)
    assert isinstance(error_of(GET, full), errors.ServiceFailed)
    for outage in (away, httpx.Response(503)):
        error = error_of(submission, outage)
        assert isinstance(error, errors.ServiceFailed)
        assert delay_before_retry(submission, error, 1) is not None


@pytest.mark.parametrize("body", [b"", b"<html>", b'"text"', b'{"detail": null}', b'{"detail": [{"msg": "x"}]}'])
def test_an_error_without_words_names_its_status(body: bytes) -> None:
    assert str(error_of(GET, httpx.Response(502, content=body))) == "The service answered 502 Bad Gateway."
    assert str(error_of(GET, httpx.Response(401, content=body))).startswith(
        "The service answered 401 Unauthorized. Set BOOKJOB_API_KEY"
    )


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 418, 425])
@pytest.mark.parametrize("body", [b"<html>", b'{"message": "Not Found"}'])
def test_a_refusal_without_the_services_words_is_not_the_services(status: int, body: bytes) -> None:
    request = httpx.Request("GET", "https://books.example/v1/jobs?cursor=c")
    error = error_of(GET, httpx.Response(status, content=body, request=request))

    assert isinstance(error, errors.UnexpectedAnswer)
    assert f"The answer of https://books.example/v1/jobs is not one of this service ({status} " in str(error)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (httpx.ConnectError("Name or service not known"), "no connection: Name or service not known"),
        (httpx.ConnectError("certificate verify failed"), "no connection: certificate verify failed"),
        (httpx.ProxyError("407 Authenticate"), "the connection broke: 407 Authenticate"),
        (httpx.ReadError(""), "the connection broke"),
        (httpx.ReadTimeout("timed out"), "it took too long"),
    ],
)
def test_why_there_was_no_answer_is_told(trouble: httpx.HTTPError, reason: str) -> None:
    told = str(unreachable(GET, "https://books.example", trouble))

    assert told.startswith(f"No answer from https://books.example ({reason}).")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8001", True),
        ("http://[::1]:8000", True),
        ("https://ab12.execute-api.eu-west-1.amazonaws.com", False),
        ("http://localhost.example.org", False),
    ],
)
def test_a_proxy_is_not_asked_for_what_is_on_this_machine(url: str, local: bool) -> None:
    assert is_on_this_machine(url) is local
