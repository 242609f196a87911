"""View changes of many facts, merged per row, so that a batch writes each row once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sqlalchemy import Table

from elstrada.spine.face import Cell
from elstrada.spine.statements import Bound, bound, filled, upsert
from elstrada.spine.views import Change

_RowKey = tuple[Table, tuple[Cell, ...]]
_Cells = dict[str, Cell]
_Row = tuple[tuple[Cell, ...], _Cells, _Cells]
"""Key, columns, and columns only for a new row."""
_Shape = tuple[Table, tuple[str, ...], tuple[str, ...]]
"""Table, names of the columns, and of those only for a new row."""


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
        shapes: dict[_Shape, list[_Row]] = {}
        for (table, key), (columns, first) in self._rows.items():
            shape = table, tuple(columns), tuple(first)
            shapes.setdefault(shape, []).append((key, columns, first))
        for shape, rows in shapes.items():
            yield from _filled(shape, rows)
        for change in self._apart:
            shape = change.table, tuple(change.columns), tuple(change.first)
            yield from _filled(shape, [(change.key, change.columns, change.first)])


def _filled(shape: _Shape, rows: list[_Row]) -> Iterator[tuple[str, list[Bound]]]:
    """The statements for rows that set the same columns in the same order."""
    table, names, first_names = shape
    only_first = tuple(name for name in first_names if name not in names)
    cells = [
        [*map(bound, key), *[bound(first[name]) for name in only_first], *map(bound, columns.values())]
        for key, columns, first in rows
    ]
    return filled(upsert(table, names, only_first), cells)


@cache
def _has_unique_index(table: Table) -> bool:
    return any(index.unique for index in table.indexes)
