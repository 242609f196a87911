"""Every engine that the spine's contract is run on; another one is a line in ``ENGINES``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from elstrada.spine.face import Spine
from elstrada.spine.memory import MemorySpine
from elstrada.spine.sqlite import SqliteSpine

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
    spine = SqliteSpine(folder / "elstrada.db", StillClock())
    await spine.start()
    yield spine
    await spine.close()


ENGINES: dict[str, Engine] = {"memory": _memory, "sqlite": _sqlite}


def on(engine: Engine, folder: Path, scene: Callable[[Spine], Awaitable[_Result]]) -> _Result:
    """Play a scene on a fresh spine of an engine."""

    async def play() -> _Result:
        async with engine(folder) as spine:
            return await scene(spine)

    return asyncio.run(play())
