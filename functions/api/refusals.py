"""What HTTP itself refuses, before a request means anything: callers, routes, methods, types and sizes."""

from collections.abc import Mapping
from http import HTTPStatus


class Refusal(Exception):
    """An answer of `status` with a sentence that says what was wrong and what to do."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


def bad_request(detail: str) -> Refusal:
    """Return the refusal of input that cannot be understood."""
    return Refusal(HTTPStatus.BAD_REQUEST, detail)


def too_large(detail: str) -> Refusal:
    """Return the refusal of a body that does not fit, naming the way that takes it."""
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{detail} Upload the text instead: POST /v1/uploads.")


def unsupported(detail: str) -> Refusal:
    """Return the refusal of a body in a form that is not read here."""
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def too_many(detail: str, retry_after: int) -> Refusal:
    """Return the refusal of a caller who asks too often, and may again after so many seconds."""
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(retry_after)})


def unauthorized(detail: str) -> Refusal:
    """Return the refusal of a caller who shows no key that is one."""
    return Refusal(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": 'ApiKey realm="bookjob", header="X-API-Key"'})
