"""How a stored result travels: as the gzip that it is, unpacked inline, or by a link to where it is kept.

Lambda's limit on a response decides. Everything stored for callers is gzip, so a client that takes gzip gets the bytes
as they are (base64 on the way out of Lambda); another gets the text; and what fits neither way is fetched from S3.
"""

import base64
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.api.endpoints import json_response
from functions.api.limits import RESPONSE_LIMIT, base64_size, response_size
from functions.api.models import Problem
from functions.api.request import headers_of
from jobs.documents import StoredObject

#: How long a link to a result works, in seconds.
LINK_SECONDS = 300

#: zlib's window bits for a stream with gzip's header.
GZIP = 16 + zlib.MAX_WBITS


def deliver(
    stored: StoredObject, content_type: str, event: Mapping[str, Any], headers: Mapping[str, str]
) -> Response[str]:
    """Return the answer that carries the object, or that says where it can be fetched.

    `headers` are all others that the answer will have, since they count towards its size.
    """
    common = {"Content-Type": content_type, "Vary": "Accept-Encoding", **headers}
    gzipped = common | {"Content-Encoding": "gzip"}
    if accepts_gzip(headers_of(event).get("accept-encoding", "")):
        if _size(gzipped, is_base64=True) + base64_size(stored.size) <= RESPONSE_LIMIT:
            return _as_base64(stored.read(), gzipped)
    elif stored.size <= RESPONSE_LIMIT:
        text = _unpacked(stored.read())
        if text is not None and _size(common, text) <= RESPONSE_LIMIT:
            return Response(HTTPStatus.OK.value, headers=common, body=text)
    return _elsewhere(stored, headers)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header takes gzip (RFC 9110, section 12.5.3)."""
    weights = {}
    for element in accept_encoding.lower().split(","):
        coding, _, parameter = element.partition(";")
        weights[coding.strip()] = parameter.partition("q=")[2].strip()
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*")))
    return weight is not None and (weight == "" or weight.strip("0.") != "")


def _size(headers: Mapping[str, str], body: str = "", *, is_base64: bool = False) -> int:
    answer = {"statusCode": 200, "body": body, "isBase64Encoded": is_base64, "headers": headers, "cookies": []}
    return response_size(answer)


def _as_base64(body: bytes, headers: Mapping[str, str]) -> Response[str]:
    # Encoded here, since Powertools would take bytes under a JSON content type for a value to serialise.
    response = Response(HTTPStatus.OK.value, headers=headers, body=base64.b64encode(body).decode())
    response.base64_encoded = True
    return response


def _unpacked(gzipped: bytes) -> str | None:
    """Return the text, or None when it is surely too long to be sent."""
    unpacking = zlib.decompressobj(GZIP)
    text = unpacking.decompress(gzipped, RESPONSE_LIMIT + 1)
    return text.decode() if len(text) <= RESPONSE_LIMIT else None


def _elsewhere(stored: StoredObject, headers: Mapping[str, str]) -> Response[str]:
    detail = "It is too large to be sent here; fetch it, gzipped, from the URL in Location (curl: -L --compressed)."
    where = {"Location": stored.presign(LINK_SECONDS), "Vary": "Accept-Encoding"}
    return json_response(Problem(detail=detail), HTTPStatus.SEE_OTHER, {**headers, **where})
