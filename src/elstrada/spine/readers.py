"""A few threads with read-only connections to a SQLite database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from elstrada.spine.face import Row, SpineDown
from elstrada.spine.queries import Query

_Result = TypeVar("_Result")

_THREADS = 2
_PRAGMAS = (
    # Only the writer may checkpoint: old SQLite can corrupt a database that two connections do it to.
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA mmap_size = 0",
    "PRAGMA query_only = ON",
)


class Readers:
    """Runs questions off the event loop. Each sees everything committed before it was put."""

    def __init__(self, path: Path) -> None:
        self._address = f"file:{quote(str(path))}?mode=ro"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="spine-reader")
        self._engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, pool_size=_THREADS, max_overflow=0
        )

    async def ask(self, question: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Put a question to the plain connection."""
        return await self._in_thread(lambda: self._plainly(question))

    async def rows(self, query: Query) -> list[Row]:
        """The rows of a select."""
        return await self._in_thread(lambda: self._selected(query))

    async def close(self) -> None:
        """Answer what was asked, then close."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (sqlite3.Error, DBAPIError) as error:
            raise SpineDown(f"the store cannot be read now: {error}") from error

    def _plainly(self, question: Callable[[sqlite3.Connection], _Result]) -> _Result:
        with self._engine.connect() as connection:
            plain = connection.connection.driver_connection
            assert isinstance(plain, sqlite3.Connection)
            return question(plain)

    def _selected(self, query: Query) -> list[Row]:
        with self._engine.connect() as connection:
            result = connection.execute(query.select, query.values)
            # Plain names: SQLAlchemy's own are a kind of str that strict readers of a row refuse.
            names = [str(name) for name in result.keys()]  # noqa: SIM118  A result is no mapping.
            return [dict(zip(names, row, strict=True)) for row in result.all()]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._address, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection
