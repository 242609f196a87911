"""Walking through many rows, a page after the other, each at the same cost; and places in a list as texts."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from sqlalchemy import BigInteger, Column, Integer, Table

from elstrada.spine.columns import Moment
from elstrada.spine.face import Between, Cell, Row, Spine, Where
from elstrada.spine.rules import ordering

PAGE = 1_000
LONGEST_PLACE = 2_000
"""Characters of a place as a text."""
EVER = Between(low=datetime(1970, 1, 1, tzinfo=UTC))
"""Any moment: what has none is in no list that is sorted by it."""
Place = tuple[Cell, ...]


async def pages(
    spine: Spine, table: Table, where: Where, order: Sequence[str] = (), *, size: int = PAGE
) -> AsyncIterator[list[Row]]:
    """All rows that match, in pages of ``size``; none comes twice or is left out because of what others change."""
    place: Place | None = None
    while True:
        rows = await spine.find(table, where, order=order, limit=size, after=place)
        if rows:
            yield rows
        if len(rows) < size:
            return
        place = place_of(table, order, rows[-1])


async def merged(
    spine: Spine, table: Table, wheres: Sequence[Where], order: Sequence[str], size: int, place: Place | None
) -> list[Row]:
    """The first rows behind a place that match one of ``wheres``, which exclude each other; an index serves each."""
    parts = [await spine.find(table, where, order=order, limit=size, after=place) for where in wheres]
    if len(parts) == 1:
        return parts[0]
    turned = ordering(table, order)[0][1]
    # Cells of a column are of one type, and those of a place are never empty.
    rows = [(cast(Any, place_of(table, order, row)), row) for part in parts for row in part]
    return [row for _, row in sorted(rows, key=lambda each: each[0], reverse=turned)[:size]]


def place_of(table: Table, order: Sequence[str], row: Row) -> Place:
    """Where a row stands in an order, for ``Spine.find``."""
    return tuple(row[name] for name, _ in ordering(table, order))


def place_text(table: Table, order: Sequence[str], row: Row) -> str:
    """The same as a text for whoever asks for the next page: letters, digits, - and _."""
    text = msgspec.json.encode([_list_name(table, order), *place_of(table, order, row)])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def place_told(table: Table, order: Sequence[str], text: str) -> Place:
    """A place from its text.

    Raises:
        ValueError: it is no place in this order.
    """
    columns = [table.c[name] for name, _ in ordering(table, order)]
    padded = text + "=" * (-len(text) % 4)
    try:
        told = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=list[str | int])
        if len(text) > LONGEST_PLACE or told[:1] != [_list_name(table, order)]:
            raise ValueError("a place in another list")
        return tuple(_cell(column, value) for column, value in zip(columns, told[1:], strict=True))
    except msgspec.MsgspecError as problem:
        raise ValueError(str(problem)) from None


def _cell(column: Column[Any], value: str | int) -> Cell:
    """A value of the column, as every engine can compare it."""
    if isinstance(column.type, Integer):
        bits = 63 if isinstance(column.type, BigInteger) else 31
        if isinstance(value, int) and -(2**bits) <= value < 2**bits:
            return value
        raise ValueError(f"{column.name} is a number of {bits} bits")
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{column.name} is a text")
    if isinstance(column.type, Moment):
        return msgspec.convert(value, Annotated[datetime, Meta(tz=True)]).astimezone(UTC)
    return value


def _list_name(table: Table, order: Sequence[str]) -> str:
    return f"{table.name} {' '.join(order)}"
