"""What the event of the request that is being answered tells: its id, its headers, what its caller would like."""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions.api.refusals import bad_request

#: The longest request id that is taken over from a caller, in characters.
LONGEST_REQUEST_ID = 128

#: The longest idempotency key, in characters.
LONGEST_KEY = 255

#: The longest that an answer about a job is held, in seconds; the gateway gives up after 30.
LONGEST_WAIT = 20

#: The longest that a submission waits for its own result, in seconds since the gateway took it in; what is left of
#: Lambda's 29 is for answering.
LONGEST_ANALYSIS = 25

WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)

REQUEST_ID_HEADER = "X-Request-ID"


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the request's headers, their names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def request_id_of(event: Mapping[str, Any]) -> str:
    """Return the caller's own id of its request if it can be logged and echoed, else the gateway's or a new one."""
    given = headers_of(event).get(REQUEST_ID_HEADER.lower(), "")
    if 0 < len(given) <= LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return event.get("requestContext", {}).get("requestId") or str(uuid.uuid4())


def received_at(event: Mapping[str, Any]) -> datetime | None:
    """Return when the gateway took the request in, since when its patience runs out; None where it does not tell.

    A function that had to be started first has less time left than its own clock says.
    """
    milliseconds = event["requestContext"].get("timeEpoch")
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def idempotency_key_of(event: Mapping[str, Any]) -> str | None:
    """Return the key that makes repeated requests one; raises a Refusal with 400 for one that is not sane."""
    key = headers_of(event).get("idempotency-key")
    if key is None or (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        return key
    raise bad_request(f"Idempotency-Key: must be 1 to {LONGEST_KEY} printable ASCII characters.")


def preferred_wait(event: Mapping[str, Any], longest: int) -> int | None:
    """Return how many seconds the caller would have its answer held (`Prefer: wait=20`, RFC 7240), `longest` at most.

    None where it does not say; a preference that cannot be understood is none.
    """
    found = WAIT.search(headers_of(event).get("prefer", ""))
    return min(int(found[1]), longest) if found else None
