"""Writes to records on a SQLite connection: all of a work's, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from elstrada.spine.face import Cell, Delete, Put, RowMoved
from elstrada.spine.rules import key_names, needed_names
from elstrada.spine.statements import Bound, bound, delete, filled, probe, update, upsert

Write = Put | Delete


class Cursor(Protocol):
    """What a statement gives back."""

    def fetchone(self) -> tuple[object, ...] | None: ...
    def fetchall(self) -> list[tuple[object, ...]]: ...


class Connection(Protocol):
    """A connection that starts no transactions by itself, of sqlite3 or anything alike."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, parameters: Sequence[Bound] | Mapping[str, Bound] = ..., /) -> Cursor: ...


def write_all(connection: Connection, writes: Sequence[Write]) -> None:
    """Do the writes within the open transaction.

    Raises:
        RowMoved: a record is not as expected; none of the writes was done.
    """
    if not any(_may_fail(write) for write in writes):
        for write in writes:
            _write(connection, write)
        return
    connection.execute("SAVEPOINT work")
    try:
        for write in writes:
            _expect(connection, write)
            _write(connection, write)
    except RowMoved:
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        raise
    connection.execute("RELEASE work")


def _may_fail(write: Write) -> bool:
    return write.expected is not None or (isinstance(write, Put) and not _whole(write))


def _whole(put: Put) -> bool:
    """Does it say enough to make the row?"""
    return needed_names(put.table) <= put.row.keys()


def _expect(connection: Connection, write: Write) -> None:
    if write.expected is None:
        return
    key = _key(write)
    text = probe(write.table, tuple(write.expected))
    found = connection.execute(text, _bound((*key.values(), *write.expected.values()))).fetchone()
    must_exist = bool(write.expected)
    if (found is not None) != must_exist:
        raise RowMoved(write.table.name, key)


def _write(connection: Connection, write: Write) -> None:
    key = _key(write)
    if isinstance(write, Delete):
        connection.execute(delete(write.table), _bound(key.values()))
        return
    others = {name: cell for name, cell in write.row.items() if name not in key}
    if _whole(write):
        rows = [_bound((*key.values(), *others.values()))]
        for text, parameters in filled(upsert(write.table, tuple(others)), rows):
            connection.execute(text, parameters)
        return
    # An upsert would stumble over the columns not given before it found the row that has them.
    told = connection.execute(update(write.table, tuple(others)), _bound((*others.values(), *key.values())))
    if told.fetchall() == []:
        raise RowMoved(write.table.name, key)


def _key(write: Write) -> dict[str, Cell]:
    named = write.row if isinstance(write, Put) else write.key
    return {name: named[name] for name in key_names(write.table)}


def _bound(cells: Iterable[Cell]) -> list[Bound]:
    return [bound(cell) for cell in cells]
