"""Which keys are let in, how soon a revoked one is not, and how little of it the table hears."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError

from jobs.errors import InvalidKey
from jobs.key_ring import REMEMBERED, TRUSTED_FOR, USE_NOTED_EVERY, KeyRing
from jobs.key_store import KeyStore
from jobs.keys import KEY, ApiKey, NewKey, make_key
from tests.conftest import SettableClock

UNKNOWN = f"bookjob_{'0' * 12}_{'0' * 64}"


@dataclass(frozen=True)
class Table(KeyStore):
    """Keys in memory that count how often they are looked up and written."""

    keys: dict[str, ApiKey] = field(default_factory=dict)
    looks: list[str] = field(default_factory=list)
    uses: list[datetime] = field(default_factory=list)

    def find(self, key_id: str) -> ApiKey | None:
        self.looks.append(key_id)
        return self.keys.get(key_id)

    def note_use(self, key_id: str, now: datetime, every: timedelta) -> None:
        assert every == USE_NOTED_EVERY
        self.uses.append(now)
        self.keys[key_id] = replace(self.keys[key_id], last_used_at=now)

    def make(self, clock: SettableClock) -> tuple[ApiKey, str]:
        key, shown = make_key(NewKey(name="ci", tenant="acme"), clock())
        self.keys[key.key_id] = key
        return key, shown


@pytest.fixture
def table() -> Table:
    return Table(Mock(), "keys")


@pytest.fixture
def ring(table: Table, clock: SettableClock) -> KeyRing:
    return KeyRing(table, clock)


def test_a_key_opens(ring: KeyRing, table: Table, clock: SettableClock) -> None:
    key, shown = table.make(clock)
    assert ring.open_with(shown).key_id == key.key_id


@pytest.mark.parametrize(
    "shown",
    ["", "x", "bookjob_", UNKNOWN, UNKNOWN.upper(), UNKNOWN + "\n", "Bearer " + UNKNOWN, "bookjob_é", "0" * 100_000],
)
def test_what_is_no_key_does_not_open(ring: KeyRing, shown: str) -> None:
    with pytest.raises(InvalidKey, match=r"^Invalid API key$"):
        ring.open_with(shown)


def test_a_wrong_secret_does_not_open(ring: KeyRing, table: Table, clock: SettableClock) -> None:
    key, _ = table.make(clock)
    with pytest.raises(InvalidKey):
        ring.open_with(f"bookjob_{key.key_id}_{'0' * 64}")


def test_an_unknown_id_takes_the_same_steps_as_a_wrong_secret(
    ring: KeyRing, table: Table, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = table.make(clock)
    compared: list[str] = []

    def compare(_: ApiKey, secret: str) -> bool:
        compared.append(secret)
        return False

    monkeypatch.setattr(ApiKey, "opens_with", compare)
    steps = {}
    for shown in (f"bookjob_{key.key_id}_{'0' * 64}", UNKNOWN):
        table.looks.clear()
        compared.clear()
        for _ in range(3):
            with pytest.raises(InvalidKey):
                ring.open_with(shown)
        steps[shown] = len(table.looks), len(compared)
    assert set(steps.values()) == {(1, 3)}


def test_a_revoked_key_is_of_no_use_within_a_minute(ring: KeyRing, table: Table, clock: SettableClock) -> None:
    key, shown = table.make(clock)
    ring.open_with(shown)
    table.keys[key.key_id] = replace(key, revoked_at=clock())
    # An answer may be held for 25 seconds more.
    clock.advance(60 - 25)
    with pytest.raises(InvalidKey):
        ring.open_with(shown)


def test_the_table_is_asked_once_in_a_while(ring: KeyRing, table: Table, clock: SettableClock) -> None:
    _, shown = table.make(clock)
    for _ in range(50):
        ring.open_with(shown)
    assert len(table.looks) == 1
    clock.advance(TRUSTED_FOR.total_seconds())
    ring.open_with(shown)
    assert len(table.looks) == 2


def test_the_use_of_a_key_is_noted_once_a_minute(ring: KeyRing, table: Table, clock: SettableClock) -> None:
    _, shown = table.make(clock)
    for _ in range(180):
        clock.advance(1)
        ring.open_with(shown)
    assert len(table.uses) == 3


def test_a_key_opens_while_its_use_cannot_be_noted(
    ring: KeyRing, table: Table, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, shown = table.make(clock)

    def unreachable(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(Table, "note_use", unreachable)
    assert ring.open_with(shown).tenant == "acme"


def test_a_flood_of_ids_takes_no_more_memory_than_a_thousand(ring: KeyRing, table: Table, clock: SettableClock) -> None:
    for number in range(REMEMBERED + 50):
        with pytest.raises(InvalidKey):
            ring.open_with(f"bookjob_{number:012x}_{'0' * 64}")
    assert len(ring._looks) == REMEMBERED
    key, shown = table.make(clock)
    assert KEY.fullmatch(shown)
    assert ring.open_with(shown).key_id == key.key_id
