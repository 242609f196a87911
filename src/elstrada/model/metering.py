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
    INTERVALS_ONLY = "INTERVALS_ONLY"
    """Likewise, but energy was told interval by interval, and is added."""
    NO_BEGIN = "NO_BEGIN"
    """No register at the start."""
    NO_END = "NO_END"
    """No register at the end."""
    NONE_WITHIN = "NONE_WITHIN"
    """No register between start and end of a long session: nobody knows when it took its energy."""


class TurnKind(StrEnum):
    """Why a register fell and went on."""

    RESET = "RESET"
    """It began anew near 0, or the meter was changed."""
    ROLLOVER = "ROLLOVER"
    """It had come to the last of its digits, or bits."""


class RegisterTurn(msgspec.Struct, frozen=True):
    """A register fell during a session and went on: energy is counted before and after it."""

    kind: TurnKind
    from_wh: int
    """What it had come to: the highest shown before a reset, the number that a rollover passes."""
    to_wh: int
    """Where it went on: the lowest shown after a reset, 0 after a rollover."""


class MeterTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session's samples told so far."""

    within: bool = False
    """A register neither of its begin nor of its end."""
    power: bool = False
    """That power flowed."""
