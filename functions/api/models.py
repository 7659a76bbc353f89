"""The shapes of the HTTP contract: what a caller sends and what it gets back."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictStr, field_validator

from jobs.callbacks.model import Callback, CallbackState
from jobs.clock import Instant
from jobs.documents import FILES
from jobs.listing import JobFilter
from jobs.model import Job, ModelName, Stats, Status
from jobs.readiness import Check
from jobs.request import JobRequest
from jobs.settings import Settings
from jobs.upload_forms import UploadForm

JobId = Annotated[str, Field(description="The job's id.", json_schema_extra={"format": "uuid"})]
FileName = Annotated[str, Field(description="Which of BookNLP's files.", json_schema_extra={"enum": list(FILES)})]


#: What a text must be, for those who read the document; `check_text` says more clearly what is wrong with one.
READABLE = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"

#: The longest text that its caller can wait for, in characters.
LONGEST_SHORT_TEXT = 10_000


class Submission(JobRequest):
    """A text and how it is to be read."""

    text: StrictStr = Field(
        description="1 to 5,000,000 characters, at least one not white space, and none NUL.",
        json_schema_extra={"pattern": READABLE},
    )


class ShortSubmission(Submission):
    """A text that is short enough to wait for, and how it is to be read."""

    text: StrictStr = Field(
        description=f"1 to {LONGEST_SHORT_TEXT} characters, at least one not white space, and none NUL.",
        json_schema_extra={"maxLength": LONGEST_SHORT_TEXT, "pattern": READABLE},
    )

    @field_validator("text")
    @classmethod
    def _short(cls, text: str) -> str:
        if len(text) > LONGEST_SHORT_TEXT:
            raise ValueError(
                f"text: {len(text)} characters are more than the {LONGEST_SHORT_TEXT} that can be waited for; "
                "submit it by POST /v1/jobs"
            )
        return text


class BookQuery(BaseModel):
    """Which book is asked about."""

    book_id: str | None = Field(default=None, max_length=256, description="The caller's own name for the book.")


class JobsQuery(BookQuery):
    """Which jobs are asked for, and how many at once."""

    status: Status | None = None
    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=1024, description="The `cursor` of the page before.")

    def to_domain(self) -> JobFilter:
        """Return which jobs are asked for, as the job core takes it."""
        return JobFilter(self.status, self.book_id)


class Answer(BaseModel):
    """The base of every JSON answer."""

    model_config = ConfigDict(frozen=True)


class JobAccepted(Answer):
    """A job that was stored and queued."""

    job_id: str
    status: Literal["pending"] = "pending"
    submitted_at: Instant
    queue_position: int | None = Field(description="1 for the next to run; null if it could not be found out.")
    model: ModelName
    pack: str = Field(description="The model pack that will run.")
    book_id: str | None
    warnings: tuple[str, ...] = Field(description="What differs from the request.")

    @classmethod
    def of(cls, job: Job, queue_position: int | None) -> Self:
        """Return the answer about a job as it was accepted, whatever has become of it since.

        So a request that is repeated under an idempotency key is answered alike.
        """
        return cls(
            job_id=job.job_id,
            submitted_at=job.submitted_at,
            queue_position=queue_position,
            model=job.model,
            pack=job.pack.partition("@")[0],
            book_id=job.book_id,
            warnings=job.warnings,
        )


class Upload(Answer):
    """A form to upload a text by; the job is there once the text has arrived."""

    job_id: str = Field(description="The id of the job that the upload becomes.")
    url: str = Field(description="Where the form is sent to, as multipart/form-data.")
    fields: dict[str, str] = Field(description="To be sent as they are, before the text, which is the field `file`.")
    expires_at: Instant = Field(description="Until when the form can be sent.")

    @classmethod
    def of(cls, form: UploadForm) -> Self:
        """Return the answer that hands the form out."""
        return cls(job_id=form.job_id, url=form.url, fields=dict(form.fields), expires_at=form.expires_at)


class CallbackStatus(Answer):
    """How far the telling of a job's end is; of a job that was retried, of its last end."""

    url: str = Field(description="The address that the job came with.")
    status: CallbackState = Field(
        description="`pending` until the receiver answers 2xx; `failed` after a 410 or 24 hours of trying."
    )
    attempts: int
    last_error: str | None = Field(description="Why the last attempt that failed did.")
    next_attempt_at: Instant | None = Field(description="Null until the job ends, and once the callback is settled.")

    @classmethod
    def of(cls, job: Job, callback: Callback | None) -> Self | None:
        """Return what is told of a job's callback; of one that has not ended there is none yet."""
        if job.callback_url is None:
            return None
        return cls(
            url=job.callback_url,
            status=callback.state if callback else CallbackState.PENDING,
            attempts=callback.attempts if callback else 0,
            last_error=callback.last_error if callback else None,
            next_attempt_at=callback.next_attempt_at if callback else None,
        )


