"""What both clients do for a caller, step by step and without any I/O, so that each rule stands once.

A conversation is a generator. It yields the step that is to be taken, an exchange with the service or a pause, and is
sent the answer, or has the error thrown into it that came instead: one of ours, or the disk's where a body was to be
saved. What it returns is the caller's.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import httpx
from pydantic import BaseModel

from bookjob import calls, errors, protocol
from bookjob.calls import JobRequest
from bookjob.models import Job, Result, Submitted, UploadForm
from bookjob.output import atomically
from bookjob.polling import Arrival, Watch
from bookjob.protocol import Call
from bookjob.transfer import OnProgress, Save, StrPath, opened, save_to

_T = TypeVar("_T")
_Answer = TypeVar("_Answer", bound=BaseModel)

#: Seconds between two questions for a place in the queue, at least: many may ask, and a book is read in about a minute.
_NEXT_QUESTION: Final = 30.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """Make a call once; the answer is whatever came back, its body read."""

    call: Call
    #: Is given the body of a success piece by piece, so that it is never whole in memory.
    save: Save | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


Step: TypeAlias = Exchange | Pause
Conversation: TypeAlias = Generator[Step, Any, _T]


def ask(call: Call, shape: type[_Answer]) -> Conversation[_Answer]:
    """Make a call, again where that is safe and may help, and return its answer; raises the errors of `errors`."""
    response = yield from _answered(call)
    return _parse(response, shape)


def tell(call: Call) -> Conversation[None]:
    """Make a call whose answer has no body; otherwise as `ask`."""
    yield from _answered(call)


def submit(
    text: str,
    request: JobRequest,
    *,
    wait_for_place: bool,
    idempotency_key: str | None,
    on_progress: OnProgress | None,
    clock: Callable[[], float],
) -> Conversation[Submitted]:
    """Hand a text in by one request if one carries it, and else by an upload."""
    call = calls.submission(text, request, idempotency_key)
    if protocol.fits_one_request(call):
        with suppress(errors.DocumentTooLarge):
            return (yield from _ask_for_place(call, Submitted, wait_for_place))
    return (
        yield from upload(
            text,
            request,
            wait_for_place=wait_for_place,
            idempotency_key=idempotency_key,
            on_progress=on_progress,
            clock=clock,
        )
    )


def upload(
    text: str | Path,
    request: JobRequest,
    *,
    wait_for_place: bool,
    idempotency_key: str | None,
    on_progress: OnProgress | None,
    clock: Callable[[], float],
) -> Conversation[Submitted]:
    """Send a text, or the file that has it, to the service's storage, and return the job once the service made it."""
    with opened(text, on_progress) as file:
        form = yield from _ask_for_place(calls.upload_form(request, idempotency_key), UploadForm, wait_for_place)
        yield from tell(calls.upload(form, file))
    arrival = Arrival(form.job_id, wait_for_place=wait_for_place, clock=clock)
    while True:
        try:
            job = yield from ask(calls.status(form.job_id, hold=None), Job)
        except errors.BookjobError as error:
            yield Pause(arrival.missed(error))
        else:
            return Submitted.model_validate(job.model_dump())


def wait(
    job_id: str, *, on_change: Callable[[Job], None] | None, timeout: float | None, clock: Callable[[], float]
) -> Conversation[Job]:
    """Look at a job until it has ended."""
    watch = Watch(job_id, timeout, on_change, clock)
    while True:
        hold = watch.begin()
        try:
            job = yield from ask(calls.status(job_id, hold), Job)
        except errors.BookjobError as error:
            pause = watch.missed(error)
        else:
            pause = watch.saw(job)
            if job.status.ended:
                return job
        yield Pause(pause)


def analyze(
    text: str, request: JobRequest, idempotency_key: str | None, clock: Callable[[], float]
) -> Conversation[Result]:
    """Hand a short text in and return what was found in it, waiting on where the service's own patience ends."""
    response = yield from _answered(calls.analysis(text, request, idempotency_key))
    if response.status_code != httpx.codes.ACCEPTED:
        return _parse(response, Result)
    job_id = _parse(response, Submitted).job_id
    yield from wait(job_id, on_change=None, timeout=None, clock=clock)
    return (yield from ask(calls.result(job_id), Result))


def download(call: Call, path: StrPath, on_progress: OnProgress | None) -> Conversation[None]:
    """Write what a call answers to a file, which appears whole or not at all."""

    def attempt() -> Conversation[None]:
        with atomically(Path(path)) as file:
            yield from _answer(call, save_to(file, on_progress))

    yield from _with_retries(call, attempt)


def _ask_for_place(call: Call, shape: type[_Answer], wait_for_place: bool) -> Conversation[_Answer]:
    while True:
        try:
            return (yield from ask(call, shape))
        except (errors.QueueFull, errors.TooManyRequests) as refused:
            if not wait_for_place:
                raise
            pause = max(refused.retry_after or 0.0, _NEXT_QUESTION)
        yield Pause(pause)


def _answered(call: Call) -> Conversation[httpx.Response]:
    return _with_retries(call, lambda: _answer(call))


def _with_retries(call: Call, attempt: Callable[[], Conversation[_T]]) -> Conversation[_T]:
    made = 0
    while True:
        made += 1
        try:
            return (yield from attempt())
        except errors.BookjobError as error:
            delay = protocol.delay_before_retry(call, error, made)
            if delay is None:
                raise
        yield Pause(delay)


def _answer(call: Call, save: Save | None = None) -> Conversation[httpx.Response]:
    """Make a call once and return its successful answer, from wherever the service sends the caller for it."""
    response: httpx.Response = yield Exchange(call, save)
    if elsewhere := protocol.redirect_of(response):
        call = Call("GET", str(elsewhere))
        response = yield Exchange(call, save)
    if response.is_success or response.status_code in call.accepts:
        return response
    raise protocol.error_of(call, response)


def _parse(response: httpx.Response, shape: type[_Answer]) -> _Answer:
    return protocol.parse(response.content, shape, protocol.address_of(response))
