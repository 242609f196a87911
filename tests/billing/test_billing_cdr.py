"""From a session's facts to its CDR: P3, P4, pricing rules 9 and 18, and section 5 on meters."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import HOUR, MINUTE, PLACE, START, ended, issue, sampled, started

from elstrada.billing.cdr import cdr_id_of, place_in
from elstrada.billing.register import Point, rising
from elstrada.billing.trace import NotBillable, trace
from elstrada.model.facts import Fact, SessionCompleted, SessionUpdated
from elstrada.model.session import ChargingPeriod


def volume(period: ChargingPeriod, kind: str) -> Decimal:
    return sum((one.volume for one in period.dimensions if one.type == kind), Decimal(0))


def total(periods: tuple[ChargingPeriod, ...], kind: str) -> Decimal:
    return sum((volume(period, kind) for period in periods), Decimal(0))


def parked_minutes(*facts: Fact) -> Decimal:
    return (total(trace(facts).periods, "PARKING_TIME") * 60).quantize(Decimal("0.1"))


def test_a_cdr_is_cut_where_the_price_changes_and_energy_is_interpolated() -> None:
    cdr, _ = issue(trace(HOUR))
    # Rule 18: 17:00 local is half way between the readings of 16:45 (3 kWh) and 17:15 (9 kWh).
    assert [(p.start_date_time, volume(p, "ENERGY")) for p in cdr.charging_periods] == [
        (START, Decimal("6.000")),
        (START + 30 * MINUTE, Decimal("5.000")),
    ]
    assert cdr.total_cost.before_taxes == Decimal("54.00")  # 6 kWh at 4, 5 kWh at 6.
    assert cdr.total_cost.after_taxes == Decimal("67.50")
    assert cdr.total_energy == Decimal("11.000")
    assert cdr.total_time == Decimal(1)


def test_a_cdr_carries_the_place_the_token_and_its_zone() -> None:
    cdr, _ = issue(trace(HOUR))
    assert (cdr.id, cdr.session_id, cdr.token_ref, cdr.time_zone) == ("s1", "s1", "ref", "Europe/Stockholm")
    assert (cdr.cdr_location.evse_id, cdr.cdr_location.connector_id) == ("SE*ELS*E1", "1")
    assert [tariff.id for tariff in cdr.tariffs] == ["T"]


def test_a_session_id_that_ocpi_cannot_carry_is_refused() -> None:
    assert cdr_id_of("x" * 36) == "x" * 36
    with pytest.raises(ValueError, match="longer than 36"):
        cdr_id_of("x" * 37)


def test_rest_after_the_last_energy_is_parking_when_the_station_says_so() -> None:
    stop = SessionUpdated("s1", START + 40 * MINUTE, charging=False)
    facts = (started(charging=True), sampled(40, 9_000), stop, sampled(50, 9_000), *ended(52, 9_000))
    assert parked_minutes(*facts) == Decimal("12.0")


@pytest.mark.roaming_rule(67)
def test_rest_is_parking_when_the_power_is_zero() -> None:
    facts = (started(), sampled(30, 9_000, 11_000), sampled(32, 9_000, 0), *ended(42, 9_000))
    assert parked_minutes(*facts) == Decimal("10.0")


def test_a_register_that_stands_for_a_quarter_of_an_hour_proves_parking() -> None:
    assert parked_minutes(started(), sampled(30, 9_000), *ended(45, 9_000)) == Decimal("15.0")
    assert parked_minutes(started(), sampled(31, 9_000), *ended(45, 9_000)) == 0


@pytest.mark.roaming_rule(67)
def test_a_pause_before_more_energy_stays_charging_time() -> None:
    # Rule 9: it may be the site's load management.
    pause = SessionUpdated("s1", START + 10 * MINUTE, charging=False)
    facts = (started(), sampled(10, 2_000, 0), pause, sampled(40, 2_000, 0), *ended(60, 9_000))
    assert parked_minutes(*facts) == 0


def test_a_car_that_took_nothing_parks_only_by_the_stations_word() -> None:
    assert parked_minutes(started(), *ended(60, 0)) == 0
    assert parked_minutes(started(charging=False), *ended(60, 0)) == Decimal("60.0")


def test_the_stations_word_against_its_own_register_waits_for_the_register() -> None:
    facts = (started(charging=False), sampled(30, 9_000), *ended(40, 9_000))
    assert parked_minutes(*facts) == Decimal("10.0")
    assert total(trace(facts).periods, "ENERGY") == Decimal("9.000")


@pytest.mark.rule(25)
def test_a_reading_out_of_line_places_no_boundary_and_changes_no_total() -> None:
    # Pricing 5.2: a spike down, one up beyond the total, one after the end.
    spikes = (sampled(30, 1), sampled(35, 999_999), sampled(90, 10_000))
    assert trace((*HOUR, *spikes)).periods == trace(HOUR).periods


@pytest.mark.rule(25)
def test_readings_out_of_line_are_marked_and_no_others() -> None:
    assert trace(HOUR).suspect == ()
    spikes = (sampled(30, 1), sampled(35, 999_999))
    marked = trace((*spikes[::-1], *HOUR, *spikes)).suspect
    assert [(one.at - START) // MINUTE for one in marked] == [30, 35]
    assert marked[1].wh > trace(HOUR).energy_wh


def test_a_session_without_start_reading_counts_from_its_end() -> None:
    told = trace((started(meter_wh=None), sampled(30, 5_000), *ended(60, 8_000)))
    assert [volume(period, "ENERGY") for period in told.periods] == [Decimal("5.000"), Decimal("3.000")]


def test_a_session_of_no_length_has_one_period() -> None:
    told = trace((started(), *ended(0, 0)))
    assert len(told.periods) == 1
    assert total(told.periods, "TIME") == 0


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ((started(),), "not complete"),
        ((started(), SessionCompleted("s1", START, START - MINUTE, 5)), "before its start"),
        ((started(), SessionCompleted("s1", START, START + MINUTE, -5)), "given back"),
    ],
)
def test_what_cannot_be_billed_says_why(facts: tuple[Fact, ...], reason: str) -> None:
    with pytest.raises(NotBillable, match=reason):
        trace(facts)


def test_the_connector_is_found_by_id_else_alone_else_by_position() -> None:
    assert place_in(PLACE.location, "E1", 1) == PLACE
    assert place_in(PLACE.location, "E1", 7) == PLACE  # The only one.
    assert place_in(PLACE.location, "E9", 1) is None


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


@given(READINGS, STATES, st.integers(0, 120), st.integers(0, 30_000), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_shuffled_and_repeated_facts_give_the_same_cdr(readings, states, length, wh, chance) -> None:  # type: ignore[no-untyped-def]
    facts = facts_of(readings, states, length, wh)
    others = facts + chance.sample(facts, len(facts) // 2)
    chance.shuffle(others)
    assert issue(trace(others)) == issue(trace(facts))  # P3


@given(READINGS, STATES, st.integers(0, 120), st.integers(0, 30_000))
@settings(max_examples=150, deadline=None)
def test_periods_sum_exactly_to_the_register_and_to_the_clock(readings, states, length, wh) -> None:  # type: ignore[no-untyped-def]
    told = trace(facts_of(readings, states, length, wh))
    cdr, _ = issue(told)
    hour = (Decimal(length) / 60).quantize(Decimal("0.0001"))
    for periods in (told.periods, cdr.charging_periods):
        assert total(periods, "ENERGY") == Decimal(wh) / 1000
        assert total(periods, "TIME") + total(periods, "PARKING_TIME") == hour
        starts = [period.start_date_time for period in periods]
        assert starts == sorted(set(starts))
        assert all(one.volume >= 0 for period in periods for one in period.dimensions)


@given(st.lists(st.integers(0, 20), max_size=10))
@pytest.mark.rule(25)
def test_the_believed_readings_are_a_longest_rising_choice(values: list[int]) -> None:
    points = [Point(START + timedelta(seconds=n), value) for n, value in enumerate(values)]
    chosen = [point.wh for point in rising(points)]
    assert chosen == sorted(chosen)
    lengths: list[int] = []
    for index, value in enumerate(values):
        before = (lengths[i] for i in range(index) if values[i] <= value)
        lengths.append(1 + max(before, default=0))
    assert len(chosen) == max(lengths, default=0)
