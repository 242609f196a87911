"""Token buckets and the throttle of knocks (T3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.net.throttle import Bucket, Buckets, KnockThrottle, Rate, prefix_of

RATE = Rate(burst=3, per_s=0.5)
SECONDS = st.floats(min_value=0, max_value=1e6)


def throttle() -> KnockThrottle:
    return KnockThrottle(address=Rate(burst=5, per_s=0.1), identity=RATE, keys=100)


@given(st.lists(SECONDS, max_size=50).map(sorted))
def test_no_more_is_ever_taken_than_the_burst_and_what_grew(moments: list[float]) -> None:
    buckets = Buckets(RATE, keys=1)
    taken = sum(buckets.take("a", now) for now in moments)
    span = moments[-1] - moments[0] if moments else 0
    assert taken <= RATE.burst + span * RATE.per_s + 1e-6
    assert taken >= min(len(moments), RATE.burst)


@given(st.floats(0, 3), SECONDS, SECONDS)
def test_a_bucket_never_holds_more_than_its_burst_nor_shrinks(tokens: float, at: float, now: float) -> None:
    assert tokens <= Bucket(tokens, at).refilled(RATE, now).tokens <= RATE.burst


@given(st.lists(SECONDS, min_size=1, max_size=30).map(sorted))
def test_waiting_as_long_as_told_is_long_enough(moments: list[float]) -> None:
    buckets = Buckets(RATE, keys=1)
    for now in moments:
        buckets.take("a", now)
    then = moments[-1] + buckets.wait_s("a", moments[-1]) + 0.001
    assert buckets.wait_s("a", then) == 0
    assert buckets.take("a", then)


def test_the_keys_are_bounded_and_the_longest_unused_goes_first() -> None:
    buckets = Buckets(RATE, keys=3)
    for key in "abcad":
        buckets.take(key, 0)
    assert len(buckets) == 3
    for _ in range(3):
        buckets.take("a", 0)
    assert buckets.wait_s("a", 0) == 2
    assert buckets.wait_s("b", 0) == 0


def test_wrong_credentials_at_an_identity_are_slowed_down() -> None:
    doors = throttle()
    for _ in range(3):
        assert doors.wait_s("192.0.2.1", "/CP1", 0) == 0
        doors.failed("192.0.2.1", "/CP1", 0)
    assert doors.wait_s("192.0.2.1", "/CP1", 0) == 2
    assert doors.wait_s("192.0.2.1", "/CP1", 2) == 0


def test_guessing_from_elsewhere_never_locks_a_station_out() -> None:
    doors = throttle()
    for n in range(100):
        doors.failed(f"192.0.2.{n}", "/CP1", 0)
        doors.failed(f"192.0.2.{n}", "/CP1", 0)
    assert doors.wait_s("198.51.100.1", "/CP1", 0) == 0


def test_trying_many_identities_from_one_address_is_slowed_down() -> None:
    doors = throttle()
    for n in range(5):
        doors.failed("192.0.2.1", f"/CP{n}", 0)
    assert doors.wait_s("192.0.2.1", "/CP99", 0) == 10


def test_a_station_let_in_before_passes_while_its_neighbours_fail() -> None:
    doors = throttle()
    doors.succeeded("192.0.2.1", "/CP1")
    for n in range(2, 50):
        doors.failed("192.0.2.1", f"/CP{n}", 0)
    assert doors.wait_s("192.0.2.1", "/CP1", 0) == 0
    assert doors.wait_s("192.0.2.1", "/CP2", 0) > 0


def test_a_thousand_returns_from_one_address_cost_nothing() -> None:
    doors = throttle()
    for n in range(1000):
        assert doors.wait_s("192.0.2.1", f"/CP{n}", 0) == 0
        doors.succeeded("192.0.2.1", f"/CP{n}")


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("?", "?"),
    ],
)
def test_an_address_counts_as_what_one_caller_owns(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix
