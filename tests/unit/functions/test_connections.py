"""What the API is connected to, as its settings say."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.api import connections
from jobs.settings import Settings


def keys_by(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Any:
    names = {"BOOKJOB_TABLE": "t", "BOOKJOB_BUCKET": "b", "BOOKJOB_QUEUE_URL": "q", **environment}
    service = SimpleNamespace(
        settings=Settings.from_environment(names), store=SimpleNamespace(client=None), clock=lambda: None
    )
    monkeypatch.setattr(connections, "jobs", lambda: service)
    return connections.keys.__wrapped__()


def test_keys_are_asked_for_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = keys_by(monkeypatch, BOOKJOB_KEYS_TABLE="k")
    assert ring is not None
    assert ring.store.table == "k"


@pytest.mark.parametrize("said", [{}, {"BOOKJOB_REQUIRE_KEYS": ""}, {"BOOKJOB_REQUIRE_KEYS": "true"}])
def test_who_is_not_told_where_the_keys_are_lets_nobody_in(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    with pytest.raises(RuntimeError, match="BOOKJOB_KEYS_TABLE"):
        keys_by(monkeypatch, **said)


def test_no_keys_are_asked_for_where_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys_by(monkeypatch, BOOKJOB_KEYS_TABLE="k", BOOKJOB_REQUIRE_KEYS="false") is None
