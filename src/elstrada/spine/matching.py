"""Questions to views and records, answered on plain rows: what ``queries`` says in SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
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
    sorts = _sorts(table, tuple(order))
    found = _matching(table, rows, where)
    if after is not None:
        found = _behind(table, found, where, order, after)
    if len(found) > 1:
        for rank, turned in sorts:
            found.sort(key=rank, reverse=turned)
    return found[offset : offset + limit]


@lru_cache(1024)
def _sorts(
    table: Table, order: tuple[str, ...]
) -> tuple[tuple[Callable[[Row], tuple[bool, Any]], bool], ...]:
    """How to sort by columns, one after the other: what each row is ranked by, and whether turned round."""
    columns = ordering(table, order)
    check_columns(table, [name for name, _ in columns])
    for name, _ in columns:
        comparable(table, name)
    # Sorting is stable: the last column first leaves the first column in charge.
    return tuple((_rank_by(name), turned) for name, turned in reversed(columns))


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
    found = _matching(table, rows, where)
    if not by:
        return [{"count": len(found) if most is None else min(most, len(found))}]
    if not found:
        return []
    counts = Counter([tuple([row[name] for name in by]) for row in found])
    groups = sorted(counts, key=lambda group: [_rank(cell) for cell in group])
    return [dict(zip(by, group, strict=True)) | {"count": counts[group]} for group in groups]


def _matching(table: Table, rows: Iterable[Row], where: Where) -> list[Row]:
    check_columns(table, where)
    for name, wanted in where.items():
        if wanted is not None:
            comparable(table, name)
    found = list(rows)
    for name, wanted in where.items():
        if found:
            found = _that_are(found, name, wanted)
    return found


def given(where: Where) -> dict[str, Cell]:
    """The cells that must be the very same."""
    return {
        name: wanted
        for name, wanted in where.items()
        if wanted is not None and not isinstance(wanted, AnyOf | Between)
    }


def _that_are(rows: list[Row], name: str, wanted: Cell | Between | AnyOf) -> list[Row]:
    """The rows whose cell is as wanted."""
    match wanted:
        case None:
            return [row for row in rows if row[name] is None]
        case AnyOf(values):
            return [row for row in rows if row[name] in values]
        case Between(low, high):
            return [row for row in rows if _within(row[name], low, high)]
        case _:
            return [row for row in rows if row[name] == wanted]


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
