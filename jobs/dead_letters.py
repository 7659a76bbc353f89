"""What becomes of a job whose message no worker could do with: it landed in the dead-letter queue."""

from jobs.clock import isoformat
from jobs.errors import MoveRefused
from jobs.model import Job, Status
from jobs.service import JobService


def bury(service: JobService, job_id: str) -> bool:
    """End the job with the last reason that is known, unless it has ended or was never really tried.

    Return whether it has failed, now or before. Raises MoveRefused while a worker holds the job; its message is to be
    looked at again later.
    """
    job, now = service.store.find(job_id), service.clock()
    if job is None or job.status.ended:
        return job is not None and job.status is Status.FAILED
    if _attempts(job) < service.settings.max_attempts:
        # Workers run the oldest job, whichever message woke them: this one only stood behind a book that kills them.
        service.queue.send(job_id, occasion=f"~{isoformat(now)}")
        return False
    try:
        service.store.bury(job, _reason(job), now)
    except MoveRefused as refused:
        if refused.job is not None and not refused.job.status.ended:
            raise
        return False
    return True


def _attempts(job: Job) -> int:
    """Return how often the job was begun since its caller last asked for it: a retried one begins anew."""
    return job.attempt - job.attempts_before_retry


def _reason(job: Job) -> str:
    return job.error_message or (
        f"{_attempts(job)} attempts ended without a result or a reason, as when a text needs more memory than the "
        "worker has. Split the text, or ask for a smaller model."
    )
