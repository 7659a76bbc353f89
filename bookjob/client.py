"""The service from Python: submit a book, wait for it, fetch what was found."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from bookjob import calls, errors, protocol
from bookjob.models import Cancelled, FileName, Health, Job, JobState, Result, Stats, Submitted, UploadForm
from bookjob.output import atomically
from bookjob.polling import Arrival, Watch
from bookjob.protocol import Call

_Answer = TypeVar("_Answer", bound=BaseModel)
_T = TypeVar("_T")


class Client:
    """A connection to one service; close it, or use it in a `with` statement.

    Calls raise the errors of `bookjob.errors`, never those of the HTTP library.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect lazily to `url`, by default BOOKJOB_URL or the local service, with BOOKJOB_API_KEY where it is set.

        Raises InvalidUrl.
        """
        #: The root of the service, without `/v1`.
        self.url = protocol.service_url(url or protocol.default_url())
        self._http = httpx.Client(
            base_url=self.url,
            timeout=protocol.TIMEOUT,
            transport=transport,
            trust_env=not protocol.is_on_this_machine(self.url),
        )
        self._key_header = protocol.key_header(api_key)
        self._sleep = sleep
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def submit(
        self,
        text: str,
        *,
        book_id: str | None = None,
        model: str | None = None,
        pipeline: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        wait_for_place: bool = False,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Hand in a text and return the job that the service accepted; one too large for a request is uploaded.

        Submitting again with the same `idempotency_key` and text answers the same job; without one every call is a
        job of its own. `wait_for_place` keeps asking while the queue is full, instead of raising QueueFull. An upload
        raises as `upload` does.
        """
        call = calls.submission(
            text, book_id=book_id, model=model, pipeline=pipeline, options=options, idempotency_key=idempotency_key
        )
        if protocol.fits_one_request(call):
            with suppress(errors.DocumentTooLarge):
                return self._ask_for_place(call, Submitted, wait_for_place)
        return self.upload(
            text,
            book_id=book_id,
            model=model,
            pipeline=pipeline,
            options=options,
            wait_for_place=wait_for_place,
            idempotency_key=idempotency_key,
        )

    def upload(
        self,
        text: str,
        *,
        book_id: str | None = None,
        model: str | None = None,
        pipeline: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        wait_for_place: bool = False,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Hand in a text past the service, to its storage, and return the job once the service has made it.

        The arguments are those of `submit`, but a text that comes again under a key is not compared with the first.
        Raises UploadWaits when the queue has filled up meanwhile: the job is made when there is a place, which
        `wait_for_place` waits for. A text that cannot be read is a failed job.
        """
        call = calls.upload_form(
            book_id=book_id, model=model, pipeline=pipeline, options=options, idempotency_key=idempotency_key
        )
        form = self._ask_for_place(call, UploadForm, wait_for_place)
        self._send(form, text)
        arrival = Arrival(form.job_id, wait_for_place=wait_for_place, clock=self._clock)
        while True:
            try:
                job = self.status(form.job_id)
            except errors.NotFound:
                self._sleep(arrival.missed())
            else:
                return Submitted.model_validate(job.model_dump())

    def status(self, job_id: str, *, hold: int | None = None) -> Job:
        """Return the job as it stands; with `hold`, once it changes or these seconds (20 at most) have passed."""
        return self._ask(calls.status(job_id, hold), Job)

    def wait(self, job_id: str, *, on_change: Callable[[Job], None] | None = None, timeout: float | None = None) -> Job:
        """Return the job once it has ended, whichever way; `on_change` is given it at first and whenever it changed.

        `timeout` is in seconds; without one it waits as long as it takes. Raises JobTimedOut, NotFound, and
        ServiceUnreachable or ServiceFailed when the service does not come back within two minutes.
        """
        watch = Watch(job_id, timeout, on_change, self._clock)
        while True:
            hold = watch.begin()
            try:
                job = self.status(job_id, hold=hold)
            except errors.BookjobError as error:
                pause = watch.missed(error)
            else:
                pause = watch.saw(job)
                if job.status.ended:
                    return job
            self._sleep(pause)

    def result(self, job_id: str) -> Result:
        """Return what was found in a finished job's book; raises NotReady, Conflict (it failed) or NotFound."""
        return self._ask(calls.result(job_id), Result)

    def download_result(self, job_id: str, path: Path) -> None:
        """Write the result as the service sends it, a JSON document, to a file; errors as for `result`.

        The file appears whole or not at all, and is never held in memory.
        """
        self._download(calls.result(job_id), path)

    def download_file(self, job_id: str, name: FileName, path: Path) -> None:
        """Write one of BookNLP's own files, byte for byte, to a file; NotFound also when the job did not make it."""
        self._download(calls.file(job_id, name), path)

    def cancel(self, job_id: str) -> JobState:
        """Call a job off and return its state: `cancelled`, or `running` while its worker is being stopped.

        Raises Conflict when it has ended already, or runs and the deployment cannot stop it, and NotFound.
        """
        try:
            return self._ask(calls.withdrawal(job_id), Cancelled).status
        except errors.Conflict as conflict:
            try:
                return self._ask(calls.stop(job_id), Cancelled).status
            except errors.ServiceError as error:
                if protocol.knows_no_stop(error):
                    raise conflict from None
                raise

    def stats(self) -> Stats:
        """Return how busy the service is and what it allows."""
        return self._ask(calls.STATS, Stats)

    def health(self) -> Health:
        """Return whether the service answers."""
        return self._ask(calls.HEALTH, Health)

    def _ask_for_place(self, call: Call, shape: type[_Answer], wait_for_place: bool) -> _Answer:
        while True:
            try:
                return self._ask(call, shape)
            except errors.QueueFull as full:
                if not wait_for_place:
                    raise
                self._sleep(full.retry_after or 1.0)

    def _ask(self, call: Call, shape: type[_Answer]) -> _Answer:
        def attempt() -> _Answer:
            with self._answer(call) as response:
                return protocol.parse(response.read(), shape, self.url)

        return self._with_retries(call, attempt)

    def _download(self, call: Call, path: Path) -> None:
        def attempt() -> None:
            with self._answer(call) as response, atomically(path) as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)

        self._with_retries(call, attempt)

    def _send(self, form: UploadForm, text: str) -> None:
        part = protocol.file_part(text)

        def attempt() -> None:
            try:
                # A new bucket's address leads elsewhere (307) until all of AWS knows where it is.
                response = self._http.post(form.url, data=form.fields, files=part, follow_redirects=True)
            except httpx.HTTPError as error:
                raise protocol.unreachable(self.url, error) from error
            if not response.is_success:
                raise protocol.storage_error_of(response)

        self._with_retries(calls.upload(form), attempt)

    def _with_retries(self, call: Call, attempt: Callable[[], _T]) -> _T:
        made = 0
        while True:
            made += 1
            try:
                return attempt()
            except errors.BookjobError as error:
                delay = protocol.delay_before_retry(call, error, made)
                if delay is None:
                    raise
                self._sleep(delay)

    @contextmanager
    def _answer(self, call: Call) -> Iterator[httpx.Response]:
        """Yield the successful answer to one attempt, its body not yet read; anything else is raised as our error."""
        try:
            headers = self._key_header | call.headers
            with self._http.stream(call.method, call.path, headers=headers, json=call.json) as response:
                elsewhere = protocol.redirect_of(response)
                if elsewhere is None:
                    yield _successful(call, response)
                    return
            with self._http.stream("GET", elsewhere, follow_redirects=True) as response:
                yield _successful(call, response)
        except httpx.HTTPError as error:
            raise protocol.unreachable(self.url, error) from error


def _successful(call: Call, response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    response.read()
    raise protocol.error_of(call, response)
