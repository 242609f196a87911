"""The running cost is at every moment what the session would cost if it ended then, at bounded work."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table
from test_roles_rater import ALL, OWNER, START, STREAM, Noon, booked, put_tariff, spine_with, tariff

from elstrada.billing.clock_offset import ClockOffset
from elstrada.billing.trace import trace
from elstrada.charging.state import SessionState, StationState, evolve
from elstrada.model.cost import Cost
from elstrada.model.facts import (
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionStarted,
    SessionUpdated,
    StationFact,
)
from elstrada.model.ids import bookings_stream
from elstrada.model.quantity import MeterSample
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.roles.rating import Rating
from elstrada.roles.running import Running, so_far
from elstrada.spine.face import Append, Cell, Recorded, Row, Work
from elstrada.spine.memory import MemorySpine
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.segment import Cutter, Segments
from elstrada.tariffs.usage import Usage

ZONE = "Europe/Stockholm"
MINUTE = timedelta(minutes=1)


def element(price: str, **limits: object) -> TariffElement:
    parts = [
        PriceComponent(kind, Decimal(price), Decimal(25), 1) for kind in (Dimension.ENERGY, Dimension.TIME)
    ]
    parts.append(PriceComponent(Dimension.PARKING_TIME, Decimal(price) * 10, Decimal(25), 60))
    return TariffElement(tuple(parts), TariffRestrictions(**limits) if limits else None)  # type: ignore[arg-type]


BY = Tariff(
    party=OWNER,
    id="T",
    currency="SEK",
    elements=(
        element("6", start_time="17:00", end_time="20:00", min_power=Decimal(5)),
        element("5", min_kwh=Decimal(7), max_power=Decimal(9)),
        element("3", min_duration=2_400),
        element("4"),
    ),
    last_updated=START - timedelta(days=1),
)
TIME_OF_USE = tariff("T", "4")
BEGUN = SessionStarted("s1", "7", "k", 1, 1, START, "ref", None, meter_wh=100_000)
News = tuple[int, int | None, int | None, bool | None]
"""Minutes and Wh since the last news, W, and whether it charges."""

GOES_ON = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.none() | st.sampled_from([0, 0, 100, 900]),
        st.sampled_from([None, 0, 3_000, 11_000]),
        st.sampled_from([None, None, None, True, False]),
    ),
    max_size=14,
)
STRAYS = st.lists(
    st.tuples(
        st.integers(-30, 40),
        st.none() | st.integers(-3_000, 4_000),
        st.sampled_from([None, 0, 3_000, 11_000]),
        st.sampled_from([None, None, None, True, False]),
    ),
    max_size=14,
)


def told_by(news: list[News]) -> list[StationFact]:
    """A session's facts as they come."""
    facts: list[StationFact] = [BEGUN]
    at, register = START, 100_000
    for minutes, risen, power_w, charging in news:
        at = at + minutes * MINUTE
        register += risen or 0
        sample = MeterSample(at, None if risen is None else register, power_w)
        facts.append(MeterSampled(1, 1, (sample,), session_id="s1"))
        if risen is not None and minutes % 4 == 3:
            beside = MeterSample(at, register * 2, register_at="Inlet")
            facts.append(MeterSampled(1, 1, (beside,), session_id="s1"))
        if charging is not None:
            facts.append(SessionUpdated("s1", at, charging=charging))
    return facts


def state_of(facts: list[StationFact]) -> SessionState:
    state = StationState(owner=OWNER, station_id="CP1")
    for fact in facts:
        state = evolve(state, fact, START)
    return state.sessions["s1"]


def whole(facts: list[StationFact], reached: SessionCompleted) -> Segments:
    told = trace([*facts, reached])
    return Cutter(compiled(BY), told.start, ZONE).take(told.measured).segments()


def followed(facts: list[StationFact], reached: SessionCompleted) -> Running:
    told, by = trace([*facts, reached]), compiled(BY)
    usage = Usage(start=told.start, end=told.end, time_zone=ZONE, currency="SEK", periods=())
    return Running(
        told=told,
        by=by,
        usage=usage,
        version=len(facts),
        looked_up_at=START,
        clock=ClockOffset(),
        line=told.line,
        closed=Cutter(by, told.start, ZONE),
    )


def steps(news: list[News]) -> tuple[int, int]:
    """Follow a session from news to news, and compare: how often it was followed, and how often it had a cost."""
    facts, running, followed_so, compared = list[StationFact](), None, 0, 0
    for number, fact in enumerate(told_by(news), 1):
        facts.append(fact)
        reached = so_far(state_of(facts))
        grown = running and running.after([Recorded(number, STREAM, number, START, fact)])
        if reached is None or reached.ended_at < reached.started_at:
            continue
        compared += 1
        now = reached.ended_at
        if grown is not None and grown.reaches(reached, now):
            assert grown.segments() == whole(facts, reached)
            followed_so, running = followed_so + 1, grown
        else:
            running = followed(facts, reached)
            assert not running.reaches(reached, now) or running.segments() == whole(facts, reached)
    return followed_so, compared


