"""Views and records in dicts, with the promises of a database: all or nothing, keys, unique indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import takewhile

from sqlalchemy import Index, Table

from elstrada.spine.face import Cell, Delete, Put, Row, RowMoved
from elstrada.spine.rules import key_names, needed_names
from elstrada.spine.views import Change

Key = tuple[Cell, ...]
_Rows = dict[Key, Row]
_Columns = tuple[str, ...]


class MemoryTables:
    """Rows by table and primary key. A row is never changed in place, so it may be handed out."""

    def __init__(self) -> None:
        self._rows: dict[Table, _Rows] = {}
        self._unique: dict[Index, dict[Key, Key]] = {}
        self._editions: dict[Table, int] = {}
        self._alike: dict[Table, dict[_Columns, dict[Key, _Rows]]] = {}
        """Rows by what stands in the first columns of an index, of those that somebody has asked by."""

    def edition(self, table: Table) -> int:
        """How often a row of the table was written."""
        return self._editions.get(table, 0)

    def rows(self, table: Table) -> Iterable[Row]:
        return self._rows.get(table, {}).values()

    def rows_with(self, table: Table, cells: Mapping[str, Cell]) -> Iterable[Row]:
        """All rows that have these cells, and maybe others: those that an index of the table tells apart."""
        found = self._rows.get(table, {})
        for columns in _indexed(table, frozenset(cells)):
            found = min(found, self._by(table, columns).get(_cells(cells, columns), {}), key=len)
        return found.values()

    def _by(self, table: Table, columns: _Columns) -> dict[Key, _Rows]:
        known = self._alike.setdefault(table, {})
        if columns not in known:
            alike = known[columns] = {}
            for key, row in self._rows.get(table, {}).items():
                alike.setdefault(_cells(row, columns), {})[key] = row
        return known[columns]

    def get(self, table: Table, key: Key) -> Row | None:
        return self._rows.get(table, {}).get(key)

    def holder(self, index: Index, values: Key) -> Key | None:
        """Key of the row that has these values, which must be unique."""
        return self._unique.get(index, {}).get(values)

    def set(self, table: Table, key: Key, row: Row | None) -> None:
        """Put a row in its place, or with None remove it."""
        self._editions[table] = self.edition(table) + 1
        old = self._rows.setdefault(table, {}).pop(key, None)
        for index, values in _unique_values(table, old):
            del self._unique[index][values]
        for index, values in _unique_values(table, row):
            self._unique.setdefault(index, {})[values] = key
        if row is not None:
            self._rows[table][key] = row
        for columns, alike in self._alike.get(table, {}).items():
            if old is not None:
                del alike[_cells(old, columns)][key]
            if row is not None:
                alike.setdefault(_cells(row, columns), {})[key] = row

    def clear(self, table: Table) -> None:
        self._rows.pop(table, None)
        self._alike.pop(table, None)
        for index in _unique_indexes(table):
            self._unique.pop(index, None)


class Draft:
    """Changes to the tables that are not made yet: one transaction."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables
        self._changed: dict[tuple[Table, Key], Row | None] = {}
        self._holders: dict[tuple[Index, Key], Key | None] = {}
        """Who has what must be unique, where that changes."""

    def write(self, write: Put | Delete) -> None:
        """Take in a write to a record.

        Raises:
            RowMoved: the record is not as expected, or another has what must be unique.
            ValueError: a column that must be filled is empty.
        """
        table = write.table
        named = write.row if isinstance(write, Put) else write.key
        key = tuple([named[name] for name in key_names(table)])
        found = self._get(table, key)
        if not _as_expected(found, write.expected):
            raise _moved(table, key)
        if isinstance(write, Delete):
            self._set(table, key, found, None)
        elif found is not None or needed_names(table) <= write.row.keys():
            self._set(table, key, found, {**(found or _blank(table)), **write.row})
        else:
            raise _moved(table, key)

    def change(self, change: Change) -> None:
        """Take in a change of a view; raises as ``write``."""
        table, key = change.table, change.key
        found = self._get(table, key)
        row = found or {**_blank(table), **dict(zip(key_names(table), key, strict=True)), **change.first}
        self._set(table, key, found, {**row, **change.columns})

    def keep(self) -> None:
        """Make the changes; cannot fail."""
        # Everything old goes first, so that its unique values are free.
        for table, key in self._changed:
            self._tables.set(table, key, None)
        for (table, key), row in self._changed.items():
            self._tables.set(table, key, row)

    def _get(self, table: Table, key: Key) -> Row | None:
        if (table, key) in self._changed:
            return self._changed[table, key]
        return self._tables.get(table, key)

    def _set(self, table: Table, key: Key, old: Row | None, new: Row | None) -> None:
        empty = [] if new is None else [name for name in needed_names(table) if new[name] is None]
        if empty:
            raise ValueError(f"{table.name}.{empty[0]} must not be empty")
        for values in _unique_values(table, old):
            self._holders[values] = None
        for values in _unique_values(table, new):
            holder = self._holders[values] if values in self._holders else self._tables.holder(*values)
            if holder not in (None, key):
                raise RowMoved(table.name, {"unique": str(values[0].name)})
            self._holders[values] = key
        self._changed[table, key] = new


def _as_expected(row: Row | None, expected: Row | None) -> bool:
    if expected is None:
        return True
    if row is None or not expected:
        return row is None and not expected
    return all(row[name] == value for name, value in expected.items())


def _moved(table: Table, key: Key) -> RowMoved:
    return RowMoved(table.name, dict(zip(key_names(table), key, strict=True)))


@cache
def _blank(table: Table) -> Mapping[str, Cell]:
    return dict.fromkeys(str(column.name) for column in table.columns)


def _cells(row: Mapping[str, Cell], columns: _Columns) -> Key:
    return tuple([row[name] for name in columns])


@cache
def _indexed(table: Table, names: frozenset[str]) -> tuple[_Columns, ...]:
    """Those of these columns that the key of the table and each of its indexes begin with, each set of them once."""
    found: dict[frozenset[str], _Columns] = {}
    for columns in (table.primary_key.columns, *(index.columns for index in table.indexes)):
        begins = tuple(takewhile(names.__contains__, [str(column.name) for column in columns]))
        found.setdefault(frozenset(begins), begins)
    return tuple(begins for columns, begins in found.items() if not any(columns < other for other in found))


@cache
def _unique_indexes(table: Table) -> tuple[Index, ...]:
    return tuple(index for index in table.indexes if index.unique)


def _unique_values(table: Table, row: Row | None) -> Iterator[tuple[Index, Key]]:
    """What of this row nobody else may have; an empty cell is never the same as another."""
    if row is None:
        return
    for index in _unique_indexes(table):
        values = tuple(row[column.name] for column in index.columns)
        if None not in values:
            yield index, values
