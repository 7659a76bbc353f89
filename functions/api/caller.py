"""Who asks: the caller of the present request, told by its API key where the deployment asks for keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

from functions.api import connections
from functions.api.refusals import unauthorized
from functions.api.request import headers_of
from jobs.errors import InvalidKey
from jobs.keys import NO_LIMITS_OF_ITS_OWN, PUBLIC, KeyLimits

logger = Logger()

#: The header that carries the key.
KEY_HEADER = "X-API-Key"

#: Something that a request passes on its way to its endpoint: a middleware of Powertools'. It calls the next one, or
#: raises what the caller is answered instead.
Guard = Callable[[Any, Callable[[Any], Response[str]]], Response[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever made the present request."""

    #: Whose jobs it may see.
    tenant: str
    #: The id of the key that it showed; None where the deployment asks for none.
    key_id: str | None = None
    #: The key's own limits.
    limits: KeyLimits = NO_LIMITS_OF_ITS_OWN


#: Whoever calls a deployment that asks for no keys.
ANYONE = Caller(PUBLIC)


def identify(app: Any, proceed: Callable[[Any], Response[str]]) -> Response[str]:
    """Find out who asks, and go on; raises a Refusal with 401."""
    caller = caller_by_key(app.current_event.raw_event)
    app.append_context(caller=caller)
    logger.append_keys(tenant=caller.tenant, **({"key_id": caller.key_id} if caller.key_id else {}))
    return proceed(app)


def caller_by_key(event: Mapping[str, Any]) -> Caller:
    """Return who made the event's request; raises a Refusal with 401.

    Where no keys are asked for, one that is sent all the same is not looked at.
    """
    keys = connections.keys()
    if keys is None:
        return ANYONE
    shown = headers_of(event).get(KEY_HEADER.lower())
    if not shown:
        raise unauthorized("Missing API key")
    try:
        key = keys.open_with(shown)
    except InvalidKey as error:
        raise unauthorized(str(error)) from error
    return Caller(key.tenant, key.key_id, key.limits)


def caller_of(app: BaseRouter) -> Caller:
    """Return who makes the present request, once it was found out."""
    found: Caller = app.context["caller"]
    return found
