"""Questions to views and records as SQLAlchemy selects, for every SQL engine.

A select is built once per shape of question and kept: to build one takes longer than to ask it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from elstrada.spine.face import AnyOf, Between, Cell, Row, Where
from elstrada.spine.rules import (
    Behind,
    behind,
    check_columns,
    check_key,
    comparable,
    is_fixed,
    may_be_empty,
    ordering,
)


class Query(NamedTuple):
    """A select of whatever columns, and the values of its parameters."""

    select: Select[*tuple[Any, ...]]
    values: dict[str, Any]


class _Empty(msgspec.Struct, frozen=True):
    """The cell is to be empty."""


class _Equal(msgspec.Struct, frozen=True):
    """The cell is to have a value."""


class _AnyOf(msgspec.Struct, frozen=True):
    or_empty: bool


class _Between(msgspec.Struct, frozen=True):
    low: bool
    high: bool


_Test = _Empty | _Equal | _AnyOf | _Between
_Shape = tuple[tuple[str, _Test], ...]
"""What is asked of which column, without the values."""

_Sorting = tuple[tuple[str, bool, bool], ...]
"""Columns to sort by, each with "turned round?" and "may it be empty?"."""

_KEPT = 1_000


def row_with(table: Table, key: Row) -> Query:
    """The one row with this primary key."""
    check_key(table, key)
    return Query(_row_with(table, tuple(key)), {f"{name}_is": value for name, value in key.items()})


def rows_where(
    table: Table, where: Where, order: Sequence[str], limit: int, offset: int, after: Sequence[Cell] | None
) -> Query:
    """The rows that match, sorted, and of them only those behind a place."""
    values = {**_values(where), "most": limit, "skipped": offset}
    sorting = _sorting(table, where, order)
    if after is None:
        return Query(_rows_where(table, _shape(where), sorting, None), values)
    rest = behind(table, order, where, after)
    if rest is None:
        return Query(_rows_where(table, _shape(where), sorting, None), {**values, "most": 0})
    place = dict(zip((name for name, _ in ordering(table, order)), after, strict=True))
    where = _beyond(where, rest, place)
    values = {**_values(where), "most": limit, "skipped": offset}
    values |= {f"{name}_behind": place[name] for name in rest.names}
    return Query(_rows_where(table, _shape(where), sorting, rest), values)


def counts_where(table: Table, where: Where, by: Sequence[str], most: int | None) -> Query:
    """How many rows match, per combination of ``by``; or up to ``most`` of them in all."""
    if most is None:
        return Query(_counts_where(table, _shape(where), tuple(by)), _values(where))
    if by:
        raise ValueError(f"{table.name}: what is counted by columns is counted whole")
    return Query(_counts_up_to(table, _shape(where)), {**_values(where), "most": most})


@lru_cache(_KEPT)
def _row_with(table: Table, names: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    check_columns(table, ())
    return select(table).where(*(table.c[name] == _parameter(table.c[name], "is") for name in names))


def _sorting(table: Table, where: Where, order: Sequence[str]) -> _Sorting:
    """What is left to sort by: a column in which all rows are the same would hide from a planner that an index fits."""
    columns = ordering(table, order)
    check_columns(table, [name for name, _ in columns])
    return tuple(
        (name, turned, may_be_empty(table, where, name))
        for name, turned in columns
        if not is_fixed(where, name)
    )


@lru_cache(_KEPT)
def _rows_where(
    table: Table, shape: _Shape, sorting: _Sorting, rest: Behind | None
) -> Select[*tuple[Any, ...]]:
    found = select(table).where(_all(table, shape))
    if rest is not None and rest.names:
        found = found.where(_is_behind(table, rest))
    found = found.order_by(
        *(_sorted(comparable(table, name), turned, empty) for name, turned, empty in sorting)
    )
    return found.limit(bindparam("most")).offset(bindparam("skipped"))


def _beyond(where: Where, rest: Behind, place: Row) -> Where:
    """The conditions without the bound that the place goes beyond: of two bounds SQLite's index takes but one."""
    wanted = where.get(rest.names[0]) if rest.names else None
    if not isinstance(wanted, Between):
        return where
    low, high, at = wanted.low, wanted.high, cast(Any, place[rest.names[0]])  # All of the column's type.
    if rest.turned and high is not None and at < high:
        return {**where, rest.names[0]: Between(low=low)}
    if not rest.turned and low is not None and at >= low:
        return {**where, rest.names[0]: Between(high=high)}
    return where


