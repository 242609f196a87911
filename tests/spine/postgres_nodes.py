"""Several nodes on one PostgreSQL: what their tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from elstrada.model.facts import StationConnected
from elstrada.spine import tables as t
from elstrada.spine.bell import Bell
from elstrada.spine.face import Append, Put, Recorded, Work
from elstrada.spine.postgres import PostgresSpine
from postgres_server import migrated_database

_Result = TypeVar("_Result")

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELLO = StationConnected("ocpp1.6", "c")
CP1 = "station/SE*ELS/CP1"


class MovableClock:
    """Stands until it is moved."""

    def __init__(self, moment: datetime = MARCH) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def append(stream: str, expected: int, count: int = 1) -> Work:
    return Work(appends=(Append(stream, expected, (HELLO,) * count),))


def setting(name: str, value: str, expected: dict[str, str] | None = None) -> Put:
    return Put(t.setting, {"name": name, "value": value}, expected)


@asynccontextmanager
async def node(
    url: str, clock: MovableClock | None = None, bell: Bell | None = None, sweep_s: float = 1.0
) -> AsyncIterator[PostgresSpine]:
    """A spine of its own on a database."""
    spine = PostgresSpine(url, clock or MovableClock(), bell=bell, sweep_s=sweep_s)
    await spine.start()
    try:
        yield spine
    finally:
        await spine.close()


def with_nodes(
    count: int,
    scene: Callable[..., Awaitable[_Result]],
    *,
    shards: int = 4,
    clock: MovableClock | None = None,
) -> _Result:
    """Play a scene on several spines of one database, whose address comes first."""

    async def play(url: str) -> _Result:
        async with AsyncExitStack() as stack:
            nodes = [await stack.enter_async_context(node(url, clock)) for _ in range(count)]
            return await scene(url, *nodes)

    with migrated_database(shards=shards) as url:
        return asyncio.run(play(url))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110  There is no event for what another node does.
            await asyncio.sleep(0.01)


async def has(spine: PostgresSpine, version: int) -> bool:
    return (await spine.load(CP1)).version >= version


async def log_of(spine: PostgresSpine) -> list[Recorded]:
    return [fact for shard in range(spine.shards) for fact in await spine.read(0, 10_000, shard)]
