from hypothesis import given
from hypothesis import strategies as st

from jobs.rate_limits import MINUTE, WEIGHTS, Limit, Traffic

numbers = st.integers(min_value=1, max_value=100_000)


@given(traffic=st.sampled_from(Traffic), per_minute=numbers, burst=numbers)
def test_a_bucket_lets_no_more_through_than_is_allowed_and_at_least_one(
    traffic: Traffic, per_minute: int, burst: int
) -> None:
    limit = Limit.of(traffic, per_minute, burst)
    weight = min(WEIGHTS[traffic], burst)
    assert limit.tokens >= 1
    assert limit.tokens * weight <= burst
    assert (limit.tokens + 1) * weight > burst
    # In a minute an empty bucket gains what is allowed, and never more, however the division comes out.
    assert weight * MINUTE <= limit.refill * per_minute < weight * MINUTE + per_minute


def test_ten_looks_weigh_as_much_as_one_submission() -> None:
    assert Limit.of(Traffic.REQUESTS, per_minute=600, burst=300) == Limit(tokens=300, refill=100_000)
    assert Limit.of(Traffic.SUBMISSIONS, per_minute=600, burst=300) == Limit(tokens=30, refill=1_000_000)
