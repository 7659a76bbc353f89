"""The service from Python: submit a book, wait for it, fetch what was found."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from bookjob import errors, protocol
from bookjob.models import Cancelled, FileName, Health, Job, JobState, Result, Stats, Submitted
from bookjob.output import atomically
from bookjob.polling import HOLD, LONGEST, Pace
from bookjob.protocol import Call

DEFAULT_URL: Final = "http://localhost:8000"
#: Seconds that `wait` bears a service that does not answer, such as while it is deployed anew.
OUTAGE_PATIENCE: Final = 120.0
#: Seconds; reading takes longer than the service may hold an answer, writing as long as a large book may.
_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=HOLD + 40.0, write=120.0, pool=5.0)


def default_url() -> str:
    """Return the service that is used when none is named: that of BOOKJOB_URL, or the local one."""
    return os.environ.get("BOOKJOB_URL") or DEFAULT_URL


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
        self.url = protocol.service_url(url or default_url())
        key = api_key or os.environ.get("BOOKJOB_API_KEY")
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT, transport=transport)
        # Given to the service's own calls only: a signed URL leads to another host, which must not be shown the key.
        self._key_header = {"X-API-Key": key} if key else {}
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
        """Hand in a text and return the job that the service accepted.

        Submitting again with the same `idempotency_key` and text answers the same job; without one every call is a
        job of its own. `wait_for_place` keeps asking while the queue is full, instead of raising QueueFull.
        """
        asked = {"book_id": book_id, "model": model, "pipeline": pipeline, "options": options}
        call = Call(
            "POST",
            "/v1/jobs",
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            json={"text": text} | {name: value for name, value in asked.items() if value is not None},
            takes_place_in_queue=True,
        )
        while True:
            try:
                return self._ask(call, Submitted)
            except errors.QueueFull as full:
                if not wait_for_place:
                    raise
                self._sleep(full.retry_after or 1.0)

    def status(self, job_id: str, *, hold: int | None = None) -> Job:
        """Return the job as it stands; with `hold`, once it changes or these seconds (20 at most) have passed."""
        headers = {"Prefer": f"wait={hold}"} if hold else {}
        return self._ask(Call("GET", f"/v1/jobs/{_segment(job_id)}", headers=headers), Job)

    def wait(self, job_id: str, *, on_change: Callable[[Job], None] | None = None, timeout: float | None = None) -> Job:
        """Return the job once it has ended, whichever way; `on_change` is given it at first and whenever it changed.

        `timeout` is in seconds; without one it waits as long as it takes. Raises JobTimedOut, NotFound, and
        ServiceUnreachable or ServiceFailed when the service does not come back within two minutes.
        """
        pace = Pace()
        last: Job | None = None
        started = heard = self._clock()
        while True:
            looked = self._clock()
            if timeout is not None and looked - started >= timeout:
                raise errors.JobTimedOut(job_id, timeout)
            try:
                job = self.status(job_id, hold=_hold(timeout, looked - started))
            except (errors.ServiceUnreachable, errors.ServiceFailed, errors.TooManyRequests):
                if self._clock() - heard > OUTAGE_PATIENCE:
                    raise
                self._sleep(LONGEST)
                continue
            heard = self._clock()
            if on_change is not None and job != last:
                on_change(job)
            last = job
            if job.status.ended:
                return job
            self._sleep(pace.pause(job, took=heard - looked))

    def result(self, job_id: str) -> Result:
        """Return what was found in a finished job's book; raises NotReady, Conflict (it failed) or NotFound."""
        return self._ask(Call("GET", f"/v1/jobs/{_segment(job_id)}/result"), Result)

    def download_result(self, job_id: str, path: Path) -> None:
        """Write the result as the service sends it, a JSON document, to a file; errors as for `result`.

        The file appears whole or not at all, and is never held in memory.
        """
        self._download(Call("GET", f"/v1/jobs/{_segment(job_id)}/result"), path)

    def download_file(self, job_id: str, name: FileName, path: Path) -> None:
        """Write one of BookNLP's own files, byte for byte, to a file; NotFound also when the job did not make it."""
        self._download(Call("GET", f"/v1/jobs/{_segment(job_id)}/files/{name}"), path)

    def cancel(self, job_id: str) -> JobState:
        """Call a job off and return its state: `cancelled`, or `running` while its worker is being stopped.

        Raises Conflict when it has ended already, and NotFound.
        """
        path = f"/v1/jobs/{_segment(job_id)}"
        try:
            return self._ask(Call("DELETE", path, repeatable=False), Cancelled).status
        except errors.Conflict as conflict:
            # DELETE is for a job that waits. Stopping one that runs is a call that not every deployment has.
            try:
                return self._ask(Call("POST", f"{path}/cancel", repeatable=False), Cancelled).status
            except errors.ServiceError as error:
                if error.status_code not in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
                    raise
                raise conflict from None

    def stats(self) -> Stats:
        """Return how busy the service is and what it allows."""
        return self._ask(Call("GET", "/v1/jobs/stats"), Stats)

    def health(self) -> Health:
        """Return whether the service answers."""
        return self._ask(Call("GET", "/health"), Health)

    def _ask(self, call: Call, shape: type[_Answer]) -> _Answer:
        return self._with_retries(call, lambda: self._read(call, shape))

    def _read(self, call: Call, shape: type[_Answer]) -> _Answer:
        with self._answer(call) as response:
            return protocol.parse(response.read(), shape, self.url)

    def _download(self, call: Call, path: Path) -> None:
        def attempt() -> None:
            with self._answer(call) as response, atomically(path) as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)

        self._with_retries(call, attempt)

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
            raise errors.ServiceUnreachable(self.url, _reason(error)) from error


def _successful(call: Call, response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    response.read()
    raise protocol.error_of(call, response)


def _reason(error: httpx.HTTPError) -> str:
    match error:
        case httpx.TimeoutException():
            return "it took too long"
        case httpx.ConnectError():
            return "no connection"
    return "the connection broke"


def _segment(job_id: str) -> str:
    """Return the id as one part of a path, whatever a caller typed."""
    return quote(job_id, safe="")


def _hold(timeout: float | None, passed: float) -> int:
    return HOLD if timeout is None else max(1, min(HOLD, int(timeout - passed)))
