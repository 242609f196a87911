"""Rating as one would write it first: json.loads, pydantic, Decimal, the tariff read with each CDR.

It knows what the measured CDRs need of OCPI 2.2.1: elements in order, windows of local time, weekdays and
duration, steps of one, VAT by rate. PyPI's ``ocpi-tariffs`` 0.1.0 would stand here, but its files hold no code.
"""

from __future__ import annotations

import json
from datetime import datetime, time
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel

ZONES = {"SWE": "Europe/Stockholm"}
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
CENT = Decimal("0.01")


class Component(BaseModel):
    type: str
    price: Decimal
    vat: Decimal = Decimal(0)
    step_size: int


class Restrictions(BaseModel):
    start_time: time = time(0)
    end_time: time | None = None
    day_of_week: list[str] = []
    min_duration: int = 0


class Element(BaseModel):
    price_components: list[Component]
    restrictions: Restrictions = Restrictions()


class Tariff(BaseModel):
    elements: list[Element]


class Dimension(BaseModel):
    type: str
    volume: Decimal


class Period(BaseModel):
    start_date_time: datetime
    dimensions: list[Dimension]


class Place(BaseModel):
    country: str


class Cdr(BaseModel):
    start_date_time: datetime
    cdr_location: Place
    tariffs: list[Tariff]
    charging_periods: list[Period]


def rate(line: bytes) -> tuple[Decimal, Decimal]:
    """Before and after taxes."""
    cdr = Cdr.model_validate(json.loads(line, parse_float=Decimal))
    zone = ZoneInfo(ZONES[cdr.cdr_location.country])
    priced: dict[str, list[tuple[Component, Decimal]]] = {}
    for period in cdr.charging_periods:
        local = period.start_date_time.astimezone(zone)
        elapsed = (period.start_date_time - cdr.start_date_time).total_seconds()
        volumes = {one.type: one.volume for one in period.dimensions}
        if "FLAT" not in priced:
            volumes["FLAT"] = Decimal(1)
        for kind, volume in volumes.items():
            component = first(cdr.tariffs[0], kind, local, elapsed)
            if component is not None and volume:
                priced.setdefault(kind, []).append((component, volume))
    net, tax = Decimal(0), Decimal(0)
    for kind, parts in priced.items():
        for index, (component, volume) in enumerate(parts):
            if index == len(parts) - 1 and (kind != "TIME" or "PARKING_TIME" not in priced):
                volume += surplus(kind, component.step_size, [one for _, one in parts])
            net += volume * component.price
            tax += volume * component.price * component.vat / 100
    rounded = round_half_away(net)
    return rounded, rounded + round_half_away(net + tax) - rounded


def first(tariff: Tariff, kind: str, local: datetime, elapsed: float) -> Component | None:
    """The first component of this kind whose element applies."""
    for element in tariff.elements:
        limits = element.restrictions
        if local.time() < limits.start_time or (limits.end_time and local.time() >= limits.end_time):
            continue
        if limits.day_of_week and DAYS[local.weekday()] not in limits.day_of_week:
            continue
        if elapsed < limits.min_duration:
            continue
        for component in element.price_components:
            if component.type == kind:
                return component
    return None


def surplus(kind: str, step: int, volumes: list[Decimal]) -> Decimal:
    """What the step adds to the last period, in kWh or hours."""
    if kind == "FLAT":
        return Decimal(0)
    per_unit = 1000 if kind == "ENERGY" else 3600
    units = [volume * per_unit for volume in volumes]
    if kind != "ENERGY":
        units = [round(one) if abs(one - round(one)) <= Decimal("0.36") else one for one in units]
    billed = (Decimal(sum(units)) / step).to_integral_value(ROUND_CEILING) * step
    return billed / per_unit - sum(volumes)


def round_half_away(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("1e-9"), ROUND_HALF_UP).quantize(CENT, ROUND_HALF_UP)
