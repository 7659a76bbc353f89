"""The secrets that callbacks are signed with: one for each tenant, and for a day after it was rotated two.

A tenant's secret is made when it is first asked for. It is kept as it is, unlike an API key, since signing needs it;
the table is encrypted at rest.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobs.errors import SecretJustRotated
from jobs.records import Item, condition, merged, to_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: How the primary key of a tenant's secrets begins.
PREFIX = "webhooks#"

#: The length of a secret in bytes; the standard asks for 24 to 64.
SECRET_SIZE = 32

#: How long callbacks are signed with the secret before as well, for receivers to change to the new one.
OVERLAP = timedelta(hours=24)

#: The secret before must have run out, so that a rotation that is asked for twice does not push it out at once.
IS_SETTLED = "attribute_exists(secret) AND (attribute_not_exists(previous_until) OR previous_until <= :now)"


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """What a tenant's callbacks are signed with."""

    current: bytes
    previous: bytes | None = None
    #: From when on the previous one is not signed with any more.
    previous_until: datetime | None = None

    def valid_at(self, now: datetime) -> tuple[bytes, ...]:
        """Return the secrets to sign with, the current one first."""
        if self.previous is None or self.previous_until is None or self.previous_until <= now:
            return (self.current,)
        return (self.current, self.previous)


@dataclass(frozen=True)
class SecretStore:
    """The secrets of one table."""

    client: "DynamoDBClient"
    table: str

    def of(self, tenant: str) -> SigningSecrets:
        """Return the tenant's secrets; the first call makes one."""
        return _secrets(
            self._update(tenant, "SET secret = if_not_exists(secret, :new)", {":new": {"B": _new()}})["Attributes"]
        )

    def rotate(self, tenant: str, now: datetime) -> SigningSecrets:
        """Give the tenant a new secret, beside which the one before is valid for a day.

        Raises SecretJustRotated while there are two.
        """
        self.of(tenant)
        values = {":new": {"B": _new()}, ":until": to_value(int((now + OVERLAP).timestamp()))}
        settled = condition(IS_SETTLED, now=int(now.timestamp()))
        try:
            answer = self._update(
                tenant, "SET previous = secret, previous_until = :until, secret = :new", values, settled
            )
        except self.client.exceptions.ConditionalCheckFailedException as refused:
            raise SecretJustRotated from refused
        return _secrets(answer["Attributes"])

    def _update(self, tenant: str, change: str, values: Item, on: Mapping[str, Any] | None = None) -> Any:
        request = {
            "TableName": self.table,
            "Key": {"pk": {"S": f"{PREFIX}{tenant}"}},
            "UpdateExpression": change,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }
        return self.client.update_item(**merged(request, on or {}))


def _new() -> bytes:
    return secrets.token_bytes(SECRET_SIZE)


def _secrets(item: Item) -> SigningSecrets:
    if "previous" not in item:
        return SigningSecrets(item["secret"]["B"])
    until = datetime.fromtimestamp(int(item["previous_until"]["N"]), UTC)
    return SigningSecrets(item["secret"]["B"], item["previous"]["B"], until)
