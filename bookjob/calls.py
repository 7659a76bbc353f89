"""The requests of the HTTP contract, as both clients make them."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from bookjob.models import FileName, UploadForm
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
    return Call(
        "POST",
        "/v1/jobs",
        headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
        json={"text": text} | _asked(book_id=book_id, model=model, pipeline=pipeline, options=options),
        takes_place_in_queue=True,
    )


def upload_form(
    *,
    book_id: str | None,
    model: str | None,
    pipeline: Sequence[str] | None,
    options: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Call:
    """Return the call that asks for a form to upload a text by; what is None is left to the service."""
    return Call(
        "POST",
        "/v1/uploads",
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        json=_asked(book_id=book_id, model=model, pipeline=pipeline, options=options),
        takes_place_in_queue=True,
    )


def upload(form: UploadForm) -> Call:
    """Return the call that sends a form; sent twice it stores the same object, which is one job."""
    return Call("POST", form.url)


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


def _asked(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _job(job_id: str) -> str:
    # One segment of the path, whatever a caller typed.
    return f"/v1/jobs/{quote(job_id, safe='')}"
