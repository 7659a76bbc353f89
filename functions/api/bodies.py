"""From the bytes of a request to a JSON object: everything that can be wrong with a body before its fields are read.

JSON is read strictly (RFC 8259, I-JSON): no duplicate names, no NaN or Infinity, nesting only as deep as Python reads.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from functions.api.limits import REQUEST_LIMIT, event_size
from functions.api.refusals import bad_request, too_large, unsupported
from functions.api.request import headers_of


def json_object(event: Mapping[str, Any]) -> dict[str, object]:
    """Return the JSON object that is the body of the event's request; raises a Refusal with 400, 413 or 415."""
    _check_type(headers_of(event))
    body = event.get("body")
    if not body:
        raise bad_request("The body is empty; send a JSON object.")
    if len(body) > REQUEST_LIMIT or event_size(body) > REQUEST_LIMIT:
        raise too_large(f"The body is larger than the {REQUEST_LIMIT} bytes that one request may carry.")
    parsed = _parse(_decode(body) if event.get("isBase64Encoded") else body)
    if not isinstance(parsed, dict):
        raise bad_request('The body is JSON, but not an object; send one such as {"text": "Call me Ishmael."}.')
    return parsed


def _check_type(headers: Mapping[str, str]) -> None:
    media_type, _, parameters = headers.get("content-type", "application/json").lower().partition(";")
    if media_type.strip() != "application/json":
        raise unsupported(f"Content-Type '{media_type.strip()[:80]}' is not read here; send application/json.")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(" \"'")
    if charset not in ("", "utf-8", "utf8"):
        raise unsupported(f"Character set '{charset[:40]}' is not read here; send the JSON in UTF-8.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise unsupported("A compressed body is not read here; send it without Content-Encoding.")


def _decode(body: str) -> str:
    try:
        return base64.b64decode(body, validate=True).decode()
    except UnicodeDecodeError as error:
        raise bad_request(f"The body is not UTF-8: wrong byte at offset {error.start}.") from error
    except ValueError as error:
        raise bad_request("The body arrived damaged: it is not the base64 that it is marked as.") from error


def _parse(text: str) -> object:
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise bad_request(
            f"The body is not valid JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise bad_request("The body is nested too deeply; send a flat JSON object.") from error
    except ValueError as error:  # Python reads no whole number of more than some thousand digits.
        raise bad_request("The body has a number with too many digits.") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise bad_request(f"The body names {json.dumps(name[:80])} twice in one object; send each name once.")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise bad_request(f"The body is not valid JSON: {name} is not a JSON number.")
