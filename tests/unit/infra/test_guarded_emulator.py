"""Who reaches the emulator, with the emulator played by the test."""

import asyncio
from http import HTTPStatus

import httpx
import pytest

from infra.local.asgi import Message, Receive, Send, refuse
from infra.local.guarded_emulator import Guarded

HERE = "127.0.0.1:4566"


async def emulator(scope: Message, receive: Receive, send: Send) -> None:
    """Answer 418, whatever is asked."""
    await refuse(send, HTTPStatus.IM_A_TEAPOT, "the emulator's own answer")


def ask(headers: dict[str, str]) -> int:
    """Return the status that a request with these headers gets."""

    async def exchange() -> int:
        transport = httpx.ASGITransport(Guarded(emulator))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HERE}") as client:
            return (await client.post("/2015-03-31/functions", headers=headers)).status_code

    return asyncio.run(exchange())


@pytest.mark.parametrize(
    "host",
    [HERE, "localhost:4566", "LOCALHOST", "[::1]:4566", "ab12cd34.execute-api.127.0.0.1:4566", "books.localhost:4566"],
)
def test_a_program_that_asks_for_this_machine_is_answered(host: str) -> None:
    assert ask({"host": host}) == 418


def test_an_address_that_the_user_typed_is_answered() -> None:
    assert ask({"sec-fetch-site": "none"}) == 418


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8000", f"http://{HERE}"])
def test_a_page_of_whatever_origin_is_not(origin: str) -> None:
    assert ask({"origin": origin}) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_nor_is_a_page_that_wants_it_for_an_image_and_sends_no_origin(site: str) -> None:
    assert ask({"sec-fetch-site": site}) == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example:4566", "localhost.evil.example", "127.0.0.1.evil.example:4566", "evil.example/.localhost", ""],
)
def test_nor_is_a_name_that_a_page_had_lead_to_this_machine(host: str) -> None:
    assert ask({"host": host}) == 403


def test_a_page_opens_no_socket_either() -> None:
    async def exchange() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        headers = [(b"host", HERE.encode()), (b"origin", b"https://evil.example")]
        await Guarded(emulator)({"type": "websocket", "headers": headers}, receive, send)
        return sent

    assert asyncio.run(exchange()) == [{"type": "websocket.close"}]
