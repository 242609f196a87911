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

from elstrada.model.quantity import PHASES, PLACES, MeterSample, Reading

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
STATE_OF_CHARGE = "SoC"
PERIODIC = "Sample.Periodic"
OUTLET = "Outlet"

MAX_VALUE = Decimal(10) ** 18
"""No meter shows more, in any base unit; above it lies nonsense such as 1e400."""
_MAIN = {ENERGY: "Wh", POWER: "W", CURRENT: "A", STATE_OF_CHARGE: "Percent"}
"""The unit in which each main figure is understood; in any other it is a reading like the rest."""
_SPELLINGS = {
    **{base: (base, 0) for base in ("Wh", "W", "A", "V", "VA", "VAh", "var", "varh", "Hz", "Percent")},
    **{f"k{base}": (base, 3) for base in ("Wh", "W", "VA", "VAh", "var", "varh")},
    "%": ("Percent", 0),
    # 1.6 as first printed misspells it; its errata allow both.
    "Celcius": ("Celsius", 0),
}
_UNITS = {name.lower(): scale for name, scale in _SPELLINGS.items()} | _SPELLINGS
"""Unit, in lower case too, for stations differ: the base unit, and the power of ten to get there."""
_DEFAULT_UNITS = {
    "Energy.Active": "Wh",
    "Energy.Apparent": "VAh",
    "Energy.Reactive": "varh",
    "Power.Active": "W",
    "Power.Offered": "W",
    "Power.Reactive": "var",
    "Current": "A",
    "Voltage": "V",
    "Frequency": "Hz",
    "Temperature": "Celsius",
    "SoC": "Percent",
}
"""By the first one or two words of the measurand."""
_DIGITS = 18
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")


class Value(NamedTuple):
    """One sampled value of any OCPP version, in its base unit."""

    measurand: str
    value: Decimal | None
    """None: the number is inside the signed text only."""
    unit: str
    context: str
    phase: str | None
    location: str
    signed: str | None


def read_number(text: str) -> Decimal | None:
    """A number as stations write it; a comma may stand for the point (rule 26)."""
    if len(text) <= _DIGITS and text.isascii() and text.isdigit():
        return Decimal(text)
    text = text.strip()
    if "," in text and "." not in text:
        text = text.replace(",", ".", 1)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def is_signed_text(text: str) -> bool:
    """Is it what a meter signed, though nobody says so? Not all stations of 1.6 write the format beside it."""
    start = text[:_LOOKED_AT].lstrip()
    return start.startswith(("OCMF|", "AP;")) or (start.startswith("{") and "signedMeterData" in text)


_LOOKED_AT = 100


def in_base_unit(
    value: Decimal, unit: str | None, measurand: str, multiplier: int = 0
) -> tuple[Decimal, str] | None:
    """The value without kilo and multiplier, and its unit; None if no meter can show it.

    A missing unit is that of the measurand: Wh for energy (1.6 §7.35), likewise for the rest.
    """
    if not value.is_finite() or not -30 <= multiplier <= 30:
        return None
    unit = unit or _default_unit(measurand)
    unit, power = _UNITS.get(unit) or _UNITS.get(unit.lower(), (unit, 0))
    multiplier += power
    if multiplier:
        value = value.scaleb(multiplier)
    return (value, unit) if abs(value) <= MAX_VALUE else None


def _default_unit(measurand: str) -> str:
    words = measurand.split(".")
    return _DEFAULT_UNITS.get(".".join(words[:2])) or _DEFAULT_UNITS.get(words[0], "")


def samples_of(at: datetime, clock_suspect: bool, values: Iterable[Value]) -> Iterable[MeterSample]:
    """Fold the values of one instant: one sample per reading context, in order of appearance."""
    by_context: dict[str, list[Value]] = {}
    for value in values:
        by_context.setdefault(value.context, []).append(value)
    for context, of_context in by_context.items():
        yield _sample(at, clock_suspect, context, of_context)


def _sample(at: datetime, clock_suspect: bool, context: str, values: Sequence[Value]) -> MeterSample:
    main: dict[str, list[Value]] = {}
    readings: list[Reading] = []
    for value in values:
        if value.value is not None and _MAIN.get(value.measurand) == value.unit:
            main.setdefault(value.measurand, []).append(value)
        else:
            readings.append(_reading(value))
    figures: dict[str, Decimal | None] = {}
    for measurand, of_measurand in main.items():
        figures[measurand], repeated = _figure(of_measurand)
        if repeated is None or len(of_measurand) > 1:
            readings += [_reading(value) for value in of_measurand if value is not repeated]
    return MeterSample(
        at,
        _whole(figures.get(ENERGY)),
        _whole(figures.get(POWER)),
        _whole(figures.get(CURRENT), 1000),
        _whole(figures.get(STATE_OF_CHARGE)),
        context,
        tuple(readings),
        clock_suspect,
        _at_best_location(main[ENERGY])[0].location if ENERGY in main else OUTLET,
    )


def _figure(values: Sequence[Value]) -> tuple[Decimal | None, Value | None]:
    """The main figure of a measurand, and the one value it repeats exactly, if any.

    Best location first; there the value without phase, else the sum of the phases. What a phase showed
    stays a reading, and so does a signed value: neither can be had back from the figure.
    """
    here = _at_best_location(values) if len(values) > 1 else values
    for value in here:
        if value.phase is None:
            return value.value, None if value.signed else value
    for lines in PHASES:
        # A phase told twice for one instant counts once.
        shown = {value.phase: value.value for value in reversed(here) if value.phase in lines}
        if shown:
            return sum((value for value in shown.values() if value is not None), Decimal()), None
    return None, None


def _at_best_location(values: Sequence[Value]) -> Sequence[Value]:
    for location in PLACES:
        here = [value for value in values if value.location == location]
        if here:
            return here
    return values


def _reading(value: Value) -> Reading:
    location = None if value.location == OUTLET else value.location
    number = Decimal() if value.value is None else value.value
    return Reading(value.measurand, number, value.unit, value.phase, location, value.signed)


def _whole(figure: Decimal | None, times: int = 1) -> int | None:
    return None if figure is None else round(figure if times == 1 else figure * times)
