"""A receiver of callbacks on this machine, which answers as it is told and keeps what it got."""

import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.serving import in_background

#: The page whose examples receivers copy.
PAGE = Path(__file__).parents[1] / "docs" / "webhooks.md"


def example(language: str) -> str:
    """Return the page's example of how to verify a callback."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def documented_verify(at: datetime | None = None) -> Callable[[str, Mapping[str, str], bytes], bool]:
    """Return the function that the page gives to receivers in Python, at that time or by the machine's clock."""
    names: dict[str, Any] = {}
    exec(example("python"), names)  # noqa: S102 - our own page
    if at is not None:
        names["time"] = SimpleNamespace(time=at.timestamp)
    verify: Callable[[str, Mapping[str, str], bytes], bool] = names["verify"]
    return verify


@dataclass(frozen=True)
class Received:
    """One request; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


#: Writes an answer.
Answer = Callable[[BaseHTTPRequestHandler], None]


def answering(status: int, **headers: str) -> Answer:
    """Return the answer of that status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def dripping(seconds: float) -> Answer:
    """Return an answer whose headers come a byte at a time and never end before so many seconds."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        until = time.monotonic() + seconds
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while time.monotonic() < until:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)

    return answer


@dataclass
class Receiver:
    """A running receiver; `answers` are given in turn, the last one for good."""

    port: int
    scheme: str
    answers: list[Answer] = field(default_factory=lambda: [answering(200)])
    received: list[Received] = field(default_factory=list)

    def url(self, host: str = "localhost") -> str:
        return f"{self.scheme}://{host}:{self.port}/hook"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Received(handler.path, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer(handler)


class _Server(ThreadingHTTPServer):
    """Says nothing of refused handshakes, which are what some tests are for."""

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                receiver.take(self)
            except OSError:
                self.close_connection = True  # the sender has had enough

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver = Receiver(server.server_port, "http" if tls is None else "https")
    with in_background(server):
        yield receiver


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own, in a folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"

    def trusted(self) -> ssl.SSLContext:
        """Return what checks certificates as a client's default does, and trusts this authority alone."""
        return ssl.create_default_context(cafile=self.certificate)

    def server(self, name: str, *, expired: bool = False) -> ssl.SSLContext:
        """Return what a server of that name shows its certificate by."""
        issuer, key = self._keys["authority"], ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key.public_key(), self._name, issuer, days=-1 if expired else 1)
        path = self.folder / f"{name.replace(':', '_')}{'-expired' if expired else ''}.pem"
        path.write_bytes(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    _keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    _name: x509.Name = field(default_factory=lambda: _named("Test authority"))

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(folder, {"authority": key})
        certificate = _certificate(None, key.public_key(), made._name, key, days=1)
        made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return made


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(
    host: str | None,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.Certificate:
    """Return a certificate for a host, or for the authority itself, that is valid for so many days from yesterday."""
    yesterday = datetime.now(UTC) - timedelta(days=2)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(host) if host else issuer)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday)
        .not_valid_after(yesterday + timedelta(days=2 + days))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
