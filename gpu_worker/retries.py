"""Which errors are worth another attempt, and when: pure decisions, from an error and how often it came."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from gpu_worker.errors import PermanentFailure, WorkerError
from jobs.errors import AWS_ERRORS, DocumentMissing

Answer = TypeVar("Answer")

#: The longest wait before another attempt, in seconds. The queue stands still meanwhile: its order is kept.
LONGEST_WAIT = 60

#: How often one call to AWS is made, beyond the client's own retries, before its attempt counts as failed.
CALL_TRIES = 4

#: The longest wait between two of these calls, in seconds.
LONGEST_PAUSE = 8.0


class ErrorKind(Enum):
    """Whether another attempt can help."""

    PERMANENT = auto()
    TRANSIENT = auto()


@dataclass(frozen=True, slots=True)
class Fail:
    """End the job; with `exhausted` because its attempts are used up."""

    exhausted: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """Give the job back, hidden for a random time of at most `wait` seconds."""

    wait: int


def kind_of(error: Exception) -> ErrorKind:
    """Return whether another attempt can help; anything not known to be permanent may pass."""
    permanent = isinstance(error, PermanentFailure | DocumentMissing)
    return ErrorKind.PERMANENT if permanent else ErrorKind.TRANSIENT


def decide(kind: ErrorKind, failures: int, max_failures: int) -> Fail | Retry:
    """Return what becomes of a job after its `failures`-th failed attempt, this one counted."""
    if kind is ErrorKind.PERMANENT:
        return Fail(exhausted=False)
    if failures >= max_failures:
        return Fail(exhausted=True)
    return Retry(wait=min(2**failures, LONGEST_WAIT))


def jittered(wait: float) -> int:
    """Return a random number of whole seconds from 1 to `wait`, so that failures do not march in step."""
    return random.randint(1, max(1, int(wait)))


def reason(error: Exception) -> str:
    """Return what the job's caller is told: what was wrong and what to do, without the code's insides."""
    match error:
        case WorkerError():
            return str(error)
        case DocumentMissing():
            return "The text is not stored any more; submit it again."
        case _ if isinstance(error, AWS_ERRORS):
            return "The service's storage did not answer; submit the job again later."
        case _:
            return "The worker met an internal error; its log has the details under the job's id."


def persist(call: Callable[[], Answer]) -> Answer:
    """Return the answer of a call to AWS that is safe to repeat, made again after growing, jittered waits."""
    for failures in range(1, CALL_TRIES):
        try:
            return call()
        except AWS_ERRORS:
            time.sleep(random.uniform(0, min(2**failures, LONGEST_PAUSE)))
    return call()
