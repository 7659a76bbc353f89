"""Where API keys are kept: a DynamoDB table of their own, which only the API and the operator reach.

It is small and its records stay, revoked ones too, so that it can be told later which key did something.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from jobs.clock import isoformat
from jobs.errors import NoSuchKey
from jobs.keys import ApiKey
from jobs.records import Item, plain, to_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY = TypeAdapter(ApiKey)

IS_NEW = "attribute_not_exists(key_id)"
EXISTS = "attribute_exists(key_id)"
WAS_NOT_USED_SINCE = f"{EXISTS} AND (attribute_not_exists(last_used_at) OR last_used_at < :since)"


@dataclass(frozen=True)
class KeyStore:
    """The keys of one table."""

    client: "DynamoDBClient"
    table: str

    def add(self, key: ApiKey) -> None:
        """Store a new key; raises what boto3 raises, also when its id is taken, which 48 random bits make unlikely."""
        written = _KEY.dump_python(key, mode="json", exclude_none=True)
        item = {name: to_value(value) for name, value in written.items()}
        self.client.put_item(TableName=self.table, Item=item, ConditionExpression=IS_NEW)

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key as its record stands, revoked or not, or None where there is no record."""
        found = self.client.get_item(TableName=self.table, Key=_key(key_id), ConsistentRead=True).get("Item")
        return _KEY.validate_python(plain(found)) if found else None

    def all(self) -> list[ApiKey]:
        """Return every key, the oldest first."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        found = [_KEY.validate_python(plain(item)) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda key: (key.created_at, key.key_id))

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Revoke a key for good and return it; revoking it again changes nothing. Raises NoSuchKey."""
        try:
            answer = self.client.update_item(
                TableName=self.table,
                Key=_key(key_id),
                UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
                ConditionExpression=EXISTS,
                ExpressionAttributeValues={":now": to_value(isoformat(now))},
                ReturnValues="ALL_NEW",
            )
        except self.client.exceptions.ConditionalCheckFailedException as refused:
            raise NoSuchKey(key_id) from refused
        return _KEY.validate_python(plain(answer["Attributes"]))

    def note_use(self, key_id: str, now: datetime, every: timedelta) -> None:
        """Note that a key was used, unless that was noted less than `every` ago, by whomever."""
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(key_id),
                UpdateExpression="SET last_used_at = :now",
                ConditionExpression=WAS_NOT_USED_SINCE,
                ExpressionAttributeValues={
                    ":now": to_value(isoformat(now)),
                    ":since": to_value(isoformat(now - every)),
                },
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return  # another environment of the function was quicker


def _key(key_id: str) -> Item:
    return {"key_id": to_value(key_id)}
