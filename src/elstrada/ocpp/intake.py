"""The receipt of one message: when, and what about it we doubt beyond its schema."""

from __future__ import annotations

from datetime import datetime

from elstrada.ocpp.faults import FAULT_OF, Fault, Finding, Refusal
from elstrada.ocpp.times import read_time

MAX_NUMBER = 2**31 - 1
"""Of an EVSE, connector or sequence."""
MAX_UID = 255
"""OCPP 2.1 allows this much; older versions 20 and 36."""


class Unreadable(Exception):
    """A message that satisfies the schema's types but makes no sense; becomes a Refusal."""

    def __init__(self, finding: Finding) -> None:
        self.refusal = Refusal(
            FAULT_OF.get(finding.rule, Fault.PROPERTY_CONSTRAINT_VIOLATION),
            f"{finding.pointer}: {finding.text}",
            (finding,),
        )


class Intake:
    """Collects doubts while a message is translated."""

    __slots__ = ("findings", "received_at")

    def __init__(self, received_at: datetime, findings: tuple[Finding, ...] = ()) -> None:
        self.received_at = received_at
        self.findings = findings

    def doubt(self, pointer: str, rule: str, text: str) -> None:
        self.findings += (Finding(pointer, rule, text),)

    def time(self, text: str, pointer: str) -> tuple[datetime, bool]:
        """The instant named, or that of receipt, and whether the station's clock is suspect."""
        at = read_time(text, self.received_at)
        if at is not None:
            return at, False
        self.doubt(pointer, "clock", f"expected a time with zone from 2010 to tomorrow, got {text[:30]!r}")
        return self.received_at, True

    def number(self, value: int, pointer: str) -> int:
        """An ordinal such as an EVSE's.

        Raises:
            Unreadable: negative or beyond 31 bits; nothing could be said about such a thing.
        """
        if 0 <= value <= MAX_NUMBER:
            return value
        raise Unreadable(Finding(pointer, "minimum", f"expected 0 to {MAX_NUMBER}, got {value}"))

    def register(self, value: int, pointer: str) -> int | None:
        """A meter register in Wh; None if no meter can show it."""
        if 0 <= value < 2**63:
            return value
        self.doubt(pointer, "meter", f"expected a register in Wh, got {value}")
        return None

    def uid(self, text: str, pointer: str) -> str:
        """A token's uid.

        Raises:
            Unreadable: longer than any version allows; what is cut off could be another's token.
        """
        if len(text) <= MAX_UID:
            return text
        raise Unreadable(
            Finding(pointer, "maxLength", f"expected at most {MAX_UID} characters, got {len(text)}")
        )
