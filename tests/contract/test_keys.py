"""Which doors ask for an API key, and which keys open them."""

import io

import httpx
import pytest

from functions.api.endpoints import VARIABLE, Endpoint
from functions.api.routes import api as endpoints
from tests.conftest import SettableClock
from tests.contract.keyed import Doors

OPEN = ["/health", "/v1/health", "/ready", "/v1/ready", "/metrics", "/openapi.json", "/docs"]
GUARDED = [row for row in endpoints.table if row.path not in OPEN]
#: A path that any caller may ask for.
STATS = "/v1/jobs/stats"


def names(rows: list[Endpoint]) -> list[str]:
    return [f"{row.method} {row.path}" for row in rows]


def ask(client: httpx.Client, row: Endpoint) -> httpx.Response:
    """Ask an endpoint, with a body that it would refuse if it came to look at it."""
    return client.request(row.method, VARIABLE.sub("1", row.path), content=b"{" if row.body else None)


@pytest.mark.parametrize("row", GUARDED, ids=names(GUARDED))
def test_a_caller_without_a_key_is_told_that_it_needs_one(doors: Doors, row: Endpoint) -> None:
    answer = ask(doors.with_key(None), row)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Missing API key"})
    assert answer.headers["WWW-Authenticate"].startswith("ApiKey ")
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("row", GUARDED, ids=names(GUARDED))
def test_a_caller_with_a_wrong_key_is_told_so(doors: Doors, row: Endpoint) -> None:
    key, _ = doors.make("acme")
    answer = ask(doors.with_key(f"bookjob_{key.key_id}_{'0' * 64}"), row)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid API key"})
    assert answer.headers["WWW-Authenticate"].startswith("ApiKey ")


@pytest.mark.parametrize("shown", ["x", f"bookjob_{'0' * 12}_{'0' * 64}", "bookjob__", "a, b"])
def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(doors: Doors, shown: str) -> None:
    _, good = doors.make("acme")
    wrong = doors.with_key(good[:-1] + ("0" if good[-1] != "0" else "1")).get(STATS)
    assert wrong.status_code == 401
    answer = doors.with_key(shown).get(STATS)
    assert (answer.status_code, answer.text) == (wrong.status_code, wrong.text)


def test_an_empty_key_is_none(doors: Doors) -> None:
    assert doors.with_key("").get(STATS).json() == {"detail": "Missing API key"}


def test_a_key_opens(doors: Doors) -> None:
    assert doors.caller("acme").get(STATS).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_what_tells_how_the_service_is_asks_for_no_key(doors: Doors, path: str) -> None:
    assert doors.with_key(None).get(path).status_code in (200, 503)
    assert doors.with_key("x").get(path).status_code in (200, 503)


def test_a_path_that_there_is_not_is_no_secret(doors: Doors) -> None:
    assert doors.with_key(None).get("/v1/nothing").status_code == 404


def test_a_revoked_key_opens_nothing_after_a_minute(doors: Doors, clock: SettableClock) -> None:
    key, shown = doors.make("acme")
    client = doors.with_key(shown)
    assert client.get(STATS).status_code == 200
    doors.store.revoke(key.key_id, clock())
    clock.advance(59)
    assert client.get(STATS).json() == {"detail": "Invalid API key"}


def test_a_new_key_opens_at_once(doors: Doors) -> None:
    doors.caller("acme").get(STATS)
    assert doors.caller("acme").get(STATS).status_code == 200


def test_it_is_known_when_a_key_was_used_last(doors: Doors, clock: SettableClock) -> None:
    key, shown = doors.make("acme")
    clock.advance(3600)
    doors.with_key(shown).get(STATS)
    used = doors.store.find(key.key_id)
    assert used is not None
    assert used.last_used_at is not None
    assert 0 <= (clock() - used.last_used_at).total_seconds() < 1


def test_the_log_names_the_key_and_its_tenant_and_never_tells_it(doors: Doors, log: io.StringIO) -> None:
    key, shown = doors.make("acme")
    client = doors.with_key(shown)
    client.get(STATS)
    client.post("/v1/jobs", content=b"{")
    doors.with_key(shown[:-1]).get(STATS)
    written = log.getvalue()
    assert f'"key_id":"{key.key_id}"' in written
    assert '"tenant":"acme"' in written
    assert shown.rpartition("_")[2][:32] not in written


def test_a_key_that_nobody_asked_for_is_not_looked_at(here: httpx.Client) -> None:
    assert here.get(STATS, headers={"X-API-Key": "whatever"}).status_code == 200
