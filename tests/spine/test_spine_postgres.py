"""What only PostgreSQL can do wrong, and several nodes on it: races, late commits, months, lost hints."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
import pytest

from elstrada.model.facts import StationBooted, StationConnected
from elstrada.spine import tables as t
from elstrada.spine.face import (
    Advance,
    Append,
    CursorMoved,
    Put,
    Recorded,
    RowMoved,
    SpineDown,
    StreamMoved,
    Work,
)
from elstrada.spine.followers import run_follower
from elstrada.spine.months import base_of
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.postgres_line import Door
from elstrada.spine.postgres_log import FACTS_AFTER
from elstrada.spine.postgres_statements import LOCK
from elstrada.spine.postgres_trouble import trouble_of
from elstrada.spine.shards import shard_of
from elstrada.spine.trouble import Trouble
from postgres_server import migrated_database, shared_server

_Result = TypeVar("_Result")

_MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
_HELLO = StationConnected("ocpp1.6", "c")
_CP1 = "station/SE*ELS/CP1"


class _Clock:
    """Stands until it is moved."""

    def __init__(self, moment: datetime = _MARCH) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class _LocalBell:
    """Rings on the same loop, in the other spines alone."""

    def __init__(self) -> None:
        self.others: list[_LocalBell] = []
        self.rung: list[int] = []
        self._heard: Callable[[int], None] | None = None

    def ring(self, shard: int) -> None:
        self.rung.append(shard)
        for other in self.others:
            assert other._heard is not None
            other._heard(shard)

    def on_ring(self, heard: Callable[[int], None]) -> None:
        self._heard = heard


def _append(stream: str, expected: int, count: int = 1) -> Work:
    return Work(appends=(Append(stream, expected, (_HELLO,) * count),))


def _setting(name: str, value: str, expected: dict[str, str] | None = None) -> Put:
    return Put(t.setting, {"name": name, "value": value}, expected)


@asynccontextmanager
async def _node(url: str, clock: _Clock | None = None, bell: _LocalBell | None = None, sweep_s: float = 1.0):
    spine = PostgresSpine(url, clock or _Clock(), bell=bell, sweep_s=sweep_s)
    await spine.start()
    try:
        yield spine
    finally:
        await spine.close()


def _with_nodes(
    count: int, scene: Callable[..., Awaitable[_Result]], *, shards: int = 4, clock: _Clock | None = None
) -> _Result:
    """Play a scene on several spines of one database, whose address comes first."""

    async def play(url: str) -> _Result:
        async with AsyncExitStack() as stack:
            nodes = [await stack.enter_async_context(_node(url, clock)) for _ in range(count)]
            return await scene(url, *nodes)

    with migrated_database(shards=shards) as url:
        return asyncio.run(play(url))


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110  There is no event for what another node does.
            await asyncio.sleep(0.01)


async def _has(spine: PostgresSpine, version: int) -> bool:
    return (await spine.load(_CP1)).version >= version


async def _log(spine: PostgresSpine) -> list[Recorded]:
    return [fact for shard in range(spine.shards) for fact in await spine.read(0, 10_000, shard)]


# Order.


def test_a_fact_that_is_committed_late_is_never_skipped() -> None:
    """A slow transaction of another node has taken its position, and not committed: nobody comes behind it."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        await spine.commit(_append("station/SE*ELS/CP2", 0))
        with psycopg.connect(url, autocommit=True) as slow:
            slow.execute("BEGIN")
            (_, end), *_ = slow.execute(LOCK, ("{0}",)).fetchall()
            slow.execute(
                "INSERT INTO log VALUES (%s, 0, 'station/SE*ELS/SLOW', 1, now(), %s, %s, 0)",
                (
                    end + 1,
                    "StationConnected",
                    '{"type":"StationConnected","protocol":"p","connection_id":"s"}',
                ),
            )
            slow.execute("UPDATE shard SET position = %s WHERE shard = 0", (end + 1,))
            late = spine.commit(_append(_CP1, 0))
            await asyncio.wait([late], timeout=0.5)
            assert not late.done()
            assert len(await spine.read(0)) == 1
            slow.execute("COMMIT")
        assert await late == end + 2
        assert [fact.position for fact in await spine.read(end)] == [end + 1, end + 2]

    _with_nodes(1, scene, shards=1)


