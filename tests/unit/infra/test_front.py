"""What a caller gets from the front, with the emulator played by the test."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping

import httpx
import pytest

from infra.local.asgi import Message, Receive, Send
from infra.local.front import BODY_LIMIT, Front

EMULATOR = "http://127.0.0.1:4566"
OBJECT = f"{EMULATOR}/books/results/1/result.json.gz?X-Amz-Signature=abc"
RESULT = json.dumps({"tokens": ["Call", "me", "Ishmael"] * 1000}).encode()

Handler = Callable[[httpx.Request], httpx.Response]

#: A method, a path and headers.
Asked = tuple[str, str, dict[str, str]]

#: Asks for an answer as it is.
PLAIN = {"accept-encoding": "identity"}


def ask(
    emulator: Handler,
    method: str = "GET",
    path: str = "/v1/jobs",
    headers: Mapping[str, str] = PLAIN,
    content: bytes | None = None,
    raw_path: str | None = None,
) -> httpx.Response:
    """Send one request to a front over that emulator and return the answer as it came, not decoded.

    `raw_path` stands in the request's line in place of what the client makes of `path`.
    """

    async def exchange() -> httpx.Response:
        upstream = httpx.AsyncClient(transport=httpx.MockTransport(emulator))
        front = Front(EMULATOR, "ab12", upstream)

        async def server(scope: Message, receive: Receive, send: Send) -> None:
            await front(scope if raw_path is None else {**scope, "raw_path": raw_path.encode()}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://localhost:8000") as client:
            return await client.request(method, path, headers=headers, content=content)

    return asyncio.run(exchange())


def says(status: int, body: object = None, **headers: str) -> httpx.Response:
    """An answer as it comes over the wire, unread."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(json.dumps(body).encode()))


def stored(request: httpx.Request) -> httpx.Response:
    """An API that links to its result, and the store that has it, gzipped."""
    if request.url.path.startswith("/_aws/execute-api/"):
        return says(303, {"detail": "fetch it"}, location=OBJECT)
    assert str(request.url) == OBJECT
    packed = {"content-encoding": "gzip", "content-type": "application/json", "etag": '"1"'}
    return httpx.Response(200, headers=packed, stream=httpx.ByteStream(gzip.compress(RESULT)))


