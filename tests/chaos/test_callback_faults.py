"""Receivers that are down, slow, broken or hostile: the callback is tried again, and leads nowhere else."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from functions.notify.handler import written
from jobs.callbacks.delivery import Notifier
from jobs.callbacks.model import CallbackState, id_of
from jobs.callbacks.post import NotReached, Poster
from jobs.callbacks.urls import Target, target_of
from jobs.request import JobRequest
from tests.receiver import Answer, Authority, Receiver, answering, dripping, receiving
from tests.workers import Deployment

NAME = "hooks.example.com"
HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def poster(authority: Authority) -> Poster:
    return Poster(authority.trusted(), read_timeout=0.5, whole_timeout=1.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def here(receiver: Receiver) -> Target:
    return target_of(receiver.url(), loopback=True)


class Internet:
    """Names that resolve as the test says, and public addresses behind which a receiver of this machine is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str]] = []
        self.behind: dict[str, Receiver] = {}
        self.connected_to: list[str] = []
        self._connect = socket.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr(socket, "create_connection", self._connected)

    def _resolve(self, host: str, port: Any, *_: Any, **__: Any) -> Any:
        found = [host] if host[0].isdigit() else self.answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def _connected(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected_to.append(address[0])
        if address[0] not in self.behind:
            raise ConnectionRefusedError
        return self._connect(("127.0.0.1", self.behind[address[0]].port), timeout)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


TARGET = target_of(f"https://{NAME}/hook?shelf=7", loopback=False)


def test_the_connection_is_made_to_the_address_that_was_looked_at_with_the_name_in_tls(
    internet: Internet, authority: Authority, poster: Poster
) -> None:
    """The name leads elsewhere a moment later, as in DNS rebinding; nobody asks for it again."""
    internet.answers = [["1.1.1.1"], ["127.0.0.1"]]
    with receiving(authority.server(NAME)) as receiver:
        internet.behind["1.1.1.1"] = receiver
        assert poster.post(TARGET, HEADERS, b"{}") == 200
    (got,) = receiver.received
    assert (got.path, got.headers["host"], got.body) == ("/hook?shelf=7", NAME, b"{}")
    assert internet.connected_to == ["1.1.1.1"]
    assert internet.answers == [["127.0.0.1"]]


def test_a_name_that_leads_inside_is_not_connected_to(internet: Internet, poster: Poster) -> None:
    internet.answers = [["1.1.1.1", "169.254.169.254"]]
    with pytest.raises(NotReached, match="not public"):
        poster.post(TARGET, HEADERS, b"{}")
    assert internet.connected_to == []


def test_an_address_that_is_down_gives_way_to_the_next(
    internet: Internet, authority: Authority, poster: Poster
) -> None:
    internet.answers = [["1.1.1.1", "1.0.0.1"]]
    with receiving(authority.server(NAME)) as receiver:
        internet.behind["1.0.0.1"] = receiver
        assert poster.post(TARGET, HEADERS, b"{}") == 200
    assert internet.connected_to == ["1.1.1.1", "1.0.0.1"]


@pytest.mark.parametrize("fault", ["another name's", "expired", "nobody's"])
def test_a_certificate_that_is_not_valid_for_the_name_is_not_taken(
    internet: Internet, authority: Authority, poster: Poster, tmp_path: Path, fault: str
) -> None:
    internet.answers = [["1.1.1.1"]]
    shown: dict[str, ssl.SSLContext] = {
        "another name's": authority.server("other.example.com"),
        "expired": authority.server(NAME, expired=True),
        "nobody's": Authority.make(tmp_path).server(NAME),
    }
    with receiving(shown[fault]) as receiver:
        internet.behind["1.1.1.1"] = receiver
        with pytest.raises(NotReached, match="its certificate is not valid: "):
            poster.post(TARGET, HEADERS, b"{}")
    assert receiver.received == []


def test_a_receiver_that_speaks_no_tls_gets_nothing(internet: Internet, poster: Poster, receiver: Receiver) -> None:
    internet.answers, internet.behind["1.1.1.1"] = [["1.1.1.1"]], receiver
    with pytest.raises(NotReached):
        poster.post(TARGET, HEADERS, b"{}")
    assert receiver.received == []


def test_a_redirect_inside_is_not_followed(internet: Internet, authority: Authority, poster: Poster) -> None:
    internet.answers = [["1.1.1.1"]]
    with receiving(authority.server(NAME)) as receiver:
        receiver.answers = [answering(307, Location="https://169.254.169.254/latest/meta-data")]
        internet.behind["1.1.1.1"] = receiver
        assert poster.post(TARGET, HEADERS, b"{}") == 307
    assert internet.connected_to == ["1.1.1.1"]
    assert len(receiver.received) == 1


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)  # returns when the sender hangs up


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n\r\n")


FAULTS: dict[str, tuple[Answer, str]] = {
    "silent": (silent, "did not answer in time"),
    "dripping": (dripping(seconds=60), "the connection|did not answer|ended the connection"),
    "hanging up": (hangs_up, "ended the connection without an answer|the connection broke"),
    "speaking something else": (nonsense, "ended the connection without an answer"),
}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_receiver_holds_an_attempt_for_longer_than_it_may_take(
    authority: Authority, poster: Poster, fault: str, tls: bool
) -> None:
    answer, sentence = FAULTS[fault]
    with receiving(authority.server("localhost") if tls else None) as receiver:
        receiver.answers = [answer]
        began = time.monotonic()
        with pytest.raises(NotReached, match=sentence):
            poster.post(here(receiver), HEADERS, b"{}")
        assert time.monotonic() - began < 20, "however busy the machine is"


def test_of_an_answer_without_end_nothing_is_read(poster: Poster, receiver: Receiver) -> None:
    written: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        while True:  # until the sender hangs up
            written.append(handler.wfile.write(b"x" * 65536))

    receiver.answers = [endless]
    assert poster.post(here(receiver), HEADERS, b"{}") == 200
    assert sum(written) < 100_000_000


def test_whatever_a_receiver_does_its_callback_arrives_under_one_id_once_it_recovers(deployment: Deployment) -> None:
    """Down, failing, hanging up, redirecting inside, then well: with each message sent twice."""
    service = replace(deployment.service, settings=deployment.settings.model_copy(update={"loopback_callbacks": True}))
    ahead = [0.0]
    later = replace(service, clock=lambda: service.clock() + timedelta(hours=ahead[0]))
    notifier = Notifier(later, written, Poster(read_timeout=1, whole_timeout=2))
    with receiving() as receiver:
        redirect = answering(302, Location="http://169.254.169.254/latest/meta-data")
        receiver.answers = [answering(500), hangs_up, redirect, answering(429), answering(200)]
        job = service.submit(JobRequest(model="mini", callback_url=receiver.url()), "A text.", "public")
        job = service.store.cancel(job, service.clock())
        for _ in range(5):
            with ThreadPoolExecutor(2) as twice:
                list(twice.map(notifier.deliver, [id_of(job)] * 2))
            ahead[0] += 4
    callback = service.callbacks.outbox.find(id_of(job))
    assert callback is not None
    assert (callback.state, callback.attempts) == (CallbackState.DELIVERED, 5)
    assert len(receiver.received) == 5
    assert {got.headers["webhook-id"] for got in receiver.received} == {id_of(job)}
    assert json.loads(receiver.received[-1].body)["type"] == "job.cancelled"
