"""The API where callers are asked for keys, in this process: what an operator does there, and callers with keys."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from jobs.key_store import KeyStore
from jobs.keys import ApiKey, NewKey, make_key
from tests.conftest import SettableClock
from tests.contract.transport import LambdaTransport


@dataclass(frozen=True)
class Doors:
    """The doors of the API, with the keys to them."""

    store: KeyStore
    clock: SettableClock

    def make(self, tenant: str) -> tuple[ApiKey, str]:
        """Return a new key's record and the key."""
        key, shown = make_key(NewKey(name=f"{tenant}'s", tenant=tenant), self.clock())
        self.store.add(key)
        return key, shown

    def caller(self, tenant: str) -> httpx.Client:
        """Return a client with a new key of the tenant's."""
        return self.with_key(self.make(tenant)[1])

    def with_key(self, shown: str | None) -> httpx.Client:
        """Return a client that shows this key, or none."""
        headers: Mapping[str, str] = {} if shown is None else {"X-API-Key": shown}
        return httpx.Client(transport=LambdaTransport(), base_url="http://in.process", headers=headers)
