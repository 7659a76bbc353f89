"""What stops a benchmark, told in one line to whoever asked for it."""

import sys
from collections.abc import Callable
from functools import wraps

import httpx

from gpu_worker.engine.errors import EngineError
from training.errors import TrainingError


def in_one_line(main: Callable[[], None]) -> Callable[[], None]:
    """Let a command end with a sentence about the book, the pack, the corpora or the service that it was given."""

    @wraps(main)
    def run() -> None:
        try:
            main()
        except UnicodeDecodeError as error:
            sys.exit(f"error: a book is plain text in UTF-8, and this is none: {error}")
        except (OSError, httpx.TransportError, EngineError, TrainingError) as error:
            sys.exit(f"error: {error}")

    return run
