"""Whether the libraries that the local stack runs on are installed, asked before anything is started."""

from collections.abc import Iterable
from importlib.util import find_spec

from infra.local.errors import MissingDependency

#: What the emulator and the front run on, and what only the worker needs.
STACK, WORKER = ("ministack", "hypercorn", "httpx", "aws_lambda_powertools"), ("torch", "spacy", "safetensors")


def require(libraries: Iterable[str]) -> None:
    """Raise MissingDependency when one of them is not installed."""
    if missing := [library for library in libraries if find_spec(library) is None]:
        raise MissingDependency(missing)
