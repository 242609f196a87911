"""What peers' platforms do otherwise than the standard has it, as switches that an operator sets per peer.

We read leniently and write strictly: what needs no switch has none. These change what we believe or what we say, so
each is off unless somebody said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec


class PeerQuirk(StrEnum):
    RAW_TOKEN_TAKEN = "raw-token-taken"  # noqa: S105  A switch, no secret.
    RAW_TOKEN_SHOWN = "raw-token-shown"  # noqa: S105
    TRIMMED_TOKEN = "trimmed-token"  # noqa: S105
    EDITION_1 = "edition-1"
    MODULE_NAMES = "module-names"
    SLASH_AT_END = "slash-at-end"
    LONE_LISTS = "lone-lists"
    PUT_WHOLE = "put-whole"
    PTP_AS_OTHER = "ptp-as-other"


class PeerQuirkRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row of the table."""

    name: PeerQuirk
    reason: str
    """What such a peer does; continues "a peer that has it ..."."""
    does: str
    """What we do about it."""
    sources: tuple[str, ...]
    """Public: an issue, or a rule of the official text."""
    test: str
    """The test that proves it."""


def finding_of(quirk: PeerQuirk) -> str:
    """The code of the finding that a peer does this, whether the switch is on or not."""
    return f"quirk {quirk.value}"


def faults(rows: Sequence[PeerQuirkRow]) -> Iterator[str]:
    """What is wrong with a table; nothing, if it has each switch once, with a reason, a source and a test."""
    for quirk in PeerQuirk:
        count = sum(row.name is quirk for row in rows)
        if count != 1:
            yield f"{quirk.value} stands there {count} times"
    for row in rows:
        if not (row.reason and row.does and row.sources and row.test):
            yield f"{row.name.value} lacks its reason, what is done, a source or its test"
