"""The service that a command speaks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookjob.client import Client


@contextmanager
def service(url: str | None) -> "Iterator[Client]":
    """Yield a client of the service at `url`, by default that of the environment; raises InvalidUrl."""
    from bookjob.client import Client

    with Client(url) as client:
        yield client
