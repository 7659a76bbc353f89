"""Whether a deployment can do its work now: one check for each thing that a job needs on its way."""

from collections.abc import Callable
from dataclasses import dataclass

from jobs.errors import AWS_ERRORS, InvalidRequest
from jobs.request import JobRequest, resolve_pack
from jobs.service import JobService
from jobs.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """What came of looking at one dependency."""

    ok: bool
    #: A sentence for the operator.
    detail: str


def readiness(service: JobService) -> dict[str, Check]:
    """Return a check of the table, the bucket, the queue, the worker and the pack, each by its name."""
    return {
        "table": _answers(service.store.waiting, "table"),
        "bucket": _answers(service.documents.check, "bucket"),
        "queue": _answers(service.queue.check, "queue"),
        "worker": _worker(service),
        "pack": check_pack(service.settings),
    }


def check_pack(settings: Settings) -> Check:
    """Return whether the deployment is set up with a pack for the default model; asks nothing but the settings."""
    try:
        pack, warnings = resolve_pack(JobRequest(), settings)
    except InvalidRequest as refusal:
        return Check(ok=False, detail=str(refusal))
    return Check(ok=True, detail=f"{warnings[0]}." if warnings else f"Jobs run with pack '{pack}' by default.")


def _answers(ask: Callable[[], object], name: str) -> Check:
    try:
        ask()
    except AWS_ERRORS:
        return Check(ok=False, detail=f"The {name} does not answer.")
    return Check(ok=True, detail=f"The {name} answers.")


def _worker(service: JobService) -> Check:
    seconds = service.settings.lease_seconds
    try:
        heard = service.worker_heard()
    except AWS_ERRORS:
        return Check(ok=False, detail="The table that a worker signs does not answer.")
    if heard:
        return Check(ok=True, detail=f"A worker was heard of in the last {seconds} seconds.")
    return Check(ok=False, detail=f"No worker was heard of in the last {seconds} seconds; jobs wait until one starts.")
