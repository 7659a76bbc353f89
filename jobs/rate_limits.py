"""How often a caller may ask: a token bucket for each caller and kind of request, one number in the table.

A bucket refills evenly. All that is kept of it is when it will be full again: a request moves that moment on by what
its token takes to come back, and is refused where it would then lie further ahead than a whole bucket takes (the
generic cell rate algorithm, ITU-T I.371). Nothing is written as time passes, and a bucket whose moment has passed is as
good as none, so its record may be deleted by TTL.

Taking a token is ONE conditional update, of two forms, since DynamoDB's expressions know no maximum:

    full_at:   (none) ......... now ................... now + what all other tokens take ........
               |---BUCKET_IS_FULL---|-----------BUCKET_HAS_TOKENS------------|------refused------|

The condition is checked and the token taken in the same write, so no number of callers at once takes more tokens than
there are. Which form fits is guessed from what was seen last; a wrong guess tells the right one, and writes nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from jobs.clock import Clock, utc_now
from jobs.records import condition, merged, to_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINUTE = timedelta(minutes=1) // timedelta(microseconds=1)
SECOND = timedelta(seconds=1) // timedelta(microseconds=1)

#: A request can do without its limit, so AWS gets less time to answer than where an answer is needed.
LIMITERS_PATIENCE = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})

#: How long a record outlives its bucket at least, in seconds, since DynamoDB's clock is not the callers'.
KEPT_FOR = 60

#: How many buckets are remembered between two requests.
REMEMBERED = 1000

# The conditions of taking a token, each named once; the times are in microseconds since the epoch.
BUCKET_IS_FULL = "attribute_not_exists(full_at) OR full_at <= :now"
BUCKET_HAS_TOKENS = "full_at > :now AND full_at <= :latest"


class Traffic(StrEnum):
    """The kinds of request, each with a bucket of its own, so that looking often takes nothing from submitting."""

    #: What makes work: submitting, uploading, analysing, retrying.
    SUBMISSIONS = "submissions"
    #: Everything else that is asked of jobs.
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class Limit:
    """The size of a bucket: how many tokens it holds, and in how many microseconds one comes back."""

    tokens: int
    refill: int

    @classmethod
    def per_minute(cls, count: int) -> Self:
        """Return the limit of so many a minute, which may all be made at once."""
        return cls(tokens=count, refill=-(-MINUTE // count))

    @property
    def span(self) -> int:
        """Microseconds that an empty bucket takes to be full."""
        return self.tokens * self.refill


@dataclass(frozen=True, slots=True)
class Allowance:
    """What came of asking for a token: whether it was given, and how the bucket stands then."""

    granted: bool
    #: The tokens of a full bucket.
    limit: int
    #: Whole tokens that are left.
    remaining: int
    #: Seconds until the bucket is full, rounded up.
    reset: int
    #: Seconds until there is a token, rounded up; 0 when there is one.
    retry_after: int


@dataclass(frozen=True)
class RateLimits:
    """The buckets of one table."""

    client: "DynamoDBClient"
    table: str
    clock: Clock = utc_now
    #: The latest `full_at` that was seen of each bucket. The stored one only grows, so it is never less than this.
    seen: OrderedDict[str, int] = field(default_factory=OrderedDict)

    @classmethod
    def connect(cls, table: str, clock: Clock = utc_now) -> Self:
        """Return the buckets over AWS, or over whatever `AWS_ENDPOINT_URL` names."""
        return cls(boto3.Session().client("dynamodb", config=LIMITERS_PATIENCE), table, clock)

    def take(self, caller: str, traffic: Traffic, limit: Limit) -> Allowance:
        """Take a token of the caller's, or find that there is none; one write in all but rare cases.

        A bucket that is known to be empty is not asked again before it has a token. Raises what boto3 raises when the
        table does not answer or throttles.
        """
        bucket, now = f"limit#{traffic}#{caller}", _microseconds(self.clock())
        latest = now + limit.span - limit.refill
        for full in self._forms(bucket, now):
            if self.seen.get(bucket, 0) > latest:
                break
            try:
                full_at = self._take(bucket, now, limit, full=full)
            except self.client.exceptions.ConditionalCheckFailedException as refused:
                self._remember(bucket, _full_at(refused.response))
            else:
                self._remember(bucket, full_at)
                return _allowance(limit, full_at, now, granted=True)
        return _allowance(limit, self.seen[bucket], now, granted=False)

    def _forms(self, bucket: str, now: int) -> Sequence[bool]:
        """Return whether the bucket is taken for full, in the order of the tries.

        A bucket that is not full at `now` never is again at that `now`, so the last try is decisive.
        """
        return (True, False) if self.seen.get(bucket, 0) <= now else (False, True, False)

    def _take(self, bucket: str, now: int, limit: Limit, *, full: bool) -> int:
        """Take a token if the bucket is full, or else if it is not but has one; return when it is full again."""
        if full:
            change, on = "full_at = :full_at", condition(BUCKET_IS_FULL, now=now)
            value = {":full_at": to_value(now + limit.refill)}
        else:
            change = "full_at = full_at + :refill"
            on = condition(BUCKET_HAS_TOKENS, now=now, latest=now + limit.span - limit.refill)
            value = {":refill": to_value(limit.refill)}
        update: dict[str, Any] = {
            "TableName": self.table,
            "Key": {"pk": {"S": bucket}},
            "UpdateExpression": f"SET {change}, purge_at = :purge_at",
            # No later than that the bucket is full again, however many tokens others take at this moment.
            "ExpressionAttributeValues": value | {":purge_at": to_value((now + limit.span) // SECOND + KEPT_FOR)},
            "ReturnValues": "UPDATED_NEW",
        }
        return int(self.client.update_item(**merged(update, on))["Attributes"]["full_at"]["N"])

    def _remember(self, bucket: str, full_at: int) -> None:
        self.seen[bucket] = max(full_at, self.seen.pop(bucket, 0))
        if len(self.seen) > REMEMBERED:
            self.seen.popitem(last=False)


def _full_at(refused: Mapping[str, Any]) -> int:
    """Return when a bucket is full again as it stood when the write was refused; 0 where there was none."""
    return int(refused["Item"]["full_at"]["N"]) if refused.get("Item") else 0


def _allowance(limit: Limit, full_at: int, now: int, *, granted: bool) -> Allowance:
    ahead = max(0, full_at - now)
    return Allowance(
        granted=granted,
        limit=limit.tokens,
        remaining=max(0, limit.span - ahead) // limit.refill,
        reset=-(-ahead // SECOND),
        retry_after=max(0, -((limit.span - limit.refill - ahead) // SECOND)),
    )


def _microseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