def _is_behind(table: Table, rest: Behind) -> ColumnElement[bool]:
    columns = [comparable(table, name) for name in rest.names]
    here = tuple_(*columns)
    place = tuple_(*(_parameter(column, "behind") for column in columns))
    if rest.itself:
        return here <= place if rest.turned else here >= place
    return here < place if rest.turned else here > place


@lru_cache(_KEPT)
def _counts_where(table: Table, shape: _Shape, by: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    check_columns(table, by)
    columns = [comparable(table, name) for name in by]
    sorting = (_sorted(column, turned=False, empty=bool(column.nullable)) for column in columns)
    counted = select(*columns, func.count().label("count")).select_from(table).where(_all(table, shape))
    return counted.group_by(*columns).order_by(*sorting)


@lru_cache(_KEPT)
def _counts_up_to(table: Table, shape: _Shape) -> Select[*tuple[Any, ...]]:
    found = select(literal(1)).select_from(table).where(_all(table, shape)).limit(bindparam("most"))
    return select(func.count().label("count")).select_from(found.subquery())


def _shape(where: Where) -> _Shape:
    return tuple((name, _test(wanted)) for name, wanted in where.items())


def _test(wanted: Cell | Between | AnyOf) -> _Test:
    match wanted:
        case None:
            return _Empty()
        case AnyOf(values):
            return _AnyOf(None in values)
        case Between(low, high):
            return _Between(low is not None, high is not None)
        case _:
            return _Equal()


def _values(where: Where) -> dict[str, Any]:
    return dict(pair for name, wanted in where.items() for pair in _values_of(name, wanted))


def _values_of(name: str, wanted: Cell | Between | AnyOf) -> Iterator[tuple[str, Any]]:
    match wanted:
        case None:
            return
        case AnyOf(values):
            yield f"{name}_in", [value for value in values if value is not None]
        case Between(low, high):
            if low is not None:
                yield f"{name}_from", low
            if high is not None:
                yield f"{name}_below", high
        case _:
            yield f"{name}_is", wanted


def _all(table: Table, shape: _Shape) -> ColumnElement[bool]:
    check_columns(table, [name for name, _ in shape])
    return and_(true(), *(_holds(table, name, test) for name, test in shape))


def _holds(table: Table, name: str, test: _Test) -> ColumnElement[bool]:
    if isinstance(test, _Empty):
        return table.c[name].is_(None)
    column = comparable(table, name)
    match test:
        case _AnyOf(or_empty):
            found = column.in_(_parameter(column, "in", expanding=True))
            return or_(found, column.is_(None)) if or_empty else found
        case _Between(low, high):
            above = column >= _parameter(column, "from") if low else true()
            return and_(above, column < _parameter(column, "below")) if high else above
        case _Equal():
            return column == _parameter(column, "is")


def _parameter(column: Column[Any], role: str, *, expanding: bool = False) -> BindParameter[Any]:
    return bindparam(f"{column.name}_{role}", type_=column.type, expanding=expanding)


def _sorted(column: Column[object], turned: bool, empty: bool) -> ColumnElement[object]:
    # An empty cell counts as less than any value on every engine (PostgreSQL's default is the opposite,
    # and that of its indexes, so that one fits only where no cell is empty).
    if not empty:
        return column.desc() if turned else column.asc()
    return column.desc().nulls_last() if turned else column.asc().nulls_first()
