"""When a message lands in the dead-letter queue: end its job, so that its caller waits no longer."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.connection import jobs
from jobs.dead_letters import bury
from jobs.metrics import NAMESPACE
from jobs.queue import job_named

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
# Each message stands for itself, so one that must wait holds up none behind it, though the queue keeps an order.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def bury_named(record: SQSRecord) -> None:
    """End the job that the message names, and count it if it failed; a message that names none is dropped."""
    job_id = job_named(record.body)
    logger.warning("A message came to the dead-letter queue", job_id=job_id)
    failed = job_id is not None and bury(jobs(), job_id)
    metrics.add_metric("DeadLetters", MetricUnit.Count, int(failed))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """End the job of each message, and report those that are to be delivered again."""
    return process_partial_response(event, bury_named, processor, context)
