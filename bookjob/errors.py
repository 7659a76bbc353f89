"""What can go wrong for someone who uses the service. An error's text is one sentence that says what to do."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bookjob.models import Job

UNAUTHORIZED: Final = 401


class BookjobError(Exception):
    """Something did not work; the text says what and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error cross to another process as it is: it is made of other arguments than its text."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class InvalidBook(BookjobError):
    """The file cannot be read as a book; nothing was sent."""


class InvalidUrl(BookjobError):
    """The service's URL is not one."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is not a URL of a service; it should look like http://localhost:8000.")


class InvalidArgument(BookjobError):
    """What was told to a call is something that no request can carry; nothing was sent."""


class InvalidApiKey(BookjobError):
    """The API key cannot be one, and was not sent; the text does not tell it."""

    def __init__(self) -> None:
        super().__init__(
            "The API key has characters that no key has. Set BOOKJOB_API_KEY to the key alone, as it was shown."
        )


class InvalidProxy(BookjobError):
    """The environment names a proxy that cannot be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The environment names a proxy that cannot be used ({reason}). Set HTTPS_PROXY or ALL_PROXY to one like "
            "http://proxy.example:3128, or unset it; for a socks5:// one: pip install 'httpx[socks]'."
        )


class OutputNotWritable(BookjobError):
    """The results cannot be written where they should go."""


class ServiceUnreachable(BookjobError):
    """No answer came from the service at all."""

    _SENTENCE = (
        "No answer from {} ({}). Start a service there with `bookjob up`, or name another with --url or BOOKJOB_URL."
    )

    def __init__(self, where: str, reason: str, *, never_sent: bool = False) -> None:
        super().__init__(self._SENTENCE.format(where, reason))
        #: Whether it is certain that the service has not seen the call.
        self.never_sent = never_sent


class StorageUnreachable(ServiceUnreachable):
    """The service answered, but not its storage, which large texts and results travel to and from directly."""

    _SENTENCE = "No answer from the service's storage, {} ({}). Is a firewall in between? Otherwise try again later."


class UnexpectedAnswer(BookjobError):
    """Something answered, but not as this service does."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The answer of {url} is not one of this service ({reason}). Is the URL right?")


class JobTimedOut(BookjobError):
    """The job did not end within the time that the caller was ready to wait; it goes on."""

    def __init__(self, job_id: str, seconds: float) -> None:
        super().__init__(f"Job {job_id} has not ended within {seconds:g} seconds; it goes on.")
        self.job_id = job_id


class UploadWaits(BookjobError):
    """The text was uploaded, but no place in the queue was free for it by then; it becomes the job when one is."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"The text is uploaded and waits for a place in the queue; from then on it is job {job_id}. "
            f"Look for it later with: bookjob status {job_id}"
        )
        self.job_id = job_id


class JobEnded(BookjobError):
    """The job ended, or is over, without a result to fetch."""

    def __init__(self, job: "Job", sentence: str) -> None:
        super().__init__(sentence)
        #: The job as it stands.
        self.job = job


class JobFailed(JobEnded):
    """The job failed, for the reason that the service gave."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job, f"The job failed: {job.error_message or 'the service gave no reason.'}")


class JobCancelled(JobEnded):
    """Someone called the job off."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job, "The job was cancelled.")


class JobExpired(JobEnded):
    """The job's time is over and its text and result are deleted."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job, "The job has expired: its text and result are deleted. Hand the book in again.")


class ServiceError(BookjobError):
    """The service answered with an error; the text is its own `detail`."""

    def __init__(self, status_code: int, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        #: The HTTP status.
        self.status_code = status_code
        #: What was wrong and what to do, in the service's words.
        self.detail = detail
        #: Seconds after which the service would like to be asked again, where it said so.
        self.retry_after = retry_after


class InvalidRequest(ServiceError):
    """400, 415, 422 and every other 4xx without a class of its own: the request is not one as it stands."""


class NotAllowed(ServiceError):
    """401, 403: the service wants an API key, or another one."""

    def __str__(self) -> str:
        if self.status_code != UNAUTHORIZED:
            return self.detail
        return (
            f"{self.detail.removesuffix('.')}. Set BOOKJOB_API_KEY to a key of this service; whoever runs it makes one "
            "with `bookjob keys create`."
        )


class NotFound(ServiceError):
    """404: the id is unknown, or the job and its result have expired."""


class Conflict(ServiceError):
    """409: the job is in no state for that."""


class NoResult(Conflict):
    """409 to whoever asks for a result: the job failed or was cancelled, for the reason that the text gives."""


class DocumentTooLarge(ServiceError):
    """413: the text is too long for this way in."""


class NotReady(ServiceError):
    """425: the job has not ended yet."""


class TooManyRequests(ServiceError):
    """429: this caller is over a limit."""


class QueueFull(ServiceError):
    """503 to a submission: no place is free in the queue, and nothing was stored."""


class ServiceFailed(ServiceError):
    """5xx: the service could not answer just now."""
