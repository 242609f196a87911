"""The meterer on every engine: the same facts give the same rows, whatever comes between (decision 0026)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from spine_engines import ENGINES, Engine, StillClock, on
from sqlalchemy import Table

from elstrada.billing.metering.quarters import session_quarters
from elstrada.model.facts import (
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionStarted,
    SessionUpdated,
)
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.quantity import MeterSample, Reading
from elstrada.model.quarter import SessionQuarter
from elstrada.roles import meterer
from elstrada.roles.meterer import CODE, NAME, Meterer, MeterSweep
from elstrada.spine import tables as t
from elstrada.spine.face import Advance, Append, Delete, Put, Row, Spine, SpineDown, Work
from elstrada.spine.followers import run_follower
from elstrada.spine.memory import MemorySpine

OWNER = PartyId("SE", "ELS")
START = datetime(2026, 2, 27, 10, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
on_memory = ENGINES["memory"]


def session(session_id: str, minutes: int = 40, energy_wh: int = 7_001, evse_id: int = 1) -> tuple[Fact, ...]:
    """A session whose register is told every ten minutes; its start is where its id says."""
    begin = START + int(session_id[1:]) * 60 * MINUTE
    readings = [
        MeterSampled(
            evse_id,
            1,
            (MeterSample(begin + minute * MINUTE, 50_000 + energy_wh * minute**2 // minutes**2, 9_000),),
            session_id=session_id,
        )
        for minute in range(10, minutes, 10)
    ]
    return (
        SessionStarted(session_id, session_id, session_id, evse_id, 1, begin, meter_wh=50_000),
        *readings,
        SessionEnded(session_id, begin + minutes * MINUTE, meter_wh=50_000 + energy_wh),
        SessionCompleted(session_id, begin, begin + minutes * MINUTE, energy_wh),
    )


def told(minute: int, register_wh: int | None, evse_id: int = 1, *, suspect: bool = False) -> MeterSampled:
    """A register without a session."""
    sample = MeterSample(START + minute * MINUTE, register_wh, clock_suspect=suspect)
    return MeterSampled(evse_id, 1, (sample,))


async def tell(spine: Spine, *facts: Fact, station_id: str = "CP1") -> None:
    stream = station_stream(OWNER, station_id)
    await spine.commit(Work((Append(stream, await spine.version(stream), facts),)))


async def follow(spine: Spine, at_once: int = 500) -> int:
    """Let the meterer read all that it has not read yet; how many rows were written or removed."""
    written, role = 0, Meterer(spine)
    for shard in range(spine.shards):
        while facts := await spine.read(at := await spine.cursor(NAME, shard), at_once, shard):
            work = await role.handle(facts)
            written += len(work.writes)
            end = Advance(NAME, facts[-1].position, shard, expected=at)
            await spine.commit(Work(work.appends, work.writes, end))
    return written


async def from_the_beginning(spine: Spine, *, emptied: bool = False) -> None:
    """Put the cursors back, and remove what there is."""
    for shard in range(spine.shards):
        await spine.commit(Work(advance=Advance(NAME, 0, shard)))
    for table in (t.session_quarter, t.register_quarter) if emptied else ():
        rows = await rows_of(spine, table)
        keys = [{column.name: row[column.name] for column in table.primary_key} for row in rows]
        await spine.commit(Work(writes=tuple(Delete(table, key) for key in keys)))


async def rows_of(spine: Spine, table: Table = t.session_quarter) -> list[Row]:
    return await spine.find(table, order=[column.name for column in table.primary_key], limit=10_000)


async def everything(spine: Spine) -> tuple[list[Row], list[Row]]:
    return await rows_of(spine), await rows_of(spine, t.register_quarter)


def of(rows: Sequence[Row], column: str) -> list[object]:
    return [row[column] for row in rows]


@every_engine
def test_a_complete_session_has_a_row_for_each_of_its_quarters(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0"))
        await follow(spine)
        rows = await rows_of(spine)
        assert of(rows, "quarter") == [START + (15 * n - 5) * MINUTE for n in range(3)]
        assert sum(int(str(row["energy_wh"])) for row in rows) == 7_001
        assert of(rows, "connected_s") == [600, 900, 900]
        assert [bool(row["begun"]) for row in rows] == [True, False, False]
        assert of(rows, "ended_wh") == [None, None, 57_001]
        assert of(rows, "peak_w") == [None, 9_000, 9_000]

    on(engine, tmp_path, scene)


@every_engine
def test_phases_beyond_any_station_stop_nobody_elses_quarters(engine: Engine, tmp_path: Path) -> None:
    """Readings may be up to 10^18 in their unit, of which thousandths are more than a row holds."""

    async def scene(spine: Spine) -> None:
        amperes = zip(("L1", "L2", "L3"), (Decimal(10) ** 17, Decimal(10), Decimal(10)), strict=True)
        phases = tuple(Reading("Current.Import", value, "A", phase=name) for name, value in amperes)
        absurd = MeterSampled(1, 1, (MeterSample(START + 5 * MINUTE, readings=phases),), session_id="s0")
        begin, *rest = session("s0")
        await tell(spine, begin, absurd, *rest)
        await tell(spine, *session("s1"), station_id="CP2")
        await follow(spine)
        rows = await rows_of(spine)
        assert [row["session_id"] for row in rows if row["ended"]] == ["s0", "s1"]
        assert set(of(rows, "imbalance_ma")) == {None}

    on(engine, tmp_path, scene)


def test_a_session_that_goes_on_has_no_rows_yet() -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0")[:-1])
        assert await follow(spine) == 0

    on(on_memory, Path(), scene)


@every_engine
def test_a_reading_behind_the_completion_moves_energy_and_no_total(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        facts = session("s0")
        await tell(spine, facts[0], *facts[2:])
        await follow(spine)
        before = await rows_of(spine)
        late = MeterSampled(1, 1, (MeterSample(START + 10 * MINUTE, 51_700),), session_id="s0")
        await tell(spine, late, told(2, 1))
        assert await follow(spine) == 3
        after = await rows_of(spine)
        assert of(before, "energy_wh") != of(after, "energy_wh")
        assert sum(map(int, map(str, of(after, "energy_wh")))) == 7_001

    on(engine, tmp_path, scene)


def _mixed(seed: int) -> dict[str, list[Fact]]:
    """Sessions and registers at three stations; of every session something comes late, as far as order goes."""
    chance = random.Random(seed)
    told_of: dict[str, list[Fact]] = {}
    for number, station_id in enumerate(("CP1", "CP2", "CP3")):
        facts: list[Fact] = []
        for name in range(number * 10, number * 10 + 3):
            own = list(
                session(f"s{name}", chance.choice((12, 40, 75)), chance.randrange(20_000), 1 + name % 2)
            )
            own += chance.sample(own[1:-1], 1)
            start, *rest = own
            chance.shuffle(rest)
            facts += [start, *rest]
        facts += [told(chance.randrange(120), chance.randrange(9_000)) for _ in range(4)]
        told_of[station_id] = facts
    return told_of


@pytest.fixture(scope="module")
def in_memory() -> tuple[list[Row], list[Row]]:
    """What the mixed facts give, in batches of all facts."""

    async def scene(spine: Spine) -> tuple[list[Row], list[Row]]:
        for station_id, facts in _mixed(7).items():
            await tell(spine, *facts, station_id=station_id)
        await follow(spine)
        return await everything(spine)

    return on(on_memory, Path(), scene)


@every_engine
def test_every_engine_has_the_same_rows_one_fact_at_a_time_and_again_from_the_beginning(
    engine: Engine, tmp_path: Path, in_memory: tuple[list[Row], list[Row]]
) -> None:
    def plain(rows: list[Row]) -> list[dict[str, object]]:
        truths = ("begun", "ended", "failed")
        return [{name: bool(v) if name in truths else v for name, v in row.items()} for row in rows]

    async def scene(spine: Spine) -> None:
        for station_id, facts in _mixed(7).items():
            for fact in facts:
                await tell(spine, fact, station_id=station_id)
                if len(facts) % 2:
                    await follow(spine)
        await follow(spine, at_once=1)
        first = await everything(spine)
        await from_the_beginning(spine)
        await follow(spine)
        again = await everything(spine)
        await from_the_beginning(spine, emptied=True)
        assert await everything(spine) == ([], [])
        await follow(spine, at_once=3)
        for found in (first, again, await everything(spine)):
            assert [plain(rows) for rows in found] == [plain(rows) for rows in in_memory]

    on(engine, tmp_path, scene)


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_and_repeated_facts_give_the_same_rows_and_sums(seed: int) -> None:
    """P3, beyond a session's start, which the log always has first."""

    async def scene(spine: Spine, chance: random.Random | None) -> tuple[list[Row], list[Row]]:
        for station_id, facts in _mixed(seed).items():
            if chance is not None:
                starts = [fact for fact in facts if isinstance(fact, SessionStarted)]
                others = [fact for fact in facts if not isinstance(fact, SessionStarted)]
                others += chance.sample([fact for fact in others if isinstance(fact, MeterSampled)], 3)
                chance.shuffle(others)
                facts = [*starts, *others]
            await tell(spine, *facts, station_id=station_id)
            await follow(spine, at_once=1 if chance else 500)
        return await everything(spine)

    plain = on(on_memory, Path(), lambda spine: scene(spine, None))
    assert plain == on(on_memory, Path(), lambda spine: scene(spine, random.Random(seed)))
    done = [fact for facts in _mixed(seed).values() for fact in facts if isinstance(fact, SessionCompleted)]
    energies = {fact.session_id: fact.energy_wh for fact in done}
    assert sum(int(str(row["energy_wh"])) for row in plain[0]) == sum(energies.values())


