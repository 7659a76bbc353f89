"""The service that a command speaks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookjob.client import Client


@contextmanager
def service(url: str | None, api_key: str | None) -> "Iterator[Client]":
    """Yield a client of the service at `url` with that key, by default the environment's; raises as it does."""
    from bookjob.client import Client

    with Client(url, api_key) as client:
        yield client
