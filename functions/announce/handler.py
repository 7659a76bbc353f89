"""When the table's stream tells of a new callback: put it into the queue of those that are to be delivered.

The stream is read in order and holds back what follows a record that fails; deliveries take long and fail often. The
queue between the two lets each callback wait for itself. What is lost here, the janitor sends.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.connection import jobs
from jobs.callbacks.outbox import callback_id_of

logger = Logger()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


def announce(record: DynamoDBRecord) -> None:
    """Queue the callback whose record is new."""
    pk: str = record["dynamodb"]["Keys"]["pk"]["S"]
    jobs().callbacks.queue.send(callback_id_of(pk))
    logger.info("A job's end is to be told", callback_id=callback_id_of(pk))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Queue each new callback, and report the first that could not be, to go on from there."""
    return process_partial_response(event, announce, processor, context)
