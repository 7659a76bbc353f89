"""When S3 tells of a new object under `incoming/`: make a job of it.

S3 tells EventBridge, whose rule puts the event into a queue, so that an event which finds no place for its job is
delivered again until there is one.
"""

import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from functions.connection import jobs
from jobs.errors import QueueFull
from jobs.ingest import ObjectCreated, ingest
from jobs.metrics import NAMESPACE

#: How soon an upload is tried again that found no place, in seconds; after a fault it is left for longer.
TRY_AGAIN = 30

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class Envelope(BaseModel):
    """An event as EventBridge hands it on."""

    detail: ObjectCreated


def ingest_upload(record: SQSRecord) -> None:
    """Make a job of the upload that the event tells of; raises why the event is to be delivered again."""
    try:
        _make_job(record)
    except Exception as error:
        _tell_wait(record)
        if isinstance(error, QueueFull):
            _deliver_soon(record)
        raise


def _make_job(record: SQSRecord) -> None:
    upload = Envelope.model_validate_json(record.body).detail
    if upload.is_folder:
        return
    job = ingest(jobs(), upload)
    if job is None:
        logger.info("An upload was overwritten before it was read", key=upload.object.key)
        return
    logger.info("An upload is a job", key=upload.object.key, job_id=job.job_id, status=job.status)


def _tell_wait(record: SQSRecord) -> None:
    # SQS tells nothing of the age of a message that was received more than three times.
    line = EphemeralMetrics(namespace=NAMESPACE)
    line.add_metric("UploadWaited", MetricUnit.Seconds, time.time() - int(record.attributes.sent_timestamp) / 1000)
    line.flush_metrics()


def _deliver_soon(record: SQSRecord) -> None:
    jobs().queue.client.change_message_visibility(
        QueueUrl=record.queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=TRY_AGAIN
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Make jobs of the uploads, and report the events that are to be delivered again."""
    return process_partial_response(event, ingest_upload, processor, context)
