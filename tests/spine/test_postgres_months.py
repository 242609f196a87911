"""Months of the log on PostgreSQL: made beforehand or for their first fact, read across, passed over."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
from postgres_nodes import CP1, MARCH, MovableClock, append, node, until, with_nodes

from elstrada.spine.months import TAKE_LOCK, Month, base_of, make_months
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.postgres_log import FACTS_AFTER
from postgres_server import migrated_database


def _months(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'log_0'::regclass"
        )
        return {str(name) for (name,) in rows}


def test_facts_go_into_the_month_of_their_record_and_are_read_across_months() -> None:
    clock = MovableClock()

    async def scene(url: str, spine: PostgresSpine) -> None:
        for month in range(14):
            clock.moment = MARCH + timedelta(days=31 * month)
            at = await spine.commit(append(CP1, month * 10, 10))
            assert base_of(clock.moment) < at < base_of(clock.moment + timedelta(days=31))
        facts = await spine.facts(CP1)
        assert [fact.version for fact in facts] == list(range(1, 141))
        assert await spine.facts(CP1, after_version=3, limit=4) == facts[3:7]
        assert await spine.read(0, 1000) == facts
        assert len((await spine.load(CP1)).facts) == 140
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT tableoid::regclass::text, count(*) FROM log GROUP BY 1"
            ).fetchall()
        assert len(rows) == 14
        assert {count for _, count in rows} == {10}

    with_nodes(1, scene, shards=1, clock=clock)


def test_a_month_that_nobody_made_is_made_for_its_first_fact() -> None:
    """The clock passes over all months made beforehand, and back: positions never fall."""
    clock = MovableClock()

    async def scene(url: str, spine: PostgresSpine) -> None:
        before = await spine.commit(append(CP1, 0))
        clock.moment = datetime(2031, 7, 1, tzinfo=UTC)
        far = await spine.commit(append(CP1, 1))
        assert "log_0_2031_07" in _months(url)
        clock.moment = MARCH
        again = await spine.commit(append(CP1, 2))
        assert before < far < again
        assert [fact.position for fact in await spine.read(0)] == [before, far, again]

    with_nodes(1, scene, shards=1, clock=clock)


def test_a_month_that_two_make_at_once_is_made_once() -> None:
    """Both saw that it is missing; the one who waits for the lock sees that it is there."""
    month = [Month(shard=0, number=500)]
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    waiting = (
        f"SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = {here}".encode()
    )
    with migrated_database() as url, psycopg.connect(url) as first, psycopg.connect(url) as second:
        first.execute(TAKE_LOCK)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(make_months, second, month)
            with psycopg.connect(url, autocommit=True) as looking:
                while not other.done() and looking.execute(waiting).fetchone() is None:
                    time.sleep(0.01)
            make_months(first, month)
            first.commit()
            other.result(60)
        assert month[0].name in _months(url)


def test_coming_months_are_made_while_a_node_runs() -> None:
    clock = MovableClock()

    async def play(url: str) -> None:
        async def made() -> bool:
            return "log_0_2026_06" in _months(url)

        async with node(url, clock, None, 0.05):
            assert _months(url) == {"log_0_2026_03", "log_0_2026_04", "log_0_2026_05"}
            clock.moment = datetime(2026, 4, 1, tzinfo=UTC)
            await until(made)

    with migrated_database() as url:
        asyncio.run(play(url))


def test_a_follower_looks_into_no_month_before_its_cursor() -> None:
    clock = MovableClock()

    async def scene(url: str, spine: PostgresSpine) -> None:
        for month in range(6):
            clock.moment = MARCH + timedelta(days=31 * month)
            last = await spine.commit(append(CP1, month))
        with psycopg.connect(url) as connection:
            plan = "\n".join(
                str(row[0])
                for row in connection.execute(
                    f"EXPLAIN {FACTS_AFTER}".encode(), {"shard": 0, "after": last - 1, "limit": 500}
                )
            )
        assert "log_0_2026_08" in plan
        assert "log_0_2026_03" not in plan

    with_nodes(1, scene, shards=1, clock=clock)
