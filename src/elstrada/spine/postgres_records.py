"""Writes to records on PostgreSQL: all of a work's, or none, whatever other nodes write meanwhile.

Every expectation is part of the statement that writes, so that PostgreSQL itself checks it on the row
that it locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import Table

from elstrada.spine.face import Cell, Delete, Put, RowMoved
from elstrada.spine.postgres_line import Line
from elstrada.spine.postgres_statements import listed, on_conflict, quoted
from elstrada.spine.rules import key_names, needed_names

_Names = tuple[str, ...]


class _Told(NamedTuple):
    """A write as one statement."""

    text: str
    parameters: Sequence[Cell]
    rows: int | None
    """How many must come back; None: does not matter."""


def write_all(line: Line, writes: Sequence[Put | Delete]) -> None:
    """Do the writes within the open transaction.

    Raises:
        RowMoved: a record is not as expected; none of the writes was done.
    """
    if not writes:
        return
    told = [_told(write) for write in writes]
    may_fail = any(one.rows is not None for one in told)
    with line.pipeline():
        if may_fail:
            line.execute("SAVEPOINT work")
        cursors = [line.execute(one.text.encode(), one.parameters) for one in told]
    if not may_fail:
        return
    for write, one, cursor in zip(writes, told, cursors, strict=True):
        if one.rows is not None and len(cursor.fetchall()) != one.rows:
            line.execute("ROLLBACK TO work")
            line.execute("RELEASE work")
            raise RowMoved(write.table.name, _key(write))
    line.execute("RELEASE work")


def _told(write: Put | Delete) -> _Told:
    key, expected = _key(write), write.expected
    if expected is not None and not expected:
        return _on_absent(write, key)
    if isinstance(write, Put):
        return _put(write, key)
    found = (*key.values(), *(expected or {}).values())
    return _Told(_delete(write.table, tuple(expected or ())), found, 1 if expected else None)


def _on_absent(write: Put | Delete, key: dict[str, Cell]) -> _Told:
    """A write to a record that must not be there."""
    if isinstance(write, Delete):
        return _Told(_look(write.table, ()), tuple(key.values()), 0)
    if not _whole(write):
        # Nothing can be made of it: whether the record is there or not, the work is refused.
        return _Told("SELECT 1 WHERE false", (), 1)
    return _Told(_insert(write.table, tuple(write.row)), tuple(write.row.values()), 1)


def _put(put: Put, key: dict[str, Cell]) -> _Told:
    others = {name: cell for name, cell in put.row.items() if name not in key}
    if put.expected is None and _whole(put):
        cells = (*key.values(), *others.values())
        return _Told(_upsert(put.table, tuple(others)), cells, None)
    # The record must be there: an upsert would stumble over the columns that are not given.
    expected = put.expected or {}
    if not others:
        return _Told(_look(put.table, tuple(expected)), (*key.values(), *expected.values()), 1)
    cells = (*others.values(), *key.values(), *expected.values())
    return _Told(_update(put.table, tuple(others), tuple(expected)), cells, 1)


def _whole(put: Put) -> bool:
    """Does it say enough to make the row?"""
    return needed_names(put.table) <= put.row.keys()


def _key(write: Put | Delete) -> dict[str, Cell]:
    named = write.row if isinstance(write, Put) else write.key
    return {name: named[name] for name in key_names(write.table)}


@cache
def _insert(table: Table, columns: _Names) -> str:
    values = ", ".join(["%s"] * len(columns))
    key = listed(key_names(table))
    return (
        f"INSERT INTO {quoted(table.name)} ({listed(columns)}) VALUES ({values})"  # noqa: S608
        f" ON CONFLICT ({key}) DO NOTHING RETURNING 1"
    )


@cache
def _upsert(table: Table, columns: _Names) -> str:
    key = key_names(table)
    values = ", ".join(["%s"] * (len(key) + len(columns)))
    into = f"{quoted(table.name)} ({listed((*key, *columns))})"
    return f"INSERT INTO {into} VALUES ({values}) {on_conflict(key, columns)}"  # noqa: S608


@cache
def _update(table: Table, columns: _Names, expected: _Names) -> str:
    told = ", ".join(f"{quoted(name)} = %s" for name in columns)
    return f"UPDATE {quoted(table.name)} SET {told} WHERE {_as(table, expected)} RETURNING 1"  # noqa: S608


@cache
def _delete(table: Table, expected: _Names) -> str:
    return f"DELETE FROM {quoted(table.name)} WHERE {_as(table, expected)} RETURNING 1"  # noqa: S608


@cache
def _look(table: Table, expected: _Names) -> str:
    return f"SELECT 1 FROM {quoted(table.name)} WHERE {_as(table, expected)} FOR UPDATE"  # noqa: S608


def _as(table: Table, expected: _Names) -> str:
    """The key, and what else is expected; an empty cell equals an empty cell."""
    key = " AND ".join(f"{quoted(name)} = %s" for name in key_names(table))
    others = "".join(f" AND {quoted(name)} IS NOT DISTINCT FROM %s" for name in expected)
    return key + others
