"""The deployment's settings, read once from the environment and validated."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

PREFIX = "BOOKJOB_"


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """What a deployment decides. Each field is the environment variable `BOOKJOB_` + its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The DynamoDB table of the jobs.
    table: str
    #: The S3 bucket of documents, checkpoints and results.
    bucket: str
    #: The URL of the SQS FIFO queue.
    queue_url: str
    #: The DynamoDB table of the API keys; only the API needs it, and only where it asks for keys.
    keys_table: str | None = None
    #: Whether callers are asked for an API key; where they are not, all of them are one tenant.
    require_keys: bool = True
    #: The URL of the SQS queue of callbacks; whoever only runs jobs needs none.
    callback_queue_url: str = ""
    #: Whether callbacks may go to this very machine, by plain HTTP too: for the local stack, never for a cloud.
    loopback_callbacks: bool = False
    #: How many jobs may wait at once.
    max_queue_size: int = Field(default=10, ge=1, le=5000)
    #: How many texts a caller may submit in a minute, by whichever way, where its key says nothing else.
    submissions_per_minute: int = Field(default=60, ge=1)
    #: How many other requests about jobs a caller may make in a minute, where its key says nothing else.
    requests_per_minute: int = Field(default=600, ge=1)
    #: The longest text, in characters: never more than the contract promises, by which clients refuse longer ones.
    max_document_size: int = Field(default=5_000_000, ge=1, le=5_000_000)
    #: How long an ended job's document and result are kept: a week at most, since the bucket's own rules delete both.
    job_ttl_seconds: int = Field(default=3600, ge=1, le=604_800)
    #: How long a worker's lease and its message's invisibility last without a heartbeat.
    lease_seconds: int = Field(default=60, ge=3, le=600)
    #: How many attempts may end in an error before the job fails.
    max_failures: int = Field(default=3, ge=1)
    #: How often a job may be begun before a message that went to the dead-letter queue ends it.
    max_attempts: int = Field(default=10, ge=1)
    #: How many books may be read at once, by that many workers.
    worker_concurrency: int = Field(default=1, ge=1, le=20)
    #: The packs that this deployment's worker has installed.
    packs: Annotated[frozenset[str], BeforeValidator(_split)] = frozenset({"mini"})
    #: The pack that serves `small` and `big` where their weights are not installed; unset to refuse them.
    substitute_pack: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings of this process; raises pydantic's ValidationError that names what is missing."""
        found = {name: environment.get(PREFIX + name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in found.items() if value})

    def as_environment(self) -> dict[str, str]:
        """Return the environment variables that `from_environment` reads these settings back from."""
        values = self.model_dump(exclude_none=True)
        return {
            PREFIX + name.upper(): ",".join(sorted(value)) if isinstance(value, frozenset) else str(value)
            for name, value in values.items()
        }
