"""View changes of many facts, merged per row, so that a batch writes each row once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sqlalchemy import Table

from elstrada.spine.face import Cell
from elstrada.spine.statements import Bound, Insert, bound, filled, upsert
from elstrada.spine.views import Change

_RowKey = tuple[Table, tuple[Cell, ...]]
_Cells = dict[str, Cell]


class Merged:
    """What a batch does to the views. Merging is sound because a change never reads its row.

    Tables with a unique index are the exception: a clash that a later change would hide must still be
    found, or a work would be refused alone and done in a group. Their changes are kept apart.
    """

    def __init__(self) -> None:
        self._rows: dict[_RowKey, tuple[_Cells, _Cells]] = {}
        self._apart: list[Change] = []

    def add(self, change: Change) -> None:
        """Take in a change; of one row's columns the latest holds.

        ``first`` is the earliest change's alone: after it the row exists.
        """
        if _has_unique_index(change.table):
            self._apart.append(change)
            return
        row = change.table, change.key
        found = self._rows.get(row)
        if found is None:
            self._rows[row] = (change.columns.copy(), change.first)
        else:
            found[0].update(change.columns)

    def statements(self) -> Iterator[tuple[str, list[Bound]]]:
        """The statements that write every row, each with its parameters."""
        groups: dict[Insert, list[list[Bound]]] = {}
        for (table, key), (columns, first) in self._rows.items():
            insert, cells = _row(table, key, columns, first)
            groups.setdefault(insert, []).append(cells)
        for insert, rows in groups.items():
            yield from filled(insert, rows)
        for change in self._apart:
            insert, cells = _row(change.table, change.key, change.columns, change.first)
            yield from filled(insert, [cells])


def _row(table: Table, key: tuple[Cell, ...], columns: _Cells, first: _Cells) -> tuple[Insert, list[Bound]]:
    names = tuple(sorted(columns))
    only_first = tuple(name for name in first if name not in columns)
    cells = [bound(cell) for cell in key]
    cells += [bound(first[name]) for name in only_first]
    cells += [bound(columns[name]) for name in names]
    return upsert(table, names, only_first), cells


@cache
def _has_unique_index(table: Table) -> bool:
    return any(index.unique for index in table.indexes)