def test_followers_of_two_nodes_see_every_fact_of_two_writing_nodes_once() -> None:
    """F22: the record of an effect must not be there yet, so one that is had twice would stop its follower."""

    async def noting(facts: list[Recorded]) -> Work:
        rows = ({"name": f"{fact.stream}-{fact.version}", "value": "done"} for fact in facts)
        return Work(writes=tuple(Put(t.setting, row, {}) for row in rows))

    async def station(spine: PostgresSpine, number: int) -> None:
        for version in range(20):
            await spine.commit(_append(f"station/SE*ELS/CP{number}", version))

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        async def done() -> bool:
            return await nodes[0].count(t.setting) == [{"count": 400}]

        followers = [
            asyncio.create_task(run_follower(node, "noter", noting, clock=_Clock(), shard=shard, batch=5))
            for node in nodes
            for shard in range(node.shards)
        ]
        await asyncio.gather(*(station(nodes[number % 2], number) for number in range(20)))
        await _until(done)
        assert not any(task.done() for task in followers)
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    _with_nodes(2, scene)


# Races between nodes.


def test_of_two_nodes_that_write_one_stream_one_wins_each_version() -> None:
    """F11, T2: whichever is second gets StreamMoved, and nothing of its work is done."""

    async def writer(spine: PostgresSpine, name: str) -> int:
        won = 0
        for version in range(50):
            try:
                await spine.commit(
                    Work((Append(_CP1, version, (_HELLO,)),), (_setting(f"{version}", name, {}),))
                )
                won += 1
            except StreamMoved:
                # It waits until the version it lost is there, and goes on behind it.
                await _until(lambda version=version: _has(spine, version + 1))
        return won

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        won = await asyncio.gather(*(writer(node, name) for node, name in zip(nodes, "ab", strict=True)))
        assert sum(won) == 50
        assert [fact.version for fact in await nodes[0].facts(_CP1)] == list(range(1, 51))
        for name, count in zip("ab", won, strict=True):
            assert await nodes[0].count(t.setting, {"value": name}) == [{"count": count}]

    _with_nodes(2, scene)


def test_a_record_that_two_nodes_count_up_loses_no_count() -> None:
    async def count_up(spine: PostgresSpine) -> None:
        for _ in range(40):
            while True:
                row = await spine.get(t.setting, name="count")
                value = str(row["value"]) if row else "0"
                put = _setting("count", str(int(value) + 1), {"value": value} if row else {})
                try:
                    await spine.commit(Work(writes=(put,)))
                except RowMoved:
                    continue
                break

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        await asyncio.gather(*(count_up(node) for node in nodes for _ in range(2)))
        assert await nodes[0].find(t.setting) == [{"name": "count", "value": "160"}]

    _with_nodes(2, scene)


def test_of_two_nodes_that_make_a_record_or_move_a_cursor_one_does() -> None:
    async def scene(_: str, *nodes: PostgresSpine) -> None:
        for turn in range(30):
            works = [
                [Work(writes=(_setting(f"{turn}", name, {}),)) for name in "ab"],
                [Work(advance=Advance("rater", turn + 1, turn % 4, expected=max(0, turn - 3)))] * 2,
            ]
            for pair, moved in zip(works, (RowMoved, CursorMoved), strict=True):
                outcomes = await asyncio.gather(
                    *(node.commit(work) for node, work in zip(nodes, pair, strict=True)),
                    return_exceptions=True,
                )
                assert sorted(type(outcome).__name__ for outcome in outcomes) == sorted(
                    ["int", moved.__name__]
                )

    _with_nodes(2, scene)


def test_nodes_whose_works_cross_over_records_all_get_through() -> None:
    """Shards are locked in one order, records are not: PostgreSQL finds deadlocks, and they are tried again."""
    names = "abcdef"

    async def writer(spine: PostgresSpine, stream: str, order: str) -> None:
        for version in range(60):
            writes = tuple(_setting(name, f"{stream}-{version}") for name in order)
            await spine.commit(Work((Append(stream, version, (_HELLO,)),), writes))

    async def scene(url: str, *nodes: PostgresSpine) -> None:
        # One stream for each shard, so that no shard's lock keeps the works apart.
        streams = {shard_of(stream, 4): stream for stream in map("station/SE*ELS/CP{}".format, range(20))}
        writers = [
            writer(nodes[shard % 2], stream, names if shard < 2 else names[::-1])
            for shard, stream in streams.items()
        ]
        await asyncio.gather(*writers)
        assert len(await _log(nodes[0])) == 240
        name = url.rpartition("/")[2]
        found = f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'"
        async with asyncio.timeout(10):
            while not shared_server().execute(found)[0][0]:  # noqa: ASYNC110  Counted by and by.
                await asyncio.sleep(0.1)

    shared_server().execute("ALTER ROLE elstrada SET deadlock_timeout = '10ms'")
    try:
        _with_nodes(2, scene)
    finally:
        shared_server().execute("ALTER ROLE elstrada RESET deadlock_timeout")


