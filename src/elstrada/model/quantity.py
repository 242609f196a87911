"""Quantities: meter samples and readings. Energy in Wh, power in W, current in mA, all whole."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured value that is not one of a sample's main figures, kept as the station gave it."""

    measurand: str
    """OCPP name, such as ``Voltage``."""
    value: Decimal
    """In the base unit: Wh, W, A, V, Hz, Celsius, Percent; power-of-ten multiplier applied."""
    unit: str = ""
    phase: str | None = None
    location: str | None = None
    signed: str | None = None
    """What was signed, verbatim, and unverified: OCPP 1.6 the text, 2.x the signedMeterValue as JSON.

    ``value`` is what the station says beside it; 0 where it says nothing beside it (1.6).
    """


class MeterSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a meter said at one instant."""

    at: datetime
    """UTC, as the station claims it."""
    energy_wh: int | None = None
    """Import register (lifetime, not of the session). 2**63 - 1 at most."""
    power_w: int | None = None
    current_ma: int | None = None
    """Sum over the phases."""
    soc_percent: int | None = None
    context: str = "Sample.Periodic"
    """OCPP reading context."""
    readings: tuple[Reading, ...] = ()
    clock_suspect: bool = False
    """The station's time could not be believed; ``at`` is then when we received it."""
