"""Reads the table of peers' quirks."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from elstrada.model.peer_quirk import PeerQuirkRow, faults

_ROWS = Path(__file__).with_name("peers.toml")


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    quirk: tuple[PeerQuirkRow, ...]


@cache
def peer_quirks() -> tuple[PeerQuirkRow, ...]:
    """The rows, in the table's order."""
    rows = msgspec.convert(tomllib.loads(_ROWS.read_text()), _Rows).quirk
    wrong = list(faults(rows))
    assert not wrong, wrong
    return rows
