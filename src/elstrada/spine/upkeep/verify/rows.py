"""Rows as the engine keeps them, in an order that is the same on every engine, and two such in step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from sqlalchemy import Text
from sqlalchemy.engine import Connection

from elstrada.spine.face import Cell
from elstrada.spine.statements import Bound, bound
from elstrada.spine.tables import metadata

RawRow = tuple[Bound, ...]
"""Cells as SQLite has them: moments and amounts are texts, truths 0 and 1. Damaged ones are as they are."""
Key = tuple[tuple[int, Bound], ...]
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


def keyed(rows: Iterable[RawRow], width: int) -> Iterator[tuple[Key, RawRow]]:
    """Each row with the key that its first cells make; keys of any types can be compared."""
    for row in rows:
        yield tuple((_rank(cell), cell) for cell in row[:width]), row


def in_step(
    left: Iterator[tuple[Key, RawRow]], right: Iterator[tuple[Key, RawRow]]
) -> Iterator[tuple[RawRow | None, RawRow | None]]:
    """Walk two sorted sequences together: rows with the same key in pairs, others alone."""
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield one[1], None
            one = next(left, None)
        elif one is None or other[0] < one[0]:
            yield None, other[1]
            other = next(right, None)
        else:
            yield one[1], other[1]
            one, other = next(left, None), next(right, None)


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
