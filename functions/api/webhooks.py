"""What a receiver of callbacks is sent, and the secret that it knows it by."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from functions.api.models import Answer, JobStatus
from jobs.callbacks.model import Callback
from jobs.callbacks.secrets import SigningSecrets
from jobs.callbacks.signature import written
from jobs.clock import Instant


class JobEnded(Answer):
    """The body of a callback: how a job ended. It has neither the text nor the result."""

    type: Literal["job.completed", "job.failed", "job.cancelled"]
    timestamp: Instant = Field(description="When the job ended.")
    data: JobStatus = Field(description="The job as it stood then.")

    @classmethod
    def of(cls, callback: Callback) -> Self:
        """Return the body; it is the same at every attempt."""
        return cls.model_validate(
            {"type": callback.event, "timestamp": callback.happened_at, "data": JobStatus.of(callback.job, None)}
        )


class WebhookSecret(Answer):
    """What your callbacks are signed with."""

    secret: str = Field(description="The signing secret, `whsec_` and the key in base64.")
    previous_until: Instant | None = Field(
        description="Until when callbacks are signed with the secret before it as well; null unless it was rotated."
    )

    @classmethod
    def of(cls, secrets: SigningSecrets, now: datetime) -> Self:
        """Return the answer that tells a tenant's secret; the earlier one is no news to whoever has it."""
        both = len(secrets.valid_at(now)) > 1
        return cls(secret=written(secrets.current), previous_until=secrets.previous_until if both else None)
