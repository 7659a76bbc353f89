"""What both clients make of the proxies that the environment names."""

import asyncio
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bookjob import errors
from bookjob.async_client import AsyncClient
from bookjob.client import Client
from bookjob.models import Health
from tests.serving import in_background


class Healthy(BaseHTTPRequestHandler):
    """Answers whatever is asked as a service that runs."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "healthy"}')


def health(client: Client | AsyncClient) -> Health:
    """Return what the service tells a client of either kind, which is closed then."""

    async def awaited(client: AsyncClient) -> Health:
        async with client:
            return await client.health()

    if isinstance(client, AsyncClient):
        return asyncio.run(awaited(client))
    with client:
        return client.health()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_service_on_this_machine_is_not_asked_by_way_of_a_proxy(
    monkeypatch: pytest.MonkeyPatch, kind: type[Client | AsyncClient]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")  # where nobody listens
    server = HTTPServer(("127.0.0.1", 0), Healthy)

    with in_background(server):
        assert health(kind(f"http://127.0.0.1:{server.server_port}")).status == "healthy"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "gopher://127.0.0.1", "http://127.0.0.1:port"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_proxy_that_cannot_be_used_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, kind: type[Client | AsyncClient], proxy: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(errors.InvalidProxy, match="Set HTTPS_PROXY or ALL_PROXY to one like"):
        kind("https://books.example")
