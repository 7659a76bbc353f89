"""Where callbacks are kept until they are settled, and a while longer: records of their own in the table of the jobs.

    (job ends) --> pending --begin--> pending --settle--> delivered | failed
                      ^                  |
                      |-----settle-------| (to be tried again at next_attempt_at)

The write that ends a job puts its callback beside it, in the same transaction (`announcement`): there is no end whose
telling could be forgotten. From then on the job's record has no part in it. `attempts` is the fencing token: `begin`
raises it, and of two that begin the same attempt one is refused.

While a callback is pending it is in the index `by_status`, in a partition of its own, by the time it is due.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from jobs.callbacks.model import Callback
from jobs.due import due
from jobs.errors import CallbackTaken
from jobs.model import Job
from jobs.records import Item, condition, merged, plain, to_value, typed, update_expression

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: The partition of the index `by_status` that pending callbacks are in; no job has such a status.
PARTITION = "callback"

#: How the primary key of a callback begins.
PREFIX = "callback#"

#: A callback may be changed by whoever saw it last, while it is pending.
IS_AS_SEEN = "attribute_exists(due_at) AND attempts = :attempts"

#: The most records that DynamoDB reads in one request.
BATCH = 100

_CALLBACK = TypeAdapter(Callback)


def announcement(table: str, job: Job) -> Sequence[Mapping[str, Any]]:
    """Return what the write that ends the job is to write beside it: its callback, if it came with an address."""
    callback = Callback.of(job)
    return () if callback is None else ({"Put": {"TableName": table, "Item": to_item(callback)}},)


def to_item(callback: Callback) -> Item:
    """Return the callback's record."""
    fields = _CALLBACK.dump_python(callback, mode="json", exclude_none=True) | _due(callback)
    fields["purge_at"] = callback.purge_at
    return _key(callback.callback_id) | {name: to_value(value) for name, value in fields.items()}


def from_item(item: Mapping[str, Any]) -> Callback:
    """Return the callback of a record."""
    return _CALLBACK.validate_python(plain(item))


def callback_id_of(pk: str) -> str:
    """Return whose record has this primary key."""
    return pk.removeprefix(PREFIX)


@dataclass(frozen=True)
class Outbox:
    """The callbacks of one table."""

    client: "DynamoDBClient"
    table: str

    def find(self, callback_id: str) -> Callback | None:
        """Return the callback as it stands, or None where there is no record of it (any more)."""
        found = self.client.get_item(TableName=self.table, Key=_key(callback_id), ConsistentRead=True).get("Item")
        return from_item(found) if found else None

    def find_all(self, callback_ids: Iterable[str]) -> Mapping[str, Callback]:
        """Return those of the callbacks, at most 100, that there are records of, by their ids."""
        asked: Any = {self.table: {"Keys": [_key(callback_id) for callback_id in callback_ids]}}
        found: dict[str, Callback] = {}
        while asked.get(self.table, {}).get("Keys"):
            answer = self.client.batch_get_item(RequestItems=asked)
            callbacks = map(from_item, answer["Responses"].get(self.table, ()))
            found |= {callback.callback_id: callback for callback in callbacks}
            asked = answer.get("UnprocessedKeys", {})
        return found

    def begin(self, callback: Callback, now: datetime) -> Callback:
        """Count an attempt and return the callback with it; raises CallbackTaken when another one began it."""
        return self._move(callback, callback.begun(now))

    def settle(self, begun: Callback, after: Callback) -> None:
        """Note what came of an attempt; raises CallbackTaken when that took so long that another one began."""
        self._move(begun, after)

    def due(self, now: datetime) -> Iterator[str]:
        """Yield the ids of the callbacks that are due by now, the longest due first.

        They come from an index that may lag behind the last writes by a moment.
        """
        return map(callback_id_of, due(self.client, self.table, PARTITION, now))

    def _move(self, seen: Callback, after: Callback) -> Callback:
        fields = _CALLBACK.dump_python(after, mode="json", exclude={"job"})
        changes = {"status": None, "due_at": None} | fields | _due(after)
        request = merged(
            {"TableName": self.table, "Key": _key(seen.callback_id)},
            update_expression(typed(changes)),
            condition(IS_AS_SEEN, attempts=seen.attempts),
        )
        try:
            self.client.update_item(**request)
        except self.client.exceptions.ConditionalCheckFailedException as refused:
            raise CallbackTaken(seen.callback_id) from refused
        return after


def _key(callback_id: str) -> Item:
    return {"pk": {"S": f"{PREFIX}{callback_id}"}}


def _due(callback: Callback) -> dict[str, object]:
    """Return the keys of the index; a settled callback has none, and so no entry."""
    if callback.next_attempt_at is None:
        return {}
    return {"status": PARTITION, "due_at": int(callback.next_attempt_at.timestamp())}
