"""Token buckets in a table: what is given out, how exactly, and at the price of how many writes."""

import uuid
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.rate_limits import SECOND, Limit, RateLimits, Traffic
from jobs.service import JobService
from tests.integration.conftest import Aws

START = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)
FIVE_A_SECOND = Limit(tokens=5, refill=SECOND // 5)


class Watch:
    """A clock that stands still until it is set."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def limits(service: JobService, watch: Watch) -> RateLimits:
    return RateLimits(service.store.client, service.store.table, watch)


def elsewhere(limits: RateLimits) -> RateLimits:
    """Return the same buckets as another process sees them, which remembers nothing of what this one saw."""
    return replace(limits, seen=OrderedDict())


def take(limits: RateLimits, count: int = 1, caller: str = "key:a", limit: Limit = FIVE_A_SECOND) -> list[bool]:
    return [limits.take(caller, Traffic.REQUESTS, limit).granted for _ in range(count)]


@contextmanager
def writes(limits: RateLimits) -> Iterator[list[bool]]:
    """Collect the writes to the table; whether each was accepted."""
    made: list[bool] = []
    events = limits.client.meta.events

    def note(parsed: dict[str, Any], **_: Any) -> None:
        made.append("Error" not in parsed)

    events.register("after-call.dynamodb.UpdateItem", note)
    try:
        yield made
    finally:
        events.unregister("after-call.dynamodb.UpdateItem", note)


def test_a_bucket_gives_what_it_holds_and_then_says_when_there_is_more(limits: RateLimits, watch: Watch) -> None:
    told = [limits.take("key:a", Traffic.REQUESTS, FIVE_A_SECOND) for _ in range(6)]
    assert [one.granted for one in told] == [True] * 5 + [False]
    assert [one.remaining for one in told] == [4, 3, 2, 1, 0, 0]
    assert [one.reset for one in told] == [1] * 6
    assert [one.retry_after for one in told] == [0] * 4 + [1] * 2
    assert {one.limit for one in told} == {5}


def test_a_token_comes_back_to_the_microsecond(limits: RateLimits, watch: Watch) -> None:
    take(limits, 5)
    watch.now = START + timedelta(microseconds=199_999)
    assert take(elsewhere(limits)) == [False]
    watch.now = START + timedelta(microseconds=200_000)
    assert take(elsewhere(limits), 2) == [True, False]


def test_a_bucket_never_holds_more_than_it_can(limits: RateLimits, watch: Watch) -> None:
    take(limits, 5)
    watch.now = START + timedelta(days=1)
    assert take(limits, 6) == [True] * 5 + [False]


def test_buckets_of_other_callers_and_other_kinds_are_others(limits: RateLimits) -> None:
    take(limits, 5)
    assert take(limits, caller="key:b") == [True]
    assert limits.take("key:a", Traffic.SUBMISSIONS, FIVE_A_SECOND).granted
    assert take(limits) == [False]


def test_a_record_is_kept_until_its_bucket_is_full(limits: RateLimits, watch: Watch) -> None:
    hourly = Limit(tokens=2, refill=3600 * SECOND)
    take(limits, 2, limit=hourly)
    key = {"pk": {"S": "limit#requests#key:a"}}
    record = limits.client.get_item(TableName=limits.table, Key=key, ConsistentRead=True)["Item"]
    assert int(record["purge_at"]["N"]) >= START.timestamp() + 7200
    limits.client.delete_item(TableName=limits.table, Key=key)
    watch.now = START + timedelta(hours=2)
    assert take(limits, 3, limit=hourly) == [True, True, False]


@pytest.mark.parametrize("pause", [0.1, 0.2, 1.0], ids=["faster than it refills", "as fast", "slower"])
def test_whoever_polls_is_charged_one_write_a_request(limits: RateLimits, watch: Watch, pause: float) -> None:
    take(limits)
    with writes(limits) as made:
        for _ in range(4):
            watch.now += timedelta(seconds=pause)
            take(limits)
    assert made == [True] * 4


def test_a_flood_that_is_refused_writes_nothing(limits: RateLimits, watch: Watch) -> None:
    take(limits, 5)
    with writes(limits) as made:
        assert take(limits, 50) == [False] * 50
    assert made == []


def test_what_another_process_took_is_learnt_in_one_refused_write(limits: RateLimits) -> None:
    take(limits)
    other = elsewhere(limits)
    with writes(limits) as made:
        take(other, 3)
    assert made == [False, True, True, True]
    take(limits)
    with writes(limits) as made:
        take(other)
    assert made == [False]


def test_a_lower_limit_holds_from_the_next_request_on(limits: RateLimits) -> None:
    take(limits, 2, limit=Limit(tokens=100, refill=SECOND))
    told = limits.take("key:a", Traffic.REQUESTS, Limit(tokens=1, refill=SECOND))
    assert (told.granted, told.remaining, told.retry_after) == (False, 0, 2)


@pytest.mark.concurrent
def test_forty_callers_at_once_get_exactly_what_the_bucket_holds(limits: RateLimits) -> None:
    limit = Limit(tokens=17, refill=SECOND)
    processes = [elsewhere(limits) for _ in range(40)]
    with ThreadPoolExecutor(20) as callers:
        granted = list(callers.map(lambda process: take(process, 2, limit=limit), processes))
    assert sum(map(sum, granted)) == 17


@pytest.mark.concurrent
def test_callers_who_share_what_was_seen_get_no_more_either(limits: RateLimits) -> None:
    with ThreadPoolExecutor(20) as callers:
        granted = list(callers.map(lambda _: take(limits, 5), range(20)))
    assert sum(map(sum, granted)) == 5


#: What happens: this many microseconds pass, then that process asks.
steps = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 1)), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tokens=st.integers(1, 6), refill=st.integers(1, 2 * SECOND), steps=steps)
def test_a_bucket_in_the_table_is_the_bucket_on_paper(
    aws: Aws, service: JobService, tokens: int, refill: int, steps: list[tuple[int, int]]
) -> None:
    """Two processes take from one bucket; on paper it is a number of tokens that grows with time."""
    watch, caller, limit = Watch(), f"key:{uuid.uuid4()}", Limit(tokens, refill)
    processes = [RateLimits(service.store.client, service.store.table, watch) for _ in range(2)]
    held = Fraction(tokens)
    for passed, process in steps:
        watch.now += timedelta(microseconds=passed)
        held = min(Fraction(tokens), held + Fraction(passed, refill))
        told = processes[process].take(caller, Traffic.REQUESTS, limit)
        assert told.granted is (held >= 1)
        held -= told.granted
        assert told.remaining == int(held)
        assert told.reset == -int(-((tokens - held) * refill) // SECOND)
        assert told.retry_after == max(0, -int(-((1 - held) * refill) // SECOND))
