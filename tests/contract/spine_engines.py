"""Every engine that the spine's contract is run on; another one is a line in ``ENGINES``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from elstrada.spine.face import Recorded, Spine
from elstrada.spine.memory import MemorySpine
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.shards import shard_of
from elstrada.spine.sqlite import SqliteSpine
from postgres_server import migrated_database
from sqlite_file import migrated_file

_Result = TypeVar("_Result")
Engine = Callable[[Path], AbstractAsyncContextManager[Spine]]


class StillClock:
    """A clock that stands, so that it does not show how works were grouped."""

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@asynccontextmanager
async def _memory(_: Path) -> AsyncIterator[Spine]:
    spine = MemorySpine(StillClock())
    await spine.start()
    yield spine
    await spine.close()


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Spine]:
    spine = SqliteSpine(migrated_file(folder / "elstrada.db"), StillClock())
    await spine.start()
    yield spine
    await spine.close()


def _postgres(shards: int) -> Engine:
    @asynccontextmanager
    async def engine(_: Path) -> AsyncIterator[Spine]:
        with migrated_database(shards=shards) as url:
            spine = PostgresSpine(url, StillClock())
            await spine.start()
            yield spine
            await spine.close()

    return engine


ENGINES: dict[str, Engine] = {"memory": _memory, "sqlite": _sqlite, "postgres": _postgres(4)}
ONE_SHARD: dict[str, Engine] = {**ENGINES, "postgres": _postgres(1)}
"""Where all works, of whatever streams, are done in the order in which they are handed in."""


async def whole_log(spine: Spine) -> list[Recorded]:
    """All facts, shard by shard; sees that in each they rise and are of its streams."""
    logs = [await spine.read(0, 10_000, shard) for shard in range(spine.shards)]
    for shard, log in enumerate(logs):
        positions = [fact.position for fact in log]
        assert positions == sorted(set(positions))
        assert {shard_of(fact.stream, spine.shards) for fact in log} <= {shard}
    return [fact for log in logs for fact in log]


def on(engine: Engine, folder: Path, scene: Callable[[Spine], Awaitable[_Result]]) -> _Result:
    """Play a scene on a fresh spine of an engine."""

    async def play() -> _Result:
        async with engine(folder) as spine:
            return await scene(spine)

    return asyncio.run(play())