@given(GOES_ON)
@settings(max_examples=150, deadline=None)
def test_a_session_that_goes_on_is_followed_all_the_way_to_the_same_periods(news: list[News]) -> None:
    followed_so, compared = steps(news)
    assert followed_so >= compared - 1  # All but the first.


@given(GOES_ON | STRAYS)
@example(
    [
        (1, None, 0, None),
        (36, 100, None, None),
        (5, None, 0, None),
        (5, 0, None, None),
        (5, None, 0, None),
        (5, 100, None, None),
    ]
)
@example([(0, 0, None, None), (1, 1, None, None)])
@example([(0, 0, None, None), (1, 1, 0, None)])
@example([(0, 1, None, None), (1, 0, 0, None)])
@settings(max_examples=150, deadline=None)
def test_whatever_a_station_tells_the_running_periods_are_those_of_an_end_then(news: list[News]) -> None:
    steps(news)


@pytest.mark.parametrize("seed", range(8))
async def test_the_running_cost_is_the_final_cost_of_a_session_that_ends_then(seed: int) -> None:
    chance = Random(seed)
    by = BY if seed % 2 else TIME_OF_USE
    spine = await spine_with(*ALL, put_tariff(by))
    rating, version = Rating(spine), 1
    facts = told_by(
        [
            (
                chance.randint(1, 20) - 15 * (chance.random() < 0.05),
                chance.choice([0, 300, 900]) - 2_000 * (chance.random() < 0.05),
                chance.choice([None, 0, 7_000]),
                None,
            )
            for _ in range(25)
        ]
    )
    for number, fact in enumerate(facts, 1):
        await spine.commit(Work((Append(STREAM, version, (fact,)),)))
        version += 1
        reached = so_far(state_of(facts[:number]))
        if reached is not None:
            running = await rating.so_far(OWNER, "CP1", reached, reached.ended_at)
            assert running == await final(by, facts[:number], reached)


async def final(by: Tariff, facts: list[StationFact], reached: SessionCompleted) -> Cost:
    """What the CDR of a session says that ended as it was reached, by a node that saw nothing of it before."""
    ended = SessionEnded("s1", reached.ended_at, meter_wh=100_000 + reached.energy_wh)
    told: tuple[Fact, ...] = (*facts, ended, reached)
    spine = await spine_with(*ALL, put_tariff(by), facts=told)
    done = (await spine.facts(STREAM))[-1]
    return (await Rating(spine).issued(OWNER, done, "s1")).cost


class Counting(MemorySpine):
    """Counts what is read of it."""

    facts_read = rows_read = 0

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
        found = await super().facts(stream, after_version, limit)
        self.facts_read += len(found)
        return found

    async def get(self, table: Table, **key: Cell) -> Row | None:
        self.rows_read += 1
        return await super().get(table, **key)


async def test_a_refresh_reads_nothing_but_what_is_new() -> None:
    spine = Counting(Noon())
    await spine.start()
    facts = told_by([(1, 100, 6_000, None)] * 200)
    await spine.commit(Work((Append(STREAM, 0, tuple(facts[:100])),), writes=ALL))
    rating = Rating(spine)
    for number in range(100, 200):
        reached = so_far(state_of(facts[:number]))
        assert reached is not None
        await rating.so_far(OWNER, "CP1", reached, reached.ended_at)
        await spine.commit(Work((Append(STREAM, number, (facts[number],)),)))
    # A hundred at first and then one by one; every five minutes place and tariff are looked up again.
    assert spine.facts_read == 199
    assert spine.rows_read <= 4 + 20 * 4


BOOKED = msgspec.structs.replace(
    BY,
    elements=(
        TariffElement((PriceComponent(Dimension.FLAT, Decimal(20)),), TariffRestrictions(booking="BOOKING")),
        TariffElement(
            (PriceComponent(Dimension.TIME, Decimal(60)),), TariffRestrictions(booking="BOOKING_OVERTIME")
        ),
        *BY.elements,
    ),
)


