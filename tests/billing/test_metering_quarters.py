"""From a session's facts to its quarter-hours: pricing 5.1, 5.2 and 5.4, and P3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import HOUR, MINUTE, START, ended, sampled, started

from elstrada.billing.metering.quarters import TooLong, quarter_of, session_quarters
from elstrada.billing.trace import NotBillable, trace
from elstrada.model.facts import Fact, MeterSampled, SessionCompleted, SessionEnded, SessionUpdated
from elstrada.model.metering import MeterLack
from elstrada.model.quantity import MeterSample, Reading
from elstrada.model.quarter import QuarterSource, SessionQuarter

REGISTER = "Energy.Active.Import.Register"


def parts(*facts: Fact, recorded_at: datetime | None = None) -> tuple[SessionQuarter, ...]:
    return session_quarters("CP1", facts, recorded_at or START + timedelta(days=9))


def at(minute: int, energy_wh: int, *readings: Reading) -> MeterSampled:
    sample = MeterSample(START + minute * MINUTE, 100_000 + energy_wh, readings=readings)
    return MeterSampled(1, 1, (sample,), session_id="s1")


def test_an_hour_has_four_quarters_and_energy_lies_where_the_register_says() -> None:
    found = parts(*HOUR)
    assert [one.quarter for one in found] == [START + n * 15 * MINUTE for n in range(4)]
    assert [one.energy_wh for one in found] == [3_000, 3_000, 3_000, 2_000]
    assert [one.connected_s for one in found] == [one.charging_s for one in found] == [900] * 4
    assert [(one.begun, one.ended) for one in found] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    assert [one.peak_w for one in found] == [None, 11_000, None, 11_000]
    assert (found[0].begun_wh, found[-1].ended_wh) == (100_000, 111_000)
    assert (found[-1].total_wh, found[-1].total_s) == (11_000, 3_600)


def test_quarters_are_cut_in_utc_whatever_the_minute_a_session_begins() -> None:
    facts = (
        started(at=START + 7 * MINUTE),
        SessionCompleted("s1", START + 7 * MINUTE, START + 22 * MINUTE, 1_500),
    )
    found = parts(*facts)
    assert [(one.quarter, one.energy_wh, one.connected_s) for one in found] == [
        (START, 800, 480),
        (START + 15 * MINUTE, 700, 420),
    ]
    assert quarter_of(datetime(2026, 3, 2, 15, 44, 59, 999_999, UTC)) == datetime(
        2026, 3, 2, 15, 30, tzinfo=UTC
    )


def test_energy_between_readings_far_apart_is_estimated() -> None:
    near = parts(started(), sampled(30, 6_000), *ended(60, 11_000))
    far = parts(started(), sampled(31, 6_000), *ended(60, 11_000))
    assert {one.source for one in near} == {QuarterSource.METERED}
    assert [one.source for one in far] == [QuarterSource.ESTIMATED] * 3 + [QuarterSource.METERED]


def test_time_after_the_last_energy_is_connected_and_not_charging() -> None:
    rest = SessionUpdated("s1", START + 20 * MINUTE, charging=False)
    found = parts(started(), sampled(20, 5_000), rest, *ended(60, 5_000))
    assert [one.charging_s for one in found] == [900, 300, 0, 0]
    assert [one.connected_s for one in found] == [900] * 4


def test_a_session_that_took_nothing_has_failed_unless_its_meter_is_blind() -> None:
    begun, (end, done) = started(), ended(3, 0)
    assert [one.failed for one in parts(begun, end, done)] == [True]
    blind = SessionCompleted("s1", START, done.ended_at, 0, meter_lacks=(MeterLack.NO_REGISTER,))
    assert [one.failed for one in parts(begun, end, blind)] == [False]
    assert [one.failed for one in parts(*HOUR)] == [False] * 4


def test_a_session_of_no_length_is_one_row_with_all_of_its_energy() -> None:
    (only,) = parts(started(), SessionCompleted("s1", START, START, 40))
    assert (only.energy_wh, only.connected_s, only.begun, only.ended) == (40, 0, True, True)


def test_registers_that_do_not_differ_by_the_energy_are_not_kept() -> None:
    found = parts(
        started(meter_wh=0),
        SessionEnded("s1", START + 10 * MINUTE, meter_wh=111_000),
        SessionCompleted("s1", START, START + 10 * MINUTE, 11_000),
    )
    assert (found[0].begun_wh, found[-1].ended_wh) == (None, None)


def test_inlet_and_outlet_are_compared_only_where_both_are_told() -> None:
    def inlet(wh: int) -> Reading:
        return Reading(REGISTER, Decimal(wh), "Wh", location="Inlet")

    found = parts(started(), at(5, 1_000, inlet(50_100)), at(20, 4_000, inlet(53_400)), *ended(30, 6_000))
    assert [(one.inlet_wh, one.outlet_wh) for one in found] == [(2_200, 2_000), (1_100, 1_000)]
    alone = parts(started(), at(5, 1_000, inlet(50_100)), at(20, 4_000), *ended(30, 6_000))
    assert {(one.inlet_wh, one.outlet_wh) for one in alone} == {(None, None)}
    fell = parts(started(), at(5, 1_000, inlet(50_100)), at(20, 4_000, inlet(50_000)), *ended(30, 6_000))
    assert {(one.inlet_wh, one.outlet_wh) for one in fell} == {(None, None)}


def test_phases_that_differ_are_told_only_if_all_three_are() -> None:
    def phase(name: str, amperes: str) -> Reading:
        return Reading("Current.Import", Decimal(amperes), "A", phase=name)

    three = (phase("L1", "16.2"), phase("L2", "15.9"), phase("L3", "1.1"))
    found = parts(started(), at(5, 1_000, *three), at(20, 2_000, *three[:2]), *ended(30, 6_000))
    assert [one.imbalance_ma for one in found] == [15_100, None]


def test_a_station_whose_clock_is_ahead_is_moved_back_as_its_cdr_is() -> None:
    """V07: what ended in our future ended at the latest when we heard of it."""
    heard = START + 30 * MINUTE
    found = parts(*HOUR, recorded_at=heard)
    assert found[0].quarter == START - 30 * MINUTE
    assert sum(one.energy_wh for one in found) == 11_000
    assert [one.peak_w for one in found] == [None, 11_000, None, 11_000]


def test_a_station_whose_clock_is_behind_is_moved_as_its_cdr_is() -> None:
    """Pricing 5.2: all of it, levels too, by as much as its news were off."""
    found = session_quarters("CP1", HOUR, START + timedelta(days=9), ahead=-15 * MINUTE)
    assert [one.quarter for one in found] == [START + n * 15 * MINUTE for n in range(1, 5)]
    assert [one.energy_wh for one in found] == [3_000, 3_000, 3_000, 2_000]
    assert [one.peak_w for one in found] == [None, 11_000, None, 11_000]


def test_begin_and_end_are_registers_of_one_meter() -> None:
    """Pricing 5.1: of two places the outlet counts, whichever was told first and last."""

    def register(minute: int, energy_wh: int, place: str) -> MeterSampled:
        sample = MeterSample(START + minute * MINUTE, energy_wh, register_at=place)
        return MeterSampled(1, 1, (sample,), session_id="s1")

    found = parts(
        started(meter_wh=None),
        register(1, 500_000, "Inlet"),
        register(2, 100_000, "Outlet"),
        register(25, 105_000, "Outlet"),
        register(26, 506_000, "Inlet"),
        SessionEnded("s1", START + 30 * MINUTE),
        SessionCompleted("s1", START, START + 30 * MINUTE, 5_000),
    )
    assert (found[0].begun_wh, found[-1].ended_wh) == (100_000, 105_000)


def test_a_session_of_more_than_a_month_is_refused_by_name() -> None:
    far = START + timedelta(days=40)
    with pytest.raises(TooLong, match="session s1 lasts 40 days"):
        parts(started(), SessionCompleted("s1", START, far, 7), recorded_at=far)


def test_what_is_not_complete_or_gave_energy_back_has_no_quarters() -> None:
    with pytest.raises(NotBillable, match="not complete"):
        parts(started())
    with pytest.raises(NotBillable, match="given back"):
        parts(started(), SessionCompleted("s1", START, START + MINUTE, -5))


# --- laws ---------------------------------------------------------------------------------------------

READINGS = st.lists(
    st.tuples(
        st.integers(-5, 130),
        st.none() | st.integers(-10, 30_000),
        st.sampled_from([None, 0, 3_000, 11_000]),
    ),
    max_size=12,
)
STATES = st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=4)


def facts_of(
    readings: list[tuple[int, int | None, int | None]], states: list[tuple[int, bool]], length: int, wh: int
) -> list[Fact]:
    news = [SessionUpdated("s1", START + minute * MINUTE, charging=flows) for minute, flows in states]
    return [started(), *(sampled(*reading) for reading in readings), *news, *ended(length, wh)]


@given(READINGS, STATES, st.integers(0, 120), st.integers(0, 30_000))
@settings(max_examples=150, deadline=None)
def test_quarters_sum_to_the_session_and_to_its_length(readings, states, length, wh) -> None:  # type: ignore[no-untyped-def]
    facts = facts_of(readings, states, length, wh)
    found = parts(*facts)
    assert sum(one.energy_wh for one in found) == wh
    assert sum(one.connected_s for one in found) == length * 60
    assert all(0 <= one.charging_s <= one.connected_s <= 900 and one.energy_wh >= 0 for one in found)
    starts = [one.quarter for one in found]
    assert starts == [starts[0] + n * 15 * MINUTE for n in range(len(starts))]
    parked = sum(
        dimension.volume
        for period in trace(facts).periods
        for dimension in period.dimensions
        if dimension.type == "PARKING_TIME"
    )
    idle_s = sum(one.connected_s - one.charging_s for one in found)
    assert abs(idle_s - parked * 3600) < 1  # Rounded to four decimals of an hour there.


@given(READINGS, STATES, st.integers(0, 120), st.integers(0, 30_000), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_shuffled_and_repeated_facts_give_the_same_quarters(readings, states, length, wh, chance) -> None:  # type: ignore[no-untyped-def]
    facts = facts_of(readings, states, length, wh)
    others = facts + chance.sample(facts, len(facts) // 2)
    chance.shuffle(others)
    assert parts(*others) == parts(*facts)  # P3
