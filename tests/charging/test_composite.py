"""What profiles allow together: examples of the standards, and laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.composite import Moment, NotComparable, Supply, composite, limit_at
from elstrada.model.profile import OURS, Period, Profile, ProfileKind, Purpose, RateUnit, Schedule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # A Monday.
HOUR = timedelta(hours=1)
AT_1 = Moment(1, RateUnit.A, None, "T1", NOON, priority=False)
THREE_PHASES = Supply(voltage=230, phases=3)


def profile(
    limit: str | None,
    purpose: Purpose = Purpose.TX_DEFAULT,
    *,
    number: int = 1,
    evse_id: int | None = 1,
    level: int = 0,
    kind: ProfileKind = ProfileKind.ABSOLUTE,
    start: datetime | None = NOON - 24 * HOUR,
    duration_s: int | None = None,
    unit: str = "A",
    periods: tuple[Period, ...] = (),
    recurrency: str | None = None,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    transaction_id: str | None = None,
) -> Profile:
    one = (Period(start_s=0, limit=None if limit is None else Decimal(limit)),)
    return Profile(
        id=number,
        evse_id=evse_id,
        stack_level=level,
        purpose=purpose,
        kind=kind,
        recurrency=recurrency,
        valid_from=valid_from,
        valid_to=valid_to,
        transaction_id=transaction_id,
        source=OURS,
        schedules=(Schedule(unit=unit, periods=periods or one, start=start, duration_s=duration_s),),
        wire=msgspec.Raw(b"{}"),
    )


def station_max(limit: str, **more: object) -> Profile:
    return profile(limit, Purpose.STATION_MAX, evse_id=0, number=90, **more)  # type: ignore[arg-type]


def test_without_a_profile_nothing_limits() -> None:
    assert limit_at((), AT_1, NOON) is None


def test_the_highest_stack_level_that_has_a_period_now_leads() -> None:
    """2.1 part 2, K 3.6."""
    low, high = profile("16"), profile("10", number=2, level=3, duration_s=24 * 3600 + 60)
    pieces = composite((low, high), AT_1, NOON, 600)
    assert [(piece.start - NOON, piece.limit) for piece in pieces] == [
        (timedelta(0), 10),
        (timedelta(seconds=60), 16),
    ]


def test_a_level_above_that_allows_more_counts_all_the_same() -> None:
    assert limit_at((profile("6"), profile("32", number=2, level=1)), AT_1, NOON) == 32


def test_caps_limit_whatever_the_session_may_have() -> None:
    """2.1 part 2, situation 1 and 2 of K 3.6."""
    external = profile("20", Purpose.EXTERNAL, number=5, level=1)
    default, own = profile("25", level=2), profile("32", Purpose.TX, number=3, transaction_id="T1")
    assert limit_at((station_max("40"), default, external), AT_1, NOON) == 20
    assert limit_at((station_max("14"), default, external), AT_1, NOON) == 14
    assert limit_at((station_max("40"), default, own), AT_1, NOON) == 32


def test_a_sessions_own_profile_goes_before_the_default_for_that_session_only() -> None:
    own = profile("10", Purpose.TX, number=2, transaction_id="T1")
    both = (profile("16"), own)
    assert limit_at(both, AT_1, NOON) == 10
    assert limit_at(both, AT_1._replace(transaction_id="T2"), NOON) == 16
    assert limit_at(both, AT_1._replace(transaction_id=None), NOON) == 16


def test_what_is_set_for_the_evse_goes_before_what_is_set_for_all() -> None:
    """1.6 §3.13.1: the default of connector 0 is replaced for the connector that has its own."""
    both = (profile("16", evse_id=0, level=5), profile("10", number=2))
    assert limit_at(both, AT_1, NOON) == 10
    assert limit_at(both, AT_1._replace(evse_id=2), NOON) == 16


def test_a_default_for_all_evses_does_not_limit_the_station() -> None:
    """K01.FR.14."""
    assert limit_at((profile("16", evse_id=0),), AT_1._replace(evse_id=0), NOON) is None


def test_a_recurring_schedule_comes_again_and_leaves_room_in_between() -> None:
    """2.1 part 2, K01.FR.13."""
    evenings = profile(
        "6",
        kind=ProfileKind.RECURRING,
        recurrency="Daily",
        start=datetime(2026, 1, 1, 17, tzinfo=UTC),
        duration_s=4 * 3600,
        level=1,
    )
    pieces = composite((profile("16", number=2), evenings), AT_1, NOON, 24 * 3600)
    assert [(piece.start.hour, piece.limit) for piece in pieces] == [(12, 16), (17, 6), (21, 16)]


def test_validity_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    """K01.FR.36, K01.FR.37."""
    one = profile("8", valid_from=NOON, valid_to=NOON + HOUR)
    limits = [
        limit_at((one,), AT_1, NOON + seconds * timedelta(seconds=1)) for seconds in (-1, 0, 3599, 3600)
    ]
    assert limits == [None, 8, 8, None]


def test_a_schedule_that_begins_later_limits_only_then() -> None:
    """K01.FR.30."""
    assert limit_at((profile("8", start=NOON + HOUR),), AT_1, NOON) is None


def test_a_relative_schedule_counts_from_when_the_power_flowed() -> None:
    """K01.FR.42."""
    periods = (Period(start_s=0, limit=Decimal(32)), Period(start_s=1800, limit=Decimal(8)))
    relative = profile(None, kind=ProfileKind.RELATIVE, start=None, periods=periods)
    assert limit_at((relative,), AT_1, NOON + timedelta(seconds=1799)) == 32
    assert limit_at((relative,), AT_1, NOON + timedelta(seconds=1800)) == 8


def test_none_of_those_who_limit_from_outside_overrules_another() -> None:
    """2.1 part 2, K11 and K12: whatever their stack levels."""
    ems = profile("20", Purpose.EXTERNAL, number=5, level=3)
    grid = msgspec.structs.replace(profile("12", Purpose.EXTERNAL, number=6), source="SO")
    assert limit_at((ems, grid), AT_1, NOON) == 12
    both = (*ems.schedules, *profile("18").schedules)
    assert limit_at((msgspec.structs.replace(ems, schedules=both),), AT_1, NOON) == 18


def test_priority_overrules_the_session_but_not_the_station() -> None:
    """2.1 K21.FR.04."""
    hurry = profile("32", Purpose.PRIORITY, number=4, evse_id=0)
    profiles = (profile("6"), hurry, station_max("25"))
    assert limit_at(profiles, AT_1, NOON) == 6
    assert limit_at(profiles, AT_1._replace(priority=True), NOON) == 25


def test_what_is_generated_on_the_spot_comes_on_top() -> None:
    """2.1 K27."""
    sun = profile("4", Purpose.LOCAL_GENERATION, number=6, evse_id=0)
    assert limit_at((profile("10"), sun), AT_1, NOON) == 14
    assert limit_at((sun,), AT_1, NOON) is None


def test_amperes_and_watts_meet_only_where_voltage_and_phases_are_known() -> None:
    """K01.FR.50, K01.FR.51."""
    mixed = (profile("16"), station_max("6900", unit="W"))
    assert limit_at(mixed, AT_1._replace(supply=THREE_PHASES), NOON) == 10
    in_watts = AT_1._replace(supply=Supply(voltage=230, phases=1), unit=RateUnit.W)
    assert limit_at((profile("16"),), in_watts, NOON) == 3680
    with pytest.raises(NotComparable, match="limit in W"):
        limit_at(mixed, AT_1, NOON)


limits = st.integers(0, 64).map(str)
instants = st.integers(-40, 40).map(lambda hours: NOON + hours * HOUR)


@st.composite
def anything(draw: st.DrawFn) -> Profile:
    kind = draw(st.sampled_from(ProfileKind))
    valid_from = draw(st.none() | instants)
    return profile(
        draw(limits),
        draw(st.sampled_from(Purpose)),
        number=draw(st.integers(1, 9)),
        evse_id=draw(st.sampled_from((0, 1))),
        level=draw(st.integers(0, 3)),
        kind=kind,
        start=None if kind in ("Relative", "Dynamic") else draw(instants),
        duration_s=draw(st.none() | st.integers(1, 200_000)),
        recurrency=draw(st.sampled_from(("Daily", "Weekly"))) if kind == "Recurring" else None,
        valid_from=valid_from,
        valid_to=draw(st.none() | instants),
        transaction_id="T1",
    )


@given(st.lists(anything(), max_size=6), limits, instants, st.booleans())
def test_nothing_is_ever_above_the_stations_maximum(
    profiles: list[Profile], most: str, at: datetime, hurry: bool
) -> None:
    """SC.01: but for what is made on the spot."""
    bought = [one for one in profiles if one.purpose not in (Purpose.LOCAL_GENERATION, Purpose.STATION_MAX)]
    moment = AT_1._replace(priority=hurry)
    limit = limit_at((*bought, station_max(most, start=NOON - 100 * HOUR)), moment, at)
    assert limit is not None
    assert limit <= Decimal(most)


@given(st.lists(anything(), max_size=5), limits, limits)
def test_clearing_the_leading_profile_gives_the_next_lower_level(
    profiles: list[Profile], lower: str, upper: str
) -> None:
    others = [one for one in profiles if one.purpose not in (Purpose.TX, Purpose.TX_DEFAULT)]
    low = profile(lower, number=10, level=4, start=NOON - 100 * HOUR)
    high = profile(upper, number=11, level=5, start=NOON - 100 * HOUR)
    assert limit_at((*others, high, low), AT_1, NOON) == limit_at((*others, high), AT_1, NOON)
    cleared = limit_at((*others, low), AT_1, NOON)
    assert cleared == limit_at((low, *others), AT_1, NOON)
    assert cleared is not None


@given(st.lists(anything(), max_size=5), st.integers(1, 200_000), st.integers(0, 199_999))
def test_a_composite_says_at_every_instant_what_counts_then(
    profiles: list[Profile], duration_s: int, after_s: int
) -> None:
    pieces = composite(profiles, AT_1, NOON, duration_s)
    assert pieces[0].start == NOON
    assert all(one.start < two.start and one.limit != two.limit for one, two in pairwise(pieces))
    at = NOON + timedelta(seconds=min(after_s, duration_s - 1))
    said = [piece for piece in pieces if piece.start <= at][-1]
    assert said.limit == limit_at(profiles, AT_1, at)
