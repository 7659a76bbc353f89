"""API keys in their table."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from jobs.errors import NoSuchKey
from jobs.key_store import KeyStore
from jobs.keys import ApiKey, NewKey, make_key
from jobs.service import JobService
from tests.conftest import SettableClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(service: JobService) -> KeyStore:
    assert service.settings.keys_table is not None
    return KeyStore(service.store.client, service.settings.keys_table)


def make(store: KeyStore, clock: SettableClock, **said: object) -> ApiKey:
    key, _ = make_key(NewKey.model_validate({"name": "ci", "tenant": "acme", **said}), clock())
    store.add(key)
    return key


def test_a_key_is_read_back_as_it_was_stored(store: KeyStore, clock: SettableClock) -> None:
    key = make(store, clock, submissions_per_minute=5)
    assert store.find(key.key_id) == key
    assert store.find("0" * 12) is None


def test_keys_are_listed_in_the_order_in_which_they_were_made(store: KeyStore, clock: SettableClock) -> None:
    made = [make(store, clock, name=f"key {number}") for number in range(5)]
    assert store.all() == made


def test_an_id_is_never_given_twice(store: KeyStore, clock: SettableClock) -> None:
    key = make(store, clock)
    with pytest.raises(ClientError):
        store.add(replace(key, tenant="globex"))
    assert store.find(key.key_id) == key


def test_a_key_is_revoked_once(store: KeyStore, clock: SettableClock) -> None:
    key = make(store, clock)
    revoked = store.revoke(key.key_id, clock())
    assert revoked.revoked_at is not None
    assert store.revoke(key.key_id, clock.advance(60)) == revoked == store.find(key.key_id)


def test_a_key_that_there_is_not_cannot_be_revoked(store: KeyStore, clock: SettableClock) -> None:
    with pytest.raises(NoSuchKey, match="bookjob keys list"):
        store.revoke("0" * 12, clock())
    assert store.all() == []


def test_of_many_who_use_a_key_at_once_one_notes_it(store: KeyStore, clock: SettableClock) -> None:
    key, first = make(store, clock), clock()
    for seconds in (0, 1, 59):
        store.note_use(key.key_id, first + timedelta(seconds=seconds), MINUTE)
    assert store.find(key.key_id) == replace(key, last_used_at=first)
    later = first + timedelta(seconds=61)
    store.note_use(key.key_id, later, MINUTE)
    assert store.find(key.key_id) == replace(key, last_used_at=later)


def test_noting_the_use_of_a_key_makes_none(store: KeyStore, clock: SettableClock) -> None:
    store.note_use("0" * 12, clock(), MINUTE)
    assert store.all() == []
