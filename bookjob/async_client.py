"""The service from an asyncio program: every call of `bookjob.Client`, awaited."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
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


class AsyncClient:
    """A connection to one service; close it, or use it in an `async with` statement.

    Calls raise the errors of `bookjob.errors`, never those of the HTTP library.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect lazily to `url`, by default BOOKJOB_URL or the local service, with BOOKJOB_API_KEY where it is set.

        Raises InvalidUrl.
        """
        #: The root of the service, without `/v1`.
        self.url = protocol.service_url(url or protocol.default_url())
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=protocol.TIMEOUT,
            transport=transport,
            trust_env=not protocol.is_on_this_machine(self.url),
        )
        self._key_header = protocol.key_header(api_key)
        self._sleep = sleep
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def submit(
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
                return await self._ask_for_place(call, Submitted, wait_for_place)
        return await self.upload(
            text,
            book_id=book_id,
            model=model,
            pipeline=pipeline,
            options=options,
            wait_for_place=wait_for_place,
            idempotency_key=idempotency_key,
        )

    async def upload(
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
        form = await self._ask_for_place(call, UploadForm, wait_for_place)
        await self._send(form, text)
        arrival = Arrival(form.job_id, wait_for_place=wait_for_place, clock=self._clock)
        while True:
            try:
                job = await self.status(form.job_id)
            except errors.NotFound:
                await self._sleep(arrival.missed())
            else:
                return Submitted.model_validate(job.model_dump())

    async def status(self, job_id: str, *, hold: int | None = None) -> Job:
        """Return the job as it stands; with `hold`, once it changes or these seconds (20 at most) have passed."""
        return await self._ask(calls.status(job_id, hold), Job)

    async def wait(
        self, job_id: str, *, on_change: Callable[[Job], None] | None = None, timeout: float | None = None
    ) -> Job:
        """Return the job once it has ended, whichever way; `on_change` is given it at first and whenever it changed.

        `timeout` is in seconds; without one it waits as long as it takes. Raises JobTimedOut, NotFound, and
        ServiceUnreachable or ServiceFailed when the service does not come back within two minutes.
        """
        watch = Watch(job_id, timeout, on_change, self._clock)
        while True:
            hold = watch.begin()
            try:
                job = await self.status(job_id, hold=hold)
            except errors.BookjobError as error:
                pause = watch.missed(error)
            else:
                pause = watch.saw(job)
                if job.status.ended:
                    return job
            await self._sleep(pause)

    async def result(self, job_id: str) -> Result:
        """Return what was found in a finished job's book; raises NotReady, Conflict (it failed) or NotFound."""
        return await self._ask(calls.result(job_id), Result)

    async def download_result(self, job_id: str, path: Path) -> None:
        """Write the result as the service sends it, a JSON document, to a file; errors as for `result`.

        The file appears whole or not at all, and is never held in memory.
        """
        await self._download(calls.result(job_id), path)

    async def download_file(self, job_id: str, name: FileName, path: Path) -> None:
        """Write one of BookNLP's own files, byte for byte, to a file; NotFound also when the job did not make it."""
        await self._download(calls.file(job_id, name), path)

    async def cancel(self, job_id: str) -> JobState:
        """Call a job off and return its state: `cancelled`, or `running` while its worker is being stopped.

        Raises Conflict when it has ended already, or runs and the deployment cannot stop it, and NotFound.
        """
        try:
            return (await self._ask(calls.withdrawal(job_id), Cancelled)).status
        except errors.Conflict as conflict:
            try:
                return (await self._ask(calls.stop(job_id), Cancelled)).status
            except errors.ServiceError as error:
                if protocol.knows_no_stop(error):
                    raise conflict from None
                raise

    async def stats(self) -> Stats:
        """Return how busy the service is and what it allows."""
        return await self._ask(calls.STATS, Stats)

    async def health(self) -> Health:
        """Return whether the service answers."""
        return await self._ask(calls.HEALTH, Health)

    async def _ask_for_place(self, call: Call, shape: type[_Answer], wait_for_place: bool) -> _Answer:
        while True:
            try:
                return await self._ask(call, shape)
            except errors.QueueFull as full:
                if not wait_for_place:
                    raise
                await self._sleep(full.retry_after or 1.0)

    async def _ask(self, call: Call, shape: type[_Answer]) -> _Answer:
        async def attempt() -> _Answer:
            async with self._answer(call) as response:
                return protocol.parse(await response.aread(), shape, self.url)

        return await self._with_retries(call, attempt)

    async def _download(self, call: Call, path: Path) -> None:
        async def attempt() -> None:
            async with self._answer(call) as response:
                with atomically(path) as file:
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)

        await self._with_retries(call, attempt)

    async def _send(self, form: UploadForm, text: str) -> None:
        part = protocol.file_part(text)

        async def attempt() -> None:
            try:
                # A new bucket's address leads elsewhere (307) until all of AWS knows where it is.
                response = await self._http.post(form.url, data=form.fields, files=part, follow_redirects=True)
            except httpx.HTTPError as error:
                raise protocol.unreachable(self.url, error) from error
            if not response.is_success:
                raise protocol.storage_error_of(response)

        await self._with_retries(calls.upload(form), attempt)

    async def _with_retries(self, call: Call, attempt: Callable[[], Awaitable[_T]]) -> _T:
        made = 0
        while True:
            made += 1
            try:
                return await attempt()
            except errors.BookjobError as error:
                delay = protocol.delay_before_retry(call, error, made)
                if delay is None:
                    raise
                await self._sleep(delay)

    @asynccontextmanager
    async def _answer(self, call: Call) -> AsyncIterator[httpx.Response]:
        """Yield the successful answer to one attempt, its body not yet read; anything else is raised as our error."""
        try:
            headers = self._key_header | call.headers
            async with self._http.stream(call.method, call.path, headers=headers, json=call.json) as response:
                elsewhere = protocol.redirect_of(response)
                if elsewhere is None:
                    yield await _successful(call, response)
                    return
            async with self._http.stream("GET", elsewhere, follow_redirects=True) as response:
                yield await _successful(call, response)
        except httpx.HTTPError as error:
            raise protocol.unreachable(self.url, error) from error


async def _successful(call: Call, response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    await response.aread()
    raise protocol.error_of(call, response)
