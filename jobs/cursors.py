"""The cursors that lead from one page of a listing to the next.

A cursor is the place of the last job of its page, sealed with a key of the deployment together with the tenant and
the query that it came from. So one that was made up, altered, or taken from another query or caller is told at once.
"""

import base64
import binascii
import hashlib
import hmac

from jobs.errors import InvalidRequest
from jobs.listing import JobFilter

#: The length of a cursor's seal, in bytes.
SEAL_SIZE = 16


def sealed(place: str, tenant: str, query: JobFilter, key: bytes) -> str:
    """Return the cursor of a place: `base64url(seal + place)`, without padding."""
    return base64.urlsafe_b64encode(_seal(place, tenant, query, key) + place.encode()).decode().rstrip("=")


def opened(cursor: str, tenant: str, query: JobFilter, key: bytes) -> str:
    """Return the place of a cursor; raises InvalidRequest unless it was sealed for this tenant and query."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = content[SEAL_SIZE:].decode()
    except (binascii.Error, ValueError) as error:
        raise _foreign() from error
    # The text of a cursor is compared as well, since base64 has several texts for the same bytes.
    if not hmac.compare_digest(sealed(place, tenant, query, key).encode(), cursor.encode()):
        raise _foreign()
    return place


def _seal(place: str, tenant: str, query: JobFilter, key: bytes) -> bytes:
    bound = "\0".join((tenant, query.status or "", query.book_id or "", place))
    return hmac.digest(key, bound.encode(), hashlib.sha256)[:SEAL_SIZE]


def _foreign() -> InvalidRequest:
    return InvalidRequest("cursor: it is not one of this query's; send it as it was answered, with the same filters")
