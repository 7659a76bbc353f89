"""The Python client and the command line of the book-reading service.

`from bookjob import Client` is all that a program needs; nothing heavy is imported before it is used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookjob.client import Client
    from bookjob.errors import BookjobError

__all__ = ["BookjobError", "Client"]


def __getattr__(name: str) -> object:
    """Import the client when it is first asked for, so that `bookjob --help` need not load an HTTP library."""
    if name == "Client":
        from bookjob.client import Client

        return Client
    if name == "BookjobError":
        from bookjob.errors import BookjobError

        return BookjobError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
