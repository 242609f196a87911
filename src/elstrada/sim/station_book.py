"""What a station knows for certain: the sessions its meter saw, and what it sent and had acknowledged.

This is the client's own truth, written independently of everything the system under test does.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

Payload = dict[str, object]
"""A JSON object."""


class Charged(msgspec.Struct, kw_only=True, eq=False):
    """One real session, as the meter saw it."""

    station_id: str
    evse_id: int
    token_uid: str
    started_at: datetime
    """By the world's clock, whatever the station's own may say."""
    meter_start_wh: int
    transaction_id: str | None = None
    """1.6: as first acknowledged; 2.x: the station's own."""
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    reason: str | None = None
    sampled_wh: list[int] = []
    """What was shown within it, where a station's meter is not to be trusted."""
    forgotten: bool = False
    """Its station lost its memory before all of it was told."""

    @property
    def energy_wh(self) -> int:
        """What left the socket."""
        return 0 if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh


class Kind(StrEnum):
    """What a transaction message tells, in either version."""

    START = "start"
    NEWS = "news"
    STOP = "stop"


class Message(msgspec.Struct, kw_only=True, eq=False):
    """A transaction message, kept until it is acknowledged, over power cuts and lost lines."""

    kind: Kind
    action: str
    payload: Payload
    of: Charged
    seq_no: int | None = None
    registers: tuple[int, ...] = ()
    """The meter readings it carries."""
    message_id: str = ""
    attempts: int = 0
    repeat: bool = False
    """It was acknowledged before and is sent again, as some stations do."""


class Outcome(StrEnum):
    INVOKED = "invoke"
    ACKNOWLEDGED = "ok"
    REFUSED = "fail"
    UNKNOWN = "unknown"
    """The line broke, or no reply came in time."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a station's log."""

    at: datetime
    outcome: Outcome
    message: Message
    message_id: str
    answer: Payload = {}


class Book:
    """One station's log and its sessions."""

    def __init__(self) -> None:
        self.sessions: list[Charged] = []
        self.entries: list[Entry] = []

    def write(self, at: datetime, outcome: Outcome, message: Message, answer: Payload | None = None) -> None:
        entry = Entry(
            at=at, outcome=outcome, message=message, message_id=message.message_id, answer=answer or {}
        )
        self.entries.append(entry)

    def known_wh(self, session: Charged) -> int:
        """The energy of a session by the registers that the operator has taken charge of."""
        told = [
            wh
            for entry in self.acknowledged()
            if entry.message.of is session
            for wh in entry.message.registers
        ]
        return max(told) - min(told) if told else 0

    def acknowledged(self) -> list[Entry]:
        """What the operator has taken charge of."""
        return [entry for entry in self.entries if entry.outcome is Outcome.ACKNOWLEDGED]


def text(payload: Payload, *path: str) -> str | None:
    """A text somewhere in a JSON object."""
    found = _at(payload, path)
    return found if isinstance(found, str) else None


def number(payload: Payload, *path: str) -> int | None:
    """A whole number somewhere in a JSON object."""
    found = _at(payload, path)
    return found if isinstance(found, int) else None


def _at(payload: Payload, path: tuple[str, ...]) -> object:
    found: object = payload
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None  # type: ignore[union-attr]
    return found  # type: ignore[return-value]
