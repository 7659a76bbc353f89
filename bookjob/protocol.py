"""How a call to the service is made and its answer read, without any I/O, so that each rule stands once.

What may be repeated, and after how long, follows RFC 9110: a GET always may; a submission may because it carries an
`Idempotency-Key`; everything else may where it is certain that the service has not acted on it.
"""

import html
import json
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import IO, Any, Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from bookjob import errors
from bookjob.polling import HOLD

DEFAULT_URL: Final = "http://localhost:8000"
#: Seconds; reading takes longer than the service may hold an answer, writing as long as a large book may. A call that
#: finds all connections of its client taken waits for its turn, however many books a program watches at once.
TIMEOUT: Final = httpx.Timeout(connect=5.0, read=HOLD + 40.0, write=120.0, pool=None)
#: How often a call is made in all before its failure is the caller's.
MAX_ATTEMPTS: Final = 4
#: Seconds before the second attempt; doubled for each one after it.
FIRST_DELAY: Final = 0.5
#: The longest pause that a `Retry-After` is followed for, in seconds; a longer one is the caller's to decide.
MAX_RETRY_AFTER: Final = 30.0
#: The heaviest body that one request carries, in bytes as JSON writes it into the event of a Lambda function: the 6 MiB
#: of an event, less room for its headers.
MAX_BODY: Final = (6 * 1024 - 64) * 1024
#: How S3 says what was wrong.
_STORAGE_SENTENCE: Final = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)

_ERRORS: Final[dict[int, type[errors.ServiceError]]] = {
    400: errors.InvalidRequest,
    401: errors.NotAllowed,
    403: errors.NotAllowed,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.DocumentTooLarge,
    415: errors.InvalidRequest,
    422: errors.InvalidRequest,
    425: errors.NotReady,
    429: errors.TooManyRequests,
}

#: What a gateway or a proxy answers too; anything else without the service's own words is not of this service.
_OF_GATEWAYS: Final = (errors.NotAllowed, errors.DocumentTooLarge, errors.TooManyRequests, errors.ServiceFailed)

