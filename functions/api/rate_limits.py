"""How often a caller may ask, as a guard before every endpoint that is not open.

Where keys are asked for, each key is a caller; where none are, each address that API Gateway sees is one, and of IPv6
each network of 64 bits, since that is what one customer is given. A header such as X-Forwarded-For can be made up and
is not looked at.

When the table does not answer or throttles, requests are let through: what the limits protect is worth less than what
an answer is, and the gateway's own throttling stands in front of them all the same.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit

from functions.api import connections
from functions.api.caller import Caller
from functions.api.endpoints import Endpoint
from functions.api.refusals import too_many
from jobs.errors import AWS_ERRORS
from jobs.metrics import NAMESPACE
from jobs.rate_limits import Allowance, Limit, Traffic
from jobs.settings import Settings

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)

#: What whoever asks too often can do, beside asking later.
INSTEAD = {
    Traffic.SUBMISSIONS: "",
    Traffic.REQUESTS: " To follow a job, send `Prefer: wait=20`: one request then waits for its news.",
}


def limit(app: Any, proceed: Callable[[Any], Response[str]]) -> Response[str]:
    """Let the request through if its caller has a token left, and tell how many more; raises a Refusal with 429."""
    endpoint: Endpoint = app.context["endpoint"]
    caller: Caller = app.context["caller"]
    holder = holder_of(caller, app.current_event.raw_event)
    rate = Limit.per_minute(rate_of(caller, endpoint.traffic, connections.jobs().settings))
    try:
        allowance = connections.rate_limits().take(holder, endpoint.traffic, rate)
    except AWS_ERRORS as error:
        logger.warning("The rate limits were not asked, since their table does not answer", exc_info=error)
        metrics.add_metric("Unlimited", MetricUnit.Count, 1)
        return proceed(app)
    app.context["answer_headers"].update(rate_limit_headers(allowance))
    if not allowance.granted:
        metrics.add_metric("RateLimited", MetricUnit.Count, 1)
        raise too_many(
            f"Too many {endpoint.traffic}: {allowance.limit} a minute are allowed. Try again in "
            f"{allowance.retry_after} second(s).{INSTEAD[endpoint.traffic]}",
            allowance.retry_after,
        )
    return proceed(app)


def holder_of(caller: Caller, event: Mapping[str, Any]) -> str:
    """Return whose bucket a request takes from."""
    if caller.key_id is not None:
        return f"key:{caller.key_id}"
    address = ip_address(event["requestContext"]["http"]["sourceIp"])
    if isinstance(address, IPv6Address):
        return f"address:{IPv6Network((address, 64), strict=False)}"
    return f"address:{address}"


def rate_of(caller: Caller, traffic: Traffic, settings: Settings) -> int:
    """Return how many requests of a kind the caller may make a minute: its key's own number, or the deployment's."""
    match traffic:
        case Traffic.SUBMISSIONS:
            return caller.limits.submissions or settings.submissions_per_minute
        case Traffic.REQUESTS:
            return caller.limits.requests or settings.requests_per_minute


def rate_limit_headers(allowance: Allowance) -> dict[str, str]:
    """Return the headers that tell a caller how its bucket stands."""
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
    }