def test_works_that_belong_to_the_same_shards_lock_them_in_one_order() -> None:
    async def writer(spine: PostgresSpine, number: int) -> None:
        mine = [f"station/SE*ELS/N{number}-{n}" for n in range(4)]
        for version in range(15):
            await spine.commit(Work(tuple(Append(stream, version, (_HELLO,)) for stream in mine)))

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        await asyncio.gather(*(writer(nodes[number % 2], number) for number in range(6)))
        assert len(await _log(nodes[0])) == 6 * 4 * 15

    _with_nodes(2, scene)


def test_a_rebuild_of_one_node_waits_for_and_holds_off_the_others() -> None:
    async def scene(_: str, one: PostgresSpine, two: PostgresSpine) -> None:
        booted = StationBooted(vendor="V", model="M", serial=None, firmware=None)
        streams = [f"station/SE*ELS/CP{number}" for number in range(40)]
        for stream in streams:
            await one.commit(Work((Append(stream, 0, (_HELLO, booted)),)))
        before = await one.find(t.station_state)
        during = [two.commit(Work((Append(stream, 2, (booted,)),))) for stream in streams]
        await one.rebuild()
        await asyncio.gather(*during)
        assert await one.find(t.station_state) == before
        assert len(before) == 40

    _with_nodes(2, scene)


# Trouble.


def test_a_node_that_stops_within_a_transaction_does_not_stop_the_others() -> None:
    """F11: PostgreSQL ends a session that holds a shard and says nothing, within the others' patience."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        paused = Door(url).open()
        paused.execute("BEGIN")
        paused.execute(LOCK, ("{0}",))
        begin = time.monotonic()
        await spine.commit(_append(_CP1, 0))
        assert 1.0 < time.monotonic() - begin < 3.4
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            paused.execute("COMMIT")

    _with_nodes(1, scene, shards=1)


def test_connections_that_were_ended_while_idle_are_replaced_without_a_failure() -> None:
    """P6: as after a restart of PostgreSQL that nobody was there to see."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        for version in range(3):
            await asyncio.gather(*(spine.load(_CP1) for _ in range(20)))
            await spine.commit(_append(_CP1, version))
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        assert len(await spine.facts(_CP1)) == 3
        assert await spine.find(t.station_state) != []
        assert spine.failure is None

    _with_nodes(1, scene, shards=1)


def test_what_one_work_of_a_group_spoils_the_others_keep() -> None:
    """A unique index, and what PostgreSQL cannot keep, fail their own works."""
    peer = {"owner": "A", "state": "ACTIVE", "token_in_hash": b"same", "document": "{}", "changed_at": _MARCH}
    count = {"source": "s", "code": "c", "count": 2**63, "sample": "", "first_at": _MARCH, "last_at": _MARCH}
    booted = StationBooted(vendor="a\0b", model="M", serial=None, firmware=None)

    async def scene(_: str, spine: PostgresSpine) -> None:
        outcomes = await asyncio.gather(
            spine.commit(Work(writes=(Put(t.peer, {**peer, "peer_id": "p"}),))),
            spine.commit(Work(writes=(Put(t.peer, {**peer, "peer_id": "q"}),))),
            spine.commit(Work(writes=(Put(t.finding, count),))),
            spine.commit(Work(writes=(_setting("a", "nul \0"),))),
            spine.commit(Work((Append("station/SE*ELS/CP2", 0, (booted,)),))),
            spine.commit(_append(_CP1, 0)),
            return_exceptions=True,
        )
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds == [int, RowMoved, ValueError, ValueError, ValueError, int]

    _with_nodes(1, scene, shards=1)


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        ("53100", Trouble.PASSING),  # F6: disk full.
        ("25006", Trouble.PASSING),  # A standby after a failover.
        ("57014", Trouble.PASSING),
        ("57P01", Trouble.PASSING),
        ("42501", Trouble.PASSING),
        ("58030", Trouble.PASSING),
        ("23505", Trouble.WORK),
        ("22003", Trouble.WORK),
        ("54000", Trouble.WORK),
    ],
)
def test_whose_fault_an_error_is(state: str, trouble: Trouble) -> None:
    assert trouble_of(psycopg.errors.lookup(state)()) is trouble


