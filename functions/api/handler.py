"""The Lambda function of the HTTP API."""

import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api.errors import map_errors
from functions.api.request import REQUEST_ID_HEADER, request_id_of
from functions.api.routes import api
from jobs.metrics import NAMESPACE

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)

#: What every answer asks of whoever passes it on or shows it: to keep no copy, which would be another caller's next
#: answer where a cache looks at no key, and to take it for nothing but what it says it is.
CAREFUL = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

app = APIGatewayHttpResolver()
app.include_router(api.router)
map_errors(app, api)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of the API, log it and count it."""
    request_id, started = request_id_of(event), time.perf_counter()
    logger.append_keys(request_id=request_id)
    headers, http = {REQUEST_ID_HEADER: request_id, **CAREFUL}, event["requestContext"]["http"]
    app.append_context(answer_headers=headers)  # type: ignore[no-untyped-call]  # Powertools' own gap
    answer = app.resolve(event, context)
    answer["headers"].update(headers)
    if http["method"] == "HEAD":
        answer.update(body="", isBase64Encoded=False)
    _account(http, answer["statusCode"], (time.perf_counter() - started) * 1000)
    return answer


def _account(http: dict[str, Any], status: int, milliseconds: float) -> None:
    logger.info(
        "Answered", method=http["method"], path=http["path"], status=status, milliseconds=round(milliseconds, 1)
    )
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric(f"Answers{status // 100}xx", MetricUnit.Count, 1)
    metrics.add_metric("Duration", MetricUnit.Milliseconds, milliseconds)
