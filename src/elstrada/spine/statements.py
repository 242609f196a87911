"""The hot statements of the SQLite writer as text, and cells as the driver takes them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from itertools import chain
from typing import Any, cast

import msgspec
from sqlalchemy import Table

from elstrada.spine.batch import Batch
from elstrada.spine.columns import moment_text
from elstrada.spine.face import Cell
from elstrada.spine.merging import Merged
from elstrada.spine.rules import key_names

Bound = str | int | bytes | None

_ROWS_AT_ONCE = (*range(1, 9), *range(16, 65, 8), *range(96, 257, 32))
"""Numbers of rows that a statement may have."""


class Insert(msgspec.Struct, frozen=True):
    """An insert of any number of rows."""

    into: str
    values: str
    """Of one row, in brackets."""
    conflict: str = ""


INSERT_FACT = Insert(
    "log (position, shard, stream, version, at, kind, body, previous)", "(?, ?, ?, ?, ?, ?, ?, ?)"
)
PUT_STREAM = Insert(
    "stream (stream, version, position)",
    "(?, ?, ?)",
    "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, position = excluded.position",
)
INSERT_MILESTONE = Insert("milestone (stream, version, position)", "(?, ?, ?)")
PUT_SNAPSHOT = Insert(
    "snapshot (stream, version, state)",
    "(?, ?, ?)",
    "ON CONFLICT (stream) DO UPDATE SET version = excluded.version, state = excluded.state",
)
PUT_CURSOR = Insert(
    "cursor (follower, shard, position)",
    "(?, ?, ?)",
    "ON CONFLICT (follower, shard) DO UPDATE SET position = excluded.position",
)


def statements(batch: Batch) -> Iterator[tuple[str, list[Bound]]]:
    """The hot statements of a batch, each with its parameters."""
    for insert, rows in (
        (INSERT_FACT, batch.facts),
        (PUT_STREAM, batch.streams),
        (INSERT_MILESTONE, batch.milestones),
        (PUT_SNAPSHOT, batch.snapshots),
        (PUT_CURSOR, batch.cursors),
    ):
        yield from filled(insert, cast(Sequence[Sequence[Bound]], rows))
    yield from put_rows(batch.views)


def put_rows(views: Merged) -> Iterator[tuple[str, list[Bound]]]:
    """The statements that write changed rows of views, each with its parameters."""
    for shape, rows in views.shaped():
        bound_rows = [[bound(cell) for cell in row] for row in rows]
        yield from filled(upsert(shape.table, shape.columns, shape.first), bound_rows)


def filled(insert: Insert, rows: Sequence[Sequence[Bound]]) -> Iterator[tuple[str, list[Bound]]]:
    """The statements that insert these rows, each with its parameters: few, and of few sizes.

    The driver lets go of the interpreter's lock at every step of a statement. Row by row
    (``executemany``) a busy event loop would make each row wait 5 ms for its return; so a batch is two
    or three steps, and the number of different texts is small enough for all to stay prepared.
    """
    done = 0
    while done < len(rows):
        count = _ROWS_AT_ONCE[bisect_right(_ROWS_AT_ONCE, len(rows) - done) - 1]
        yield _text(insert, count), list(chain.from_iterable(rows[done : done + count]))
        done += count


@cache
def _text(insert: Insert, rows: int) -> str:
    return f"INSERT INTO {insert.into} VALUES {', '.join([insert.values] * rows)} {insert.conflict}"  # noqa: S608


# The same types as ``columns`` and SQLAlchemy's Boolean make of them.
_BINDERS: dict[type, Callable[[Any], Bound]] = {
    datetime: lru_cache(1024)(moment_text),  # A batch has one time of record, in every row.
    Decimal: str,
    bool: int,
}


def bound(cell: Cell) -> Bound:
    """A cell as SQLite keeps it."""
    binder = _BINDERS.get(type(cell))
    return cell if binder is None else binder(cell)  # pyright: ignore[reportReturnType]  # No binder: as it is.


@cache
def upsert(table: Table, columns: tuple[str, ...], first: tuple[str, ...] = ()) -> Insert:
    """Insert key, ``first`` and ``columns``, in this order; of a row that exists, set ``columns``."""
    key = key_names(table)
    named = (*key, *first, *columns)
    told = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in columns)
    return Insert(
        f"{_quoted(table.name)} ({_listed(named)})",
        f"({', '.join('?' * len(named))})",
        f"ON CONFLICT ({_listed(key)}) DO {f'UPDATE SET {told}' if columns else 'NOTHING'}",
    )


@cache
def update(table: Table, columns: tuple[str, ...]) -> str:
    """Set ``columns`` of the row with a key, given in this order; one row comes back if it exists."""
    told = ", ".join(f"{_quoted(name)} = ?" for name in columns)
    return f"UPDATE {_quoted(table.name)} SET {told} WHERE {_equal(key_names(table))} RETURNING 1"  # noqa: S608


@cache
def delete(table: Table) -> str:
    """Remove the row with a key."""
    return f"DELETE FROM {_quoted(table.name)} WHERE {_equal(key_names(table))}"  # noqa: S608


@cache
def probe(table: Table, columns: tuple[str, ...]) -> str:
    """Ask for the row with a key whose ``columns`` have these values, given in this order."""
    return f"SELECT 1 FROM {_quoted(table.name)} WHERE {_equal((*key_names(table), *columns))}"  # noqa: S608


def _equal(names: Sequence[str]) -> str:
    # IS is equality that also finds an empty cell.
    return " AND ".join(f"{_quoted(name)} IS ?" for name in names)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return f'"{name}"'