@pytest.mark.parametrize(
    ("default", "kept"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")]
)
def test_a_commit_is_durable_whatever_the_default_of_the_server(default: str, kept: str) -> None:
    """P1."""
    with migrated_database() as url:
        name = url.rpartition("/")[2]
        shared_server().execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {default}')
        line = Door(url).open()
        assert line.execute("SHOW synchronous_commit").fetchone() == (kept,)
        line.close()


# Waking.


def test_a_ring_wakes_the_watchers_of_other_nodes_and_a_lost_one_is_made_good() -> None:
    async def play(url: str) -> None:
        bells = [_LocalBell(), _LocalBell()]
        bells[0].others = [bells[1]]
        async with _node(url, None, bells[0], 60) as one, _node(url, None, bells[1], 0.1) as two:
            news = two.watch()
            await one.commit(_append(_CP1, 0))
            assert news.is_set()
            assert bells[0].rung == [shard_of(_CP1, 4)]
            # It looks by itself, once, and finds what it was told of.
            await asyncio.sleep(0.3)
            news.clear()
            bells[0].others = []
            begin = time.monotonic()
            await one.commit(_append(_CP1, 1))
            await asyncio.wait_for(news.wait(), 2)
            assert time.monotonic() - begin < 1
            news.clear()
            await asyncio.sleep(0.3)
            assert not news.is_set()

    with migrated_database() as url:
        asyncio.run(play(url))


# Months.


def _months(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'log_0'::regclass"
        )
        return {str(name) for (name,) in rows}


def test_facts_go_into_the_month_of_their_record_and_are_read_across_months() -> None:
    clock = _Clock()

    async def scene(url: str, spine: PostgresSpine) -> None:
        for month in range(14):
            clock.moment = _MARCH + timedelta(days=31 * month)
            at = await spine.commit(_append(_CP1, month * 10, 10))
            assert base_of(clock.moment) < at < base_of(clock.moment + timedelta(days=31))
        facts = await spine.facts(_CP1)
        assert [fact.version for fact in facts] == list(range(1, 141))
        assert await spine.facts(_CP1, after_version=3, limit=4) == facts[3:7]
        assert await spine.read(0, 1000) == facts
        assert len((await spine.load(_CP1)).facts) == 140
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT tableoid::regclass::text, count(*) FROM log GROUP BY 1"
            ).fetchall()
        assert len(rows) == 14
        assert {count for _, count in rows} == {10}

    _with_nodes(1, scene, shards=1, clock=clock)


def test_a_month_that_nobody_made_is_made_for_its_first_fact() -> None:
    """The clock passes over all months made beforehand, and back: positions never fall."""
    clock = _Clock()

    async def scene(url: str, spine: PostgresSpine) -> None:
        before = await spine.commit(_append(_CP1, 0))
        clock.moment = datetime(2031, 7, 1, tzinfo=UTC)
        far = await spine.commit(_append(_CP1, 1))
        assert "log_0_2031_07" in _months(url)
        clock.moment = _MARCH
        again = await spine.commit(_append(_CP1, 2))
        assert before < far < again
        assert [fact.position for fact in await spine.read(0)] == [before, far, again]

    _with_nodes(1, scene, shards=1, clock=clock)


def test_coming_months_are_made_while_a_node_runs() -> None:
    clock = _Clock()

    async def play(url: str) -> None:
        async def made() -> bool:
            return "log_0_2026_06" in _months(url)

        async with _node(url, clock, None, 0.05):
            assert _months(url) == {"log_0_2026_03", "log_0_2026_04", "log_0_2026_05"}
            clock.moment = datetime(2026, 4, 1, tzinfo=UTC)
            await _until(made)

    with migrated_database() as url:
        asyncio.run(play(url))


def test_a_follower_looks_into_no_month_before_its_cursor() -> None:
    clock = _Clock()

    async def scene(url: str, spine: PostgresSpine) -> None:
        for month in range(6):
            clock.moment = _MARCH + timedelta(days=31 * month)
            last = await spine.commit(_append(_CP1, month))
        with psycopg.connect(url) as connection:
            plan = "\n".join(
                str(row[0])
                for row in connection.execute(f"EXPLAIN {FACTS_AFTER}".encode(), (0, last - 1, 500))
            )
        assert "log_0_2026_08" in plan
        assert "log_0_2026_03" not in plan

    _with_nodes(1, scene, shards=1, clock=clock)


def test_a_spine_that_is_not_open_or_has_no_database_is_down() -> None:
    async def scene() -> None:
        spine = PostgresSpine("postgresql://nobody@127.0.0.1:1/nowhere", _Clock())
        with pytest.raises(SpineDown, match="not open"):
            spine.commit(Work())
        with pytest.raises(SpineDown, match=r"127\.0\.0\.1:1/nowhere"):
            await spine.start()
        await spine.close()

    asyncio.run(scene())