class JobStatus(Answer):
    """A job as it stands now."""

    job_id: str
    status: Status
    progress: float = Field(ge=0, le=100, description="Percent of the work done.")
    submitted_at: Instant
    started_at: Instant | None
    completed_at: Instant | None = Field(description="When it ended, whichever way.")
    error_message: str | None
    queue_position: int | None = Field(description="1 for the next to run; null when it does not wait.")
    stage: str | None = Field(description="The engine's stage that runs now.")
    eta_seconds: float | None = Field(description="Estimated seconds of work left.")
    book_id: str | None
    model: ModelName
    pack: str = Field(description="The model pack that runs, as name@version once it is loaded.")
    attempt: int = Field(description="How often a worker has taken the job up.")
    token_count: int | None
    expires_at: Instant | None = Field(description="When the result goes; null until the job ends.")
    warnings: tuple[str, ...] = Field(description="What differs from the request.")
    callback: CallbackStatus | None = Field(description="Null for a job that came with no `callback_url`.")

    @classmethod
    def of(cls, job: Job, queue_position: int | None, callback: Callback | None = None) -> Self:
        """Return the answer about a job, and about the callback of its last end if it has ended."""
        return cls(
            job_id=job.job_id,
            status=job.status,
            progress=round(job.progress, 1),
            submitted_at=job.submitted_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
            error_message=job.error_message,
            queue_position=queue_position,
            stage=job.stage,
            eta_seconds=job.eta_seconds,
            book_id=job.book_id,
            model=job.model,
            pack=job.pack,
            attempt=job.attempt,
            token_count=job.token_count,
            expires_at=None if job.expires_at is None else datetime.fromtimestamp(job.expires_at, UTC),
            warnings=job.warnings,
            callback=CallbackStatus.of(job, callback),
        )


class JobsPage(Answer):
    """Some jobs, newest first."""

    jobs: tuple[JobStatus, ...]
    cursor: str | None = Field(description="Leads to the next page; null after the last.")


class JobCancelled(Answer):
    """A job that was called off before it ran."""

    job_id: str
    status: Literal["cancelled"] = "cancelled"


class StopRequested(Answer):
    """A job that was called off: at once if it waited, within seconds if it runs."""

    job_id: str
    status: Status = Field(description="`cancelled`, or `running` until its worker has stopped it.")


class Column(BaseModel):
    """The base of the result's rows: BookNLP's own columns, and whatever a later version adds."""

    model_config = ConfigDict(extra="allow")


class Token(Column):
    """A row of BookNLP's `.tokens`; offsets are in bytes of the text as UTF-8."""

    paragraph_ID: int  # noqa: N815 - BookNLP's own name
    sentence_ID: int  # noqa: N815 - BookNLP's own name
    token_ID_within_sentence: int  # noqa: N815 - BookNLP's own name
    token_ID_within_document: int  # noqa: N815 - BookNLP's own name
    word: str
    lemma: str
    byte_onset: int
    byte_offset: int
    POS_tag: str
    fine_POS_tag: str  # noqa: N815 - BookNLP's own name
    dependency_relation: str
    syntactic_head_ID: int  # noqa: N815 - BookNLP's own name
    event: str


