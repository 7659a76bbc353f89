"""The emulator behind a guard: `python -m ministack` that answers the programs of this machine, and no web page.

The emulator asks for no credentials, lets pages of every origin read its answers and runs whatever functions it is
given, so that any page in the user's browser could run programs here. The API's own pages need it as little: what is
stored the front fetches for them.
"""

from dataclasses import dataclass
from http import HTTPStatus

from ministack import app as ministack

from infra.local.asgi import Application, Message, Receive, Send, refuse
from infra.local.callers import asks_for_this_machine, is_a_page
from infra.local.unwritten import Keeping

REFUSAL = "The emulator answers programs of this machine that ask for localhost or 127.0.0.1, and no web page."


@dataclass(frozen=True)
class Guarded:
    """An ASGI application that no web page reaches."""

    inner: Application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on what a program asks; a connection's start and end are nobody's request."""
        if scope["type"] == "lifespan" or (asks_for_this_machine(scope) and not is_a_page(scope)):
            await self.inner(scope, receive, send)
        elif scope["type"] == "http":
            await refuse(send, HTTPStatus.FORBIDDEN, REFUSAL)
        else:
            await send({"type": "websocket.close"})  # which refuses a handshake with 403


def main() -> None:
    """Run the emulator as its environment says."""
    ministack.app = Guarded(Keeping(ministack.app))
    ministack.main()


if __name__ == "__main__":
    main()
