"""How a function becomes a route: what it takes and gives is read from its signature, once, for HTTP and for OpenAPI.

A parameter named `body` or `query` is a pydantic model of the request's JSON body or query string; every other one is
a part of the path. The model that it returns is the answer's JSON; None is an answer without a body; a whole Response
goes out as it is.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from pydantic import BaseModel

from functions.api.bodies import json_object
from functions.api.caller import Caller, Guard, caller_of
from functions.api.validation import validated
from jobs.rate_limits import Traffic

logger = Logger()

F = TypeVar("F", bound=Callable[..., Any])
Model = type[BaseModel]

JSON = "application/json"

#: A variable part of a path, as Powertools writes it.
VARIABLE = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Header:
    """A header of requests, as OpenAPI describes it; whoever reads it checks it."""

    description: str
    #: What values there are, as a regular expression of JSON Schema's.
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of the API's table of contents."""

    method: str
    path: str
    function: Callable[..., Any]
    #: The status of success.
    status: HTTPStatus
    #: What else it answers.
    refuses: tuple[int, ...]
    body: Model | None
    query: Model | None
    #: The variable parts of the path and their types.
    parts: Mapping[str, Any]
    #: The headers that it reads beside those that every endpoint does, and what they do.
    headers: Mapping[str, Header]
    #: The model of the answer, where it is JSON of one.
    gives: Model | None
    #: The model of the answer 202, where what was asked for may come later.
    later: Model | None
    #: The content types of the answer.
    types: tuple[str, ...]
    #: Whether anyone may ask, however often: no guard stands before it, and nobody knows who asks.
    is_open: bool
    #: As what its requests are counted against their caller's limits.
    traffic: Traffic

    def matches(self, path: str) -> bool:
        """Whether a request's path is this endpoint's, whatever its method."""
        return re.fullmatch(VARIABLE.sub("[^/]+", self.path), path) is not None


class Endpoints:
    """The API's table of contents: what `routes` declares, as Powertools routes it and OpenAPI describes it.

    A request passes the guards in their order, before its body is looked at.
    """

    def __init__(self, guards: Sequence[Guard] = ()) -> None:
        self.guards = list(guards)
        self.router = Router()  # type: ignore[no-untyped-call]  # Powertools' own gap
        self.table: list[Endpoint] = []

    @property
    def event(self) -> dict[str, Any]:
        """The event of the present request."""
        return self.router.current_event.raw_event

    @property
    def answer_headers(self) -> dict[str, str]:
        """The headers that the answer to the present request gets, whichever answer it will be."""
        headers: dict[str, str] = self.router.context["answer_headers"]
        return headers

    @property
    def caller(self) -> Caller:
        """Who makes the present request; an open endpoint does not know."""
        return caller_of(self.router)

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        refuses: tuple[int, ...] = (),
        headers: Mapping[str, Header] = MappingProxyType({}),
        gives: Model | None = None,
        later: Model | None = None,
        types: tuple[str, ...] = (JSON,),
        is_open: bool = False,
        traffic: Traffic = Traffic.REQUESTS,
    ) -> Callable[[F], F]:
        """Return the decorator that makes its function answer the method and path.

        `gives` tells the answer's model where the function returns a whole Response.
        """

        def register(function: F) -> F:
            takes = inspect.get_annotations(function, eval_str=True)
            returned = takes.pop("return")
            row = Endpoint(
                method=method,
                path=path,
                function=function,
                status=status,
                refuses=refuses,
                body=takes.pop("body", None),
                query=takes.pop("query", None),
                parts=takes,
                headers=headers,
                gives=gives or (returned if inspect.isclass(returned) and issubclass(returned, BaseModel) else None),
                later=later,
                types=types,
                is_open=is_open,
                traffic=traffic,
            )
            self.table.append(row)
            guards = [] if is_open else [_announce(row), *self.guards]
            methods = ["GET", "HEAD"] if method == "GET" else [method]
            self.router.route(path, methods, middlewares=guards)(self._route(row))
            return function

        return register

    def methods(self, path: str) -> list[str]:
        """Return the methods that a request's path takes; none for a path that is not the API's.

        Whatever can be got has a HEAD, which is answered alike but for the body.
        """
        found = {row.method for row in self._rows(path)}
        return sorted(found | ({"OPTIONS"} if found else set()) | ({"HEAD"} if "GET" in found else set()))

    def _rows(self, path: str) -> list[Endpoint]:
        """Return the endpoints at a path; where one is named so, none that takes the name for a variable."""
        return [row for row in self.table if row.path == path] or [row for row in self.table if row.matches(path)]

    def _route(self, row: Endpoint) -> Callable[..., Response[str]]:
        def answer(**arguments: Any) -> Response[str]:
            if row not in self._rows(self.router.current_event.path):
                raise NotFoundError
            if job_id := arguments.get("job_id"):  # named in the log whatever comes of the request
                logger.append_keys(job_id=job_id)
            if row.body is not None:
                arguments["body"] = validated(row.body, json_object(self.event))
            if row.query is not None:
                arguments["query"] = validated(row.query, self.event.get("queryStringParameters") or {})
            return _shaped(row.function(**arguments), row.status)

        return answer


def _announce(row: Endpoint) -> Guard:
    """Return what tells the guards behind it which endpoint is asked."""

    def announce(app: Any, proceed: Callable[[Any], Response[str]]) -> Response[str]:
        app.append_context(endpoint=row)
        return proceed(app)

    return announce


def json_response(body: BaseModel, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response[str]:
    """Return the answer whose body is the model's JSON."""
    return Response(status.value, content_type=JSON, body=body.model_dump_json(), headers=headers)


def _shaped(answer: BaseModel | Response[str] | None, status: HTTPStatus) -> Response[str]:
    if isinstance(answer, Response):
        return answer
    # An empty body rather than none: the emulator answers 500 to a response whose body is null.
    return Response(status.value, body="") if answer is None else json_response(answer, status)
