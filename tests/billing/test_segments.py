"""From meter values to charging periods: pricing rule 18, sections 5.1 and 5.2."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import EVENING, MINUTE, START, ZONE, component, ended, issue, sampled, started

from elstrada.billing.trace import trace
from elstrada.charging.state import StationState, evolve
from elstrada.model.facts import Fact, MeterSampled, SessionCompleted, SessionEnded, StationFact
from elstrada.model.measured import Level
from elstrada.model.metering import RegisterTurn, TurnKind
from elstrada.model.quantity import MeterSample, Reading
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Dimension, Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.levels import band, crossings, thousandths
from elstrada.tariffs.segment import Cutter

SECOND = timedelta(seconds=1)


def tariff(*limits: TariffRestrictions) -> Tariff:
    """Energy at 9, 8, ... under these limits, else at 1; parking always costs."""
    limited = (
        TariffElement((component(Dimension.ENERGY, str(9 - number)),), one)
        for number, one in enumerate(limits)
    )
    usual = TariffElement((component(Dimension.ENERGY, "1"), component(Dimension.PARKING_TIME, "30")))
    return Tariff(
        party=EVENING.party,
        id="T",
        currency="SEK",
        elements=(*limited, usual),
        last_updated=EVENING.last_updated,
    )


def volume(period: ChargingPeriod, kind: str) -> Decimal | None:
    return next((one.volume for one in period.dimensions if one.type == kind), None)


def cut(*facts: Fact, by: Tariff = EVENING) -> tuple[list[tuple[float, Decimal | None]], tuple[str, ...]]:
    """Minute and energy of each priced period, and the notes on them."""
    told = trace(facts)
    periods, notes = Cutter(compiled(by), told.start, ZONE).take(told.measured).segments()
    return [((one.start_date_time - START) / MINUTE, volume(one, "ENERGY")) for one in periods], notes


# --- every event that changes a price (rule 18) -------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "minute"),
    [
        (TariffRestrictions(start_time="17:00", end_time="05:00"), 30),
        (TariffRestrictions(start_date="2026-03-03"), 450),
        (TariffRestrictions(day_of_week=("TUESDAY",)), 450),
        (TariffRestrictions(min_kwh=Decimal(5)), 150),
        (TariffRestrictions(min_duration=3_600), 60),
    ],
    ids=["time", "date", "weekday", "energy", "duration"],
)
def test_a_period_begins_where_a_price_does(limits: TariffRestrictions, minute: int) -> None:
    rows = [sampled(at, 500 * at // 15) for at in range(15, 600, 15)]
    periods, _ = cut(started(), *rows, *ended(600, 20_000), by=tariff(limits))
    assert [at for at, _ in periods] == [0, minute]


@pytest.mark.parametrize(
    ("limits", "starts"),
    [
        (TariffRestrictions(min_power=Decimal(5)), [0, 15]),
        (TariffRestrictions(max_power=Decimal(5)), [0, 15]),
        (TariffRestrictions(min_power=Decimal(10)), [0]),
        (TariffRestrictions(min_power=Decimal(5), max_power=Decimal("7.5")), [0, 15, Decimal("22.5")]),
    ],
    ids=["from", "below", "reached at the end only", "between"],
)
def test_a_period_begins_where_power_crosses_a_limit_between_two_samples(
    limits: TariffRestrictions, starts: list[float]
) -> None:
    # A6; from 0 to 10 kW in half an hour.
    facts = (started(), sampled(0, 0, 0), sampled(30, 2_500, 10_000), *ended(30, 2_500))
    periods, _ = cut(*facts, by=tariff(limits))
    assert [at for at, _ in periods] == starts


def test_each_piece_is_priced_by_the_power_it_had() -> None:
    facts = (started(), sampled(0, 0, 0), sampled(30, 3_000, 10_000), *ended(30, 3_000))
    cdr, cost = issue(trace(facts), tariff(TariffRestrictions(min_power=Decimal(5))))
    assert [(line.unit_price, line.quantity) for line in cost.lines] == [
        (1, Decimal("1.500")),
        (9, Decimal("1.500")),
    ]
    assert [(volume(one, "MIN_POWER"), volume(one, "MAX_POWER")) for one in cdr.charging_periods] == [
        (0, Decimal("4.994")),
        (5, Decimal("9.994")),
    ]


def test_a_period_begins_where_the_current_crosses_a_limit() -> None:
    def at(minute: int, energy_wh: int, current_ma: int) -> MeterSampled:
        sample = MeterSample(START + minute * MINUTE, 100_000 + energy_wh, current_ma=current_ma)
        return MeterSampled(1, 1, (sample,), session_id="s1")

    facts = (started(), at(0, 0, 32_000), at(20, 4_000, 6_000), *ended(30, 5_000))
    periods, _ = cut(*facts, by=tariff(TariffRestrictions(min_current=Decimal(19))))
    # 13 of 26 A down after half of 20 minutes; "from 19 A" still holds at 19 A itself.
    assert [at for at, _ in periods] == [0, pytest.approx(10 + 1 / 60)]


LEVELS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 12)), min_size=1, max_size=6)


@given(LEVELS, st.integers(0, 12), st.integers(0, 10))
@settings(max_examples=200, deadline=None)
def test_between_two_crossings_a_level_never_passes_the_bound(
    steps: list[tuple[int, int]], bound: int, begin: int
) -> None:
    at, levels = START, list[Level]()
    for seconds, value in steps:
        at += seconds * SECOND
        levels.append(Level(at, value * 1000))
    end, start = at + 5 * SECOND, START + begin * SECOND
    marks = [
        start,
        *(one for one in crossings(levels, thousandths([Decimal(bound)])) if start < one < end),
        end,
    ]
    for low, high in pairwise(marks):
        found = [
            band(levels, low + n * SECOND, low + (n + 1) * SECOND) for n in range((high - low) // SECOND)
        ]
        above = {one is not None and one[0] >= bound for one in found}
        assert len(above) <= 1
        whole = band(levels, low, high)
        assert found == [] or whole == (min(one[0] for one in found if one), max(o[1] for o in found if o))


# --- gaps (5.2) -----------------------------------------------------------------------------------------------


def test_within_half_an_hour_between_readings_a_boundary_is_interpolated_and_marked() -> None:
    periods, notes = cut(started(), sampled(15, 3_000), sampled(45, 9_000), *ended(60, 11_000))
    assert periods == [(0, Decimal("6.000")), (30, Decimal("5.000"))]
    (note,) = notes
    assert note.startswith("estimated: no reading was made at the change of price at 2026-03-02T16:00")


def test_a_reading_at_the_change_itself_needs_no_estimate() -> None:
    facts = (started(), sampled(15, 3_000), sampled(30, 5_500), sampled(45, 9_000), *ended(60, 11_000))
    assert cut(*facts) == ([(0, Decimal("5.500")), (30, Decimal("5.500"))], ())


def test_over_a_longer_gap_energy_is_one_block_at_the_price_of_its_start() -> None:
    """V49, and V28 of the period that outlasts its price."""
    facts = (started(), sampled(15, 3_000), sampled(46, 9_000), *ended(60, 11_000))
    periods, notes = cut(*facts)
    assert periods == [(0, Decimal("9.000")), (46, Decimal("2.000"))]
    (note,) = notes
    assert "6.000 kWh from 2026-03-02T15:45" in note
    assert note.endswith("(V49)")
    _, cost = issue(trace(facts))
    assert any("period_spans_price_change" in note for note in cost.notes)  # A1, V28


def test_a_gap_within_which_no_price_changes_is_not_worth_a_word() -> None:
    # From 14:30 local on.
    facts = (started(), sampled(1, 1_000), *ended(29, 9_000))
    assert cut(*facts)[1] == ()
    assert cut(started(), *ended(200, 9_000), by=tariff()) == ([(0, Decimal("9.000"))], ())


def test_nothing_flows_in_a_gap_in_which_the_register_stands_so_it_is_cut() -> None:
    facts = (started(), sampled(5, 4_000, 0), *ended(60, 4_000))
    by = tariff(TariffRestrictions(start_time="17:00"))
    assert [at for at, _ in cut(*facts, by=by)[0]] == [0, 5, 30]


# --- registers that fall and go on (5.2) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "begin_wh", "rows", "stop_wh", "energies"),
    [
        (
            RegisterTurn(TurnKind.ROLLOVER, 10**8, 0),
            99_996_000,
            [(15, 99_999_000), (45, 5_000)],
            7_000,
            ["6.000", "5.000"],
        ),
        (
            RegisterTurn(TurnKind.RESET, 103_000, 40),
            100_000,
            [(15, 103_000), (20, 40), (30, 3_040), (40, 0), (45, 6_040)],
            8_040,
            ["6.000", "5.000"],
        ),
    ],
    ids=["rollover", "reset"],
)
def test_boundaries_are_placed_over_a_register_that_fell(
    turn: RegisterTurn, begin_wh: int, rows: list[tuple[int, int]], stop_wh: int, energies: list[str]
) -> None:
    samples = (
        MeterSampled(1, 1, (MeterSample(START + minute * MINUTE, wh),), session_id="s1")
        for minute, wh in rows
    )
    end = START + 60 * MINUTE
    facts = (
        started(meter_wh=begin_wh),
        *samples,
        SessionEnded("s1", end, meter_wh=stop_wh),
        SessionCompleted("s1", START, end, 11_000, turn=turn),
    )
    told = trace(facts)
    assert [(one.at - START) // MINUTE for one in told.suspect] == ([40] if turn.to_wh else [])
    assert cut(*facts)[0] == [(0, Decimal(energies[0])), (30, Decimal(energies[1]))]


def test_registers_of_another_meter_place_no_boundary_and_are_no_suspects() -> None:
    """The grid's side, which lies near enough to be taken for the outlet's."""
    inlet = [
        MeterSampled(
            1, 1, (MeterSample(START + n * MINUTE, 100_300 + n * 190, register_at="Inlet"),), session_id="s1"
        )
        for n in range(1, 60)
    ]
    facts = (started(), sampled(15, 3_000), sampled(45, 9_000), *ended(60, 11_000))
    assert cut(*inlet, *facts) == cut(*facts)
    assert trace([*inlet, *facts]).suspect == ()


@pytest.mark.parametrize(
    ("context", "minutes"), [("Sample.Periodic", (30, 60)), ("Sample.Clock", (0, 30))], ids=["ends", "begins"]
)
def test_boundaries_are_placed_by_intervals_where_there_is_no_register(
    context: str, minutes: tuple[int, int]
) -> None:
    """An aligned interval bears the time of its start (OCPP 1.6, ClockAlignedDataInterval)."""
    rows = [
        MeterSampled(
            1,
            1,
            (
                MeterSample(
                    START + minute * MINUTE,
                    context=context,
                    readings=(Reading("Energy.Active.Import.Interval", Decimal(wh), "Wh"),),
                ),
            ),
            session_id="s1",
        )
        for minute, wh in zip(minutes, (6_000, 5_000), strict=True)
    ]
    end = START + 60 * MINUTE
    facts = (
        started(meter_wh=0),
        *rows,
        SessionEnded("s1", end, 0),
        SessionCompleted("s1", START, end, 11_000),
    )
    assert cut(*facts) == ([(0, Decimal("6.000")), (30, Decimal("5.000"))], ())


# --- laws -------------------------------------------------------------------------------------------------------

NOISE = st.lists(
    st.tuples(
        st.integers(1, 45),
        st.sampled_from([0, 0, 200, 900, 2_500]),
        st.sampled_from([None, 0, 4_000, 11_000]),
        st.sampled_from(["", "", "", "", "spike up", "spike down", "reset", "inlet", "no register"]),
    ),
    max_size=16,
)


def noisy(rows: list[tuple[int, int, int | None, str]]) -> tuple[list[MeterSampled], datetime, int]:
    """A session's samples, its end, and its last register."""
    facts, at, register = list[MeterSampled](), START, 100_000
    for minutes, risen, power_w, oddity in rows:
        at += minutes * MINUTE
        register = 30 if oddity == "reset" else register + risen
        told = {"spike up": register + 90_000_000, "spike down": 7, "no register": None}.get(oddity, register)
        place = "Inlet" if oddity == "inlet" else "Outlet"
        sample = MeterSample(at, told, power_w, register_at=place)
        facts.append(MeterSampled(1, 1, (sample,), session_id="s1"))
    return facts, at + 3 * MINUTE, register + 100


