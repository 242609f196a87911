"""Whether a car keeps within the limits (K15.FR.11 to .13, K17.FR.11 to .13)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.car_schedules import LATE, strays
from elstrada.charging.composite import Moment
from elstrada.model.profile import OURS, Period, Profile, ProfileKind, Purpose, RateUnit, Schedule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MOMENT = Moment(1, RateUnit.W, None, "T1", NOON, priority=False)
Steps = tuple[tuple[int, str], ...]


def schedule(
    steps: Steps, start: datetime = NOON, duration_s: int | None = None, unit: str = "A"
) -> Schedule:
    periods = tuple(Period(start_s=at, limit=Decimal(limit)) for at, limit in steps)
    return Schedule(unit=unit, periods=periods, start=start, duration_s=duration_s)


def ours(*steps: tuple[int, str], **more: object) -> Profile:
    return Profile(
        id=1,
        evse_id=1,
        stack_level=0,
        purpose=Purpose.TX,
        kind=ProfileKind.ABSOLUTE,
        transaction_id="T1",
        source=OURS,
        schedules=(schedule(steps, **more),),  # type: ignore[arg-type]
        wire=msgspec.Raw(b"{}"),
    )


PLAN = ours((0, "32"), (1800, "0"), (3600, "16"))


def car(*steps: tuple[int, str], late_s: int = 0, **more: object) -> str | None:
    return strays(schedule(steps, NOON + timedelta(seconds=late_s), **more), (PLAN,), MOMENT)  # type: ignore[arg-type]


def test_a_car_that_takes_what_it_was_given_is_within() -> None:
    assert car((0, "32"), (1800, "0"), (3600, "16")) is None
    assert car((0, "6"), duration_s=1800) is None


def test_a_car_counts_from_when_it_got_its_schedule() -> None:
    """K15.FR.08: it drops as much later."""
    assert car((0, "32"), (1800, "0"), (3600, "16"), late_s=59) is None
    assert car((0, "32"), (1800, "0"), (3600, "16"), late_s=61) == "32 A after 1799 s, where 0 are allowed"


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (((0, "32.2"),), "32.2 A after 0 s, where 32 are allowed"),
        (((0, "32"),), "32 A after 1860 s, where 0 are allowed"),
        (((0, "32"), (1800, "0"), (3600, "17")), "17 A after 3600 s, where 16 are allowed"),
        (((0, "0"), (2400, "1")), "1 A after 2400 s, where 0 are allowed"),
    ],
)
def test_what_is_beyond_is_told_with_its_place(steps: Steps, says: str) -> None:
    assert car(*steps) == says


def test_what_rounding_makes_is_no_departure() -> None:
    assert car((0, "32.1"), duration_s=60) is None


def test_what_cannot_be_compared_is_left_to_the_station() -> None:
    """K17.FR.09."""
    assert car((0, "1000000"), unit="W") is None
    assert strays(Schedule(unit="A", periods=()), (PLAN,), MOMENT) is None


def test_nothing_strange_is_too_much() -> None:
    assert car((-5, "99"), (2**40, "99"), duration_s=600) is None
    assert car() is None
    assert strays(schedule(((0, "99"),)), (), MOMENT) is None


SOME = st.lists(st.tuples(st.integers(1, 7000), st.integers(0, 32)), max_size=5)


@given(SOME, st.integers(0, int(LATE.total_seconds())))
def test_an_echo_is_always_within(given_: list[tuple[int, int]], late_s: int) -> None:
    steps = ((0, "16"), *((at, str(limit)) for at, limit in sorted(dict(given_).items())))
    echo = schedule(steps, NOON + timedelta(seconds=late_s), duration_s=7200 - late_s)
    assert strays(echo, (ours(*steps, duration_s=7200),), MOMENT) is None


@given(SOME, st.integers(0, 7100))
def test_more_than_ever_is_allowed_is_always_beyond(given_: list[tuple[int, int]], at: int) -> None:
    steps = ((0, "16"), *((since, str(limit)) for since, limit in sorted(dict(given_).items())))
    told = schedule(((0, "0"), (at + 1, "33")), duration_s=7200)
    assert strays(told, (ours(*steps),), MOMENT) is not None
