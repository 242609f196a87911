"""What a station's meter did not tell of a session."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class MeterLack(StrEnum):
    """Something that a whole account of a session's energy needs."""

    NO_REGISTER = "NO_REGISTER"
    """There was no register, or it stood at 0 throughout, as of stations without a meter."""
    POWER_ONLY = "POWER_ONLY"
    """Likewise, but power was told."""
    NO_BEGIN = "NO_BEGIN"
    """No register at the start."""
    NO_END = "NO_END"
    """No register at the end."""
    NONE_WITHIN = "NONE_WITHIN"
    """No register between start and end of a long session: nobody knows when it took its energy."""


class MeterTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session's samples told so far."""

    within: bool = False
    """A register neither of its begin nor of its end."""
    power: bool = False
    """That power flowed."""
