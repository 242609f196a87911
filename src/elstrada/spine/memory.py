"""The spine in dicts: no threads, no disk, the same promises. The simulator's memory.

A ``MemoryStore`` is the disk: it outlives the spine that a crash ends, and another is opened on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from sqlalchemy import Table

from elstrada.spine import matching, tables
from elstrada.spine.clock import Clock
from elstrada.spine.face import (
    MOST_COUNTED,
    Advance,
    Append,
    Cell,
    CursorMoved,
    Loaded,
    Recorded,
    Row,
    SpineDown,
    StreamMoved,
    Waiting,
    Where,
    Work,
)
from elstrada.spine.memory_tables import Draft, MemoryTables
from elstrada.spine.rules import check_columns, check_key, check_work, key_names
from elstrada.spine.views import project
from elstrada.spine.watchers import Watchers

Gate = Callable[[Work], Awaitable[None]]
"""Something that happens around a commit: it may take time, or raise SpineDown."""


class MemoryStore:
    """What is durable."""

    def __init__(self) -> None:
        self.log: list[Recorded] = []
        """In order, without gaps: the fact at position n is ``log[n - 1]``."""
        self.streams: dict[str, list[Recorded]] = {}
        self.snapshots: dict[str, tuple[int, bytes]] = {}
        self.cursors: dict[tuple[str, int], int] = {}
        self.tables = MemoryTables()


class MemorySpine:
    """The memory of one node in one process's memory. See ``face.Spine`` for what the methods promise."""

    shards = 1

    def __init__(
        self,
        clock: Clock,
        store: MemoryStore | None = None,
        *,
        before: Gate | None = None,
        after: Gate | None = None,
    ) -> None:
        """Open a store, by default an empty one.

        Args:
            before: awaited before a work is durable, one work at a time and in order, as a writer
                thread would; while it waits, a crash loses the work.
            after: awaited when the work is durable and its caller does not know yet; a crash meanwhile,
                or SpineDown raised here, leaves the caller with an unknown outcome (F5).
        """
        self.store = store or MemoryStore()
        self._clock, self._before, self._after = clock, before, after
        self._turn = asyncio.Lock()
        self._watchers = Watchers()
        self._down: str | None = None

    async def start(self) -> None:
        """Nothing is left to do: a store is always up to date."""

    async def close(self) -> None:
        async with self._turn:
            self._down = "the spine is closed"

    def crash(self) -> None:
        """Lose what is not durable: every commit still waiting, and all to come, raise SpineDown."""
        self._down = "the spine crashed"

    def commit(self, work: Work) -> asyncio.Future[int]:
        check_work(work, self.shards)
        return asyncio.create_task(self._commit(work))

    async def load(self, stream: str) -> Loaded:
        self._check_up()
        facts = self.store.streams.get(stream, [])
        version, snapshot = self.store.snapshots.get(stream, (0, None))
        return Loaded(len(facts), snapshot, tuple(facts[version:]))

    async def version(self, stream: str) -> int:
        self._check_up()
        return len(self.store.streams.get(stream, []))

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
        self._check_up()
        return self.store.streams.get(stream, [])[after_version : after_version + limit]

    async def read(self, after: int, limit: int = 500, shard: int = 0) -> list[Recorded]:
        self._check_up()
        return self.store.log[after : after + limit] if shard == 0 else []

    async def waiting(self, after: int, shard: int = 0) -> Waiting:
        behind = await self.read(after, MOST_COUNTED, shard)
        return Waiting(len(behind), behind[0].at if behind else None)

    async def cursor(self, follower: str, shard: int = 0) -> int:
        self._check_up()
        return self.store.cursors.get((follower, shard), 0)

    async def get(self, table: Table, **key: Cell) -> Row | None:
        self._check_up()
        check_columns(table, ())
        check_key(table, key)
        return self.store.tables.get(table, tuple(key[name] for name in key_names(table)))

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
        self._check_up()
        rows = self.store.tables.rows_with(table, matching.given(where or {}))
        return matching.rows_where(table, rows, where or {}, order, limit, offset, after)

    async def count(
        self,
        table: Table,
        where: Where | None = None,
        *,
        by: Sequence[str] = (),
        most: int | None = None,
    ) -> list[Row]:
        self._check_up()
        rows = self.store.tables.rows_with(table, matching.given(where or {}))
        return matching.counts_where(table, rows, where or {}, by, most)

    def edition(self, tables: Sequence[Table]) -> tuple[int, ...] | None:
        return tuple(self.store.tables.edition(table) for table in tables)

    def watch(self) -> asyncio.Event:
        return self._watchers.watch()

    async def rebuild(self) -> None:
        self._check_up()
        for table in tables.VIEWS:
            self.store.tables.clear(table)
        draft = Draft(self.store.tables)
        for fact in self.store.log:
            for change in project(fact):
                draft.change(change)
        draft.keep()

    async def _commit(self, work: Work) -> int:
        self._check_up()
        if self._before is None and not self._turn.locked():
            position = self._do(work)
        else:
            async with self._turn:
                position = await self._wait_and_do(work)
        if self._after is not None:
            await self._after(work)
            self._check_up()
        return position

    def _check_up(self) -> None:
        if self._down is not None:
            raise SpineDown(self._down)

    async def _wait_and_do(self, work: Work) -> int:
        if self._before is not None:
            await self._before(work)
        self._check_up()
        return self._do(work)

    def _do(self, work: Work) -> int:
        """Check everything, then change everything; nothing in between can fail."""
        facts = list(self._recorded(work.appends))
        self._check_cursor(work.advance)
        draft = Draft(self.store.tables)
        for write in work.writes:
            draft.write(write)
        for fact in facts:
            for change in project(fact):
                draft.change(change)
        draft.keep()
        self._keep(work, facts)
        if facts:
            self._watchers.wake()
        return len(self.store.log)

    def _recorded(self, appends: Sequence[Append]) -> Iterator[Recorded]:
        """The facts with their places in the log, if every stream is where its writer believes it to be."""
        now, position = self._clock.now(), len(self.store.log)
        after: dict[str, int] = {}
        for append in appends:
            version = after.get(append.stream, len(self.store.streams.get(append.stream, ())))
            if version != append.expected:
                raise StreamMoved(append.stream, append.expected, version)
            for fact in append.facts:
                position, version = position + 1, version + 1
                yield Recorded(position, append.stream, version, now, fact)
            after[append.stream] = version

    def _check_cursor(self, advance: Advance | None) -> None:
        if advance is None or advance.expected is None:
            return
        actual = self.store.cursors.get((advance.follower, advance.shard), 0)
        if actual != advance.expected:
            raise CursorMoved(advance.follower, advance.shard, advance.expected, actual)

    def _keep(self, work: Work, facts: Sequence[Recorded]) -> None:
        self.store.log += facts
        for fact in facts:
            self.store.streams.setdefault(fact.stream, []).append(fact)
        for append in work.appends:
            if append.snapshot is not None:
                version = append.expected + len(append.facts)
                self.store.snapshots[append.stream] = version, append.snapshot
        if work.advance is not None:
            self.store.cursors[work.advance.follower, work.advance.shard] = work.advance.position
