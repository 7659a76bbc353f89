"""What can go wrong in a job's life. An error's text is a sentence for the caller: what was wrong, what to do."""

from botocore.exceptions import BotoCoreError, ClientError

from jobs.model import Job, Status

#: What boto3 raises when AWS does not answer, throttles or refuses a request.
AWS_ERRORS = (BotoCoreError, ClientError)


class JobsError(Exception):
    """The job core could not do what it was asked."""


class InvalidRequest(JobsError):
    """The request cannot become a job as it stands."""


class DocumentTooLarge(JobsError):
    """The document is larger than this way in allows."""


class JobNotFound(JobsError):
    """No job has this id, or it expired more than a day ago."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} not found: the id is unknown or the job expired more than a day ago.")
        self.job_id = job_id


class InvalidKey(JobsError):
    """The API key is none, or it was revoked; which of the two is not for whoever shows it to know."""

    def __init__(self) -> None:
        super().__init__("Invalid API key")


class NoSuchKey(JobsError):
    """No API key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no key {key_id}. `bookjob keys list` shows those that there are.")


class KeyReused(JobsError):
    """The idempotency key stands for another request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request. Send a new key with a new request.")


class NoJobs(JobsError):
    """The caller has no job that matches."""

    def __init__(self) -> None:
        super().__init__("There is no such job yet. Submit a text: POST /v1/jobs.")


class QueueFull(JobsError):
    """The queue has no free place; nothing was stored."""

    def __init__(self, max_queue_size: int) -> None:
        super().__init__(f"The queue is full ({max_queue_size} jobs are waiting). Try again later.")


class NotFinished(JobsError):
    """The job still waits or runs, so there is no result yet."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"Job {job.job_id} is {job.status}: its result is not there yet. Try again later.")


class NoResult(JobsError):
    """The job ended without a result, and never will have one."""

    def __init__(self, job: Job) -> None:
        reason = f": {job.error_message}" if job.error_message else "."
        super().__init__(f"Job {job.job_id} is {job.status} and has no result{reason}")


class ResultGone(JobsError):
    """The job's result was kept for its time, or deleted by its caller, and cannot be had any more."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"The result of job {job.job_id} is gone: it expired or was deleted. Submit the text again.")


class TextGone(JobsError):
    """The job's text is not there any more, so the job cannot run again."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"Job {job.job_id} cannot be retried: its text is gone. Submit the text again.")


class NoSuchFile(JobsError):
    """BookNLP writes no file of this name, or the job's pipeline did not make it."""


class DocumentMissing(JobsError):
    """An object that the record names is not in the bucket; which one is a note for the log alone."""

    def __init__(self, key: str) -> None:
        super().__init__("What is asked for is not stored any more: it expired or was deleted. Submit the text again.")
        self.add_note(f"the object {key}")


class DocumentOverwritten(DocumentMissing):
    """The object is not the one that was told of: another was put in its place."""


#: What a caller can do instead, by the move that was refused and the state that the job was in.
INSTEAD = {
    ("be cancelled", Status.RUNNING): " To stop it: POST /v1/jobs/{job_id}/cancel.",
    ("be discarded", Status.PENDING): " Cancel it first: POST /v1/jobs/{job_id}/cancel.",
    ("be discarded", Status.RUNNING): " Cancel it first: POST /v1/jobs/{job_id}/cancel.",
    ("be retried", Status.COMPLETED): " To have it read anew, submit the text again.",
    ("be retried", Status.EXPIRED): " Submit the text again.",
}


class MoveRefused(JobsError):
    """A job was not in a state that the move may leave; the record was not touched.

    `job` is the record as it stood when the write was refused, or None when it was gone.
    """

    def __init__(self, move: str, job_id: str, job: Job | None) -> None:
        standing = f"it is {job.status}" if job else "it is gone"
        instead = INSTEAD.get((move, job.status), "") if job else ""
        super().__init__(f"Job {job_id} cannot {move}: {standing}.{instead.format(job_id=job_id)}")
        self.move = move
        self.job = job


class UnreadableRecord(JobsError):
    """A job's record holds what this version does not know, such as a model that a newer version added."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"The record of job {job_id} is none that this version of the service can read. The job is kept, and goes "
            "on when the version that wrote it is back."
        )


class CallbackTaken(JobsError):
    """Somebody else began an attempt at the callback, or it is settled."""

    def __init__(self, callback_id: str) -> None:
        super().__init__(f"Callback {callback_id} is not as it was seen: it is being tried, or it is settled.")


class SecretJustRotated(JobsError):
    """The secret before the present one is still signed with, and another rotation would end that at once."""

    def __init__(self) -> None:
        super().__init__(
            "The secret was rotated less than a day ago, and callbacks are still signed with the earlier one as well. "
            "GET /v1/webhooks/secret tells until when; rotate again after that."
        )


class LeaseLost(MoveRefused):
    """The worker's lease is no longer the job's: another epoch began, or the job ended or was deleted."""
