"""The Lambda function in this process as a WSGI application, for tools that bring their own HTTP client."""

import base64
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from tests.contract.transport import invoke, to_event

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request by an event of payload format 2.0."""
    path, query = quote(environ["PATH_INFO"].encode("latin-1")), environ.get("QUERY_STRING", "")
    url = httpx.URL("http://in.process").copy_with(raw_path=f"{path}?{query}".removesuffix("?").encode("latin-1"))
    headers = {name.encode("ascii"): value.encode("latin-1") for name, value in _headers(environ)}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = invoke(to_event(httpx.Request(environ["REQUEST_METHOD"], url, headers=headers, content=body)))
    content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    status = HTTPStatus(answer["statusCode"])
    start_response(f"{status.value} {status.phrase}", list(answer["headers"].items()))
    return [content]


def _headers(environ: "WSGIEnvironment") -> Iterator[tuple[str, str]]:
    for key, value in environ.items():
        name = "CONTENT_TYPE" if key == "CONTENT_TYPE" else key.removeprefix("HTTP_")
        if name != key or key == "CONTENT_TYPE":
            yield name.replace("_", "-"), value
