"""The hot statements of the SQLite writer as text, and cells as the driver takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Table

from elstrada.spine.columns import moment_text
from elstrada.spine.face import Cell
from elstrada.spine.rules import key_names

Bound = str | int | bytes | None

INSERT_FACT = (
    "INSERT INTO log (position, shard, stream, version, at, kind, body) VALUES (?, 0, ?, ?, ?, ?, ?)"
)
PUT_SNAPSHOT = (
    "INSERT INTO snapshot (stream, version, state) VALUES (?, ?, ?)"
    " ON CONFLICT (stream) DO UPDATE SET version = excluded.version, state = excluded.state"
)
PUT_CURSOR = (
    "INSERT INTO cursor (follower, shard, position) VALUES (?, ?, ?)"
    " ON CONFLICT (follower, shard) DO UPDATE SET position = excluded.position"
)

# The same types as ``columns`` and SQLAlchemy's Boolean make of them.
_BINDERS: dict[type, Callable[[Any], Bound]] = {datetime: moment_text, Decimal: str, bool: int}


def bound(cell: Cell) -> Bound:
    """A cell as SQLite keeps it."""
    binder = _BINDERS.get(type(cell))
    return cell if binder is None else binder(cell)  # pyright: ignore[reportReturnType]  # No binder: as it is.


@cache
def upsert(table: Table, columns: tuple[str, ...], first: tuple[str, ...] = ()) -> str:
    """Insert key, ``first`` and ``columns``, in this order; of a row that exists, set ``columns``."""
    key = key_names(table)
    named = (*key, *first, *columns)
    told = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in columns)
    then = f"UPDATE SET {told}" if columns else "NOTHING"
    return (
        f"INSERT INTO {_quoted(table.name)} ({_listed(named)}) VALUES ({', '.join('?' * len(named))})"  # noqa: S608
        f" ON CONFLICT ({_listed(key)}) DO {then}"
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
