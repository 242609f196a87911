"""Rows as the engine keeps them, in an order that is the same on every engine, and two such in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from sqlalchemy import Text
from sqlalchemy.engine import Connection

from elstrada.spine.face import Cell
from elstrada.spine.statements import Bound, bound
from elstrada.spine.tables import metadata

RawRow = tuple[Bound, ...]
"""Cells as SQLite has them: moments and amounts are texts, truths 0 and 1. Damaged ones are as they are."""
_AT_ONCE = 1000


def raw_rows(
    connection: Connection, table: str, columns: Sequence[str], *, order: Sequence[str], where: str = ""
) -> Iterator[RawRow]:
    """All rows of a table, in byte order of ``order``, fetched a thousand at a time."""
    listed = ", ".join(f'"{name}"' for name in columns)
    sorting = ", ".join(_sorted(connection, table, name) for name in order)
    text = f'SELECT {listed} FROM "{table}" {where} ORDER BY {sorting}'  # noqa: S608  Names of ours.
    yield from query(connection, text)


def query(connection: Connection, text: str) -> Iterator[RawRow]:
    """The rows of a text, of whatever size, as SQLite would have them."""
    options = {"stream_results": True, "yield_per": _AT_ONCE}
    result = connection.exec_driver_sql(text, execution_options=options)
    plain = connection.dialect.name == "sqlite"
    for row in result:
        cells = cast("tuple[Cell, ...]", tuple(row))
        yield cast(RawRow, cells) if plain else tuple(map(_as_sqlite, cells))


class InStep:
    """Walks one sorted sequence beside another that is fed row by row, and pairs rows of one key."""

    def __init__(
        self, kept: Iterator[RawRow], width: int, told: Callable[[RawRow | None, RawRow | None], None]
    ) -> None:
        """Begin.

        Args:
            width: how many of a row's first cells make its key.
            told: called with a fed row and its partner; one of them is None where the other is alone.
        """
        self._kept, self._width, self._told = kept, width, told
        self._next = next(kept, None)

    def feed(self, row: RawRow) -> None:
        """The next row."""
        key = self._key(row)
        while self._next is not None and self._key(self._next) < key:
            self._told(None, self._take())
        is_pair = self._next is not None and self._key(self._next) == key
        self._told(row, self._take() if is_pair else None)

    def finish(self) -> None:
        """No row is to come."""
        while self._next is not None:
            self._told(None, self._take())

    def _take(self) -> RawRow | None:
        taken, self._next = self._next, next(self._kept, None)
        return taken

    def _key(self, row: RawRow) -> list[tuple[int, Any]]:
        # Damage may have made a number of a text; with its rank in front any cell compares.
        return [(_rank(cell), cell) for cell in row[: self._width]]


def shown_key(names: Sequence[str], row: RawRow) -> str:
    """A row's key as people read it."""
    return ", ".join(f"{name} {cell}" for name, cell in zip(names, row, strict=False))


def _sorted(connection: Connection, table: str, name: str) -> str:
    # PostgreSQL would sort texts as the people of some country do.
    is_text = isinstance(metadata.tables[table].c[name].type, Text)
    return f'"{name}" COLLATE "C"' if is_text and connection.dialect.name == "postgresql" else f'"{name}"'


def _as_sqlite(cell: Cell | memoryview) -> Bound:
    return bound(bytes(cell) if isinstance(cell, memoryview) else cell)


def _rank(cell: Bound) -> int:
    """As SQLite sorts what is not of one type: empty, numbers, texts, bytes."""
    if cell is None:
        return 0
    return 1 if isinstance(cell, int | float) else 2 if isinstance(cell, str) else 3
