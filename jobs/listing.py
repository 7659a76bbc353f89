"""Listing a tenant's jobs, newest first: which index answers which question, and where a page begins."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from jobs.model import Job, Status
from jobs.records import book_key, from_item, index_keys, job_key, to_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: How many records DynamoDB reads at once on the way to those that match.
PAGE_SIZE = 100

# Whether a record matches, as its reader sees it at `:now`: an ended job expires though its record says so only later.
IS_REMEMBERED = "(attribute_not_exists(purge_at) OR purge_at > :now)"
HAS_EXPIRED = "expires_at <= :now"
HAS_STATUS = "#status = :status AND (attribute_not_exists(expires_at) OR expires_at > :now)"


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which of a tenant's jobs are asked for; None stands for all."""

    status: Status | None = None
    book_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and the cursor to those behind them; None when there are no more."""

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True)
class JobList:
    """The jobs of one table, by the indexes that hold them in order of submission."""

    client: "DynamoDBClient"
    table: str

    def newest(self, tenant: str, query: JobFilter, now: datetime, limit: int, after: str | None = None) -> list[Job]:
        """Return at most `limit` of the tenant's jobs that match, newest first, from behind the place `after`.

        The indexes may lag behind the last writes by a moment.
        """
        index, attribute, value = _index(tenant, query)
        request = {
            "TableName": self.table,
            "IndexName": index,
            "KeyConditionExpression": f"{attribute} = :value",
            "ScanIndexForward": False,
            **_filter(query, now, value),
        }
        if after is not None:
            submitted_at, _, job_id = after.partition("#")
            start = {attribute: to_value(value), "submitted_at": to_value(submitted_at)}
            request["ExclusiveStartKey"] = job_key(job_id) | start
        pages = self.client.get_paginator("query").paginate(**request, PaginationConfig={"PageSize": PAGE_SIZE})
        found = (from_item(item).as_seen_at(now) for page in pages for item in page["Items"])
        return list(islice(found, limit))


def _index(tenant: str, query: JobFilter) -> tuple[str, str, str]:
    """Return the index that holds the fewest records beside those asked for, its key's name and its key's value."""
    if query.book_id is not None:
        return "by_tenant_book", "tenant_book", book_key(tenant, query.book_id)
    if query.status in (None, Status.EXPIRED):
        return "by_tenant", "tenant", tenant
    return "by_tenant_status", "tenant_status", index_keys(tenant, query.status)["tenant_status"]


def _filter(query: JobFilter, now: datetime, value: str) -> dict[str, Any]:
    values = {":value": to_value(value), ":now": to_value(int(now.timestamp()))}
    if query.status is None:
        return {"FilterExpression": IS_REMEMBERED, "ExpressionAttributeValues": values}
    if query.status is Status.EXPIRED:
        return {"FilterExpression": f"{HAS_EXPIRED} AND {IS_REMEMBERED}", "ExpressionAttributeValues": values}
    return {
        "FilterExpression": HAS_STATUS,
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": values | {":status": to_value(query.status)},
    }
