"""How results become visible: every object is stored first, then one write of the record names them all."""

from pathlib import Path

from gpu_worker.connections import Connections
from gpu_worker.retries import persist
from gpu_worker.scratch import Scratch
from jobs.documents import FILES, JSON, file_key, result_key
from jobs.errors import LeaseLost
from jobs.model import Job, Lease, Outcome, Status


def store_results(connections: Connections, lease: Lease, scratch: Scratch) -> None:
    """Store everything of the attempt's results under the lease's epoch, where no reader looks yet."""
    _store(connections, scratch.result, result_key(lease.job_id, lease.epoch), JSON)
    for name, path in scratch.files():
        _store(connections, path, file_key(lease.job_id, lease.epoch, name), FILES[name])


def _store(connections: Connections, path: Path, key: str, content_type: str) -> None:
    def put() -> None:
        with path.open("rb") as body:
            connections.documents.put(key, body, content_type, encoding="gzip")

    persist(put)


def publish(connections: Connections, lease: Lease, outcome: Outcome) -> Job:
    """Return the completed job, whose stored results are visible from now on. Raises LeaseLost."""
    return persist(lambda: connections.store.publish(lease, outcome))


def tidy(connections: Connections, job: Job) -> None:
    """Delete what an ended job no longer needs; safe to repeat.

    A failed or cancelled job keeps its text and checkpoints until it expires, so that it can be tried again; one that
    is being tried again by now has its results under a later epoch, and keeps them.
    """
    if job.status is Status.COMPLETED:
        connections.documents.delete_checkpoints(job.job_id)
        connections.documents.delete_results(job.job_id, job.lease_epoch, but_epoch=job.result_epoch)
    elif job.status in (Status.FAILED, Status.CANCELLED):
        connections.documents.delete_results(job.job_id, job.lease_epoch)


def withdraw(connections: Connections, lease: Lease, lost: LeaseLost) -> None:
    """Delete what this worker stored under a lease that another one has taken over."""
    if lost.job is None or lost.job.lease_epoch > lease.epoch:
        connections.documents.delete_epoch(lease.job_id, lease.epoch)
