"""What every engine demands of the work and the questions it is given. Breaking these is a bug of the caller."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, cast

import msgspec
from sqlalchemy import Column, Table

from elstrada.spine.columns import Amount
from elstrada.spine.face import AnyOf, Between, Cell, Delete, Put, Row, Where, Work


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


def check_columns(table: Table, names: Collection[str]) -> None:
    """See that the table has these columns, and is a view or a record.

    Raises:
        ValueError: it has not, or is not.
    """
    if "kind" not in table.info:
        raise ValueError(f"{table.name} belongs to the log: use load, facts, read or cursor")
    known = _names(table)
    if not known.issuperset(names):
        unknown = [name for name in names if name not in known]
        raise ValueError(f"{table.name} has no column {', '.join(unknown)}")


@cache
def comparable(table: Table, name: str) -> Column[object]:
    """The column, if rows can be chosen or ordered by it.

    Raises:
        ValueError: it is an Amount, whose text order (SQLite) is not the order of numbers.
    """
    column = table.c[name]
    if isinstance(column.type, Amount):
        raise ValueError(f"{table.name}.{name} is an exact decimal: rows cannot be chosen or ordered by it")
    return column


@cache
def _names(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.columns)


@cache
def key_names(table: Table) -> tuple[str, ...]:
    """The columns of the primary key, in its order."""
    return tuple(column.name for column in table.primary_key.columns)


@cache
def needed_names(table: Table) -> frozenset[str]:
    """The columns without which a row cannot be made."""
    return frozenset(column.name for column in table.columns if not column.nullable)


def ordering(table: Table, order: Iterable[str]) -> list[tuple[str, bool]]:
    """Columns to sort by, each with "turned round?", ending in the primary key so that pages are stable.

    The key goes the way of the column before it, so that an index on all of them can be walked either way.
    """
    asked = [(name.removeprefix("-"), name.startswith("-")) for name in order]
    named = {name for name, _ in asked}
    turned = asked[-1][1] if asked else False
    return asked + [(name, turned) for name in key_names(table) if name not in named]


class Behind(msgspec.Struct, frozen=True):
    """What of a place in an order is still to be compared, where conditions fix some of its columns."""

    names: tuple[str, ...]
    turned: bool
    itself: bool
    """Rows that are equal in ``names`` are behind the place too."""


def behind(table: Table, order: Sequence[str], where: Where, place: Sequence[Cell]) -> Behind | None:
    """How rows behind a place are told from the others among those that ``where`` finds; None: there are none.

    Args:
        place: a row's cells in the columns of ``ordering``.
    Raises:
        ValueError: it is no place, or the order goes both ways or through empty cells, so that none can be told.
    """
    columns = ordering(table, order)
    if len(place) != len(columns) or None in place:
        raise ValueError(
            f"a place in {table.name} has {len(columns)} values, got {len(place)}, or an empty one"
        )
    if len({turned for _, turned in columns}) > 1:
        raise ValueError(f"{table.name} cannot be paged by {', '.join(order)}: they go both ways")
    turned, names = columns[0][1], list[str]()
    for (name, _), value in zip(columns, place, strict=True):
        if is_fixed(where, name):
            fixed = cast(Any, where[name])  # Of the column's type, as the value is.
            if fixed != value:
                further = fixed < value if turned else fixed > value
                if not further and not names:
                    return None
                return Behind(tuple(names), turned, itself=further)
            continue
        if may_be_empty(table, where, name):
            raise ValueError(f"{table.name} cannot be paged by {name}, which may be empty")
        names.append(name)
    return Behind(tuple(names), turned, itself=False) if names else None


def is_fixed(where: Where, name: str) -> bool:
    """Do all rows that are found have the same value in this column?"""
    return name in where and not isinstance(where[name], (Between, AnyOf)) and where[name] is not None


def may_be_empty(table: Table, where: Where, name: str) -> bool:
    """May the column be empty in rows that are found?"""
    match where.get(name, ...):
        case Between(low, high):
            excluded = low is not None or high is not None
        case AnyOf(values):
            excluded = None not in values
        case wanted:
            excluded = wanted is not ... and wanted is not None
    return bool(table.c[name].nullable) and not excluded
