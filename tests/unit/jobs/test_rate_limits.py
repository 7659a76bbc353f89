from hypothesis import given
from hypothesis import strategies as st

from jobs.rate_limits import MINUTE, Limit


@given(per_minute=st.integers(min_value=1, max_value=1_000_000))
def test_an_empty_bucket_takes_a_minute_to_be_full_and_never_less(per_minute: int) -> None:
    limit = Limit.per_minute(per_minute)
    assert limit.tokens == per_minute
    assert MINUTE <= limit.span < MINUTE + per_minute
