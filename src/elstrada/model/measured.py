"""What a meter told of a charging period, beyond what OCPI's period says."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from elstrada.model.session import ChargingPeriod


class Level(NamedTuple):
    """Power or current at an instant."""

    at: datetime
    value: int
    """W, or mA over all phases."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A charging period between two readings of the register."""

    period: ChargingPeriod
    end: datetime
    untold: bool = False
    """Nobody knows when within it its energy flowed: it was too long without a reading."""
    power: tuple[Level, ...] = ()
    """In time order: what was told within it, and the last before it."""
    current: tuple[Level, ...] = ()
