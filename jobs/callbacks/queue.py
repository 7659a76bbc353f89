"""The queue that wakes whoever delivers callbacks. A message says only which; the callback's record decides."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: The longest that SQS keeps a message back, in seconds.
LONGEST_DELAY = 900


class CallbackDue(BaseModel):
    """The body of a message."""

    model_config = ConfigDict(frozen=True)

    callback_id: str


def callback_named(body: str) -> str | None:
    """Return the id of the callback that a message's body names, or None when it is no message of ours."""
    try:
        return CallbackDue.model_validate_json(body).callback_id
    except ValidationError:
        return None


@dataclass(frozen=True)
class CallbackQueue:
    """The messages of one queue."""

    client: "SQSClient"
    url: str

    def send(self, callback_id: str, delay: int = 0) -> None:
        """Queue the callback, to be looked at after that many seconds, `LONGEST_DELAY` at most."""
        body = CallbackDue(callback_id=callback_id).model_dump_json()
        self.client.send_message(QueueUrl=self.url, MessageBody=body, DelaySeconds=delay)

    def size(self) -> int:
        """Return about how many messages can be received now.

        One in flight is none of them, since its callback is being tried and so not due; nor is one that is kept back.
        """
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])
