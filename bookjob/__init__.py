"""The Python client and the command line of the book-reading service.

`from bookjob import Client` (or `AsyncClient`) is all that a program needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookjob.async_client import AsyncClient
    from bookjob.client import Client
    from bookjob.errors import BookjobError

__all__ = ["AsyncClient", "BookjobError", "Client"]

_HOMES = {"AsyncClient": "bookjob.async_client", "BookjobError": "bookjob.errors", "Client": "bookjob.client"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that `bookjob --help` need not load an HTTP library."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
