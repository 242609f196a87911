"""Questions to views and records, answered on plain rows: what ``queries`` says in SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Table

from elstrada.spine.face import AnyOf, Between, Cell, Row, Where
from elstrada.spine.rules import behind, check_columns, comparable, ordering


def rows_where(
    table: Table,
    rows: Iterable[Row],
    where: Where,
    order: Sequence[str],
    limit: int,
    offset: int,
    after: Sequence[Cell] | None,
) -> list[Row]:
    """The rows that match, sorted, and of them only those behind a place."""
    columns = ordering(table, order)
    check_columns(table, (name for name, _ in columns))
    found = _matching(table, rows, where)
    if after is not None:
        found = _behind(table, found, where, order, after)
    # Sorting is stable: the last column first leaves the first column in charge.
    for name, turned in reversed(columns):
        comparable(table, name)
        found.sort(key=_rank_by(name), reverse=turned)
    return found[offset : offset + limit]


def _behind(
    table: Table, rows: list[Row], where: Where, order: Sequence[str], after: Sequence[Cell]
) -> list[Row]:
    behind(table, order, where, after)  # It is a place, or this raises.
    names, turned = [name for name, _ in ordering(table, order)], ordering(table, order)[0][1]
    place = [_rank(cell) for cell in after]
    ranked = (([_rank(row[name]) for name in names], row) for row in rows)
    return [row for rank, row in ranked if (rank < place if turned else rank > place)]


def counts_where(
    table: Table, rows: Iterable[Row], where: Where, by: Sequence[str], most: int | None
) -> list[Row]:
    """How many rows match, per combination of ``by``; or up to ``most`` of them in all."""
    if most is not None and by:
        raise ValueError(f"{table.name}: what is counted by columns is counted whole")
    check_columns(table, by)
    for name in by:
        comparable(table, name)
    found = Counter(tuple(row[name] for name in by) for row in _matching(table, rows, where))
    if not by:
        return [{"count": found[()] if most is None else min(most, found[()])}]
    groups = sorted(found, key=lambda group: [_rank(cell) for cell in group])
    return [dict(zip(by, group, strict=True)) | {"count": found[group]} for group in groups]


def _matching(table: Table, rows: Iterable[Row], where: Where) -> list[Row]:
    check_columns(table, where)
    tests = [(name, _test(table, name, wanted)) for name, wanted in where.items()]
    return [row for row in rows if all(test(row[name]) for name, test in tests)]


def _test(table: Table, name: str, wanted: Cell | Between | AnyOf) -> Callable[[Cell], bool]:
    match wanted:
        case None:
            return lambda cell: cell is None
        case AnyOf(values):
            comparable(table, name)
            return lambda cell: cell in values
        case Between(low, high):
            comparable(table, name)
            return lambda cell: _within(cell, low, high)
        case _:
            comparable(table, name)
            return lambda cell: cell == wanted


def _within(cell: Cell, low: Cell, high: Cell) -> bool:
    if cell is None:
        return low is None and high is None
    value = cast(Any, cell)  # A column's cells are all of one type, so they compare.
    return (low is None or low <= value) and (high is None or value < high)


def _rank_by(name: str) -> Callable[[Row], tuple[bool, Any]]:
    return lambda row: _rank(row[name])


def _rank(cell: Cell) -> tuple[bool, Any]:
    """An empty cell counts as less than any value."""
    return cell is not None, cell
