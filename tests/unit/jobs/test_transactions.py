"""What DynamoDB's reasons to cancel a transaction are taken for."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from jobs.errors import QueueFull
from jobs.model import Job, Status
from jobs.store import JobStore

NOW = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)
FAILED = Job(
    job_id="c3a4b8a1-540c-43d1-b6e9-66e89b5961c8",
    tenant="public",
    status=Status.FAILED,
    submitted_at=NOW,
    document_key="documents/text.txt",
    characters=7,
    model="mini",
    pack="mini",
    pipeline=("entity",),
)


def test_a_full_queue_is_told_though_another_transaction_was_on_the_job_meanwhile() -> None:
    client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as dynamodb:
        for first in ("TransactionConflict", "None"):
            reasons = [{"Code": first}, {"Code": "ConditionalCheckFailed"}]
            dynamodb.add_client_error(
                "transact_write_items",
                "TransactionCanceledException",
                modeled_fields={"CancellationReasons": reasons},
            )
        with pytest.raises(QueueFull):
            JobStore(client, "jobs", timedelta(hours=1)).retry(FAILED, NOW, max_queue_size=10)
        dynamodb.assert_no_pending_responses()
