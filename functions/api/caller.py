"""Who asks: the caller of the present request, as every endpoint but the open ones knows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

from jobs.keys import NO_LIMITS_OF_ITS_OWN, PUBLIC, KeyLimits

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
    """Find out who asks, and go on."""
    app.append_context(caller=ANYONE)
    return proceed(app)


def caller_of(app: BaseRouter) -> Caller:
    """Return who makes the present request, once it was found out."""
    found: Caller = app.context["caller"]
    return found
