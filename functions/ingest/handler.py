"""When S3 tells of a new object under `incoming/`: make a job of it.

S3 tells EventBridge, whose rule puts the event into a queue, so that an event which finds no place for its job is
delivered again until there is one.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from functions.connection import jobs
from jobs.ingest import ObjectCreated, ingest

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class Envelope(BaseModel):
    """An event as EventBridge hands it on."""

    detail: ObjectCreated


def ingest_upload(record: SQSRecord) -> None:
    """Make a job of the upload that the event tells of."""
    upload = Envelope.model_validate_json(record.body).detail
    if upload.is_folder:
        return
    job = ingest(jobs(), upload)
    if job is None:
        logger.info("An upload was overwritten before it was read", key=upload.object.key)
        return
    logger.info("An upload is a job", key=upload.object.key, job_id=job.job_id, status=job.status)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Make jobs of the uploads, and report the events that are to be delivered again."""
    return process_partial_response(event, ingest_upload, processor, context)
