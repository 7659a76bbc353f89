"""What the local stack's own HTTP servers have in common: the types of ASGI, and an answer that refuses."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


async def refuse(send: Send, status: HTTPStatus, detail: str, *headers: tuple[bytes, bytes]) -> None:
    """Answer a request with why it is not served and what to do."""
    body = json.dumps({"detail": detail}).encode()
    described = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status.value, "headers": described})
    await send({"type": "http.response.body", "body": body})
