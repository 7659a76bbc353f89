"""An httpx transport that answers from the Lambda function in this process, by the events that API Gateway makes."""

import base64
import uuid
from typing import Any

import httpx
from aws_lambda_powertools.utilities.typing import lambda_context

from functions.api.handler import handler

#: API Gateway hands over the bodies of these types as text where they are UTF-8, and all others as base64.
TEXT_TYPES = ("application/json", "application/javascript", "application/xml", "text/")


class LambdaContext(lambda_context.LambdaContext):
    """What a handler may ask of its invocation."""

    _function_name = "bookjob-api"
    _memory_limit_in_mb = 1024
    _invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bookjob-api"
    _aws_request_id = "00000000-0000-0000-0000-000000000000"


class LambdaTransport(httpx.BaseTransport):
    """Each request becomes an event of payload format 2.0, each answer of the handler a response."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return to_response(invoke(to_event(request)))


def invoke(event: dict[str, Any]) -> dict[str, Any]:
    """Return the handler's own answer to an event."""
    answer: dict[str, Any] = handler(event, LambdaContext())
    return answer


def to_event(request: httpx.Request) -> dict[str, Any]:
    """Return the event that API Gateway invokes a function with for the request."""
    body = request.read()
    is_text = request.headers.get("content-type", "").startswith(TEXT_TYPES) and _is_utf8(body)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.url.path,
        "rawQueryString": request.url.query.decode(),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "http": {"method": request.method, "path": request.url.path, "sourceIp": "127.0.0.1"},
        },
        "isBase64Encoded": bool(body) and not is_text,
    }
    if request.url.params:
        names = dict.fromkeys(request.url.params.keys())
        event["queryStringParameters"] = {name: ",".join(request.url.params.get_list(name)) for name in names}
    if body:
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    return event


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def to_response(answer: dict[str, Any]) -> httpx.Response:
    """Return what API Gateway makes of a function's answer."""
    body = answer["body"] or ""
    content = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
    return httpx.Response(int(answer["statusCode"]), headers=answer["headers"], content=content)
