"""Sessions whose end their station never told: by what an end is presumed, and after how long."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Presumed(StrEnum):
    """By what a session is taken to be over."""

    CONNECTOR_FREE = "CONNECTOR_FREE"
    """Its connector says, since after its start, that nobody charges there."""
    NEXT_SESSION = "NEXT_SESSION"
    """A later session began at its EVSE."""
    NOT_ONGOING = "NOT_ONGOING"
    """Its station, asked, neither knows it as ongoing nor has messages of it (2.x E14)."""
    SILENCE = "SILENCE"
    """Nothing was heard of it for very long, and its connector does not say that it is in use."""


class EndRules(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session's own end is waited for."""

    contradicted_s: int = 3600
    """While its connected station says otherwise (CONNECTOR_FREE, NEXT_SESSION)."""
    silent_s: int = 72 * 3600
    """While nothing is heard of it (SILENCE)."""
    grace_s: int = 24 * 3600
    """From when its end was presumed until it is priced with that end."""