def completed(facts: Sequence[StationFact]) -> list[Fact]:
    """The facts and the completion to which they lead, whatever their order."""
    state = StationState(owner=EVENING.party, station_id="S1")
    for fact in facts:
        state = evolve(state, fact, START)
    session = state.sessions["s1"]
    assert session.started_at is not None
    assert session.ended_at is not None
    energy_wh, turn = session.energy_wh, session.turn
    return [*facts, SessionCompleted("s1", session.started_at, session.ended_at, energy_wh, turn=turn)]


BY = tariff(
    TariffRestrictions(start_time="17:00", end_time="20:00"),
    TariffRestrictions(min_power=Decimal(5), max_power=Decimal("10.5")),
    TariffRestrictions(min_kwh=Decimal(3), max_kwh=Decimal(6)),
    TariffRestrictions(min_duration=5_400),
)


@given(NOISE, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_noisy_meters_in_any_order_make_one_cdr_whose_periods_sum_to_the_register(
    rows: list[tuple[int, int, int | None, str]], chance: Random
) -> None:
    samples, end, stop_wh = noisy(rows)
    facts: list[StationFact] = [started(), *samples, SessionEnded("s1", end, meter_wh=stop_wh)]
    others = facts + chance.sample(facts, len(facts) // 2)
    chance.shuffle(others)
    told, other = completed(facts), completed(others)
    assert other[-1] == told[-1]
    done = told[-1]
    assert isinstance(done, SessionCompleted)
    cdr, cost = issue(trace(told), BY)
    assert (cdr, cost) == issue(trace(other), BY)
    periods = cdr.charging_periods
    assert (
        sum(volume(one, "ENERGY") or 0 for one in periods)
        == cdr.total_energy
        == Decimal(done.energy_wh) / 1000
    )
    starts = [one.start_date_time for one in periods]
    assert starts == sorted(set(starts))
    assert starts[0] == START
    assert starts[-1] < end
    assert all(part.volume >= 0 for one in periods for part in one.dimensions)
    if not any(oddity == "reset" for *_, oddity in rows):
        assert done.energy_wh == stop_wh - 100_000  # No suspect value changes a billed figure.