_Answer = TypeVar("_Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the contract."""

    method: str
    #: A path of the service, or a whole URL of its storage.
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    #: What is sent instead of JSON: the fields of a form, and a text as its last field.
    form: dict[str, str] | None = None
    file: IO[bytes] | None = None
    #: Whether making it twice is the same as making it once.
    repeatable: bool = True
    #: Whether it needs a place in the queue, which may be full.
    takes_place_in_queue: bool = False
    #: Whether a 409 means that the job ended without a result.
    asks_for_result: bool = False
    #: Statuses that are an answer though they are no success.
    accepts: frozenset[int] = frozenset()

    @property
    def goes_to_storage(self) -> bool:
        """Whether it leaves the service, whose key must not be shown there."""
        return not self.path.startswith("/")

    def arguments(self, key_header: dict[str, str]) -> dict[str, Any]:
        """Return what httpx builds the request from."""
        return {
            "method": self.method,
            "url": self.path,
            "headers": self.headers if self.goes_to_storage else key_header | self.headers,
            "json": self.json,
            "data": self.form,
            "files": {"file": ("book.txt", self.file, "text/plain; charset=utf-8")} if self.file else None,
        }


def is_on_this_machine(url: str) -> bool:
    """Tell whether a service is one that no proxy of the environment can reach."""
    return httpx.URL(url).host in ("localhost", "127.0.0.1", "::1")


@contextmanager
def proxies_understood() -> Iterator[None]:
    """Let httpx read the proxies of the environment, which it does when a client is made; raises InvalidProxy."""
    try:
        yield
    except ImportError as missing:
        raise errors.InvalidProxy("httpx lacks what SOCKS needs") from missing
    except (ValueError, httpx.InvalidURL) as error:
        raise errors.InvalidProxy(str(error)) from error


def default_url() -> str:
    """Return the service that is used when none is named: that of BOOKJOB_URL, or the local one."""
    return os.environ.get("BOOKJOB_URL") or DEFAULT_URL


def key_header(api_key: str | None) -> dict[str, str]:
    """Return the header that carries the API key, by default BOOKJOB_API_KEY; empty without one.

    It belongs to the service's own calls only: a signed URL leads to another host, which must not be shown the key.
    Raises InvalidApiKey for what no header can carry, before a library's error tells it.
    """
    key = (api_key or os.environ.get("BOOKJOB_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise errors.InvalidApiKey
    return {"X-API-Key": key} if key else {}


def service_url(url: str) -> str:
    """Return the service's root without a trailing slash or `/v1`; raises InvalidUrl."""
    root = url.strip().rstrip("/").removesuffix("/v1")
    try:
        parsed = httpx.URL(root)
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise errors.InvalidUrl(url) from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise errors.InvalidUrl(url)
    return root


def parse(body: bytes, shape: type[_Answer], url: str) -> _Answer:
    """Return a body in the shape that the contract gives it; raises UnexpectedAnswer, which names the service."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise errors.UnexpectedAnswer(url, f"{where}: {first['msg']}") from error


def fits_one_request(call: Call) -> bool:
    """Whether the call's body is one that the service can be sent at all."""
    body = json.dumps(call.json, ensure_ascii=False)
    return len(json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass")) <= MAX_BODY


def error_of(call: Call, response: httpx.Response) -> errors.BookjobError:
    """Return the error that an unsuccessful answer, whose body has been read, stands for."""
    if call.goes_to_storage:
        return _storage_error(call, response)
    kind, detail = _kind(response), _detail(response)
    if detail is None:
        if kind not in _OF_GATEWAYS:
            return errors.UnexpectedAnswer(address_of(response), _what_came(response))
        detail = f"The service answered {_what_came(response)}."
    if call.takes_place_in_queue and response.status_code == httpx.codes.SERVICE_UNAVAILABLE and "full" in detail:
        # Any other 503 is an outage, which is soon over; a full queue is the caller's to wait for.
        kind = errors.QueueFull
    if call.asks_for_result and kind is errors.Conflict:
        kind = errors.NoResult
    return kind(response.status_code, detail, retry_after=_retry_after(response))


def unreachable(call: Call, url: str, error: httpx.HTTPError) -> errors.ServiceUnreachable:
    """Return our error for a call that got no whole answer of the service at `url`, or of its storage."""
    match error:
        case httpx.TimeoutException():
            reason = "it took too long"
        case httpx.ConnectError():
            reason = f"no connection: {error}"
        case _:
            reason = f"the connection broke: {error}".removesuffix(": ")
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    if call.goes_to_storage:
        return errors.StorageUnreachable(httpx.URL(call.path).host, reason, never_sent=never_sent)
    return errors.ServiceUnreachable(url, reason, never_sent=never_sent)


def delay_before_retry(call: Call, error: errors.BookjobError, attempt: int) -> float | None:
    """Return after how many seconds to make the call again, or None when it must not be, or not again.

    `attempt` is how often it has been made. The pause is doubled each time and drawn between its half and its whole
    (jitter), so that callers who failed together do not come back together.
    """
    if attempt >= MAX_ATTEMPTS or not (call.repeatable or _never_acted_on(error)):
        return None
    backoff = FIRST_DELAY * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)
    match error:
        case errors.ServiceUnreachable():
            return backoff
        case errors.ServiceFailed() | errors.TooManyRequests():
            asked = error.retry_after or 0.0
            return max(backoff, asked) if asked <= MAX_RETRY_AFTER else None
    return None


def redirect_of(response: httpx.Response) -> httpx.URL | None:
    """Return where the service keeps the answer: a signed URL, which takes no API key.

    Other redirects than 303 are none of the service's, such as those of a network that wants one to log in first.
    """
    if response.status_code != httpx.codes.SEE_OTHER or response.next_request is None:
        return None
    return response.next_request.url


def address_of(response: httpx.Response) -> str:
    """Return where an answer came from, without what may be signed in it."""
    return str(response.url.copy_with(query=None))


def _never_acted_on(error: errors.BookjobError) -> bool:
    match error:
        case errors.ServiceUnreachable():
            return error.never_sent
        case _:
            return isinstance(error, errors.TooManyRequests)


def _storage_error(call: Call, response: httpx.Response) -> errors.ServiceError:
    found = _STORAGE_SENTENCE.search(response.text)
    said = html.unescape(found[1]) if found else f"it answered {response.status_code}"
    kind = errors.DocumentTooLarge if "<Code>EntityTooLarge</Code>" in response.text else _kind(response)
    what = "upload" if call.method == "POST" else "download"
    return kind(response.status_code, f"The service's storage refused the {what}: {said}")


def _kind(response: httpx.Response) -> type[errors.ServiceError]:
    unnamed = errors.ServiceFailed if response.is_server_error else errors.InvalidRequest
    return _ERRORS.get(response.status_code, unnamed)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a `Retry-After`, which may be a date too; None when it says nothing of use."""
    said = response.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _detail(response: httpx.Response) -> str | None:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    detail = answer.get("detail") if isinstance(answer, dict) else None
    return detail if isinstance(detail, str) and detail else None


def _what_came(response: httpx.Response) -> str:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return f"{status} to {response.next_request.url.copy_with(query=None)}" if response.next_request else status
