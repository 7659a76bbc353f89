"""What is done about an upload that cannot become a job yet."""

import json
import time
from unittest.mock import Mock

import pytest
from botocore.exceptions import BotoCoreError

from functions.ingest import handler as ingest
from jobs.errors import QueueFull
from tests.contract.transport import LambdaContext

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads"


def fail_with(error: Exception, monkeypatch: pytest.MonkeyPatch, *, age: int = 0) -> Mock:
    """Let an upload of that age in seconds meet the error, and return the client of SQS that it was met with."""
    service = Mock()
    monkeypatch.setattr(ingest, "jobs", lambda: service)
    monkeypatch.setattr(ingest, "ingest", Mock(side_effect=error))
    upload = {"bucket": {"name": "books"}, "object": {"key": "incoming/a.txt", "etag": "1"}}
    record = {
        "messageId": "1",
        "receiptHandle": "receipt",
        "body": json.dumps({"detail": upload}),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:uploads",
        "attributes": {"SentTimestamp": str(int((time.time() - age) * 1000))},
    }
    assert ingest.handler({"Records": [record]}, LambdaContext()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    client: Mock = service.queue.client
    return client


def test_an_upload_that_finds_no_place_is_delivered_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    client = fail_with(QueueFull(10), monkeypatch)
    client.change_message_visibility.assert_called_once_with(
        QueueUrl=QUEUE, ReceiptHandle="receipt", VisibilityTimeout=ingest.TRY_AGAIN
    )


def test_after_a_fault_an_upload_waits_for_as_long_as_the_queue_says(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(BotoCoreError(), monkeypatch).change_message_visibility.assert_not_called()


@pytest.mark.parametrize("error", [QueueFull(10), BotoCoreError()])
def test_each_attempt_that_fails_tells_how_long_its_upload_waits(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(error, monkeypatch, age=4000)
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"UploadWaited"' in line]
    assert told["UploadWaited"] == [pytest.approx(4000, abs=60)]
    assert {"Name": "UploadWaited", "Unit": "Seconds"} in told["_aws"]["CloudWatchMetrics"][0]["Metrics"]