class Entity(Column):
    """A row of BookNLP's `.entities`; tokens are named by their number in the document, both ends included."""

    COREF: int
    start_token: int
    end_token: int
    prop: str
    cat: str
    text: str


class Quote(Column):
    """A row of BookNLP's `.quotes`; the speaker's columns are null where none was found."""

    quote_start: int
    quote_end: int
    mention_start: int | None
    mention_end: int | None
    mention_phrase: str | None
    char_id: int | None
    quote: str


class Supersense(Column):
    """A row of BookNLP's `.supersense`."""

    start_token: int
    end_token: int
    supersense_category: str
    text: str


class Event(Column):
    """A token that tells of something that happens."""

    token_ID_within_document: int  # noqa: N815 - BookNLP's own name
    word: str
    lemma: str


class Analysis(Answer):
    """What BookNLP found in the text."""

    tokens: list[Token]
    entities: list[Entity]
    quotes: list[Quote]
    characters: list[dict[str, object]] = Field(description="As in BookNLP's .book file.")
    events: list[Event]
    supersenses: list[Supersense]


class JobResult(Answer):
    """A completed job's result."""

    job_id: str
    status: Literal["completed"]
    result: Analysis
    submitted_at: Instant
    started_at: Instant
    completed_at: Instant
    processing_time_ms: int
    token_count: int


class JobStats(Answer):
    """The caller's jobs counted by state, and the deployment's limits."""

    total_jobs: int
    queue_size: int = Field(description="Jobs that wait, whoever's they are.")
    max_queue_size: int
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    worker_running: bool = Field(description="Whether a worker was heard of within its lease time.")
    max_document_size: int = Field(description="The longest text, in characters.")
    job_ttl_seconds: int
    max_concurrent_jobs: int = Field(description="How many books are read at once.")

    @classmethod
    def of(cls, stats: Stats, queue_size: int, settings: Settings) -> Self:
        """Return the answer from the counts and the settings that bound them."""
        return cls(
            total_jobs=stats.total,
            queue_size=queue_size,
            max_queue_size=settings.max_queue_size,
            pending=stats.pending,
            running=stats.running,
            completed=stats.completed,
            failed=stats.failed,
            cancelled=stats.cancelled,
            worker_running=stats.worker_running,
            max_document_size=settings.max_document_size,
            job_ttl_seconds=settings.job_ttl_seconds,
            max_concurrent_jobs=settings.worker_concurrency,
        )


class Health(Answer):
    """That the API runs; nothing else was asked."""

    status: Literal["healthy"] = "healthy"
    model_status: Literal["ready", "warming", "error"] = Field(
        description="Whether the deployment is set up with a pack for the default model; /ready looks at the worker."
    )
    version: str
    timestamp: Instant


class CheckResult(Answer):
    """What came of looking at one dependency."""

    ok: bool
    detail: str


class Readiness(Answer):
    """Whether everything that a job needs on its way answers."""

    status: Literal["ready", "not ready"]
    detail: str
    checks: dict[str, CheckResult]

    @classmethod
    def of(cls, checks: dict[str, Check]) -> Self:
        """Return the answer from the checks; ready when all of them are."""
        failed = [name for name, check in checks.items() if not check.ok]
        return cls(
            status="not ready" if failed else "ready",
            detail=f"Not ready: {', '.join(failed)}." if failed else "Everything that a job needs answers.",
            checks={name: CheckResult(ok=check.ok, detail=check.detail) for name, check in checks.items()},
        )


class Problem(Answer):
    """Every answer that is not a success."""

    detail: str = Field(description="What was wrong and what to do.")
