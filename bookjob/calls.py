"""The requests of the HTTP contract, as both clients make them.

What no request can carry is refused with InvalidArgument while the request is made, so before anything is sent.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import IO, Any, Final, TypedDict
from urllib.parse import quote, urlencode

import httpx

from bookjob.book import encode
from bookjob.errors import InvalidArgument
from bookjob.models import FileName, JobState, UploadForm
from bookjob.protocol import Call

STATS: Final = Call("GET", "/v1/jobs/stats")
WEBHOOK_SECRET: Final = Call("GET", "/v1/webhooks/secret")
ROTATION: Final = Call("POST", "/v1/webhooks/secret/rotate", repeatable=False)
HEALTH: Final = Call("GET", "/health")
#: A service that is not ready says so with a 503 that is no failure to answer.
READY: Final = Call("GET", "/ready", accepts=frozenset({httpx.codes.SERVICE_UNAVAILABLE}))

#: The longest idempotency key that the service takes, in characters.
_LONGEST_KEY: Final = 255
#: What gateways take of a path and its query, in characters; the longest name of a book fits, percent-encoded.
_LONGEST_PATH: Final = 8_000


class JobRequest(TypedDict, total=False):
    """How a book is to be read. What is missing or None is left to the service."""

    #: The caller's own name for the book.
    book_id: str | None
    #: `small`, `big`, `mini` or `custom`.
    model: str | None
    #: The pack that `custom` stands for.
    custom_model_path: str | None
    #: Some of `entity`, `quote`, `supersense`, `event` and `coref`.
    pipeline: Sequence[str] | None
    #: `pronominal_coref_only`, `referential_gender_cats`, `compat`.
    options: Mapping[str, Any] | None
    #: An https address that is told, signed, how the job ends.
    callback_url: str | None


def submission(text: str, request: JobRequest, idempotency_key: str | None) -> Call:
    """Return the call that hands a text in; raises InvalidBook for one that UTF-8 cannot say."""
    encode(text)
    return Call(
        "POST",
        "/v1/jobs",
        headers=_key_header(str(uuid.uuid4()) if idempotency_key is None else idempotency_key),
        json={"text": text} | _told(request),
        takes_place_in_queue=True,
    )


def analysis(text: str, request: JobRequest, idempotency_key: str | None) -> Call:
    """Return the call that hands a short text in and waits for what is found."""
    return replace(submission(text, request, idempotency_key), path="/v1/analyze", asks_for_result=True)


def upload_form(request: JobRequest, idempotency_key: str | None) -> Call:
    """Return the call that asks for a form to upload a text by; made twice, the form that is not sent is no job."""
    headers = {} if idempotency_key is None else _key_header(idempotency_key)
    return Call("POST", "/v1/uploads", headers=headers, json=_told(request), takes_place_in_queue=True)


def upload(form: UploadForm, file: IO[bytes]) -> Call:
    """Return the call that sends a form with its file; sent twice it stores the same object, which is one job."""
    return Call("POST", form.url, form=form.fields, file=file)


def status(job_id: str, hold: int | None) -> Call:
    """Return the call that looks at a job, with an answer that may be held for that many seconds."""
    return Call("GET", _job(job_id), headers={"Prefer": f"wait={hold}"} if hold else {})


def result(job_id: str) -> Call:
    """Return the call that fetches what was found."""
    return Call("GET", f"{_job(job_id)}/result", asks_for_result=True)


def file(job_id: str, name: FileName) -> Call:
    """Return the call that fetches one of BookNLP's own files."""
    return Call("GET", f"{_job(job_id)}/files/{name}", asks_for_result=True)


def page(status: JobState | None, book_id: str | None, limit: int | None, cursor: str | None) -> Call:
    """Return the call that lists jobs, newest first, from where the cursor of the page before points."""
    return Call("GET", _with_query("/v1/jobs", status=status, book_id=book_id, limit=limit, cursor=cursor))


def latest(book_id: str | None) -> Call:
    """Return the call that looks at the newest job, or the newest of a book."""
    return Call("GET", _with_query("/v1/jobs/latest", book_id=book_id))


def cancel(job_id: str) -> Call:
    """Return the call that takes back a job that waits."""
    return Call("DELETE", _job(job_id), repeatable=False)


def stop(job_id: str) -> Call:
    """Return the call that calls a job off, even if it runs."""
    return Call("POST", f"{_job(job_id)}/cancel", repeatable=False)


def retry(job_id: str) -> Call:
    """Return the call that queues a failed or cancelled job again."""
    return Call("POST", f"{_job(job_id)}/retry", repeatable=False, takes_place_in_queue=True)


def delete_result(job_id: str) -> Call:
    """Return the call that deletes an ended job's text and result."""
    return Call("DELETE", f"{_job(job_id)}/result", repeatable=False)


def _key_header(key: str) -> dict[str, str]:
    # A header's value loses the spaces at its ends on its way.
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable() and key == key.strip()):
        raise InvalidArgument(
            f"The idempotency key {key!a} cannot be one: it must be 1 to {_LONGEST_KEY} printable ASCII characters "
            "without a space at either end."
        )
    return {"Idempotency-Key": key}


def _told(request: JobRequest) -> dict[str, Any]:
    # Its keywords are checked by types alone, which not every caller has looked at.
    if unknown := request.keys() - JobRequest.__annotations__.keys():
        raise TypeError(
            f"There is no keyword {', '.join(sorted(unknown))}. How a book is read is told by: "
            f"{', '.join(JobRequest.__annotations__)}."
        )
    return _given(request)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        _require_unicode(name, value)
    return given


def _require_unicode(name: str, value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"The {name} {value!a} is not Unicode: it has a lone surrogate, such as bytes leave that are not UTF-8."
        ) from error


def _with_query(path: str, **fields: str | int | None) -> str:
    query = urlencode(_given(fields))
    return _fitting(f"{path}?{query}" if query else path)


def _job(job_id: str) -> str:
    _require_unicode("job_id", job_id)
    # One segment of the path, whatever a caller typed.
    return _fitting(f"/v1/jobs/{quote(job_id, safe='')}")


def _fitting(path: str) -> str:
    if len(path) > _LONGEST_PATH:
        raise InvalidArgument(f"{path[:40]}… is too long to be asked for: it has {len(path):,} characters.")
    return path