def test_a_request_reaches_the_api_as_it_is() -> None:
    seen: list[httpx.Request] = []

    def emulator(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return says(201, {"job_id": "1"}, etag="7")

    answer = ask(
        emulator, "POST", "/v1/jobs?a=b%20c", content=b'{"text": "A"}', headers={"idempotency-key": "k", "te": "x"}
    )
    (request,) = seen
    assert request.url.raw_path == b"/_aws/execute-api/ab12/$default/v1/jobs?a=b%20c"
    assert (request.method, request.content) == ("POST", b'{"text": "A"}')
    assert request.headers["idempotency-key"] == "k"
    assert request.headers["x-forwarded-proto"] == "http"
    assert "te" not in request.headers
    assert (answer.status_code, answer.headers["etag"], answer.json()) == (201, "7", {"job_id": "1"})


@pytest.mark.parametrize("host", ["evil.example:8000", "localhost.evil.example", "192.0.2.1:8000", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_whoever_asks_by_a_name_that_is_not_this_machines_is_told_the_one_to_use(host: str, method: str) -> None:
    answer = ask(lambda _: pytest.fail("it was passed on"), method, headers={"host": host})
    assert answer.status_code == 403
    assert "localhost" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "localhost"])
def test_by_its_own_names_it_is_answered(host: str) -> None:
    assert ask(lambda _: says(200), headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8000"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_that_came_from_elsewhere_is_refused(origin: str, method: str) -> None:
    answer = ask(lambda _: pytest.fail("it was passed on"), method, headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_link_from_a_page_elsewhere_may_be_followed() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(lambda _: says(200), path="/docs", headers=link).status_code == 200


def test_what_a_page_of_its_own_asks_comes_to_the_emulator_as_a_programs_request() -> None:
    def emulator(request: httpx.Request) -> httpx.Response:
        assert {"origin", "sec-fetch-site"}.isdisjoint(request.headers)
        return says(200)

    page = {"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}
    assert ask(emulator, "POST", headers=page).status_code == 200


@pytest.mark.parametrize("path", ["/../../../../_ministack/health", "/v1/..", "/v1/./jobs", "http://localhost/../.."])
def test_no_path_leads_out_of_the_api_into_the_emulator(path: str) -> None:
    answer = ask(lambda request: pytest.fail(f"it was passed on to {request.url}"), raw_path=path)
    assert (answer.status_code, list(answer.json())) == (404, ["detail"])


def test_dots_that_are_encoded_or_in_the_query_lead_nowhere() -> None:
    def emulator(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path.startswith(b"/_aws/execute-api/ab12/$default/v1/")
        return says(404)

    assert ask(emulator, raw_path="/v1/%2e%2e/..%2f..%2f_ministack/health").status_code == 404
    assert ask(emulator, "GET", "/v1/jobs?next=/../..").status_code == 404


def test_a_body_as_large_as_the_gateway_takes_passes() -> None:
    answer = ask(lambda request: says(200, len(request.content)), "POST", content=b"x" * BODY_LIMIT)
    assert answer.json() == BODY_LIMIT


def test_a_larger_body_is_refused_with_the_way_to_do_it() -> None:
    answer = ask(lambda _: pytest.fail("it was passed on"), "POST", content=b"x" * (BODY_LIMIT + 1))
    assert answer.status_code == 413
    assert "POST /v1/uploads" in answer.json()["detail"]


def test_a_dead_emulator_is_told_as_503_with_a_time_to_come_back() -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    answer = ask(dead)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "bookjob health" in answer.json()["detail"]


@pytest.mark.parametrize("accepts", ["identity", "gzip;q=0", "br"])
def test_a_large_result_comes_inline_and_unpacked_for_a_client_that_takes_no_gzip(accepts: str) -> None:
    answer = ask(stored, headers={"accept-encoding": accepts})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == RESULT


def test_a_large_result_comes_as_it_is_stored_for_a_client_that_takes_gzip() -> None:
    answer = ask(stored, headers={"accept-encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == RESULT  # the client unpacked it


def test_a_large_page_is_held_to_what_the_api_lets_be_done_with_it() -> None:
    care = {"content-security-policy": "sandbox", "x-content-type-options": "nosniff", "cache-control": "no-store"}

    def held(request: httpx.Request) -> httpx.Response:
        answer = stored(request)
        if answer.status_code == 303:
            answer.headers.update(care)
        return answer

    assert care.items() <= dict(ask(held).headers).items()


def test_a_result_that_has_gone_meanwhile_is_told_in_words() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        return stored(request) if "execute-api" in request.url.path else says(404, "no such key")

    answer = ask(gone)
    assert answer.status_code == 404
    assert "expired" in answer.json()["detail"]


def test_a_link_to_elsewhere_is_the_clients_to_follow() -> None:
    answer = ask(lambda _: says(303, location="https://example.org/"))
    assert (answer.status_code, answer.headers["location"]) == (303, "https://example.org/")


def test_options_are_answered_as_the_api_does_which_the_emulator_would_not_ask() -> None:
    def never(request: httpx.Request) -> httpx.Response:
        pytest.fail("it was passed on")

    answer = ask(never, "OPTIONS", "/v1/jobs")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert ask(never, "OPTIONS", "/nowhere").status_code == 404


def test_a_head_of_a_large_result_gets_its_head() -> None:
    answer = ask(stored, "HEAD")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "application/json", b"")


def test_a_head_is_not_told_a_length_that_no_get_has() -> None:
    head = httpx.Response(200, headers={"content-length": "0", "etag": "7"}, stream=httpx.ByteStream(b""))
    answer = ask(lambda _: head, "HEAD")
    assert (answer.headers["etag"], answer.headers.get("content-length")) == ("7", None)


class Crowd:
    """A front over an emulator that tells how each request came, and answers none while its door is shut."""

    def __init__(self, *, places: int, held: int) -> None:
        self.arrived: list[tuple[str, str | None]] = []
        self.door = asyncio.Event()
        upstream = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        front = Front(EMULATOR, "ab12", upstream, asyncio.Semaphore(places), asyncio.Semaphore(held))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://localhost:8000")

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.arrived.append((request.url.path.partition("$default")[2], request.headers.get("prefer")))
        await self.door.wait()
        return says(200)

    async def ask(self, *requests: Asked) -> None:
        """Send the requests at once, note which of them arrive, and only then let them be answered."""
        async with asyncio.TaskGroup() as asking:
            for method, path, headers in requests:
                asking.create_task(self.client.request(method, path, headers=headers))
            for _ in range(50):
                await asyncio.sleep(0)
            self.arrived_at_once = list(self.arrived)
            self.door.set()


LOOK: Asked = ("GET", "/v1/jobs/1", {})
WATCH: Asked = ("GET", "/v1/jobs/2", {"prefer": "wait=20"})
ANALYZE: Asked = ("POST", "/v1/analyze", {})


def in_a_crowd(*requests: Asked, places: int, held: int) -> Crowd:
    async def exchange() -> Crowd:
        crowd = Crowd(places=places, held=held)
        await crowd.ask(*requests)
        return crowd

    return asyncio.run(exchange())


def test_no_more_requests_reach_the_emulator_at_once_than_there_are_places_and_all_do_in_the_end() -> None:
    crowd = in_a_crowd(*[LOOK] * 9, places=2, held=2)
    assert len(crowd.arrived_at_once) == 2
    assert len(crowd.arrived) == 9


@pytest.mark.parametrize("waiting", [WATCH, ANALYZE])
def test_whoever_waits_takes_no_place_from_those_who_want_an_answer_now(waiting: Asked) -> None:
    crowd = in_a_crowd(waiting, waiting, LOOK, places=1, held=2)
    assert len(crowd.arrived_at_once) == 3


def test_a_watcher_for_whom_there_is_no_place_to_wait_is_answered_at_once() -> None:
    crowd = in_a_crowd(WATCH, WATCH, places=1, held=1)
    assert crowd.arrived_at_once == [("/v1/jobs/2", "wait=20"), ("/v1/jobs/2", None)]


def test_an_analysis_waits_for_a_place_rather_than_be_answered_without_its_result() -> None:
    crowd = in_a_crowd(ANALYZE, ANALYZE, places=1, held=1)
    assert len(crowd.arrived_at_once) == 1
    assert len(crowd.arrived) == 2
