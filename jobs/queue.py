"""The queue that wakes the workers: one SQS FIFO queue, whose message groups decide how many may be woken at once.

A message says only which job; the job's record decides whether there is anything to do.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: The group of all jobs where one is read at a time: SQS hands out none of it while one of its messages is in flight.
MESSAGE_GROUP = "books"


class Wakeup(BaseModel):
    """The body of a message."""

    model_config = ConfigDict(frozen=True)

    job_id: str


def job_named(body: str) -> str | None:
    """Return the id of the job that a message's body names, or None when it is no message of ours."""
    try:
        return Wakeup.model_validate_json(body).job_id
    except ValidationError:
        return None


@dataclass(frozen=True, slots=True)
class Message:
    """A received message: the job that it names, if it names one, and the receipt that its later calls need."""

    job_id: str | None
    receipt: str


@dataclass(frozen=True)
class JobQueue:
    """The messages of one queue."""

    client: "SQSClient"
    url: str
    #: How many books may be read at once.
    concurrency: int = 1

    def send(self, job_id: str, occasion: str = "") -> None:
        """Queue the job; sending it again on the same occasion within five minutes is a no-op (FIFO deduplication)."""
        self.client.send_message(
            QueueUrl=self.url,
            MessageBody=Wakeup(job_id=job_id).model_dump_json(),
            MessageGroupId=self._group(job_id),
            MessageDeduplicationId=f"{job_id}{occasion}",
        )

    def _group(self, job_id: str) -> str:
        """Return the job's message group.

        Where several books are read at once each job is a group of its own, so that no free worker misses a job that
        waits behind another's; that no more than `concurrency` run, and in which order, the records decide.
        """
        return MESSAGE_GROUP if self.concurrency == 1 else job_id

    def check(self) -> None:
        """Return when the queue answers; raises what boto3 raises when it does not."""
        self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])

    def size(self) -> int:
        """Return about how many messages there are, in flight or not; SQS counts without a lock."""
        found = self.client.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def receive(self, visibility_seconds: int, wait_seconds: int) -> Message | None:
        """Return the next message, hidden from others for `visibility_seconds`, or None after the wait."""
        received = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=visibility_seconds,
        ).get("Messages", [])
        if not received:
            return None
        # One that is not ours is handed out too: it would block its group for as long as nobody deleted it.
        return Message(job_named(received[0]["Body"]), received[0]["ReceiptHandle"])

    def extend(self, message: Message, visibility_seconds: int) -> None:
        """Hide the message for that many seconds from now on; 0 gives it back at once."""
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message.receipt, VisibilityTimeout=visibility_seconds
        )

    def acknowledge(self, message: Message) -> None:
        """Delete the message: its job is done with, for good."""
        self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)
