"""Listing a tenant's jobs, newest first, and counting them: which index answers which question, where a page begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from jobs.model import Job, Status
from jobs.records import book_key, from_item, index_keys, job_key, to_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: How many records DynamoDB reads at once on the way to those that match.
PAGE_SIZE = 100

#: How long a count of everyone's jobs is told again.
TOLD_FOR = timedelta(seconds=15)

# Whether a record matches, as its reader sees it at `:now`: an ended job expires though its record says so only later.
IS_REMEMBERED = "(attribute_not_exists(purge_at) OR purge_at > :now)"
HAS_EXPIRED = "expires_at <= :now"
HAS_NOT_EXPIRED = "attribute_not_exists(expires_at) OR expires_at > :now"
HAS_STATUS = f"#status = :status AND ({HAS_NOT_EXPIRED})"


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

    def counts(self, tenant: str | None, now: datetime) -> dict[Status, int]:
        """Return how many jobs are in each state, of the tenant's or of everyone's for None, but for expired ones.

        The indexes may lag behind the last writes by a moment.
        """
        states = [status for status in Status if status is not Status.EXPIRED]
        asked = (_everyones(status, now) if tenant is None else _ones(tenant, status, now) for status in states)
        return dict(zip(states, map(self._count, asked), strict=True))

    def _count(self, asked: Mapping[str, Any]) -> int:
        pages = self.client.get_paginator("query").paginate(TableName=self.table, Select="COUNT", **asked)
        return sum(page["Count"] for page in pages)


@dataclass
class Census:
    """Everyone's jobs by state, counted once in a while: a count reads an entry of each job, and anyone may ask."""

    listing: JobList
    _taken: tuple[datetime, dict[Status, int]] | None = None

    def counts(self, now: datetime) -> dict[Status, int]:
        """Return how many jobs are in each state but `expired`, as it was at most 15 seconds ago."""
        if self._taken is None or now >= self._taken[0] + TOLD_FOR:
            self._taken = now, self.listing.counts(None, now)
        _, counts = self._taken
        return counts


def _ones(tenant: str, status: Status, now: datetime) -> Mapping[str, Any]:
    """Return what counts a tenant's jobs of a state."""
    values = {":value": index_keys(tenant, status)["tenant_status"], ":now": int(now.timestamp())}
    return {
        "IndexName": "by_tenant_status",
        "KeyConditionExpression": "tenant_status = :value",
        "FilterExpression": HAS_NOT_EXPIRED,
        "ExpressionAttributeValues": {name: to_value(value) for name, value in values.items()},
    }


def _everyones(status: Status, now: datetime) -> Mapping[str, Any]:
    """Return what counts all jobs of a state: an ended one is due when it expires, any other since it was submitted."""
    values = {":value": status, ":after": int(now.timestamp()) if status.ended else 0}
    return {
        "IndexName": "by_status",
        "KeyConditionExpression": "#status = :value AND due_at > :after",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {name: to_value(value) for name, value in values.items()},
    }


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
