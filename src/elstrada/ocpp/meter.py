"""Meter values made plain, once, at ingress (rules 22 to 26; pricing-and-billing 5.1).

Whatever the version, a sampled value becomes a ``Value``; the values of one instant and context become
a ``MeterSample`` whose main figures are those of the outlet, over all phases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from elstrada.model.quantity import MeterSample, Reading

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
STATE_OF_CHARGE = "SoC"
PERIODIC = "Sample.Periodic"
OUTLET = "Outlet"

MAX_VALUE = Decimal(10) ** 18
"""No meter shows more, in any base unit; above it lies nonsense such as 1e400."""
_MAIN = (ENERGY, POWER, CURRENT, STATE_OF_CHARGE)
_LOCATIONS = (OUTLET, "Cable", "EV", "Inlet", "Body")
"""Where a main figure is looked for, best first: what is sold is what leaves the outlet."""
_KILO = {"kWh": "Wh", "kW": "W", "kvarh": "varh", "kvar": "var", "kVA": "VA", "kVAh": "VAh"}
_DEFAULT_UNITS = {"Energy": "Wh", "Power": "W", "Current": "A", "Voltage": "V", "SoC": "Percent"}
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")


class Value(NamedTuple):
    """One sampled value of any OCPP version, in its base unit."""

    measurand: str
    value: Decimal
    unit: str
    context: str
    phase: str | None
    location: str
    signed: str | None


def read_number(text: str) -> Decimal | None:
    """A number as stations write it; a comma may stand for the point (rule 26)."""
    text = text.strip()
    if "," in text and "." not in text:
        text = text.replace(",", ".", 1)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def in_base_unit(
    value: Decimal, unit: str | None, measurand: str, multiplier: int = 0
) -> tuple[Decimal, str] | None:
    """The value without kilo and multiplier, and its unit; None if no meter can show it.

    A missing unit is that of the measurand: Wh for energy (1.6 §7.35), likewise for the rest.
    """
    if not value.is_finite() or not -30 <= multiplier <= 30:
        return None
    unit = unit or _DEFAULT_UNITS.get(measurand.split(".", 1)[0], "")
    base = _KILO.get(unit)
    if base is not None:
        unit, multiplier = base, multiplier + 3
    if multiplier:
        value = value.scaleb(multiplier)
    return (value, unit) if abs(value) <= MAX_VALUE else None


def samples_of(at: datetime, clock_suspect: bool, values: Sequence[Value]) -> Iterable[MeterSample]:
    """Fold the values of one instant: one sample per reading context, in order of appearance."""
    contexts = dict.fromkeys(value.context for value in values)
    for context in contexts:
        of_context = values if len(contexts) == 1 else [value for value in values if value.context == context]
        yield _sample(at, clock_suspect, context, of_context)


def _sample(at: datetime, clock_suspect: bool, context: str, values: Sequence[Value]) -> MeterSample:
    figures: dict[str, Decimal] = {}
    readings: list[Reading] = []
    for measurand in _MAIN:
        of_measurand = [value for value in values if value.measurand == measurand]
        if of_measurand:
            figures[measurand], used = _figure(of_measurand)
            readings.extend(_reading(value) for value in of_measurand if value is not used)
    readings.extend(_reading(value) for value in values if value.measurand not in _MAIN)
    return MeterSample(
        at,
        _whole(figures.get(ENERGY)),
        _whole(figures.get(POWER)),
        _whole(figures[CURRENT] * 1000) if CURRENT in figures else None,
        _whole(figures.get(STATE_OF_CHARGE)),
        context,
        tuple(readings),
        clock_suspect,
    )


def _figure(values: Sequence[Value]) -> tuple[Decimal, Value | None]:
    """The main figure of a measurand, and the one value it repeats exactly, if any.

    Best location first; there the value without phase, else the sum of the phases. What a phase showed
    stays a reading, and so does a signed value: neither can be had back from the figure.
    """
    here = _at_best_location(values)
    for value in here:
        if value.phase is None:
            return value.value, None if value.signed else value
    lines = [value for value in here if value.phase in _LINES]
    return sum((value.value for value in lines or here), Decimal()), None


_LINES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
"""Phases whose values add up; L1-L2 and its like, and N, are other views of the same flow."""


def _at_best_location(values: Sequence[Value]) -> Sequence[Value]:
    for location in _LOCATIONS:
        here = [value for value in values if value.location == location]
        if here:
            return here
    return values


def _reading(value: Value) -> Reading:
    location = None if value.location == OUTLET else value.location
    return Reading(value.measurand, value.value, value.unit, value.phase, location, value.signed)


def _whole(figure: Decimal | None) -> int | None:
    return None if figure is None else int(figure.to_integral_value())
