"""What a load run saw: every answer with its time, every job that was accepted, and whatever was not as promised."""

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

#: Answers that must say when asking again makes sense.
ASK_AGAIN = frozenset({HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

#: What the one 503 that is meant to happen says.
QUEUE_FULL = "queue is full"


@dataclass(slots=True)
class AcceptedJob:
    """A job that some caller was promised, and what was done to it since."""

    job_id: str
    book_id: str
    #: Whether it was seen; an upload becomes a job a moment after it was taken.
    is_there: bool = True
    #: How often it may have been queued again.
    retries: int = 0
    #: Whether it may be gone because its result was deleted.
    is_discarded: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The answers to one kind of call: how many, and their times in seconds."""

    call: str
    count: int
    median: float
    p95: float
    p99: float
    longest: float


@dataclass
class Record:
    """Everything that the callers of one run saw."""

    #: The times of each call's answers, in seconds.
    times: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    full: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, AcceptedJob] = field(default_factory=dict)
    #: The book ids of submissions that were refused, of which there must be no job.
    refused: set[str] = field(default_factory=set)

    def answered(self, call: str, answer: httpx.Response, seconds: float, allowed: tuple[int, ...]) -> None:
        """Note an answer and hold it to what every answer promises."""
        self.times.setdefault(call, []).append(seconds)
        status = answer.status_code
        self.statuses[status] += 1
        is_full = status == HTTPStatus.SERVICE_UNAVAILABLE and QUEUE_FULL in answer.text
        self.full += is_full
        if status not in (*allowed, HTTPStatus.TOO_MANY_REQUESTS) or (status >= 500 and not is_full):
            self.fault(f"{call}: {status} {answer.text[:200]}")
        if status >= 400 and '"detail"' not in answer.text:
            self.fault(f"{call}: {status} without a sentence")
        if status in ASK_AGAIN and not answer.headers.get("Retry-After", "").isdecimal():
            self.fault(f"{call}: {status} without Retry-After")

    def unanswered(self, call: str, error: Exception) -> None:
        """Note a call that got no answer at all."""
        self.fault(f"{call}: no answer ({type(error).__name__})")

    def fault(self, sentence: str) -> None:
        """Note that something was not as promised."""
        self.faults[sentence] += 1

    def accepted(self, job_id: str, book_id: str, *, is_there: bool = True) -> None:
        """Note a job that was promised; under an idempotency key it may be promised again."""
        self.jobs.setdefault(job_id, AcceptedJob(job_id, book_id, is_there))

    def rows(self) -> Iterator[Row]:
        """Yield how long each call's answers took, and all of them together."""
        if not self.times:
            return
        everything = {"all": [second for times in self.times.values() for second in times]}
        for call, times in (everything | dict(sorted(self.times.items()))).items():
            cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
            yield Row(call, len(times), cuts[49], cuts[94], cuts[98], max(times))
