"""What only PostgreSQL can do wrong, and several nodes on it: races, late commits, deadlocks, lost hints."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psycopg
import pytest
from postgres_nodes import (
    CP1,
    HELLO,
    MARCH,
    MovableClock,
    append,
    has,
    log_of,
    node,
    setting,
    until,
    with_nodes,
)

from elstrada.model.facts import StationBooted
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
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.postgres_line import Door
from elstrada.spine.postgres_statements import LOCK
from elstrada.spine.postgres_trouble import trouble_of
from elstrada.spine.shards import shard_of
from elstrada.spine.trouble import Trouble
from postgres_server import migrated_database, shared_server


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


# Order.


def test_a_fact_that_is_committed_late_is_never_skipped() -> None:
    """A slow transaction of another node has taken its position, and not committed: nobody comes behind it."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        await spine.commit(append("station/SE*ELS/CP2", 0))
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
            late = spine.commit(append(CP1, 0))
            await asyncio.wait([late], timeout=0.5)
            assert not late.done()
            assert len(await spine.read(0)) == 1
            slow.execute("COMMIT")
        assert await late == end + 2
        assert [fact.position for fact in await spine.read(end)] == [end + 1, end + 2]

    with_nodes(1, scene, shards=1)


def test_followers_of_two_nodes_see_every_fact_of_two_writing_nodes_once() -> None:
    """F22: the record of an effect must not be there yet, so one that is had twice would stop its follower."""

    async def noting(facts: list[Recorded]) -> Work:
        rows = ({"name": f"{fact.stream}-{fact.version}", "value": "done"} for fact in facts)
        return Work(writes=tuple(Put(t.setting, row, {}) for row in rows))

    async def station(spine: PostgresSpine, number: int) -> None:
        for version in range(20):
            await spine.commit(append(f"station/SE*ELS/CP{number}", version))

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        async def done() -> bool:
            return await nodes[0].count(t.setting) == [{"count": 400}]

        followers = [
            asyncio.create_task(
                run_follower(node, "noter", noting, clock=MovableClock(), shard=shard, batch=5)
            )
            for node in nodes
            for shard in range(node.shards)
        ]
        await asyncio.gather(*(station(nodes[number % 2], number) for number in range(20)))
        await until(done)
        assert not any(task.done() for task in followers)
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    with_nodes(2, scene)


# Races between nodes.


def test_of_two_nodes_that_write_one_stream_one_wins_each_version() -> None:
    """F11, T2: whichever is second gets StreamMoved, and nothing of its work is done."""

    async def writer(spine: PostgresSpine, name: str) -> int:
        won = 0
        for version in range(50):
            try:
                await spine.commit(
                    Work((Append(CP1, version, (HELLO,)),), (setting(f"{version}", name, {}),))
                )
                won += 1
            except StreamMoved:
                # It waits until the version it lost is there, and goes on behind it.
                await until(lambda version=version: has(spine, version + 1))
        return won

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        won = await asyncio.gather(*(writer(node, name) for node, name in zip(nodes, "ab", strict=True)))
        assert sum(won) == 50
        assert [fact.version for fact in await nodes[0].facts(CP1)] == list(range(1, 51))
        for name, count in zip("ab", won, strict=True):
            assert await nodes[0].count(t.setting, {"value": name}) == [{"count": count}]

    with_nodes(2, scene)


def test_a_record_that_two_nodes_count_up_loses_no_count() -> None:
    async def count_up(spine: PostgresSpine) -> None:
        for _ in range(40):
            while True:
                row = await spine.get(t.setting, name="count")
                value = str(row["value"]) if row else "0"
                put = setting("count", str(int(value) + 1), {"value": value} if row else {})
                try:
                    await spine.commit(Work(writes=(put,)))
                except RowMoved:
                    continue
                break

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        await asyncio.gather(*(count_up(node) for node in nodes for _ in range(2)))
        assert await nodes[0].find(t.setting) == [{"name": "count", "value": "160"}]

    with_nodes(2, scene)


