"""Columns of cells as PostgreSQL reads arrays: as text, made in a few steps for the whole column.

The driver makes them cell by cell, which took half of the writer's time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast


def columnwise(rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows of one or more cells as array literals, one per column.

    Raises:
        ValueError: a text holds the character NUL, which PostgreSQL keeps in no text.
    """
    return [array(column) for column in zip(*rows, strict=True)]


def array(cells: Sequence[object]) -> str:
    """Cells as one array literal; raises as ``columnwise``."""
    kinds = set(map(type, cells))
    if kinds == {str}:
        return _texts(cast(Sequence[str], cells))
    if kinds == {int}:
        return "{" + ",".join(map(str, cells)) + "}"
    return "{" + ",".join([_literal(cell) for cell in cells]) + "}"


def _texts(texts: Sequence[str]) -> str:
    # What no text may hold parts them while all are escaped at once.
    together = "\0".join(texts)
    if together.count("\0") != len(texts) - 1:
        raise ValueError("a text holds the character NUL (U+0000), which PostgreSQL cannot keep")
    return '{"' + _escaped(together).replace("\0", '","') + '"}'


def _literal(cell: object) -> str:
    make = _LITERALS.get(type(cell))
    if make is None:
        make = next(make for kind, make in _LITERALS.items() if isinstance(cell, kind))
    return make(cell)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


_LITERALS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    bool: str,
    int: str,
    str: lambda text: _texts((text,))[1:-1],
    bytes: lambda content: f'"\\\\x{content.hex()}"',
    datetime: lru_cache(1024)(datetime.isoformat),  # A batch has one time of record, in every row.
    Decimal: str,
}
