"""How a deployment stands, in the numbers that its operator is alarmed by."""

from collections.abc import Mapping

from jobs.model import Status
from jobs.service import JobService


def situation(service: JobService) -> Mapping[str, int]:
    """Return how many jobs wait and run, and whether a worker was heard of within its lease time: 1 or 0."""
    places = service.store.places()
    return {
        "JobsWaiting": len(places[Status.PENDING]),
        "JobsRunning": len(places[Status.RUNNING]),
        "WorkerHeard": int(service.worker_heard()),
    }
