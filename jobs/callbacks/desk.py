"""What a deployment has for its callbacks, in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.callbacks.model import Callback, id_of
from jobs.callbacks.outbox import Outbox
from jobs.callbacks.queue import CallbackQueue
from jobs.callbacks.secrets import SecretStore
from jobs.model import Job


@dataclass(frozen=True)
class CallbackDesk:
    """The callbacks that are to be delivered, the secrets that they are signed with, and the queue of both."""

    outbox: Outbox
    secrets: SecretStore
    queue: CallbackQueue

    def latest(self, jobs: Iterable[Job]) -> Mapping[str, Callback]:
        """Return the callbacks of those of the jobs that have ended and came with an address, by the jobs' ids.

        Of a job that ended more than once it is that of its last end.
        """
        told = {id_of(job): job.job_id for job in jobs if job.callback_url is not None and job.completed_at is not None}
        found = self.outbox.find_all(told) if told else {}
        return {told[callback_id]: callback for callback_id, callback in found.items()}