async def test_the_running_cost_of_a_booked_session_has_its_overtime_and_sees_a_longer_booking() -> None:
    spine = MemorySpine(Noon())
    await spine.start()
    facts = told_by([(5, 500, 6_000, None)] * 12)
    await spine.commit(Work((Append(STREAM, 0, tuple(facts[:2])),), writes=(*ALL, put_tariff(BOOKED))))
    await spine.commit(Work((Append(bookings_stream(OWNER, "L1"), 0, (booked(START + 20 * MINUTE),)),)))
    rating, found = Rating(spine), list[Decimal]()
    for number in range(2, 12):
        reached = so_far(state_of(facts[:number]))
        assert reached is not None
        cost = await rating.so_far(OWNER, "CP1", reached, reached.ended_at)
        assert cost == await Rating(spine).so_far(OWNER, "CP1", reached, reached.ended_at)
        assert cost.reservation is not None
        found.append(cost.reservation.before_taxes)
        if number == 8:
            longer = Append(bookings_stream(OWNER, "L1"), 1, (booked(START + 40 * MINUTE),))
            await spine.commit(Work((longer,)))
        await spine.commit(Work((Append(STREAM, number, (facts[number],)),)))
    # Until 20 minutes after the start, and then until 40, as is known 35 after it.
    assert found == [20, 20, 20, 20, 25, 30, 35, 20, 25, 30]


async def test_the_running_cost_of_a_booking_by_the_hour_grows_with_the_booked_hours() -> None:
    """As those of the final one, which is told anew beside it."""
    by_the_hour = TariffElement(
        (PriceComponent(Dimension.TIME, Decimal(60), None, 0),), TariffRestrictions(booking="BOOKING")
    )
    offered = msgspec.structs.replace(BY, elements=(by_the_hour, *BY.elements))
    spine = MemorySpine(Noon())
    await spine.start()
    facts = told_by([(5, 500, 6_000, None)] * 12)
    await spine.commit(Work((Append(STREAM, 0, tuple(facts[:2])),), writes=(*ALL, put_tariff(offered))))
    await spine.commit(Work((Append(bookings_stream(OWNER, "L1"), 0, (booked(START + 20 * MINUTE),)),)))
    rating, found = Rating(spine), list[Decimal]()
    for number in range(2, 12):
        reached = so_far(state_of(facts[:number]))
        assert reached is not None
        cost = await rating.so_far(OWNER, "CP1", reached, reached.ended_at)
        assert cost == await Rating(spine).so_far(OWNER, "CP1", reached, reached.ended_at)
        assert cost.reservation is not None
        found.append(round(cost.reservation.before_taxes, 1))
        if number == 8:
            longer = Append(bookings_stream(OWNER, "L1"), 1, (booked(START + 40 * MINUTE),))
            await spine.commit(Work((longer,)))
        await spine.commit(Work((Append(STREAM, number, (facts[number],)),)))
    assert found == [5, 10, 15, 20, 20, 20, 20, 40, 40, 40]


async def test_a_tariff_that_is_mended_while_a_session_runs_is_seen_within_five_minutes() -> None:
    spine = MemorySpine(Noon())
    await spine.start()
    facts = told_by([(2, 1_000, 6_000, None)] * 10)
    await spine.commit(Work((Append(STREAM, 0, tuple(facts[:2])),), writes=ALL))
    rating, totals = Rating(spine), list[Decimal]()
    for number in range(2, 10):
        reached = so_far(state_of(facts[:number]))
        assert reached is not None
        totals.append((await rating.so_far(OWNER, "CP1", reached, reached.ended_at)).total.before_taxes)
        await spine.commit(
            Work((Append(STREAM, number, (facts[number],)),), writes=(put_tariff(tariff("T", "9")),))
        )
    assert totals[:3] == [4, 8, 12]  # kWh at 4 each.
    assert totals[-1] == 8 * 9


class Hand:
    """A clock that is put."""

    time = START

    def now(self) -> datetime:
        return self.time


@pytest.mark.parametrize("ahead", [-10, 10], ids=["behind", "ahead"])
async def test_a_clock_that_is_off_moves_the_running_cost_as_it_moves_the_final_one(ahead: int) -> None:
    clock = Hand()
    spine = MemorySpine(clock)
    await spine.start()
    await spine.commit(Work(writes=ALL))
    facts = told_by([(5, 1_000, 6_000, None)] * 10)
    rating, starts = Rating(spine), set[datetime]()
    for number, fact in enumerate(facts):
        said = fact.samples[0].at if isinstance(fact, MeterSampled) else START
        clock.time = said - ahead * MINUTE
        await spine.commit(Work((Append(STREAM, number, (fact,)),)))
        reached = so_far(state_of(facts[: number + 1]))
        if reached is not None:
            running = await rating.so_far(OWNER, "CP1", reached, clock.time)
            assert running == await Rating(spine).so_far(OWNER, "CP1", reached, clock.time)
            starts.add(running.lines[0].start)
    # Three readings prove it; before, only an end of the future is moved (V07).
    assert starts == ({START, START + 10 * MINUTE} if ahead < 0 else {START - 10 * MINUTE})
