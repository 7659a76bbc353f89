"""The service from Python: submit a book, wait for it, fetch what was found."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
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


class Client:
    """A connection to one service; close it, or use it in a `with` statement.

    Calls raise the errors of `bookjob.errors`, never those of the HTTP library. One that failed in a way that may pass
    is made again, with growing pauses, where making it twice is as good as making it once.
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

        Raises InvalidUrl, InvalidProxy or InvalidApiKey.
        """
        #: The root of the service, without `/v1`.
        self.url = protocol.service_url(url or protocol.default_url())
        with protocol.proxies_understood():
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
        wait_for_place: bool = False,
        idempotency_key: str | None = None,
        on_progress: OnProgress | None = None,
        **request: Unpack[JobRequest],
    ) -> Submitted:
        """Hand in a text and return the job that the service accepted; one too large for a request is uploaded.

        Submitting again with the same `idempotency_key` and text answers the same job; without one every call is a
        job of its own. `wait_for_place` keeps asking while the queue is full or too many ask, instead of raising
        QueueFull or TooManyRequests. An upload tells `on_progress` of its bytes, and raises as `upload` does.
        """
        return self._hold(
            conversations.submit(
                text,
                request,
                wait_for_place=wait_for_place,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
                clock=self._clock,
            )
        )

    def upload(
        self,
        text: str | Path,
        *,
        wait_for_place: bool = False,
        idempotency_key: str | None = None,
        on_progress: OnProgress | None = None,
        **request: Unpack[JobRequest],
    ) -> Submitted:
        """Hand in a text past the service, to its storage, and return the job once the service has made it.

        A path is sent as it is on the disk, never whole in memory. The other arguments are those of `submit`, but a
        text that comes again under a key is not compared with the first. Raises UploadWaits when the queue has filled
        up meanwhile: the job is made when there is a place, which `wait_for_place` waits for; or when the service does
        not answer any more. A text that cannot be read is a failed job. Raises InvalidBook when there is no such file.
        """
        return self._hold(
            conversations.upload(
                text,
                request,
                wait_for_place=wait_for_place,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
                clock=self._clock,
            )
        )

    def analyze(self, text: str, *, idempotency_key: str | None = None, **request: Unpack[JobRequest]) -> Result:
        """Return what is found in a short text of up to 10,000 characters, however long it takes.

        Raises InvalidRequest for a longer one, QueueFull, and NoResult when its job failed or was cancelled.
        """
        return self._hold(conversations.analyze(text, request, idempotency_key, self._clock))

    def status(self, job_id: str, *, hold: int | None = None) -> Job:
        """Return the job as it stands; with `hold`, once it changes or these seconds (20 at most) have passed."""
        return self._hold(conversations.ask(calls.status(job_id, hold), Job))

    def wait(
        self,
        job_id: str,
        *,
        on_change: Callable[[Job], None] | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Return the job once it has ended, whichever way; `on_change` is given it at first and whenever it changed.

        `timeout` is in seconds; without one it waits as long as it takes. Raises JobTimedOut, NotFound, and
        ServiceUnreachable or ServiceFailed when the service does not come back within two minutes.
        """
        return self._hold(conversations.wait(job_id, on_change=on_change, timeout=timeout, clock=self._clock))

    def result(self, job_id: str) -> Result:
        """Return what was found in a finished job's book; raises NotReady, NoResult (it failed) or NotFound."""
        return self._hold(conversations.ask(calls.result(job_id), Result))

    def download_result(self, job_id: str, path: StrPath, *, on_progress: OnProgress | None = None) -> None:
        """Write the result as the service sends it, a JSON document, to a file; errors as for `result`.

        The file appears whole or not at all, and is never held in memory. `on_progress` is told of the bytes that
        travel, which are fewer than those written. Raises OutputNotWritable.
        """
        self._hold(conversations.download(calls.result(job_id), path, on_progress))

    def download_file(
        self,
        job_id: str,
        name: FileName,
        path: StrPath,
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Write one of BookNLP's own files, byte for byte, to a file, as `download_result` does.

        Raises NotFound also when the job did not make it.
        """
        self._hold(conversations.download(calls.file(job_id, name), path, on_progress))

    def page(
        self,
        *,
        status: JobState | None = None,
        book_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobsPage:
        """Return some of your jobs, newest first, and the cursor that leads to the next of the same choice.

        `limit` is 1 to 100, by default 20. Raises InvalidRequest, for a cursor of another choice too.
        """
        return self._hold(conversations.ask(calls.page(status, book_id, limit, cursor), JobsPage))

    def jobs(
        self, *, status: JobState | None = None, book_id: str | None = None, page_size: int | None = None
    ) -> Iterator[Job]:
        """Go through all your jobs, newest first, page by page as they are asked for; errors as for `page`."""
        cursor = None
        while True:
            page = self.page(status=status, book_id=book_id, limit=page_size, cursor=cursor)
            yield from page.jobs
            if (cursor := page.cursor) is None:
                return

    def latest(self, *, book_id: str | None = None) -> Job:
        """Return your newest job, or your newest of one book; raises NotFound when there is none."""
        return self._hold(conversations.ask(calls.latest(book_id), Job))

    def cancel(self, job_id: str) -> Cancelled:
        """Call off a job that waits; raises Conflict once it runs or has ended, and NotFound."""
        return self._hold(conversations.ask(calls.cancel(job_id), Cancelled))

    def stop(self, job_id: str) -> Cancelled:
        """Call off a job whether it waits or runs; one that runs is `running` until its worker has stopped it.

        That takes five seconds at most. Raises Conflict when it has ended, and NotFound.
        """
        return self._hold(conversations.ask(calls.stop(job_id), Cancelled))

    def retry(self, job_id: str) -> Submitted:
        """Queue a failed or cancelled job again, to go on after the last stage that it finished, and return it.

        Raises Conflict for a job in any other state or whose text is gone, QueueFull, and NotFound.
        """
        return self._hold(conversations.ask(calls.retry(job_id), Submitted))

    def delete_result(self, job_id: str) -> None:
        """Delete an ended job's text and result now; it is `expired` from then on.

        Raises Conflict while it waits or runs, and NotFound when they are gone already.
        """
        self._hold(conversations.tell(calls.delete_result(job_id)))

    def webhook_secret(self) -> WebhookSecret:
        """Return the secret that your callbacks are signed with."""
        return self._hold(conversations.ask(calls.WEBHOOK_SECRET, WebhookSecret))

    def rotate_webhook_secret(self) -> WebhookSecret:
        """Give your callbacks a new secret and return it; for a day they are signed with both.

        Raises Conflict within a day of the last time.
        """
        return self._hold(conversations.ask(calls.ROTATION, WebhookSecret))

    def stats(self) -> Stats:
        """Return how busy the service is and what it allows."""
        return self._hold(conversations.ask(calls.STATS, Stats))

    def health(self) -> Health:
        """Return whether the service answers."""
        return self._hold(conversations.ask(calls.HEALTH, Health))

    def ready(self) -> Readiness:
        """Return whether all that a job needs on its way answers, each dependency with a sentence."""
        return self._hold(conversations.ask(calls.READY, Readiness))

    def _hold(self, conversation: Conversation[_T]) -> _T:
        """Take each step of a conversation and return what comes of it."""
        with closing(conversation):
            try:
                step = next(conversation)
                while True:
                    try:
                        answer = self._take(step)
                    except (errors.BookjobError, OSError) as error:
                        step = conversation.throw(error)
                    else:
                        step = conversation.send(answer)
            except StopIteration as end:
                outcome: _T = end.value
                return outcome

    def _take(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Exchange):
            return self._exchange(step)
        self._sleep(step.seconds)
        return None

    def _exchange(self, exchange: Exchange) -> httpx.Response:
        call = exchange.call
        request = self._http.build_request(**call.arguments(self._key_header))
        try:
            response = self._http.send(request, stream=True, follow_redirects=call.goes_to_storage)
            with closing(response):
                if exchange.save is None or not response.is_success:
                    response.read()
                else:
                    for piece in response.iter_bytes():
                        exchange.save(response, piece)
                return response
        except httpx.HTTPError as error:
            raise protocol.unreachable(call, self.url, error) from error
