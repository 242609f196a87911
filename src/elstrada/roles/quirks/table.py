"""Reads the table of quirks, and refuses it as a whole if a row is wrong."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from elstrada.model.quirk import Quirk, QuirkTable, faults

MOST_BYTES = 1 << 20
MOST_ROWS = 1_000
_ROWS = Path(__file__).with_name("rows.toml")


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    quirk: tuple[Quirk, ...] = ()


def load_quirks(own: Path | None = None) -> QuirkTable:
    """The table that counts here.

    Args:
        own: an installation's file; its rows stand for ours of the same name.
    Raises:
        ValueError: the file cannot be used; says which rows are wrong, and why.
        OSError: it cannot be read.
    """
    return ours() if own is None else ours().over(_read(own))


@cache
def ours() -> QuirkTable:
    """The rows that come with Elstrada."""
    return QuirkTable(_read(_ROWS))


def _read(path: Path) -> tuple[Quirk, ...]:
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES} bytes")
    try:
        rows = msgspec.convert(tomllib.loads(text.decode()), _Rows).quirk
    except ValueError as problem:  # Of TOML, of UTF-8, and of msgspec, which names the row from 0.
        raise ValueError(f"{path} holds no table of quirks: {problem}") from None
    if len(rows) > MOST_ROWS:
        raise ValueError(f"{path} has more than {MOST_ROWS} rows")
    wrong = list(faults(rows))
    if wrong:
        raise ValueError(f"{path}: {'; '.join(wrong)[:2000]}")
    return rows
