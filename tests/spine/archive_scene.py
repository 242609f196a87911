"""Four months of a log of two shards, three of them over, and everything that a spine says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec
import psycopg
from upkeep_scene import golden

from elstrada.model.facts import Fact, StationConnected
from elstrada.spine import tables as t
from elstrada.spine.archived.month import ArchivedMonth
from elstrada.spine.face import Advance, Append, Loaded, Recorded, Waiting, Work
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.shards import shard_of
from elstrada.spine.upkeep.archiving import Archiving, archive
from elstrada.spine.upkeep.database import PostgresAt
from elstrada.spine.upkeep.sealed import month_named
from postgres_server import fresh_database, migrated_database, shared_server

SHARDS = 2
MAY = datetime(2026, 5, 2, tzinfo=UTC)
VERSION = "of these tests"
JANUARY, FEBRUARY, MARCH, APRIL = (month_named(2026, month).number for month in (1, 2, 3, 4))
LONG, BRIEF, SPLIT = (f"station/SE*ELS/{name}" for name in ("LONG", "BRIEF", "SPLIT"))
_NAMES = [f"station/SE*ELS/CP{number}" for number in range(20)]
STREAMS = (
    *(LONG, BRIEF, SPLIT),
    *[name for name in _NAMES if shard_of(name, SHARDS) == 0][:3],
    *[name for name in _NAMES if shard_of(name, SHARDS) == 1][:2],
)
"""Both shards have some."""
NOBODY = "station/SE*ELS/NOBODY"
_KINDS = ("StationBooted", "ConnectorStatusChanged", "SessionStarted", "MeterSampled", "SessionEnded")


class Clock:
    """A second later each time it is asked."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


class Picture(msgspec.Struct, frozen=True):
    """All that a spine says of its history."""

    facts: dict[tuple[str, int, int], list[Recorded]]
    """By stream, version before, and limit."""
    loaded: dict[str, Loaded]
    read: dict[tuple[int, int, int], list[Recorded]]
    """By shard, position before, and limit."""
    waiting: dict[tuple[int, int], Waiting]


async def picture(spine: PostgresSpine) -> Picture:
    facts, loaded = {}, {}
    for stream in (*STREAMS, NOBODY):
        end = len(await spine.facts(stream))
        for after in sorted({0, end // 3, end // 2, max(0, end - 3), end, end + 5}):
            for limit in (7, 10_000):
                facts[stream, after, limit] = await spine.facts(stream, after, limit)
        loaded[stream] = await spine.load(stream)
    read, waiting = {}, {}
    for shard in range(SHARDS):
        whole = await spine.read(0, 10_000, shard)
        places = [0, *(fact.position for fact in whole[:: len(whole) // 4]), whole[-1].position, 2**62]
        for after in places:
            waiting[shard, after] = await spine.waiting(after, shard)
            for limit in (60, 10_000):
                read[shard, after, limit] = await spine.read(after, limit, shard)
    return Picture(facts, loaded, read, waiting)


async def whole(spine: PostgresSpine) -> tuple[list[list[Recorded]], list[list[Recorded]]]:
    """Less than a picture, and sooner: each stream, and the log of each shard."""
    return (
        [await spine.facts(stream) for stream in STREAMS],
        [await spine.read(0, 10_000, shard) for shard in range(SHARDS)],
    )


def views(url: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {
            table.name: sorted(
                connection.execute(f"SELECT * FROM {table.name}".encode()).fetchall(), key=repr
            )
            for table in t.VIEWS
        }


@asynccontextmanager
async def node(url: str, folder: Path | None, moment: datetime = MAY) -> AsyncIterator[PostgresSpine]:
    spine = PostgresSpine(url, Clock(moment), archive=folder)
    await spine.start()
    try:
        yield spine
    finally:
        await spine.close()


def archive_before(url: str, folder: Path, before: int = APRIL, *, dry_run: bool = False) -> Archiving:
    return archive(PostgresAt(url), folder, before, version=VERSION, now=MAY, dry_run=dry_run)


def archived_in(url: str) -> list[ArchivedMonth]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT * FROM archived_month ORDER BY shard, month").fetchall()
    return [ArchivedMonth(*row) for row in rows]


def partitions(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'log_%'"
        )
        return {str(name) for (name,) in rows}


@contextmanager
def four_months() -> Iterator[str]:
    """A database of its own with the scene, by its address."""
    with fresh_database(shared_server(), _template()) as name:
        yield shared_server().url(name)


@cache
def _template() -> str:
    name = "four_months"
    with migrated_database(shards=SHARDS) as url:
        asyncio.run(_fill(url))
        # A copy of its own, which lives as long as the server.
        shared_server().execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{url.rpartition("/")[2]}" STRATEGY FILE_COPY'
        )
    return name


async def _fill(url: str) -> None:
    versions = dict.fromkeys(STREAMS, 0)
    async with node(url, None) as spine:

        async def say(stream: str, facts: tuple[Fact, ...], snapshot: bytes | None = None) -> None:
            await spine.commit(Work(appends=(Append(stream, versions[stream], facts, snapshot),)))
            versions[stream] += len(facts)

        for month in (1, 2, 3, 4):
            spine._clock.moment = datetime(2026, month, 1, tzinfo=UTC)  # type: ignore[attr-defined]
            for number, stream in enumerate(STREAMS):
                facts = tuple(golden(kind, number) for kind in _KINDS)
                if stream == LONG:
                    facts = (*facts, StationConnected("ocpp1.6", f"c{month}")) * 25
                if (stream == BRIEF and month > 1) or (stream == SPLIT and month == 2):
                    continue
                await say(stream, facts, b"state" if (stream, month) == (STREAMS[4], 2) else None)
        for name in ("rater", "roamer"):
            for shard in range(SHARDS):
                end = (await spine.read(0, 10_000, shard))[-1].position
                await spine.commit(Work(advance=Advance(name, end, shard)))
