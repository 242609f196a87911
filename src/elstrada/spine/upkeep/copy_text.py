"""Rows as PostgreSQL's COPY writes them (text format), and the cells that SQLite keeps for them.

Source: PostgreSQL documentation, COPY, "Text Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from elstrada.spine.columns import moment_text
from elstrada.spine.statements import Bound

_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_TO_ESCAPE = re.compile(r"[\\\b\f\n\r\t\v]")
_PLAIN = {text: char for char, text in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\[\\bfnrtv]")
_EMPTY = "\\N"
_WHOLE = {"smallint", "integer", "bigint"}


def lines_of(rows: Iterable[Sequence[Bound]], types: Sequence[str]) -> Iterator[bytes]:
    """SQLite's rows as lines of a COPY.

    Args:
        types: of PostgreSQL's columns, in the order of the cells.
    """
    for row in rows:
        cells = (_written(cell, kind) for cell, kind in zip(row, types, strict=True))
        yield ("\t".join(cells) + "\n").encode()


def rows_of(chunks: Iterable[bytes], types: Sequence[str]) -> Iterator[tuple[Bound, ...]]:
    """Lines of a COPY as SQLite keeps their rows; every newline ends one, for those in a cell are escaped."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            cells = line.decode().split("\t")
            yield tuple(_read(cell, kind) for cell, kind in zip(cells, types, strict=True))
    if rest:
        raise ValueError("the last line of a COPY text has no end")


def _written(cell: Bound, kind: str) -> str:
    if cell is None:
        return _EMPTY
    if isinstance(cell, bytes):
        return f"\\\\x{cell.hex()}"
    if kind == "boolean":
        return "t" if cell else "f"
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], str(cell))


def _read(cell: str, kind: str) -> Bound:
    if cell == _EMPTY:
        return None
    if kind in _WHOLE:
        return int(cell)
    if kind == "boolean":
        return int(cell == "t")
    text = _ESCAPED.sub(lambda found: _PLAIN[found[0]], cell)
    if kind == "bytea":
        return bytes.fromhex(text.removeprefix("\\x"))
    return moment_text(datetime.fromisoformat(text)) if kind == "timestamp with time zone" else text
