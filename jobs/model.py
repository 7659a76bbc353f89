"""What a job is: its states, its record and the lease that a worker holds on it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from jobs.clock import Instant, isoformat


class Status(StrEnum):
    """The states of a job. `docs/job-states.md` draws every move between them."""

    #: Waiting in the queue. Entered by `submit`, `release`, `take_back` and `retry`; left by `claim`, `cancel` and
    #: `bury`.
    PENDING = "pending"
    #: A worker holds its lease. Entered by `claim`; left by `publish`, `fail`, `release` and `stop`, and once the
    #: lease ran out by `take_back` and `bury`.
    RUNNING = "running"
    #: Its result can be fetched. Entered by `publish`; left by `expire` and `discard`.
    COMPLETED = "completed"
    #: It ended without a result, for the reason in `error_message`. Entered by `fail`, `bury` and `reject`; left by
    #: `expire`, `discard` and `retry`.
    FAILED = "failed"
    #: The caller called it off. Entered by `cancel` and `stop`; left by `expire`, `discard` and `retry`.
    CANCELLED = "cancelled"
    #: Its document and result are gone; only this record is left for a day. Entered by `expire` and `discard`.
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether no worker will ever touch the job again."""
        return self not in (Status.PENDING, Status.RUNNING)


TaskName = Literal["entity", "quote", "supersense", "event", "coref"]
ModelName = Literal["small", "big", "custom", "mini"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the engine reads a text, beyond which tasks it runs."""

    #: Whether coreference links pronouns only and leaves names to name clustering, as BookNLP does.
    pronominal_coref_only: bool = True
    #: The pronoun sets that characters are sorted into; None for BookNLP's own five.
    referential_gender_cats: tuple[tuple[str, ...], ...] | None = None
    #: Whether to reproduce upstream's output line for line, its defects included.
    compat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as its record stands. Immutable: a move returns the job as it is afterwards."""

    job_id: str
    #: Whose job it is; every caller sees only the jobs of its own tenant.
    tenant: str
    status: Status
    submitted_at: Instant
    #: The S3 key of the text.
    document_key: str
    #: Length of the text in characters.
    characters: int
    #: The model that the caller asked for.
    model: ModelName
    #: The pack that runs: its name until a worker has loaded it, then `name@version`.
    pack: str
    pipeline: tuple[TaskName, ...]
    options: Options = field(default_factory=Options)
    #: The caller's own name for the book.
    book_id: str | None = None
    #: Where the caller is told how it ended; None for nowhere.
    callback_url: str | None = None
    #: Digest of the request, where an idempotency key holds its caller to it.
    request_digest: str | None = None
    #: X-Ray's tracing header of the request that submitted it.
    trace: str | None = None
    #: Sentences for the caller about what differs from the request.
    warnings: tuple[str, ...] = ()

    started_at: Instant | None = None
    #: When it ended, whichever way.
    completed_at: Instant | None = None
    #: Percent of the work done, 0 to 100; never falls within an attempt.
    progress: float = 0.0
    #: The engine's stage that runs now.
    stage: str | None = None
    #: Estimated seconds of work left.
    eta_seconds: float | None = None
    #: How often a worker has claimed the job.
    attempt: int = 0
    #: How many of these were before its caller had it retried last.
    attempts_before_retry: int = 0
    #: How many attempts ended in an error that may pass; a shutdown or a dead worker is not one.
    failures: int = 0
    #: Whether the caller asked a running job to stop.
    cancel_requested: bool = False
    error_message: str | None = None
    #: When a waiting job may be tried again after an attempt that failed; None for at once.
    not_before: Instant | None = None

    lease_owner: str | None = None
    lease_expires_at: Instant | None = None
    #: Raised by one with every claim; a worker's write is refused unless it carries the current one.
    lease_epoch: int = 0

    #: The epoch whose objects under `results/` are the result.
    result_epoch: int | None = None
    token_count: int | None = None
    #: From the first claim to the end, in milliseconds.
    processing_time_ms: int | None = None
    #: Epoch second from which the job reads as expired; set when it ends.
    expires_at: int | None = None
    #: Epoch second from which DynamoDB may delete the record; the table's TTL attribute.
    purge_at: int | None = None
    #: Whether its text, checkpoints and results are known to be deleted.
    swept: bool = False

    def evolve(self, **changes: Any) -> Self:
        """Return the job with some fields changed."""
        return replace(self, **changes)

    @property
    def place(self) -> str:
        """The job's place in the queue: text order is order of submission."""
        return f"{isoformat(self.submitted_at)}#{self.job_id}"

    @property
    def due_at(self) -> int | None:
        """Epoch second from which the janitor asks after the job; None once there is nothing left to do for it.

        An unfinished job has its place in the queue from its submission on. What an ended one left is deleted when it
        expires.
        """
        if self.swept:
            return None
        return int(self.submitted_at.timestamp()) if self.expires_at is None else self.expires_at

    @property
    def free_at(self) -> datetime | None:
        """When a worker may take an unfinished job, as it stands: once its lease or its pause is over; None for now."""
        return self.lease_expires_at if self.status is Status.RUNNING else self.not_before

    def claimable_at(self, now: datetime) -> bool:
        """Whether a worker may take the job: it waits and its pause is over, or its last worker's lease ran out."""
        return not self.status.ended and (self.free_at is None or self.free_at <= now)

    def as_seen_at(self, now: datetime) -> Self:
        """Return the job as a reader sees it: expired from its second on, however late the record is swept."""
        if self.expires_at is not None and self.expires_at <= now.timestamp():
            return self.evolve(status=Status.EXPIRED)
        return self

    def gone_at(self, now: datetime) -> bool:
        """Whether even the expired job's record is past its day, though DynamoDB may not have swept it yet."""
        return self.purge_at is not None and self.purge_at <= now.timestamp()

    def log_context(self) -> Mapping[str, str | int]:
        """Return what every log line about this job carries."""
        return {"job_id": self.job_id, "attempt": self.attempt, "lease_epoch": self.lease_epoch}


def job_at(place: str) -> str:
    """Return the id of the job whose place in the queue it is."""
    return place.partition("#")[2]


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to write to a job: valid while the record carries the same epoch (a fencing token)."""

    job_id: str
    tenant: str
    #: The job's place in the queue, as `Job.place`.
    place: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is: the stage it is in, percent of all work done, seconds of work left."""

    stage: str
    percent: float
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run tells its record: tokens read, when it was done, milliseconds since the first claim."""

    token_count: int
    completed_at: datetime
    processing_time_ms: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A count of jobs by state, and whether a worker was heard of within its lease time."""

    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    worker_running: bool

    @property
    def total(self) -> int:
        """All jobs that have not expired."""
        return self.pending + self.running + self.completed + self.failed + self.cancelled
