"""Quantities: meter samples and readings. Energy in Wh, power in W, current in mA, all whole.

What OCPI and tariffs count in kWh and hours is made of them here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

PLACES = ("Outlet", "Cable", "EV", "Inlet", "Body")
"""OCPP locations of a meter, best first: what is sold is what leaves the outlet."""
PHASES = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))
"""Phases whose values add up, as OCPP names them. L1-L2 and its like, and N, are other views of the same flow."""
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _MICROSECOND
_FOUR_DECIMALS = Decimal("0.0001")


def hours(length: timedelta) -> Decimal:
    """Hours with the four decimals of OCPI."""
    return (Decimal(length // _MICROSECOND) / _HOUR).quantize(_FOUR_DECIMALS, ROUND_HALF_EVEN)


def kwh(energy_wh: int) -> Decimal:
    """Exactly."""
    return Decimal(energy_wh).scaleb(-3)


def place_rank(place: str) -> int:
    """How far a place is from the best; names that OCPP does not have come last."""
    return PLACES.index(place) if place in PLACES else len(PLACES)


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
    register_at: str = "Outlet"
    """OCPP location of ``energy_wh``: registers of two places are two meters."""


def of_best_place(samples: Iterable[MeterSample]) -> list[MeterSample]:
    """Those of the samples that tell a register, at the best place at which any does."""
    registers = [sample for sample in samples if sample.energy_wh is not None]
    best = min((place_rank(sample.register_at) for sample in registers), default=0)
    return [sample for sample in registers if place_rank(sample.register_at) == best]
