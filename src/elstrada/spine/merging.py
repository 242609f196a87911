"""View changes of many facts, merged per row, so that a batch writes each row once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from sqlalchemy import Table

from elstrada.spine.face import Cell
from elstrada.spine.views import Change

_RowKey = tuple[Table, tuple[Cell, ...]]
_Cells = dict[str, Cell]
_Said = tuple[Table, tuple[str, ...], tuple[str, ...]]
"""Table, names of the columns in the order in which they are said, and of those only for a new row."""


class Shape(NamedTuple):
    """What rows that are written by one statement have in common. Their cells: key, first, columns."""

    table: Table
    columns: tuple[str, ...]
    """Those to set."""
    first: tuple[str, ...]
    """Those to set in a new row only."""


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

    def shaped(self) -> Iterator[tuple[Shape, list[list[Cell]]]]:
        """Every row, together with those of its shape; in this order they are to be written.

        A row comes once among those of a shape, so that one statement may write them all.
        """
        said: dict[_Said, list[list[Cell]]] = {}
        for (table, key), (columns, first) in self._rows.items():
            said.setdefault((table, tuple(columns), tuple(first)), []).append(_cells(key, columns, first))
        for (table, columns, first), rows in said.items():
            yield _shape(table, columns, first), rows
        for change in self._apart:
            shape = _shape(change.table, tuple(change.columns), tuple(change.first))
            yield shape, [_cells(change.key, change.columns, change.first)]


def _cells(key: tuple[Cell, ...], columns: _Cells, first: _Cells) -> list[Cell]:
    return [*key, *[first[name] for name in first if name not in columns], *columns.values()]


@cache
def _shape(table: Table, columns: tuple[str, ...], first: tuple[str, ...]) -> Shape:
    return Shape(table, columns, tuple(name for name in first if name not in columns))


@cache
def _has_unique_index(table: Table) -> bool:
    return any(index.unique for index in table.indexes)
