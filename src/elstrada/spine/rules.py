"""What every engine demands of the work and the questions it is given. Breaking these is a bug of the caller."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from sqlalchemy import Column, Table

from elstrada.spine.columns import Amount
from elstrada.spine.face import Cell, Delete, Put, Row, Work


def check_work(work: Work, shards: int) -> None:
    """See that every write addresses one row of a record by its whole key, and the cursor is of a shard.

    Raises:
        ValueError: it does not; nothing was done.
    """
    if work.advance is not None and not 0 <= work.advance.shard < shards:
        raise ValueError(f"cursor {work.advance.follower}: no shard {work.advance.shard} of {shards}")
    for write in work.writes:
        if write.table.info.get("kind") != "record":
            raise ValueError(f"{write.table.name} is no record: views change by facts only")
        named = write.row if isinstance(write, Put) else write.key
        check_columns(write.table, named)
        check_columns(write.table, write.expected or ())
        missing = [name for name in key_names(write.table) if named.get(name) is None]
        if missing or (isinstance(write, Delete) and len(named) > len(key_names(write.table))):
            raise ValueError(
                f"{write.table.name} is addressed by {', '.join(key_names(write.table))}, not {set(named)}"
            )


def check_key(table: Table, key: Row) -> None:
    """See that ``key`` is the table's whole primary key.

    Raises:
        ValueError: it is not.
    """
    if set(key) != set(key_names(table)):
        raise ValueError(f"{table.name} is read by {', '.join(key_names(table))}, not by {', '.join(key)}")


def check_columns(table: Table, names: Iterable[str]) -> None:
    """See that the table has these columns, and is a view or a record.

    Raises:
        ValueError: it has not, or is not.
    """
    if "kind" not in table.info:
        raise ValueError(f"{table.name} belongs to the log: use load, facts, read or cursor")
    unknown = [name for name in names if name not in table.c]
    if unknown:
        raise ValueError(f"{table.name} has no column {', '.join(unknown)}")


def comparable(table: Table, name: str, value: Cell = "") -> Column[object]:
    """The column, if rows can be chosen or ordered by it.

    Raises:
        ValueError: it is an Amount, whose text order (SQLite) is not the order of numbers.
    """
    column = table.c[name]
    if value is not None and isinstance(column.type, Amount):
        raise ValueError(f"{table.name}.{name} is an exact decimal: rows cannot be chosen or ordered by it")
    return column


@cache
def key_names(table: Table) -> tuple[str, ...]:
    """The columns of the primary key, in its order."""
    return tuple(column.name for column in table.primary_key.columns)


@cache
def needed_names(table: Table) -> frozenset[str]:
    """The columns without which a row cannot be made."""
    return frozenset(column.name for column in table.columns if not column.nullable)


def ordering(table: Table, order: Iterable[str]) -> list[tuple[str, bool]]:
    """Columns to sort by, each with "turned round?", ending in the primary key so that pages are stable."""
    asked = [(name.removeprefix("-"), name.startswith("-")) for name in order]
    named = {name for name, _ in asked}
    return asked + [(name, False) for name in key_names(table) if name not in named]
