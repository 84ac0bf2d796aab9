"""No window of the limit's length ever holds more reads than it allows, on the server's clock either."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from flows._sources.graph.limits import Limit, TokenBucket


@given(
    st.integers(1, 30),
    st.floats(0.5, 20),
    st.lists(st.tuples(st.integers(1, 10), st.floats(0, 5), st.floats(0, 3)), max_size=80),
)
def test_no_window_is_overfull(most: int, window: float, wishes: list[tuple[int, float, float]]) -> None:
    bucket = TokenBucket(Limit(most, window))
    now, seen = 0.0, []
    for size, pause, latency in wishes:
        size = min(size, most)
        now += pause
        at = bucket.take(size, now)
        while at > 0:
            assert at > now
            assert at < math.inf, "every read was answered, so tokens must be on their way back"
            now = at
            at = bucket.take(size, now)
        # The server may count the read at any moment between sending and answer: the earliest is the worst case.
        seen += [now] * size
        bucket.answered(size, now + latency)
        now += latency
    for start in seen:
        assert sum(start <= each < start + window for each in seen) <= most


def test_a_full_bucket_can_be_spent_at_once() -> None:
    bucket = TokenBucket(Limit(1000, 20))
    assert bucket.take(1000, 0.0) == 0
    assert bucket.take(1, 0.0) == math.inf
    bucket.answered(1000, 0.5)
    assert bucket.take(1, 1.0) == 20.5
    assert bucket.take(1000, 20.5) == 0


def test_a_closed_lane_opens_when_it_was_told() -> None:
    bucket = TokenBucket(Limit(10, 1))
    bucket.close(30.0)
    bucket.close(20.0)
    assert bucket.take(1, 5.0) == 30.0
    assert bucket.take(1, 30.0) == 0
