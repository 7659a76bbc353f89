"""Every error that reaches a caller, mapped to its answer in this one place: a status and a sentence, never a trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit

from functions.api.endpoints import Endpoints, json_response
from functions.api.models import Problem
from functions.api.refusals import Refusal
from jobs.errors import (
    AWS_ERRORS,
    DocumentMissing,
    DocumentTooLarge,
    InvalidRequest,
    JobNotFound,
    JobsError,
    KeyReused,
    MoveRefused,
    NoJobs,
    NoResult,
    NoSuchFile,
    NotFinished,
    QueueFull,
    ResultGone,
    SecretJustRotated,
    TextGone,
    UnreadableRecord,
)
from jobs.metrics import NAMESPACE

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)


@dataclass(frozen=True, slots=True)
class Shape:
    """How an error of the job core is answered; its own text is the sentence."""

    status: HTTPStatus
    #: After how many seconds asking again makes sense.
    retry_after: int | None = None


SHAPES: dict[type[JobsError], Shape] = {
    InvalidRequest: Shape(HTTPStatus.BAD_REQUEST),
    JobNotFound: Shape(HTTPStatus.NOT_FOUND),
    NoJobs: Shape(HTTPStatus.NOT_FOUND),
    ResultGone: Shape(HTTPStatus.NOT_FOUND),
    NoSuchFile: Shape(HTTPStatus.NOT_FOUND),
    DocumentMissing: Shape(HTTPStatus.NOT_FOUND),
    MoveRefused: Shape(HTTPStatus.CONFLICT),
    NoResult: Shape(HTTPStatus.CONFLICT),
    TextGone: Shape(HTTPStatus.CONFLICT),
    SecretJustRotated: Shape(HTTPStatus.CONFLICT),
    KeyReused: Shape(HTTPStatus.UNPROCESSABLE_ENTITY),
    DocumentTooLarge: Shape(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    NotFinished: Shape(HTTPStatus.TOO_EARLY, retry_after=5),
    QueueFull: Shape(HTTPStatus.SERVICE_UNAVAILABLE, retry_after=30),
    UnreadableRecord: Shape(HTTPStatus.INTERNAL_SERVER_ERROR),
}

#: How long a caller should wait when AWS did not answer, in seconds.
OUTAGE_RETRY_AFTER = 5


def problem(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response[str]:
    """Return the answer of every error."""
    return json_response(Problem(detail=detail), status, headers)


def map_errors(app: APIGatewayHttpResolver, endpoints: Endpoints) -> None:
    """Give the app its answers to everything that can be raised while a request is answered."""

    def no_route(_: NotFoundError) -> Response[str]:
        return _no_route(app.current_event.http_method, endpoints.methods(app.current_event.path))

    app.exception_handler(NotFoundError)(no_route)
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(JobsError)(_job_error)
    app.exception_handler(list(AWS_ERRORS))(_aws_error)
    app.exception_handler(Exception)(_unexpected)


def _no_route(method: str, allowed: Sequence[str]) -> Response[str]:
    if method == "OPTIONS" and allowed:
        return Response(HTTPStatus.NO_CONTENT.value, headers={"Allow": ", ".join(allowed)}, body="")
    if method in allowed or not allowed:  # In the first case Powertools found the path's variable parts unfit.
        return problem(HTTPStatus.NOT_FOUND, "There is nothing at this path. GET /docs lists what there is.")
    methods = ", ".join(allowed)
    detail = f"{method} is not a method of this path; it takes {methods}."
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": methods})


def _refused(refusal: Refusal) -> Response[str]:
    return problem(refusal.status, str(refusal), refusal.headers)


def _job_error(error: JobsError) -> Response[str]:
    _count(error)
    if isinstance(error, DocumentMissing):
        logger.warning("An object is not there", exc_info=error)
    if isinstance(error, UnreadableRecord):
        logger.error("A record cannot be read", exc_info=error)
    shape = next(SHAPES[kind] for kind in type(error).__mro__ if kind in SHAPES)
    return problem(shape.status, str(error), {"Retry-After": str(shape.retry_after)} if shape.retry_after else None)


def _aws_error(error: Exception) -> Response[str]:
    logger.error("AWS did not answer", exc_info=error)
    _count(error)
    detail = "A part of the service does not answer at the moment. Try again in a few seconds."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(OUTAGE_RETRY_AFTER)})


def _unexpected(error: Exception) -> Response[str]:
    logger.error("Unexpected error", exc_info=error)
    _count(error)
    detail = "Something went wrong in the service, and was noted. Name the X-Request-ID when you report it."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _count(error: Exception) -> None:
    """Count what an operator must tell from each other: a full queue is meant to happen, a fault is not."""
    if isinstance(error, QueueFull):
        metrics.add_metric("QueueFull", MetricUnit.Count, 1)
    elif isinstance(error, UnreadableRecord) or not isinstance(error, JobsError):
        metrics.add_metric("Faults", MetricUnit.Count, 1)