def test_reading_the_log_again_writes_nothing() -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0"), told(1, 5), told(2, 6))
        assert await follow(spine) == 4
        await from_the_beginning(spine)
        assert await follow(spine) == 0

    on(on_memory, Path(), scene)


def test_a_row_that_a_sessions_facts_do_not_give_is_removed_with_its_next_news() -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0"))
        await follow(spine)
        stray = {**(await rows_of(spine))[0], "quarter": START - timedelta(days=1)}
        await spine.commit(Work(writes=(Put(t.session_quarter, stray),)))
        await tell(spine, SessionUpdated("s0", START + MINUTE))
        assert await follow(spine) == 1
        assert len(await rows_of(spine)) == 3

    on(on_memory, Path(), scene)


class _SetClock:
    """A clock that is put where a test wants it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at


def test_quarters_are_those_of_the_cdr_where_a_stations_clock_was_wrong() -> None:
    """Pricing 5.2; what waited in a queue until the session was complete shows no other clock."""

    async def scene() -> None:
        clock = _SetClock()
        spine = MemorySpine(clock)
        await spine.start()
        for fact, minute in zip(session("s0"), (0, 10, 20, 30, 40, 40), strict=True):
            clock.at = START + (60 + minute) * MINUTE
            await tell(spine, fact)
        await follow(spine)
        right = [START + (60 + 15 * n - 5) * MINUTE for n in range(3)]
        assert of(await rows_of(spine), "quarter") == right
        clock.at += timedelta(hours=3)
        await tell(spine, MeterSampled(1, 1, (MeterSample(START + 24 * MINUTE, 53_900),), session_id="s0"))
        assert await follow(spine)
        assert of(await rows_of(spine), "quarter") == right
        await spine.close()

    asyncio.run(scene())


@every_engine
def test_two_that_follow_at_once_write_each_row_once(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        tasks = [
            asyncio.create_task(
                run_follower(spine, NAME, Meterer(spine).handle, clock=StillClock(), shard=shard, batch=2)
            )
            for shard in range(spine.shards)
            for _ in range(2)
        ]
        for number in range(6):
            await tell(spine, *session(f"s{number}"), station_id=f"CP{number}")
        async with asyncio.timeout(30):
            while len(await rows_of(spine)) < 18:  # noqa: ASYNC110  It is the rows that tell.
                await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        assert sum(int(str(row["energy_wh"])) for row in await rows_of(spine)) == 6 * 7_001

    on(engine, tmp_path, scene)


def test_a_crash_before_or_after_the_commit_loses_and_doubles_nothing() -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0"))
        facts = await spine.read(0)
        work = await Meterer(spine).handle(facts)  # Dies here: nothing was written.
        assert await rows_of(spine) == []
        await spine.commit(work)  # Dies before it knows that it was: the cursor stands.
        await follow(spine)
        assert sum(int(str(row["energy_wh"])) for row in await rows_of(spine)) == 7_001

    on(on_memory, Path(), scene)


# --- registers, and what has no rows ------------------------------------------------------------------


@every_engine
def test_a_register_without_a_session_is_known_by_its_first_and_last_reading(
    engine: Engine, tmp_path: Path
) -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, told(6, 120), told(1, 100), told(9, 130), told(12, 140), told(3, None))
        await tell(spine, told(2, 999, suspect=True), told(7, 90, evse_id=0))
        await follow(spine, at_once=1)
        rows = await rows_of(spine, t.register_quarter)
        assert [(r["evse_id"], r["first_wh"], r["last_wh"]) for r in rows] == [
            (0, 90, 90),
            (1, 100, 130),
            (1, 140, 140),
        ]

    on(engine, tmp_path, scene)


def test_a_register_of_the_future_is_not_believed() -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, told(60 * 24 * 30, 5))
        assert await follow(spine) == 0

    on(on_memory, Path(), scene)


def test_a_session_of_two_months_is_a_finding_and_has_no_rows() -> None:
    async def scene(spine: Spine) -> None:
        begin = START - timedelta(days=60)
        await tell(spine, SessionCompleted("s0", begin, START, 9))
        await follow(spine)
        assert await rows_of(spine) == []
        found = await spine.get(t.finding, source="session:SE*ELS/s0", code=CODE)
        assert found is not None
        assert str(found["sample"]).startswith("session s0 lasts 60 days")
        await from_the_beginning(spine)
        assert await follow(spine) == 0

    on(on_memory, Path(), scene)


def test_a_fault_of_ours_is_a_finding_and_stops_nobody_elses_quarters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def faulty(
        station_id: str, facts: Sequence[Fact], recorded_at: datetime, ahead: timedelta
    ) -> tuple[SessionQuarter, ...]:
        if station_id == "CP1":
            raise KeyError("a mistake")
        return session_quarters(station_id, facts, recorded_at, ahead)

    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0"))
        await tell(spine, *session("s1"), station_id="CP2")
        with monkeypatch.context() as patched:
            patched.setattr(meterer, "session_quarters", faulty)
            await follow(spine)
        assert set(of(await rows_of(spine), "session_id")) == {"s1"}
        found = await spine.get(t.finding, source="session:SE*ELS/s0", code=CODE)
        assert found is not None
        assert "a fault of ours that the log tells: KeyError" in str(found["sample"])
        await from_the_beginning(spine)
        await follow(spine)
        assert set(of(await rows_of(spine), "session_id")) == {"s0", "s1"}
        assert await spine.get(t.finding, source="session:SE*ELS/s0", code=CODE) is None

    on(on_memory, Path(), scene)


def test_a_session_that_cannot_be_billed_has_no_rows() -> None:
    async def scene(spine: Spine) -> None:
        await tell(
            spine, SessionCompleted("s0", START, START - MINUTE, 9), SessionCompleted("s1", START, START, -9)
        )
        assert await follow(spine) == 0

    on(on_memory, Path(), scene)


@every_engine
def test_rows_older_than_they_are_kept_are_removed_and_no_others(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        await tell(spine, *session("s0"), *session("s1"), told(1, 5), told(61, 6))
        await follow(spine)
        keep = StillClock().now() - (START + 55 * MINUTE)
        sweep = MeterSweep(spine, StillClock(), keep)
        assert await sweep.sweep() == 4
        assert of(await rows_of(spine), "session_id") == ["s1"] * 3
        assert of(await rows_of(spine, t.register_quarter), "last_wh") == [6]
        assert await sweep.sweep() == 0

    on(engine, tmp_path, scene)


def test_a_store_that_is_down_stops_no_sweep() -> None:
    class Down(MemorySpine):
        asked = 0

        async def find(self, *_: object, **__: object) -> list[Row]:  # type: ignore[override]
            self.asked += 1
            raise SpineDown("away")

    async def scene() -> None:
        spine = Down(StillClock())
        task = asyncio.create_task(MeterSweep(spine, StillClock(), timedelta(days=40)).run())
        await asyncio.sleep(0.01)
        assert (spine.asked, task.done()) == (1, False)
        task.cancel()

    asyncio.run(scene())
