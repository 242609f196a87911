"""The spine on SQLite: one writer thread with group commit, a few readers, one process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
from sqlalchemy import Table

from elstrada.spine import logbook, queries
from elstrada.spine.batch import written
from elstrada.spine.clock import Clock
from elstrada.spine.face import Cell, Loaded, Recorded, Row, SpineDown, Waiting, Where, Work
from elstrada.spine.lock import lock_beside
from elstrada.spine.migrate import migrate
from elstrada.spine.readers import Readers
from elstrada.spine.rules import check_work
from elstrada.spine.sqlite_store import SqliteStore
from elstrada.spine.tally import WriterTally
from elstrada.spine.watchers import Watchers
from elstrada.spine.writer import Writer

_Result = TypeVar("_Result")


class _Open(msgspec.Struct, frozen=True, eq=False):
    """What is there between start and close."""

    lock: BinaryIO
    connection: sqlite3.Connection
    writer: Writer
    readers: Readers


class SqliteSpine:
    """The memory of one node in one file. See ``face.Spine`` for what the methods promise."""

    shards = 1

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._watchers = Watchers()
        self._open: _Open | None = None
        self._editions: dict[Table, int] = {}

    async def start(self) -> None:
        """Lock the database, bring its tables up to date, and open it.

        Raises:
            DatabaseInUse: another process writes to it.
        """
        lock, connection, store = await asyncio.to_thread(_opened, self._path)
        writer = Writer(store, self._clock, lambda _: self._watchers.wake())
        self._open = _Open(lock, connection, writer, Readers(self._path))

    async def close(self) -> None:
        if self._open is None:
            return
        opened, self._open = self._open, None
        await opened.writer.stop()
        await opened.readers.close()
        # Last, so that this connection makes the final checkpoint.
        await asyncio.to_thread(opened.connection.close)
        opened.lock.close()

    @property
    def failure(self) -> str | None:
        """Why this spine will never commit again; the process should then end (F7). None: all is well."""
        return self._open and self._open.writer.failure

    @property
    def tallies(self) -> tuple[WriterTally, ...]:
        """What the writer has done, while the spine is open."""
        return () if self._open is None else (self._open.writer.tally,)

    def commit(self, work: Work) -> asyncio.Future[int]:
        check_work(work, self.shards)
        done = self._opened().writer.do(written(work))
        if work.writes:
            # The first to be told of it; whatever became of it, since that may be unknown.
            done.add_done_callback(partial(self._wrote, frozenset(write.table for write in work.writes)))
        return done

    def _wrote(self, tables: Iterable[Table], _: object) -> None:
        for table in tables:
            self._editions[table] = self._editions.get(table, 0) + 1

    def edition(self, tables: Sequence[Table]) -> tuple[int, ...] | None:
        # One process alone writes to the file, and one spine in it.
        return tuple(self._editions.get(table, 0) for table in tables)

    async def load(self, stream: str) -> Loaded:
        return await self._ask(lambda connection: logbook.loaded(connection, stream))

    async def version(self, stream: str) -> int:
        return await self._ask(lambda connection: logbook.version_of(connection, stream))

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
        return await self._ask(lambda connection: logbook.facts_of(connection, stream, after_version, limit))

    async def read(self, after: int, limit: int = 500, shard: int = 0) -> list[Recorded]:
        return await self._ask(lambda connection: logbook.facts_after(connection, after, limit, shard))

    async def waiting(self, after: int, shard: int = 0) -> Waiting:
        return await self._ask(lambda connection: logbook.waiting_after(connection, after, shard))

    async def cursor(self, follower: str, shard: int = 0) -> int:
        return await self._ask(lambda connection: logbook.cursor_of(connection, follower, shard))

    async def get(self, table: Table, **key: Cell) -> Row | None:
        rows = await self._opened().readers.rows(queries.row_with(table, key))
        return rows[0] if rows else None

    async def find(
        self,
        table: Table,
        where: Where | None = None,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        offset: int = 0,
        after: Sequence[Cell] | None = None,
    ) -> list[Row]:
        query = queries.rows_where(table, where or {}, order, limit, offset, after)
        return await self._opened().readers.rows(query)

    async def count(
        self,
        table: Table,
        where: Where | None = None,
        *,
        by: Sequence[str] = (),
        most: int | None = None,
    ) -> list[Row]:
        return await self._opened().readers.rows(queries.counts_where(table, where or {}, by, most))

    def watch(self) -> asyncio.Event:
        return self._watchers.watch()

    async def rebuild(self) -> None:
        """Empty every view and make it again from the log, in one transaction; commits wait meanwhile."""
        await self._opened().writer.do(None)

    async def _ask(self, question: Callable[[sqlite3.Connection], _Result]) -> _Result:
        return await self._opened().readers.ask(question)

    def _opened(self) -> _Open:
        if self._open is None:
            raise SpineDown(f"{self._path} is not open")
        return self._open


def _opened(path: Path) -> tuple[BinaryIO, sqlite3.Connection, SqliteStore]:
    lock = lock_beside(path)
    try:
        # It holds card numbers; what SQLite makes beside it gets the same mode.
        path.touch(mode=0o600)
        path.chmod(0o600)
        migrate(path)
        # The driver's own transactions are off; used by one thread at a time, which it cannot see.
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        return lock, connection, SqliteStore(connection)
    except BaseException:
        lock.close()
        raise
