"""What this function is connected to, once for the life of its Lambda environment."""

from functools import cache

from functions.connection import jobs as jobs
from jobs.key_ring import KeyRing
from jobs.key_store import KeyStore
from jobs.rate_limits import RateLimits


@cache
def keys() -> KeyRing | None:
    """Return the keys that callers are asked for; None where the deployment asks for none.

    Raises RuntimeError where it does and does not say which table holds them, so that nobody is let in.
    """
    service = jobs()
    if not service.settings.require_keys:
        return None
    if service.settings.keys_table is None:
        raise RuntimeError("Keys are asked for and BOOKJOB_KEYS_TABLE does not say where they are kept.")
    return KeyRing(KeyStore(service.store.client, service.settings.keys_table), service.clock)


@cache
def rate_limits() -> RateLimits:
    """Return the buckets that callers take from."""
    service = jobs()
    return RateLimits.connect(service.settings.table, service.clock)
