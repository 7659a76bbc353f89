"""The index `by_status`: what waits for its time, in a partition for each kind, the longest due first."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from jobs.records import to_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def due(client: "DynamoDBClient", table: str, partition: str, now: datetime) -> Iterator[str]:
    """Yield the primary keys of the records of a partition that are due by now.

    The index may lag behind the last writes by a moment.
    """
    pages = client.get_paginator("query").paginate(
        TableName=table,
        IndexName="by_status",
        KeyConditionExpression="#status = :partition AND due_at <= :now",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":partition": to_value(partition), ":now": to_value(int(now.timestamp()))},
    )
    for page in pages:
        for found in page["Items"]:
            yield found["pk"]["S"]
