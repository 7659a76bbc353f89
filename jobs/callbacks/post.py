"""One attempt over HTTP: a POST to the very address that was checked.

The name is resolved once, every address it has is looked at, and the connection is made to one of those, so it makes
no difference what the name resolves to a moment later (DNS rebinding). The name still stands in the Host header and in
TLS, whose certificate must be valid for it. No redirect is followed, no proxy is asked, and of the answer nothing is
read but its status and headers.
"""

import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from jobs.callbacks.addresses import is_loopback, is_public
from jobs.callbacks.urls import Target

#: How long a connection, and then any one answer of the other side, may take, in seconds.
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0

#: How long all that follows the connection may take, however slowly the other side drips, in seconds.
WHOLE_TIMEOUT = 20.0

#: How many of a host's addresses are tried until one can be connected to.
ADDRESSES_TRIED = 2


class NotReached(Exception):
    """There was no answer; the text is why, for the job's owner."""


@dataclass(frozen=True)
class Poster:
    """Sends callbacks. `tls` is whom it trusts: the authorities that the system does."""

    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    read_timeout: float = READ_TIMEOUT
    whole_timeout: float = WHOLE_TIMEOUT

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        """Return the status that the target answers with; raises NotReached."""
        try:
            connected = _connected(addresses_of(target), target.port)
            connected.settimeout(self.read_timeout)
            return self._post(_Connection(target, connected, self.tls), target.path, headers, body)
        except (OSError, HTTPException) as error:
            raise NotReached(_reason(error)) from error

    def _post(self, connection: "_Connection", path: str, headers: Mapping[str, str], body: bytes) -> int:
        # A timeout of the socket begins anew with every byte, so a clock of its own ends what drips.
        watchdog = threading.Timer(self.whole_timeout, connection.cut)
        watchdog.start()
        try:
            connection.request("POST", path, body, dict(headers))
            status = connection.getresponse().status
            if connection.was_cut:  # in the middle of the headers, which then read as if they had ended there
                raise TimeoutError
            return status
        finally:
            watchdog.cancel()
            connection.close()


def addresses_of(target: Target) -> Sequence[str]:
    """Return the addresses that the target's name has, IPv4 first; raises NotReached unless all may be connected to."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotReached(f"the host {target.host} has no address") from error
    addresses = list(dict.fromkeys(str(where[0]) for *_, where in sorted(found, key=lambda each: each[0])))
    allowed = is_loopback if target.loopback else is_public
    if not addresses or not all(map(allowed, addresses)):
        raise NotReached(f"the host {target.host} has an address that is not public")
    return addresses


class _Connection(HTTPConnection):
    """Speaks HTTP over a connection that stands, with the name in TLS and in the Host header."""

    def __init__(self, target: Target, connected: socket.socket, tls: ssl.SSLContext) -> None:
        self.default_port = 443 if target.tls else 80  # the one that the Host header leaves out
        super().__init__(target.host, target.port)
        self._tls = tls if target.tls else None
        self.sock = connected
        self.was_cut = False

    def request(self, *arguments: Any, **named: Any) -> None:
        if self._tls is not None:
            wrapped = self._tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = wrapped
            wrapped.do_handshake()
        super().request(*arguments, **named)

    def cut(self) -> None:
        """End whatever is being read or written now."""
        self.was_cut = True
        with suppress(OSError):
            # Not the method of TLS, which would first agree on it with the other side.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _connected(addresses: Sequence[str], port: int) -> socket.socket:
    *others, last = addresses[:ADDRESSES_TRIED]
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), CONNECT_TIMEOUT)
    return socket.create_connection((last, port), CONNECT_TIMEOUT)


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it did not answer in time"
        case ConnectionRefusedError():
            return "it refused the connection"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {error.verify_message}"
        case ssl.SSLEOFError() | HTTPException():
            return "it ended the connection without an answer"
        case ssl.SSLError():
            return "no TLS connection could be made"
    return "the connection broke"
