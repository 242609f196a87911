"""Questions to views and records as SQLAlchemy selects, for every SQL engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, and_, func, or_, select, true

from elstrada.spine.face import AnyOf, Between, Cell, Row, Where
from elstrada.spine.rules import check_columns, check_key, comparable, ordering

Query = Select[*tuple[Any, ...]]
"""A select of whatever columns."""


def row_with(table: Table, key: Row) -> Query:
    """The one row with this primary key."""
    check_columns(table, ())
    check_key(table, key)
    return select(table).where(*(table.c[name] == value for name, value in key.items()))


def rows_where(table: Table, where: Where, order: Sequence[str], limit: int, offset: int) -> Query:
    """The rows that match, sorted."""
    columns = ordering(table, order)
    check_columns(table, (name for name, _ in columns))
    sorting = (_sorted(comparable(table, name), turned) for name, turned in columns)
    return select(table).where(_all(table, where)).order_by(*sorting).limit(limit).offset(offset)


def counts_where(table: Table, where: Where, by: Sequence[str]) -> Query:
    """How many rows match, per combination of ``by``."""
    check_columns(table, by)
    columns = [comparable(table, name) for name in by]
    sorting = (_sorted(column, turned=False) for column in columns)
    counted = select(*columns, func.count().label("count")).select_from(table).where(_all(table, where))
    return counted.group_by(*columns).order_by(*sorting)


def _all(table: Table, where: Where) -> ColumnElement[bool]:
    check_columns(table, where)
    return and_(true(), *(_holds(table, name, wanted) for name, wanted in where.items()))


def _holds(table: Table, name: str, wanted: Cell | Between | AnyOf) -> ColumnElement[bool]:
    match wanted:
        case None:
            return table.c[name].is_(None)
        case AnyOf(values):
            column = comparable(table, name)
            found = column.in_([value for value in values if value is not None])
            return or_(found, column.is_(None)) if None in values else found
        case Between(low, high):
            column = comparable(table, name)
            above = true() if low is None else column >= low
            return above if high is None else and_(above, column < high)
        case _:
            return comparable(table, name) == wanted


def _sorted(column: Column[object], turned: bool) -> ColumnElement[object]:
    # An empty cell counts as less than any value on every engine (PostgreSQL's default is the opposite).
    if not column.nullable:
        return column.desc() if turned else column.asc()
    return column.desc().nulls_last() if turned else column.asc().nulls_first()
