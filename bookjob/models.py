"""The service's answers as the client hands them over. Fields that a newer service adds are kept, not refused."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic takes the standard one from Python 3.12 on

FileName = Literal["tokens", "entities", "supersense", "quotes", "book", "book.html"]
#: BookNLP's own files, by the suffix that each carries.
FILE_NAMES: tuple[FileName, ...] = get_args(FileName)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class JobState(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether the job will not change again, but for its expiry."""
        return self not in (JobState.PENDING, JobState.RUNNING)


class Submitted(_Answer):
    """A job that the service accepted."""

    job_id: str
    status: JobState
    submitted_at: datetime
    #: 1 for the next to run.
    queue_position: int | None = None
    book_id: str | None = None
    #: The model that was asked for.
    model: str | None = None
    #: The model pack that will run.
    pack: str | None = None
    #: Sentences about what differs from the request.
    warnings: tuple[str, ...] = ()


class UploadForm(_Answer):
    """A form that a text is uploaded by, to become the job."""

    job_id: str
    #: Where it is sent to: the service's storage.
    url: str
    #: What is sent before the text, as it is.
    fields: dict[str, str]
    expires_at: datetime


class Callback(_Answer):
    """How it stands with telling a job's `callback_url` how the job ended."""

    url: str
    #: `pending`, `delivered` or `failed`.
    status: str
    #: How often it was tried.
    attempts: int
    #: Why the last attempt failed.
    last_error: str | None = None
    next_attempt_at: datetime | None = None


class Job(_Answer):
    """A job as it stands."""

    job_id: str
    status: JobState
    #: Percent of the work done, 0 to 100.
    progress: float = 0.0
    submitted_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    #: 1 for the next to run; None when it does not wait.
    queue_position: int | None = None
    #: The engine's stage that runs now.
    stage: str | None = None
    #: Estimated seconds of work left.
    eta_seconds: float | None = None
    book_id: str | None = None
    #: The model that was asked for.
    model: str | None = None
    #: The model pack that really runs.
    pack: str | None = None
    #: How often a worker has taken the job up.
    attempt: int | None = None
    token_count: int | None = None
    #: When the text and its result are deleted.
    expires_at: datetime | None = None
    #: Sentences about what differs from the request.
    warnings: tuple[str, ...] = ()
    #: None for a job that came with no `callback_url`.
    callback: Callback | None = None


class JobsPage(_Answer):
    """Some jobs, newest first."""

    jobs: tuple[Job, ...]
    #: Leads to the next page; None after the last.
    cursor: str | None = None


class Cancelled(_Answer):
    """The answer to a cancellation: `cancelled`, or `running` while a worker is being stopped."""

    job_id: str
    status: JobState


class WebhookSecret(_Answer):
    """What callbacks are signed with."""

    #: `whsec_` and the key in base64, as the libraries of Standard Webhooks take it.
    secret: str
    #: Until when callbacks are signed with the secret before it as well; None unless it was rotated in the last day.
    previous_until: datetime | None = None


class Stats(_Answer):
    """How busy the service is and what it allows."""

    total_jobs: int
    #: Jobs that wait now.
    queue_size: int
    max_queue_size: int
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    #: Whether a worker was heard of lately; without one, jobs wait.
    worker_running: bool
    #: The longest text, in characters.
    max_document_size: int
    #: How long a result is kept, in seconds.
    job_ttl_seconds: int
    max_concurrent_jobs: int


class Health(_Answer):
    """That the service answers; nothing that it needs was asked, which `Readiness` is for."""

    status: str
    #: `ready` where the deployment is set up with a pack for the default model, else `error`.
    model_status: str | None = None
    version: str | None = None
    timestamp: datetime | None = None


class Check(_Answer):
    """What came of looking at one dependency."""

    ok: bool
    detail: str


class Readiness(_Answer):
    """Whether everything that a job needs on its way answers: `ready` or `not ready`."""

    status: str
    detail: str
    checks: dict[str, Check]


@with_config(ConfigDict(extra="allow"))
class Token(TypedDict):
    """One word or mark with its syntax, under BookNLP's column names.

    A plain dictionary: a novel has a quarter of a million, and as models they would take twice the time and memory.
    """

    paragraph_ID: int
    sentence_ID: int
    token_ID_within_sentence: int
    token_ID_within_document: int
    word: str
    lemma: str
    #: In bytes of the text as UTF-8, without a file's byte-order mark; as is `byte_offset`.
    byte_onset: int
    byte_offset: int
    POS_tag: str
    fine_POS_tag: str
    dependency_relation: str
    syntactic_head_ID: int
    event: str


class Entity(_Answer):
    """A mention of someone or something; tokens `start_token` to `end_token`, both included."""

    #: The cluster of mentions that it belongs to; a character's `id` for people.
    COREF: int
    start_token: int
    end_token: int
    #: PROP (a name), NOM (a common noun) or PRON (a pronoun).
    prop: str
    #: PER, FAC, GPE, LOC, VEH or ORG.
    cat: str
    text: str


class Quote(_Answer):
    """A stretch of direct speech and the mention of who speaks, in token positions."""

    quote_start: int
    quote_end: int
    mention_start: int | None = None
    mention_end: int | None = None
    mention_phrase: str | None = None
    #: The speaker's cluster, a character's `id`; None where no speaker was found, negative where none was clustered.
    char_id: int | None = None
    #: The words, with the quotation marks, joined by one space.
    quote: str


class Event(_Answer):
    """A token that tells of something that happens in the story."""

    token_ID_within_document: int  # noqa: N815 - BookNLP's own name
    word: str
    lemma: str


class Supersense(_Answer):
    """A span with its WordNet lexicographer class."""

    start_token: int
    end_token: int
    supersense_category: str
    text: str


class NameCount(_Answer):
    """How often a character is mentioned by one name."""

    n: str
    c: int


class CharacterMentions(_Answer):
    """A character's mentions by kind, most frequent first."""

    proper: tuple[NameCount, ...] = ()
    common: tuple[NameCount, ...] = ()
    pronoun: tuple[NameCount, ...] = ()


class ReferentialGender(_Answer):
    """Which pronouns the book uses for a character."""

    #: The most likely set, such as `she/her`.
    argmax: str | None = None
    #: Share of each set.
    inference: dict[str, float] = {}
    #: How much evidence there was.
    total: float | None = None


class CharacterWord(_Answer):
    """A word that goes with a character, and its token's position."""

    w: str
    i: int


class Character(_Answer):
    """A character as BookNLP's `.book` file describes it."""

    id: int
    #: How often the character is mentioned.
    count: int
    mentions: CharacterMentions = CharacterMentions()
    g: ReferentialGender | None = None
    #: Verbs that the character is the subject of.
    agent: tuple[CharacterWord, ...] = ()
    #: Verbs that the character is the object of.
    patient: tuple[CharacterWord, ...] = ()
    #: Words that describe the character.
    mod: tuple[CharacterWord, ...] = ()
    #: What the character has.
    poss: tuple[CharacterWord, ...] = ()


class Reading(_Answer):
    """Everything that was found in a book. A task that was not asked for leaves its part empty."""

    tokens: tuple[Token, ...] = ()
    entities: tuple[Entity, ...] = ()
    quotes: tuple[Quote, ...] = ()
    characters: tuple[Character, ...] = ()
    events: tuple[Event, ...] = ()
    supersenses: tuple[Supersense, ...] = ()


class Result(_Answer):
    """A finished job with what was found."""

    job_id: str
    status: JobState
    result: Reading
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    #: From the first claim to the end, in milliseconds.
    processing_time_ms: int | None = None
    token_count: int | None = None
