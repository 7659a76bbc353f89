"""When a callback is due: POST to its address how the job ended."""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api.webhooks import JobEnded
from functions.connection import jobs
from jobs.callbacks.delivery import Notifier
from jobs.callbacks.model import Callback, CallbackState
from jobs.callbacks.queue import callback_named
from jobs.metrics import NAMESPACE

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

#: What is counted of an attempt, by the state that it leaves its callback in.
COUNTED = {
    CallbackState.DELIVERED: "CallbacksDelivered",
    CallbackState.PENDING: "CallbacksMissed",
    CallbackState.FAILED: "CallbacksGivenUp",
}


def written(callback: Callback) -> bytes:
    """Return the body of the callback."""
    return JobEnded.of(callback).model_dump_json().encode()


@cache
def notifier() -> Notifier:
    """Return what delivers callbacks, connected once for the life of the Lambda environment."""
    return Notifier(jobs(), written)


def notify(record: SQSRecord) -> None:
    """Try the callback that the message names; a message that names none is dropped."""
    metrics.add_metric("CallbackMessages", MetricUnit.Count, 1)
    callback_id = callback_named(record.body)
    callback = notifier().deliver(callback_id) if callback_id is not None else None
    if callback is None:
        return
    for state, name in COUNTED.items():  # a zero tells an alarm that there was an attempt, and it did not go so
        metrics.add_metric(name, MetricUnit.Count, int(state is callback.state))
    logger.info(
        "Tried a callback",
        callback_id=callback_id,
        job_id=callback.job.job_id,
        state=callback.state,
        callback_attempt=callback.attempts,
        reason=callback.last_error,
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Try the callbacks that are due, and report the messages that are to be delivered again."""
    return process_partial_response(event, notify, processor, context)