def test_of_two_nodes_that_make_a_record_or_move_a_cursor_one_does() -> None:
    async def scene(_: str, *nodes: PostgresSpine) -> None:
        for turn in range(30):
            works = [
                [Work(writes=(setting(f"{turn}", name, {}),)) for name in "ab"],
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

    with_nodes(2, scene)


def test_nodes_whose_works_cross_over_records_all_get_through() -> None:
    """Shards are locked in one order, records are not: PostgreSQL finds deadlocks, and they are tried again."""
    names = "abcdef"

    async def writer(spine: PostgresSpine, stream: str, order: str) -> None:
        for version in range(60):
            writes = tuple(setting(name, f"{stream}-{version}") for name in order)
            await spine.commit(Work((Append(stream, version, (HELLO,)),), writes))

    async def scene(url: str, *nodes: PostgresSpine) -> None:
        # One stream for each shard, so that no shard's lock keeps the works apart.
        streams = {shard_of(stream, 4): stream for stream in map("station/SE*ELS/CP{}".format, range(20))}
        writers = [
            writer(nodes[shard % 2], stream, names if shard < 2 else names[::-1])
            for shard, stream in streams.items()
        ]
        await asyncio.gather(*writers)
        assert len(await log_of(nodes[0])) == 240
        name = url.rpartition("/")[2]
        found = f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'"
        async with asyncio.timeout(10):
            while not shared_server().execute(found)[0][0]:  # noqa: ASYNC110  Counted by and by.
                await asyncio.sleep(0.1)

    shared_server().execute("ALTER ROLE elstrada SET deadlock_timeout = '10ms'")
    try:
        with_nodes(2, scene)
    finally:
        shared_server().execute("ALTER ROLE elstrada RESET deadlock_timeout")


def test_works_that_belong_to_the_same_shards_lock_them_in_one_order() -> None:
    async def writer(spine: PostgresSpine, number: int) -> None:
        mine = [f"station/SE*ELS/N{number}-{n}" for n in range(4)]
        for version in range(15):
            await spine.commit(Work(tuple(Append(stream, version, (HELLO,)) for stream in mine)))

    async def scene(_: str, *nodes: PostgresSpine) -> None:
        await asyncio.gather(*(writer(nodes[number % 2], number) for number in range(6)))
        assert len(await log_of(nodes[0])) == 6 * 4 * 15

    with_nodes(2, scene)


def test_a_rebuild_of_one_node_waits_for_and_holds_off_the_others() -> None:
    async def scene(_: str, one: PostgresSpine, two: PostgresSpine) -> None:
        booted = StationBooted(vendor="V", model="M", serial=None, firmware=None)
        streams = [f"station/SE*ELS/CP{number}" for number in range(40)]
        for stream in streams:
            await one.commit(Work((Append(stream, 0, (HELLO, booted)),)))
        before = await one.find(t.station_state)
        during = [two.commit(Work((Append(stream, 2, (booted,)),))) for stream in streams]
        await one.rebuild()
        await asyncio.gather(*during)
        assert await one.find(t.station_state) == before
        assert len(before) == 40

    with_nodes(2, scene)


# Trouble.


def test_a_node_that_stops_within_a_transaction_does_not_stop_the_others() -> None:
    """F11: PostgreSQL ends a session that holds a shard and says nothing, within the others' patience."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        paused = Door(url).open()
        paused.execute("BEGIN")
        paused.execute(LOCK, ("{0}",))
        begin = time.monotonic()
        await spine.commit(append(CP1, 0))
        assert 1.0 < time.monotonic() - begin < 3.4
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            paused.execute("COMMIT")

    with_nodes(1, scene, shards=1)


def test_a_node_that_stops_within_a_pipeline_does_not_stop_the_others() -> None:
    """F11: to PostgreSQL such a session is busy and not idle; its transaction is too old."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        paused = Door(url).open()
        paused.pgconn.enter_pipeline_mode()
        paused.pgconn.send_query_params(b"BEGIN", None)
        paused.pgconn.send_query_params(LOCK.replace("%s", "$1").encode(), [b"{0}"])
        paused.pgconn.send_flush_request()  # And no Sync: there is more to come.
        paused.pgconn.flush()
        await asyncio.sleep(0.2)
        begin = time.monotonic()
        await spine.commit(append(CP1, 0))
        assert 1.0 < time.monotonic() - begin < 3.4
        paused.close()

    with_nodes(1, scene, shards=1)


def test_connections_that_were_ended_while_idle_are_replaced_without_a_failure() -> None:
    """P6: as after a restart of PostgreSQL that nobody was there to see."""

    async def scene(url: str, spine: PostgresSpine) -> None:
        for version in range(3):
            await asyncio.gather(*(spine.load(CP1) for _ in range(20)))
            await spine.commit(append(CP1, version))
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        assert len(await spine.facts(CP1)) == 3
        assert await spine.find(t.station_state) != []
        assert spine.failure is None

    with_nodes(1, scene, shards=1)


def test_what_one_work_of_a_group_spoils_the_others_keep() -> None:
    """A unique index, and what PostgreSQL cannot keep, fail their own works."""
    peer = {"owner": "A", "state": "ACTIVE", "token_in_hash": b"same", "document": "{}", "changed_at": MARCH}
    count = {"source": "s", "code": "c", "count": 2**63, "sample": "", "first_at": MARCH, "last_at": MARCH}
    booted = StationBooted(vendor="a\0b", model="M", serial=None, firmware=None)

    async def scene(_: str, spine: PostgresSpine) -> None:
        outcomes = await asyncio.gather(
            spine.commit(Work(writes=(Put(t.peer, {**peer, "peer_id": "p"}),))),
            spine.commit(Work(writes=(Put(t.peer, {**peer, "peer_id": "q"}),))),
            spine.commit(Work(writes=(Put(t.finding, count),))),
            spine.commit(Work(writes=(setting("a", "nul \0"),))),
            spine.commit(Work((Append("station/SE*ELS/CP2", 0, (booted,)),))),
            spine.commit(append(CP1, 0)),
            return_exceptions=True,
        )
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds == [int, RowMoved, ValueError, ValueError, ValueError, int]

    with_nodes(1, scene, shards=1)


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
        async with node(url, None, bells[0], 60) as one, node(url, None, bells[1], 0.1) as two:
            news = two.watch()
            await one.commit(append(CP1, 0))
            assert news.is_set()
            assert bells[0].rung == [shard_of(CP1, 4)]
            # It looks by itself, once, and finds what it was told of.
            await asyncio.sleep(0.3)
            news.clear()
            bells[0].others = []
            begin = time.monotonic()
            await one.commit(append(CP1, 1))
            await asyncio.wait_for(news.wait(), 2)
            assert time.monotonic() - begin < 1
            news.clear()
            await asyncio.sleep(0.3)
            assert not news.is_set()

    with migrated_database() as url:
        asyncio.run(play(url))


def test_a_spine_that_is_not_open_or_has_no_database_is_down() -> None:
    async def scene() -> None:
        spine = PostgresSpine("postgresql://nobody@127.0.0.1:1/nowhere", MovableClock())
        with pytest.raises(SpineDown, match="not open"):
            spine.commit(Work())
        with pytest.raises(SpineDown, match=r"127\.0\.0\.1:1/nowhere"):
            await spine.start()
        await spine.close()

    asyncio.run(scene())


def test_an_address_that_cannot_be_read_is_not_repeated_t15() -> None:
    with pytest.raises(ValueError, match="expected postgresql://") as refused:
        Door("postgresql://elstrada:secret%ZZ@127.0.0.1/elstrada")
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__
