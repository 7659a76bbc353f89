"""The service from an asyncio program: every call of `bookjob.Client`, awaited."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, closing
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from bookjob import calls, conversations, errors, protocol
from bookjob.calls import JobRequest
from bookjob.conversations import Conversation, Exchange, Step
from bookjob.models import (
    Cancelled,
    FileName,
    Health,
    Job,
    JobsPage,
    JobState,
    Readiness,
    Result,
    Stats,
    Submitted,
    WebhookSecret,
)
from bookjob.transfer import OnProgress, StrPath

_T = TypeVar("_T")


class AsyncClient:
    """A connection to one service; close it, or use it in an `async with` statement.

    `bookjob.Client` describes each call in full: this one differs in nothing but that its calls are awaited. The
    callbacks that they take are plain functions.
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

        Raises InvalidUrl, InvalidProxy or InvalidApiKey.
        """
        #: The root of the service, without `/v1`.
        self.url = protocol.service_url(url or protocol.default_url())
        with protocol.proxies_understood():
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
        wait_for_place: bool = False,
        idempotency_key: str | None = None,
        on_progress: OnProgress | None = None,
        **request: Unpack[JobRequest],
    ) -> Submitted:
        """Hand in a text and return the job that the service accepted; one too large for a request is uploaded."""
        return await self._hold(
            conversations.submit(
                text,
                request,
                wait_for_place=wait_for_place,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
                clock=self._clock,
            )
        )

    async def upload(
        self,
        text: str | Path,
        *,
        wait_for_place: bool = False,
        idempotency_key: str | None = None,
        on_progress: OnProgress | None = None,
        **request: Unpack[JobRequest],
    ) -> Submitted:
        """Hand in a text past the service, to its storage, and return the job once the service has made it."""
        return await self._hold(
            conversations.upload(
                text,
                request,
                wait_for_place=wait_for_place,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
                clock=self._clock,
            )
        )

    async def analyze(self, text: str, *, idempotency_key: str | None = None, **request: Unpack[JobRequest]) -> Result:
        """Return what is found in a short text of up to 10,000 characters, however long it takes."""
        return await self._hold(conversations.analyze(text, request, idempotency_key, self._clock))

    async def status(self, job_id: str, *, hold: int | None = None) -> Job:
        """Return the job as it stands; with `hold`, once it changes or these seconds (20 at most) have passed."""
        return await self._hold(conversations.ask(calls.status(job_id, hold), Job))

    async def wait(
        self,
        job_id: str,
        *,
        on_change: Callable[[Job], None] | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Return the job once it has ended, whichever way; `on_change` is given it at first and whenever it changed."""
        return await self._hold(conversations.wait(job_id, on_change=on_change, timeout=timeout, clock=self._clock))

    async def result(self, job_id: str) -> Result:
        """Return what was found in a finished job's book; raises NotReady, NoResult (it failed) or NotFound."""
        return await self._hold(conversations.ask(calls.result(job_id), Result))

    async def download_result(self, job_id: str, path: StrPath, *, on_progress: OnProgress | None = None) -> None:
        """Write the result as the service sends it, a JSON document, to a file; errors as for `result`."""
        await self._hold(conversations.download(calls.result(job_id), path, on_progress))

    async def download_file(
        self,
        job_id: str,
        name: FileName,
        path: StrPath,
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Write one of BookNLP's own files, byte for byte, to a file, as `download_result` does."""
        await self._hold(conversations.download(calls.file(job_id, name), path, on_progress))

    async def page(
        self,
        *,
        status: JobState | None = None,
        book_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobsPage:
        """Return some of your jobs, newest first, and the cursor that leads to the next of the same choice."""
        return await self._hold(conversations.ask(calls.page(status, book_id, limit, cursor), JobsPage))

    async def jobs(
        self, *, status: JobState | None = None, book_id: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[Job]:
        """Go through all your jobs with `async for`, newest first, as `Client.jobs` does."""
        cursor = None
        while True:
            page = await self.page(status=status, book_id=book_id, limit=page_size, cursor=cursor)
            for job in page.jobs:
                yield job
            if (cursor := page.cursor) is None:
                return

    async def latest(self, *, book_id: str | None = None) -> Job:
        """Return your newest job, or your newest of one book; raises NotFound when there is none."""
        return await self._hold(conversations.ask(calls.latest(book_id), Job))

    async def cancel(self, job_id: str) -> Cancelled:
        """Call off a job that waits; raises Conflict once it runs or has ended, and NotFound."""
        return await self._hold(conversations.ask(calls.cancel(job_id), Cancelled))

    async def stop(self, job_id: str) -> Cancelled:
        """Call off a job whether it waits or runs; one that runs is `running` until its worker has stopped it."""
        return await self._hold(conversations.ask(calls.stop(job_id), Cancelled))

    async def retry(self, job_id: str) -> Submitted:
        """Queue a failed or cancelled job again, to go on after the last stage that it finished, and return it."""
        return await self._hold(conversations.ask(calls.retry(job_id), Submitted))

    async def delete_result(self, job_id: str) -> None:
        """Delete an ended job's text and result now; it is `expired` from then on."""
        await self._hold(conversations.tell(calls.delete_result(job_id)))

    async def webhook_secret(self) -> WebhookSecret:
        """Return the secret that your callbacks are signed with."""
        return await self._hold(conversations.ask(calls.WEBHOOK_SECRET, WebhookSecret))

    async def rotate_webhook_secret(self) -> WebhookSecret:
        """Give your callbacks a new secret and return it; for a day they are signed with both.

        Raises Conflict within a day of the last time.
        """
        return await self._hold(conversations.ask(calls.ROTATION, WebhookSecret))

    async def stats(self) -> Stats:
        """Return how busy the service is and what it allows."""
        return await self._hold(conversations.ask(calls.STATS, Stats))

    async def health(self) -> Health:
        """Return whether the service answers."""
        return await self._hold(conversations.ask(calls.HEALTH, Health))

    async def ready(self) -> Readiness:
        """Return whether all that a job needs on its way answers, each dependency with a sentence."""
        return await self._hold(conversations.ask(calls.READY, Readiness))

    async def _hold(self, conversation: Conversation[_T]) -> _T:
        """Take each step of a conversation and return what comes of it."""
        with closing(conversation):
            try:
                step = next(conversation)
                while True:
                    try:
                        answer = await self._take(step)
                    except (errors.BookjobError, OSError) as error:
                        step = conversation.throw(error)
                    else:
                        step = conversation.send(answer)
            except StopIteration as end:
                outcome: _T = end.value
                return outcome

    async def _take(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Exchange):
            return await self._exchange(step)
        await self._sleep(step.seconds)
        return None

    async def _exchange(self, exchange: Exchange) -> httpx.Response:
        call = exchange.call
        request = self._http.build_request(**call.arguments(self._key_header))
        try:
            response = await self._http.send(request, stream=True, follow_redirects=call.goes_to_storage)
            async with aclosing(response):
                if exchange.save is None or not response.is_success:
                    await response.aread()
                else:
                    async for piece in response.aiter_bytes():
                        exchange.save(response, piece)
                return response
        except httpx.HTTPError as error:
            raise protocol.unreachable(call, self.url, error) from error
