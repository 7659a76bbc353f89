"""The requests of the HTTP contract, as both clients make them."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from bookjob.models import FileName
from bookjob.protocol import Call

STATS: Final = Call("GET", "/v1/jobs/stats")
HEALTH: Final = Call("GET", "/health")


def submission(
    text: str,
    *,
    book_id: str | None,
    model: str | None,
    pipeline: Sequence[str] | None,
    options: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Call:
    """Return the call that hands a text in; what is None is left to the service."""
    asked = {"book_id": book_id, "model": model, "pipeline": pipeline, "options": options}
    return Call(
        "POST",
        "/v1/jobs",
        headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
        json={"text": text} | {name: value for name, value in asked.items() if value is not None},
        takes_place_in_queue=True,
    )


def status(job_id: str, hold: int | None) -> Call:
    """Return the call that looks at a job, with an answer that may be held for that many seconds."""
    return Call("GET", _job(job_id), headers={"Prefer": f"wait={hold}"} if hold else {})


def result(job_id: str) -> Call:
    """Return the call that fetches what was found."""
    return Call("GET", f"{_job(job_id)}/result")


def file(job_id: str, name: FileName) -> Call:
    """Return the call that fetches one of BookNLP's own files."""
    return Call("GET", f"{_job(job_id)}/files/{name}")


def withdrawal(job_id: str) -> Call:
    """Return the call that takes back a job that waits."""
    return Call("DELETE", _job(job_id), repeatable=False)


def stop(job_id: str) -> Call:
    """Return the call that stops a job that runs, which not every deployment knows."""
    return Call("POST", f"{_job(job_id)}/cancel", repeatable=False)


def _job(job_id: str) -> str:
    # One segment of the path, whatever a caller typed.
    return f"/v1/jobs/{quote(job_id, safe='')}"
