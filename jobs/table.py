"""The DynamoDB table that the store writes: reads, updates, transactions, and the three records that are no jobs.

`queue` names the jobs that have not ended: its string set `waiting` the pending ones, `running` the running ones, an
element being `Job.place`, so that sorted order is order of submission. Since adding to a set and deleting from it are
idempotent, it cannot drift as a counter would. `worker` is the last sign of life of a worker. `signing_key` is the
secret that cursors are sealed with.
"""

import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from jobs.clock import isoformat
from jobs.records import Item, condition, job_key, merged, to_value, update_expression

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: How often a transaction is tried that met another one on the same item; the waits sum to some seconds.
CONFLICT_TRIES = 12

#: Why DynamoDB cancels a transaction: a condition failed, or another transaction was on the same item.
REFUSED, CONFLICT, UNTOUCHED = "ConditionalCheckFailed", "TransactionConflict", "None"

#: What DynamoDB calls a write that it will never take, alone and as a part of a transaction.
INVALID, INVALID_PART = "ValidationException", "ValidationError"

QUEUE: Item = {"pk": {"S": "queue"}}
WORKER: Item = {"pk": {"S": "worker"}}
SIGNING_KEY: Item = {"pk": {"S": "signing_key"}}

#: The two sets of the record `queue`.
Line = Literal["waiting", "running"]


def is_unwritable(error: ClientError) -> bool:
    """Whether the fault is the job's own record's, as that of one which has grown too large: no repetition helps."""
    reasons = error.response.get("CancellationReasons", ())
    return error.response["Error"]["Code"] == INVALID or any(one["Code"] == INVALID_PART for one in reasons[:1])


@dataclass(frozen=True)
class Table:
    """One table, by the client that reaches it."""

    client: "DynamoDBClient"
    table: str

    def signing_key(self) -> bytes:
        """Return the secret of this table, made at the first call; what callers bring back is signed with it."""
        answer = self.client.update_item(
            TableName=self.table,
            Key=SIGNING_KEY,
            UpdateExpression="SET secret = if_not_exists(secret, :new)",
            ExpressionAttributeValues={":new": {"B": secrets.token_bytes(32)}},
            ReturnValues="ALL_NEW",
        )
        return answer["Attributes"]["secret"]["B"]

    def hear_worker(self, worker_id: str, now: datetime) -> None:
        """Note a worker's sign of life, idle or busy."""
        sign = {"worker_id": to_value(worker_id), "heard_at": to_value(isoformat(now))}
        self.client.put_item(TableName=self.table, Item=WORKER | sign)

    def forget_worker(self, worker_id: str) -> None:
        """Note that a worker stopped in good order, unless another one has been heard since."""
        mine = condition("worker_id = :me", me=worker_id)
        try:
            self.client.delete_item(**merged({"TableName": self.table, "Key": WORKER}, mine))
        except self.client.exceptions.ConditionalCheckFailedException:
            return

    def worker_heard_since(self, at: datetime) -> bool:
        """Whether a worker gave a sign of life after that time."""
        heard_at: str = self._read(WORKER).get("heard_at", {}).get("S", "")
        return heard_at > isoformat(at)

    def _read(self, key: Item) -> Item:
        return self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})

    def _update(self, job_id: str, changes: Mapping[str, Item | None], on: Mapping[str, Any]) -> dict[str, Any]:
        return merged({"TableName": self.table, "Key": job_key(job_id)}, update_expression(changes), on)

    def _queue(
        self,
        place: str,
        *,
        leave: Sequence[Line] = (),
        enter: Line | None = None,
    ) -> dict[str, Any]:
        """Return the update that moves a place out of some of the queue's sets and into another."""
        left = ", ".join(f"{line} :place" for line in leave)
        clauses = [f"ADD {enter} :place" if enter else "", f"DELETE {left}" if left else ""]
        return {
            "TableName": self.table,
            "Key": QUEUE,
            "UpdateExpression": " ".join(clauses).strip(),
            "ExpressionAttributeValues": {":place": {"SS": [place]}},
        }

    def _transact(self, *writes: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Write all or nothing; return nothing, or a reason for each write when a condition refused one.

        A conflict with another transaction on the same item is no refusal: it is tried again, with jitter.
        """
        for attempt in range(CONFLICT_TRIES):
            try:
                self.client.transact_write_items(TransactItems=[*writes])  # type: ignore[list-item]  # plain mappings
            except self.client.exceptions.TransactionCanceledException as error:
                reasons = error.response["CancellationReasons"]
                codes = [reason["Code"] for reason in reasons]
                # While another transaction is on the job's own record, the first, it cannot be told how the job stands.
                if REFUSED in codes and codes[0] != CONFLICT:
                    return reasons
                if attempt == CONFLICT_TRIES - 1 or not {REFUSED, CONFLICT, UNTOUCHED}.issuperset(codes):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 6)))
            except self.client.exceptions.IdempotentParameterMismatchException:
                # The SDK gives each transaction a token of its own, so this one was written, its answer was lost, and
                # the SDK sent it again. DynamoDB says so by a success; the emulator compares it with records that have
                # changed since.
                break
            else:
                break
        return ()
