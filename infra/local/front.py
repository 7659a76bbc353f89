"""The address that people and programs use: an HTTP server that passes every request on to the emulated API.

    python -m infra.local.front --port 8000 --emulator http://127.0.0.1:4566 --api ab12cd34

API Gateway gives an API an address of its own; the emulator's is `/_aws/execute-api/{apiId}/…`. Beside the address
the front supplies what the gateway would and the emulator does not (the limit on a request's size), and what a plain
`curl` needs: where the API answers 303 with a link to a large result, the front fetches that result for the client.
"""

import argparse
import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from functions.api.delivery import GZIP, accepts_gzip
from infra.local.asgi import Message, Receive, Send, refuse
from infra.local.callers import asks_for_this_machine, is_a_page_from_elsewhere
from infra.local.ports import loopback

Headers = list[tuple[bytes, bytes]]

#: The largest body that API Gateway lets through, in bytes.
BODY_LIMIT = 10 * 1024 * 1024

#: How many requests the emulator answers at once; each beyond that waits its turn here. An emulated function takes a
#: process of 80 MB for each, and most of a second of a core to start it, so that after a burst of two hundred nobody
#: would be answered before all had started; and four keep the emulator, which has one thread, busy.
CONCURRENCY = 4

#: How many requests may be held at once beside those because they wait for news (`Prefer: wait=20`) or for a result.
HELD = 8

#: The headers by which the API says what may be done with an answer, and so with the object that it leads to.
OF_CARE = {b"content-security-policy", b"x-content-type-options", b"cache-control"}
#: The header by which a request says that it would rather be held than be answered at once.
PREFER = b"prefer"

#: The headers by which a browser tells for whom it asks; the emulator answers no page at all.
OF_PAGES = {b"origin", b"sec-fetch-site"}

EMPTY = (b"content-length", b"0")

#: Segments of a path that lead to another one.
DOTS = {".", ".."}

NOTHING_THERE = "There is nothing at this path. GET /docs lists what there is."
OTHER_NAME = "The local service answers to the names of this machine alone: put localhost in place of the URL's host."
OTHER_ORIGIN = "The local service answers no web page of another origin. Let the server that it came from ask instead."

#: The path whose requests wait without saying so.
ANALYZE = "/v1/analyze"

#: Seconds; a function may run for 29.
TIMEOUT = httpx.Timeout(connect=5, read=60, write=60, pool=None)

#: Headers that speak of one connection, not of the message (RFC 9110, section 7.6.1), and those that each server sets.
HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade", b"server", b"date",
}  # fmt: skip


class BodyTooLarge(Exception):
    """The request's body is larger than API Gateway lets through."""


