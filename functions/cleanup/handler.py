"""When DynamoDB's TTL removes a job's record: delete whatever of the job may still be in the bucket.

The janitor has done so a day earlier; this is the net below it.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.connection import jobs
from jobs.records import job_id_of
from jobs.upkeep import clear_after

logger = Logger()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


def delete_objects(record: DynamoDBRecord) -> None:
    """Delete what the bucket holds of the job whose record was removed."""
    pk: str = record["dynamodb"]["Keys"]["pk"]["S"]
    clear_after(jobs(), job_id_of(pk))
    logger.info("Cleared up after a removed record", job_id=job_id_of(pk))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Clear up behind each removed record, and report the first one that could not be, to go on from there."""
    return process_partial_response(event, delete_objects, processor, context)
