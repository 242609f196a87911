"""What every spine can do, whatever engine is beneath (memory, SQLite, PostgreSQL).

One unit of work is atomic: facts, the views they change, records and a follower's cursor commit
together or not at all. When ``commit`` returns, the work survives a power cut (P1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec
from sqlalchemy import Table

from elstrada.model.facts import Fact

Cell = str | int | bool | bytes | Decimal | datetime | None
"""What stands in a column. Datetimes are aware UTC; decimals keep their digits."""
Row = Mapping[str, Cell]


class Append(msgspec.Struct, frozen=True):
    """Facts for one stream, which must still be at version ``expected`` (the number of facts in it)."""

    stream: str
    expected: int
    facts: tuple[Fact, ...]
    snapshot: bytes | None = None
    """The decider's state after these facts, encoded; only ever a short cut for ``load``."""


class Put(msgspec.Struct, frozen=True):
    """Insert a record, or set these columns of it. ``row`` holds the whole primary key.

    ``expected``: None always writes; an empty mapping demands that the record is absent; otherwise
    the columns named must have these values now.
    """

    table: Table
    row: Row
    expected: Row | None = None


class Delete(msgspec.Struct, frozen=True):
    """Remove a record by its whole primary key, if ``expected`` (as in ``Put``) holds."""

    table: Table
    key: Row
    expected: Row | None = None


class Advance(msgspec.Struct, frozen=True):
    """Move a follower's cursor: everything up to ``position`` has had its effect."""

    follower: str
    position: int
    shard: int = 0
    expected: int | None = None
    """Where the cursor must be now, so that of two nodes that follow, one has the effect."""


class Work(msgspec.Struct, frozen=True):
    """Everything that commits together."""

    appends: tuple[Append, ...] = ()
    writes: tuple[Put | Delete, ...] = ()
    advance: Advance | None = None


class Recorded(msgspec.Struct, frozen=True):
    """A fact with its place in the log."""

    position: int
    """Rises along the log of its shard; gaps are possible."""
    stream: str
    version: int
    """1 for the stream's first fact."""
    at: datetime
    """When it was recorded, UTC."""
    fact: Fact


class Loaded(msgspec.Struct, frozen=True):
    """A stream as ``load`` finds it: the newest snapshot, and the facts after it."""

    version: int
    """0 when nothing was ever appended."""
    snapshot: bytes | None
    facts: tuple[Recorded, ...]


class Waiting(msgspec.Struct, frozen=True):
    """What of a shard's log lies behind a place: how far a follower that has come there is behind."""

    count: int
    """Facts, counted no further than ``MOST_COUNTED``."""
    oldest: datetime | None = None
    """When the first of them was recorded, UTC; None when there is none."""


MOST_COUNTED = 10_000
"""Where ``waiting`` stops counting: whoever is that far behind is far behind."""


class Between(msgspec.Struct, frozen=True):
    """A half-open range for ``find``: ``low <= value < high``; None leaves a side open."""

    low: Cell = None
    high: Cell = None


class AnyOf(msgspec.Struct, frozen=True):
    """A set of values for ``find``; an empty one matches nothing."""

    values: tuple[Cell, ...]


Where = Mapping[str, Cell | Between | AnyOf]
"""Conditions on columns, all of which must hold; None matches an empty cell."""


class StreamMoved(Exception):
    """Somebody else appended to the stream first: this writer is no longer its owner."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}, not {expected}: another writer owns it now")
        self.stream, self.expected, self.actual = stream, expected, actual


class RowMoved(Exception):
    """A record is not as the writer expected it; nothing of the work was done."""

    def __init__(self, table: str, key: Row) -> None:
        super().__init__(f"a row of {table} is not as expected: {dict(key)}")
        self.table, self.key = table, key


class CursorMoved(Exception):
    """Another node had the effect of these facts first; nothing of the work was done."""

    def __init__(self, follower: str, shard: int, expected: int, actual: int) -> None:
        super().__init__(f"cursor {follower} of shard {shard} is at {actual}, not {expected}")
        self.actual = actual


class SpineDown(Exception):
    """The store cannot commit now. Nothing is lost that was acknowledged; nothing more is (P8).

    The outcome of the work in hand may be unknown.
    """


class Spine(Protocol):
    """The memory of a node. All methods run on the node's event loop and may be called concurrently."""

    @property
    def shards(self) -> int:
        """How many logs there are, numbered from 0; known once started, and for ever the same.

        All facts of a stream are in one (``shards.shard_of``); positions are compared within one only.
        Whoever follows the log keeps a cursor for each.
        """
        ...

    async def start(self) -> None:
        """Open the store, whose tables must be, or are brought, up to date."""
        ...

    async def close(self) -> None:
        """Finish what was handed in, then close."""
        ...

    def commit(self, work: Work) -> asyncio.Future[int]:
        """Do all of ``work`` or nothing, durably.

        Works whose lowest shard is the same (with one shard: all) are done in the order in which they
        are handed in; a work that names no stream and no cursor belongs to shard 0. A future and no
        coroutine, so that whoever serves many callers needs no task to wait for each.

        Returns:
            The position after it, once it is durable: of the last fact appended, in its shard; without
            facts, the end of the work's lowest shard. Or the reason why nothing was done:
            StreamMoved, RowMoved, CursorMoved: an expectation did not hold;
            SpineDown: the store cannot commit.
        Raises:
            ValueError: the work is not one; a bug of the caller.
        """
        ...

    async def load(self, stream: str) -> Loaded: ...

    async def version(self, stream: str) -> int:
        """How many facts a stream has, archived ones included; costs the same however many they are."""
        ...

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
        """Facts of one stream in order."""
        ...

    async def read(self, after: int, limit: int = 500, shard: int = 0) -> list[Recorded]:
        """Facts of all streams of a shard behind a position, in log order; never skips a late commit."""
        ...

    async def waiting(self, after: int, shard: int = 0) -> Waiting:
        """How much of a shard's log lies behind a position."""
        ...

    async def cursor(self, follower: str, shard: int = 0) -> int:
        """How far a follower has come; 0 at first."""
        ...

    async def get(self, table: Table, **key: Cell) -> Row | None:
        """The row with this primary key."""
        ...

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
        """Rows that match. ``order`` names columns; a leading ``-`` turns one round.

        Ties are broken by the primary key, in the direction of the last column, so that pages are stable.

        Args:
            after: a place in this order (``rules.ordering``): only rows behind it are found. Unlike with an
                offset, the rows before it cost nothing, and may come and go.
        """
        ...

    async def count(
        self,
        table: Table,
        where: Where | None = None,
        *,
        by: Sequence[str] = (),
        most: int | None = None,
    ) -> list[Row]:
        """Numbers of rows per combination of the ``by`` columns, each row with a ``count``.

        Args:
            most: without ``by``: where counting stops, because whoever has that many has many.
        """
        ...

    def edition(self, tables: Sequence[Table]) -> tuple[int, ...] | None:
        """Another value whenever rows of these records may have been written, before their writer knows.

        Returns:
            None: others write to this store too, so that nobody here can tell.
        """
        ...

    def watch(self) -> asyncio.Event:
        """An event that is set whenever facts have been committed, by whichever node; the caller clears it."""
        ...

    async def rebuild(self) -> None:
        """Empty every view and make it again from the log."""
        ...