@dataclass(frozen=True)
class Front:
    """The front as an ASGI application over one emulated API."""

    emulator: str
    api_id: str
    client: httpx.AsyncClient
    #: The places at the API; whoever comes later waits in order. The client's own pool could make them wait as well,
    #: but it looks at everyone who waits whenever anything happens, which takes a core for two hundred callers.
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENCY))
    #: Those of requests that ask to be held, so that watchers take no place from those who want an answer now.
    held: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HELD))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; a connection's start and end need nothing."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, _without_body(send) if scope["method"] == "HEAD" else send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive)
        except BodyTooLarge:
            await refuse(
                send,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The request is larger than the {BODY_LIMIT // 2**20} MB that the API takes; "
                "upload the text instead: POST /v1/uploads.",
            )
            return
        if (refusal := _refusal(scope)) is not None:
            await refuse(send, *refusal)
            return
        if scope["method"] == "OPTIONS":
            await _tell_methods(scope["path"], send)
            return
        try:
            await self._pass_on(scope, body, send)
        except httpx.TransportError:
            await refuse(
                send,
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The service is starting or has lost its emulator. Try again in a moment; `bookjob health` tells more.",
                (b"retry-after", b"2"),
            )

    async def _pass_on(self, scope: Message, body: bytes, send: Send) -> None:
        path = _raw_path(scope)
        query = scope["query_string"].decode("latin-1")
        url = f"{self.emulator}/_aws/execute-api/{self.api_id}/$default{path}{'?' if query else ''}{query}"
        places, headers = self._place(path, _forwarded(scope))
        async with places:
            request = httpx.Request(scope["method"], url, headers=headers, content=body)
            response = await self.client.send(request, stream=True)
            try:
                if (location := self._own_object(response)) is None:
                    await _relay(response.status_code, response.headers.raw, response.aiter_raw(), send)
                    return
            finally:
                await response.aclose()
        # They hold for the object too, which is answered with from the same origin.
        careful = [(name, value) for name, value in response.headers.raw if name.lower() in OF_CARE]
        # Fetched past the API, so that a slow reader holds none of its places.
        response = await self.client.send(httpx.Request("GET", location), stream=True)
        try:
            await _relay_object(response, careful, scope, send)
        finally:
            await response.aclose()

    def _place(self, path: str, headers: Headers) -> tuple[asyncio.Semaphore, Headers]:
        """Return where a request waits for its turn, and its headers, which ask for no wait that there is no place for.

        Whoever asks for news while all places for that are taken gets the news of this moment: a wait is a preference
        (RFC 7240), and behind so many watchers it would take minutes.
        """
        if path == ANALYZE:
            return self.held, headers
        if not any(name == PREFER and b"wait" in value for name, value in headers):
            return self.places, headers
        if self.held.locked():
            return self.places, [one for one in headers if one[0] != PREFER]
        return self.held, headers

    def _own_object(self, response: httpx.Response) -> str | None:
        """Return the address of the stored object that the answer points to, if it is one of our own."""
        location: str = response.headers.get("location", "")
        is_own = response.status_code == HTTPStatus.SEE_OTHER and location.startswith(f"{self.emulator}/")
        return location if is_own else None


def _refusal(scope: Message) -> tuple[HTTPStatus, str] | None:
    """Return the status and the detail of the answer to a request that is not to reach the API."""
    if not asks_for_this_machine(scope):
        return HTTPStatus.FORBIDDEN, OTHER_NAME
    if is_a_page_from_elsewhere(scope):
        return HTTPStatus.FORBIDDEN, OTHER_ORIGIN
    if not DOTS.isdisjoint(_raw_path(scope).split("/")):  # they would be followed out of the API into the emulator
        return HTTPStatus.NOT_FOUND, NOTHING_THERE
    return None


async def _tell_methods(path: str, send: Send) -> None:
    """Answer OPTIONS as the API does; the emulator takes each for a browser's preflight and refuses it."""
    # Imported here, since hardly anybody asks.
    from functions.api.routes import api

    if not (methods := api.methods(path)):
        await refuse(send, HTTPStatus.NOT_FOUND, NOTHING_THERE)
        return
    headers = [(b"allow", ", ".join(methods).encode())]
    await send({"type": "http.response.start", "status": HTTPStatus.NO_CONTENT.value, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _raw_path(scope: Message) -> str:
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")


def _without_body(send: Send) -> Send:
    """Return what sends an answer's head alone, as HEAD wants it."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "body": b""})
        else:
            # The emulator counts the body that it was not given, which is not the length that a GET would have.
            await send({**message, "headers": [one for one in message["headers"] if one != EMPTY]})

    return send_head


async def _live(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _read(receive: Receive) -> bytes:
    """Return the request's body; raises BodyTooLarge once all of it has come, so that the client reads our answer."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part = message.get("body", b"")
        size += len(part)
        if size <= BODY_LIMIT:
            parts.append(part)
        more = message.get("more_body", False)
    if size > BODY_LIMIT:
        raise BodyTooLarge
    return b"".join(parts)


def _forwarded(scope: Message) -> Headers:
    """Return the request's headers as API Gateway would pass them on."""
    dropped = HOP_BY_HOP | OF_PAGES | {b"content-length"}
    kept = [(name, value) for name, value in scope["headers"] if name not in dropped]
    client = scope["client"][0].encode() if scope.get("client") else b"127.0.0.1"
    return [*kept, (b"x-forwarded-for", client), (b"x-forwarded-proto", b"http")]


async def _relay_object(response: httpx.Response, careful: Headers, scope: Message, send: Send) -> None:
    """Answer with a stored object, unpacked on the way to a client that takes no gzip."""
    if not response.is_success:
        await refuse(send, HTTPStatus.NOT_FOUND, "The result is not there any more: it has expired or was deleted.")
        return
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding").decode("latin-1")
    kept, body = [b"content-type", b"content-encoding", b"content-length"], response.aiter_raw()
    if response.headers.get("content-encoding") == "gzip" and not accepts_gzip(accepted):
        kept, body = [b"content-type"], _gunzipped(body)
    headers = [(name, value) for name, value in response.headers.raw if name.lower() in kept]
    await _relay(response.status_code, [*headers, *careful, (b"vary", b"Accept-Encoding")], body, send)


async def _gunzipped(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacking = zlib.decompressobj(GZIP)
    async for part in body:
        yield unpacking.decompress(part)
    yield unpacking.flush()


async def _relay(status: int, headers: Iterable[tuple[bytes, bytes]], body: AsyncIterator[bytes], send: Send) -> None:
    kept = [(name.lower(), value) for name, value in headers if name.lower() not in HOP_BY_HOP]
    await send({"type": "http.response.start", "status": status, "headers": kept})
    async for part in body:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def run(port: int, emulator: str, api_id: str) -> None:
    """Serve the front on loopback until SIGTERM or SIGINT."""
    config = Config()
    config.bind = [f"[{address}]:{port}" for address in loopback()]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.include_server_header = False
    config.accesslog = None
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=False) as client:
        await serve(cast("ASGIFramework", Front(emulator, api_id, client)), config)


def main() -> None:
    """Run the front that the command line describes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--emulator", required=True, help="the emulator's address")
    parser.add_argument("--api", required=True, help="the HTTP API's id")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.port, arguments.emulator, arguments.api))


if __name__ == "__main__":
    main()
