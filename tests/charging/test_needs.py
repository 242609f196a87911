"""The schedule that answers a car's needs: exact figures, and laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations, pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.composite import Moment, Supply, limit_at
from elstrada.charging.needs import MOST_STEPS, Room, plan, plan_id
from elstrada.model.needs import Needs, NoPlan, Plan
from elstrada.model.profile import (
    OURS,
    Abilities,
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Schedule,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
THREE_PHASES = Supply(voltage=230, phases=3)
HERE = Moment(1, RateUnit.A, None, "T1", NOON, priority=False)
BOTH = frozenset(RateUnit)


def car(transfer: str = "AC_three_phase", **more: object) -> Needs:
    return Needs(evse_id=1, told_at=NOON, transfer=transfer, wire=msgspec.Raw(b"{}"), **more)  # type: ignore[arg-type]


def limited(
    *periods: tuple[int, str], unit: str = "A", number: int = 1, start: datetime = NOON, **more: object
) -> Profile:
    return Profile(
        id=number,
        evse_id=0,
        stack_level=0,
        purpose=Purpose.STATION_MAX,
        kind=ProfileKind.ABSOLUTE,
        source=OURS,
        schedules=(
            Schedule(
                unit=unit,
                periods=tuple(Period(start_s=at, limit=Decimal(limit)) for at, limit in periods),
                start=start,
            ),
        ),
        wire=msgspec.Raw(b"{}"),
        **more,  # type: ignore[arg-type]
    )


def made(needs: Needs, *profiles: Profile, now: datetime = NOON, **room: object) -> Plan:
    found = plan(needs, Room(profiles=profiles, **room), HERE, now)  # type: ignore[arg-type]
    assert isinstance(found, Plan), found
    return found


def steps(found: Plan) -> list[tuple[int, Decimal | None]]:
    return [(one.start_s, one.limit) for one in found.schedule.periods]


def test_a_car_gets_what_it_takes_where_nothing_limits_it() -> None:
    """K15: until it leaves."""
    needs = car(max_a=Decimal(16), min_a=Decimal(6), energy_wh=22_080, departure=NOON + 2 * HOUR)
    found = made(needs, supply=THREE_PHASES)
    assert (found.schedule.unit, found.schedule.start, found.schedule.duration_s) == ("A", NOON, 7200)
    assert found.schedule.periods == (Period(start_s=0, limit=Decimal(16), phases=3),)
    # 16 A on 3 phases of 230 V for 2 hours.
    assert (found.energy_wh, found.missing_wh) == (22_080, 0)


def test_what_a_car_cannot_have_in_time_is_told() -> None:
    needs = car(max_a=Decimal(32), energy_wh=30_000, departure=NOON + HOUR)
    found = made(needs, limited((0, "10"), (1800, "20")), supply=THREE_PHASES)
    assert steps(found) == [(0, Decimal(10)), (1800, Decimal(20))]
    assert (found.energy_wh, found.missing_wh) == (10_350, 19_650)


def test_less_than_the_car_charges_with_is_a_pause() -> None:
    """ISO 15118-2: EVMinCurrent."""
    needs = car(max_a=Decimal(32), min_a=Decimal(6))
    assert steps(made(needs, limited((0, "5.9"), (60, "6")))) == [(0, Decimal(0)), (60, Decimal(6))]


def test_one_phase_gives_a_third() -> None:
    needs = car("AC_single_phase", max_a=Decimal(16), departure=NOON + HOUR)
    found = made(needs, supply=THREE_PHASES)
    assert found.energy_wh == 3_680
    assert found.schedule.periods[0].phases == 1


def test_a_direct_current_is_planned_in_watts() -> None:
    needs = car("DC", max_a=Decimal(500), max_voltage=Decimal(400), energy_wh=50_000, departure=NOON + HOUR)
    found = made(needs, max_w=Decimal(150_000), abilities=Abilities(units=BOTH))
    assert (found.schedule.unit, steps(found)) == ("W", [(0, Decimal(150_000))])
    assert (found.energy_wh, found.missing_wh) == (150_000, 0)
    alone = made(needs)
    assert steps(alone) == [(0, Decimal(200_000))]


def test_the_station_s_unit_is_used_where_it_takes_one_only() -> None:
    needs = car(max_a=Decimal(16))
    found = made(
        needs, supply=THREE_PHASES, abilities=Abilities(units=frozenset({RateUnit.W})), max_a=Decimal(10)
    )
    assert (found.schedule.unit, steps(found)) == ("W", [(0, Decimal(6900))])


def test_limits_in_the_other_unit_are_compared_where_the_voltage_is_known() -> None:
    limit = limited((0, "3450"), unit="W")
    assert steps(made(car(max_a=Decimal(16)), limit, supply=THREE_PHASES)) == [(0, Decimal(5))]
    in_watts = made(car(max_a=Decimal(16), max_w=Decimal(11_000)), limit)
    assert (in_watts.schedule.unit, steps(in_watts)) == ("W", [(0, Decimal(3450))])


def test_what_the_evse_gives_counts_in_the_unit_in_which_it_is_said() -> None:
    needs = car(max_a=Decimal(32), max_voltage=Decimal(230))
    found = made(needs, max_w=Decimal(7400))
    assert (found.schedule.unit, steps(found)) == ("W", [(0, Decimal(7400))])
    only_a = Abilities(units=frozenset({RateUnit.A}))
    assert steps(made(needs, max_w=Decimal(7400), abilities=only_a)) == [(0, Decimal(32))]


def test_nobody_plans_what_cannot_be_compared_or_has_no_bound() -> None:
    only_a = Abilities(units=frozenset({RateUnit.A}))
    room = Room(profiles=(limited((0, "3450"), unit="W"),), abilities=only_a)
    found = plan(car(max_a=Decimal(16)), room, HERE, NOON)
    assert isinstance(found, NoPlan)
    assert "voltage and phases are not known" in found.why
    boundless = plan(car("DC"), Room(profiles=()), HERE, NOON)
    assert isinstance(boundless, NoPlan)
    assert boundless.why.startswith("neither the car nor the EVSE says")


def test_an_ac_car_that_says_nothing_gets_no_more_than_a_pilot_can_tell() -> None:
    """IEC 61851-1, table A.8."""
    assert steps(made(car())) == [(0, Decimal(80))]


def test_a_plan_is_a_day_long_where_nobody_leaves_and_a_week_at_most() -> None:
    assert made(car(max_a=Decimal(6))).schedule.duration_s == 86_400
    assert made(car(max_a=Decimal(6), departure=NOON - HOUR)).schedule.duration_s == 86_400
    assert made(car(max_a=Decimal(6), departure=NOON + 400 * HOUR)).schedule.duration_s == 7 * 86_400


def test_few_periods_give_as_much_as_few_periods_can() -> None:
    """maxScheduleTuples, PeriodsPerSchedule."""
    limits = limited((0, "16"), (600, "8"), (1200, "16"), (1800, "15"))
    needs = car(max_a=Decimal(32), departure=NOON + HOUR, max_periods=3)
    found = made(needs, limits)
    assert steps(found) == [(0, Decimal(16)), (600, Decimal(8)), (1200, Decimal(15))]
    assert len(made(needs, limits, abilities=Abilities(max_periods=1)).schedule.periods) == 1


def test_a_change_within_a_second_is_a_change_at_the_lower_end() -> None:
    off = NOON + timedelta(milliseconds=500)
    found = made(car(max_a=Decimal(32)), limited((0, "10"), (60, "20"), (120, "12"), start=off), now=off)
    assert steps(found) == [(0, Decimal(10)), (61, Decimal(20)), (120, Decimal(12))]


def test_more_changes_than_are_looked_at_end_the_plan() -> None:
    wild = limited(*((minute * 60, str(10 + minute % 2)) for minute in range(200)))
    found = made(car(max_a=Decimal(32)), wild)
    assert len(found.schedule.periods) == MOST_STEPS
    assert found.schedule.duration_s == MOST_STEPS * 60


def test_each_evse_has_one_plan() -> None:
    assert plan_id(1) != plan_id(2)


# --- laws -------------------------------------------------------------------------------------------

TENTHS = st.integers(0, 400).map(lambda tenths: Decimal(tenths) / 10)


@st.composite
def rooms(draw: st.DrawFn) -> tuple[Needs, Room]:
    marks = draw(st.lists(st.integers(1, 7_000), max_size=6, unique=True))
    profiles = [
        limited(
            *((at, str(draw(TENTHS))) for at in sorted({0, *marks})),
            number=number,
            start=NOON - timedelta(milliseconds=draw(st.integers(0, 2_000_000))),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    needs = car(
        max_a=draw(st.none() | st.integers(1, 63).map(Decimal)),
        min_a=draw(st.none() | st.integers(0, 8).map(Decimal)),
        max_periods=draw(st.none() | st.integers(1, 8)),
        departure=draw(st.none() | st.integers(1, 7200).map(lambda s: NOON + timedelta(seconds=s))),
        energy_wh=draw(st.none() | st.integers(0, 50_000)),
    )
    abilities = Abilities(max_periods=draw(st.none() | st.integers(1, 8)))
    supply = draw(st.sampled_from([None, THREE_PHASES]))
    return needs, Room(
        profiles=tuple(profiles), abilities=abilities, supply=supply, max_a=draw(st.none() | TENTHS)
    )


@given(rooms())
def test_no_plan_exceeds_what_limits_car_or_evse(given_: tuple[Needs, Room]) -> None:
    needs, room = given_
    found = made(needs, *room.profiles, abilities=room.abilities, supply=room.supply, max_a=room.max_a)
    for at in instants(found, room):
        planned = planned_at(found, at)
        allowed = limit_at(room.profiles, HERE, at)
        for most in (allowed, needs.max_a, room.max_a):
            assert most is None or planned <= most
        assert planned == 0 or planned >= (needs.min_a or 0)


@given(rooms())
def test_a_plan_has_the_shape_that_the_standard_wants(given_: tuple[Needs, Room]) -> None:
    """K01.FR.31 and .35; maxScheduleTuples, PeriodsPerSchedule."""
    needs, room = given_
    found = made(needs, *room.profiles, abilities=room.abilities, max_a=room.max_a)
    starts = [one.start_s for one in found.schedule.periods]
    assert starts[0] == 0
    assert all(before < after for before, after in pairwise(starts))
    assert found.schedule.duration_s is not None
    assert starts[-1] < found.schedule.duration_s
    for most in (needs.max_periods, room.abilities.max_periods):
        assert most is None or len(starts) <= most
    assert all(one.limit == one.limit.quantize(Decimal("0.1")) for one in found.schedule.periods if one.limit)


@given(rooms())
def test_nothing_that_may_be_given_is_withheld(given_: tuple[Needs, Room]) -> None:
    """The energy is met if it can be: with enough periods, each second has all that it may have."""
    needs, room = given_
    needs = msgspec.structs.replace(needs, max_periods=None)
    found = made(needs, *room.profiles, supply=THREE_PHASES, max_a=room.max_a)
    assert found.schedule.duration_s is not None
    second, moments = timedelta(seconds=1), instants(found, room)
    for at in (one for one in moments if one.microsecond == 0):
        if any(at < other < at + second for other in moments if other.microsecond not in (1, 999_999)):
            continue  # What changes within the second has its lowest there.
        told = (limit_at(room.profiles, HERE, at), needs.max_a, room.max_a, Decimal(80))
        most = min(one for one in told if one is not None)
        if most >= (needs.min_a or 0):
            assert planned_at(found, at) == most
    energy = Decimal(0)
    for one, until in pairwise([*found.schedule.periods, Period(start_s=found.schedule.duration_s)]):
        energy += (one.limit or Decimal(0)) * (until.start_s - one.start_s) * 690
    assert found.energy_wh == int(energy / 3600)
    if needs.energy_wh is not None:
        assert found.missing_wh == max(needs.energy_wh - found.energy_wh, 0)


@given(st.lists(st.integers(0, 32), min_size=2, max_size=7), st.integers(1, 6))
def test_no_other_choice_of_periods_gives_more(limits: list[int], most: int) -> None:
    profile = limited(*((index * 60, str(limit)) for index, limit in enumerate(limits)))
    needs = car(max_a=Decimal(32), departure=NOON + timedelta(seconds=60 * len(limits)), max_periods=most)
    found = made(needs, profile, supply=THREE_PHASES)
    best = max(
        sum(min(limits[a:b]) * (b - a) for a, b in pairwise([0, *cuts, len(limits)]))
        for count in range(min(most, len(limits)))
        for cuts in combinations(range(1, len(limits)), count)
    )
    assert found.energy_wh == best * 60 * 690 // 3600


def instants(found: Plan, room: Room) -> list[datetime]:
    """Those around every change of plan and limits."""
    assert found.schedule.start is not None
    assert found.schedule.duration_s is not None
    marks = {found.schedule.start + timedelta(seconds=one.start_s) for one in found.schedule.periods}
    for profile in room.profiles:
        for schedule in profile.schedules:
            assert schedule.start is not None
            marks |= {schedule.start + timedelta(seconds=one.start_s) for one in schedule.periods}
    tick = timedelta(microseconds=1)
    around = {at + shift for at in marks for shift in (-tick, 0 * tick, tick)}
    end = found.schedule.start + timedelta(seconds=found.schedule.duration_s)
    return sorted(at for at in around if found.schedule.start <= at < end)


def planned_at(found: Plan, at: datetime) -> Decimal:
    assert found.schedule.start is not None
    begun = [
        one for one in found.schedule.periods if found.schedule.start + timedelta(seconds=one.start_s) <= at
    ]
    limit = begun[-1].limit
    assert limit is not None
    return limit


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_limit_that_rounds_is_rounded_down(seconds: int) -> None:
    found = made(car(max_a=Decimal("10.19")), now=NOON + timedelta(seconds=seconds))
    assert steps(found) == [(0, Decimal("10.1"))]
