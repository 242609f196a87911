"""A station's local authorization list: the tokens it may judge by itself, when it cannot ask us or need not."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.token import Allowed


class ListRule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which of the tokens that its owner may judge alone a station shall hold."""

    issuers: tuple[PartyId, ...] = ()
    """Only tokens of these parties; empty: of all."""
    groups: tuple[str, ...] = ()
    """Only tokens of these groups, as their issuers name them; empty: of all, and those of none."""


class ListEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A token in a list. Holds its uid, so it stands in no fact and no record."""

    key: str
    """What names it in our records: its pseudonym, and in OCPP 2.x its type behind a slash."""
    uid: str
    type: str
    allowed: Allowed | None
    """None: it is taken from the list."""
    group_ref: str | None = None
    """Pseudonym of its group, as the station is told it with every other answer."""
    expires_at: datetime | None = None


class ListUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One message of an update."""

    version: int
    """Of the list once this message has been applied; from 1."""
    full: bool
    """It replaces the list; otherwise it changes what it names."""
    entries: tuple[ListEntry, ...]


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says of its list; None where it does not say."""

    enabled: bool | None = None
    entries: int | None = None
    """Most tokens it holds."""
    items_per_message: int | None = None
    bytes_per_message: int | None = None


class ListState(StrEnum):
    """How a station's list stands to what it shall hold."""

    WAITING = "WAITING"
    """Nobody has looked yet: the station has to connect."""
    IN_STEP = "IN_STEP"
    DISABLED = "DISABLED"
    """The station has its list switched off."""
    NOT_SUPPORTED = "NOT_SUPPORTED"
    FAILED = "FAILED"
    """The station did not take it; it is tried again."""
