"""The spine on PostgreSQL: for each shard a writer thread with group commit; a few readers; many nodes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TypeVar

import msgspec
import psycopg
from sqlalchemy import Table

from elstrada.spine import postgres_log, queries
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.batch import written
from elstrada.spine.bell import Bell
from elstrada.spine.clock import Clock
from elstrada.spine.ending import ended
from elstrada.spine.face import Cell, Loaded, Recorded, Row, SpineDown, Waiting, Where, Work
from elstrada.spine.months import ensure_months
from elstrada.spine.postgres_history import History
from elstrada.spine.postgres_line import PATIENCE_S, Door, Line, Overdue, StoreAway
from elstrada.spine.postgres_migrate import check_revision
from elstrada.spine.postgres_readers import PostgresReaders
from elstrada.spine.postgres_writers import PostgresWriters
from elstrada.spine.rules import check_work
from elstrada.spine.tally import WriterTally
from elstrada.spine.watchers import Watchers

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class _Open(msgspec.Struct, frozen=True, eq=False):
    """What is there between start and close."""

    shards: int
    writers: PostgresWriters
    readers: PostgresReaders
    shelf: Shelf
    history: History
    looking: asyncio.Task[None]


class PostgresSpine:
    """The memory of many nodes in one database. See ``face.Spine`` for what the methods promise.

    A database that is away fails commits and questions within five seconds, and the first after it is
    back succeeds: nothing needs a restart.
    """

    failure: str | None = None
    """Nothing here is lasting: a PostgreSQL that cannot trust its disk stops itself (F7)."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        bell: Bell | None = None,
        sweep_s: float = 1.0,
        archive: Path | None = None,
    ) -> None:
        """Name the database.

        Args:
            url: as ``postgresql://user:password@host/database``; several hosts may be named, with
                ``target_session_attrs=read-write`` to find the one that writes.
            bell: wakes the followers of other nodes.
            sweep_s: how often, in seconds, this node looks whether others have appended.
            archive: folder with the months that were archived, where any were.
        """
        self._url, self._clock, self._bell, self._sweep_s = url, clock, bell, sweep_s
        self._archive = archive
        self._watchers = Watchers()
        self._ends: dict[int, int] = {}
        """Of shards, as far as the watchers were told."""
        self._months_of: date | None = None
        self._open: _Open | None = None
        if bell is not None:
            bell.on_ring(lambda _: self._watchers.wake())

    async def start(self) -> None:
        """Open the database, whose tables ``migrate_postgres`` must have brought up to date.

        Raises:
            DatabaseUnready: it has not.
            SpineDown: the database cannot be reached.
        """
        door = Door(self._url)
        shards = await asyncio.to_thread(_looked_at, door, self._clock)
        self._months_of = self._clock.now().date()
        shelf, readers = Shelf(self._archive, shards), PostgresReaders(door)
        self._open = _Open(
            shards,
            PostgresWriters(door, shards, self._clock, self._grown, shelf),
            readers,
            shelf,
            History(readers, shelf, shards),
            asyncio.get_running_loop().create_task(self._look()),
        )

    async def close(self) -> None:
        if self._open is None:
            return
        opened, self._open = self._open, None
        await ended(opened.looking)
        await opened.writers.stop()
        await opened.readers.close()
        await opened.shelf.close()

    @property
    def tallies(self) -> tuple[WriterTally, ...]:
        """What the writers have done, while the spine is open."""
        return () if self._open is None else self._open.writers.tallies

    @property
    def shards(self) -> int:
        return self._opened().shards

    def commit(self, work: Work) -> asyncio.Future[int]:
        opened = self._opened()
        check_work(work, opened.shards)
        return opened.writers.do(written(work))

    async def load(self, stream: str) -> Loaded:
        return await self._opened().history.load(stream)

    async def version(self, stream: str) -> int:
        return await self._ask(lambda line: postgres_log.version_of(line, stream))

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
        return await self._opened().history.facts(stream, after_version, limit)

    async def read(self, after: int, limit: int = 500, shard: int = 0) -> list[Recorded]:
        return await self._opened().history.read(after, limit, shard)

    async def waiting(self, after: int, shard: int = 0) -> Waiting:
        return await self._opened().history.waiting(after, shard)

    async def cursor(self, follower: str, shard: int = 0) -> int:
        return await self._ask(lambda line: postgres_log.cursor_of(line, follower, shard))

    async def get(self, table: Table, **key: Cell) -> Row | None:
        query = queries.row_with(table, key)
        if any(isinstance(cell, str) and "\0" in cell for cell in key.values()):
            return None  # PostgreSQL keeps no such text, and refuses the question.
        rows = await self._opened().readers.rows(query)
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

    def edition(self, tables: Sequence[Table]) -> tuple[int, ...] | None:
        return None  # Other nodes write too.

    def watch(self) -> asyncio.Event:
        return self._watchers.watch()

    async def rebuild(self) -> None:
        """Empty every view and make it again from the log, in one transaction.

        Commits of this node wait meanwhile; those of other nodes fail, as when the database is away.
        """
        await self._opened().writers.rebuild()

    def _grown(self, shards: set[int], ends: dict[int, int]) -> None:
        """This node appended."""
        self._take_in(ends)
        self._watchers.wake()
        if self._bell is not None:
            for shard in sorted(shards):
                self._bell.ring(shard)

    async def _look(self) -> None:
        """See now and then what other nodes did, should the bell have been lost; and make months."""
        while True:
            await asyncio.sleep(self._sweep_s)
            with suppress(SpineDown):
                if self._take_in(await self._ask(postgres_log.ends)):
                    self._watchers.wake()
                await self._make_months()

    def _take_in(self, ends: dict[int, int]) -> bool:
        """Keep the highest ends known; returns whether one is new."""
        new = {shard: end for shard, end in ends.items() if end > self._ends.get(shard, 0)}
        self._ends.update(new)
        return bool(new)

    async def _make_months(self) -> None:
        """Once a day, so that a month is there long before its first fact."""
        now, shards = self._clock.now(), self.shards
        if now.date() == self._months_of:
            return
        self._months_of = now.date()
        try:
            await self._ask(lambda line: ensure_months(line, shards, now))
        except SpineDown as error:
            # Tomorrow again; there are two months left, and after them each is made for its first fact.
            log.warning("the coming months of the log could not be made: %s", error)

    async def _ask(self, question: Callable[[Line], _Result]) -> _Result:
        return await self._opened().readers.ask(question)

    def _opened(self) -> _Open:
        if self._open is None:
            raise SpineDown("the spine on PostgreSQL is not open")
        return self._open


def _looked_at(door: Door, clock: Clock) -> int:
    """See that the database is up to date, and its months are made; returns the number of shards."""
    try:
        line = door.open()
        try:
            with line.within(PATIENCE_S):
                shards = check_revision(line, door.place)
                ensure_months(line, shards, clock.now())
        finally:
            line.close()
    except (psycopg.Error, Overdue, StoreAway) as error:
        raise SpineDown(f"{door.place} cannot be opened: {error}") from error
    return shards
