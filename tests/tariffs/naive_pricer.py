"""A second pricer, slow and plain, written from OCPI's text and sharing no code with the engine: a witness.

It reads a CDR as a partner sends it, of any version, and reckons with exact fractions. Rule and A numbers are
those of the engine; where the text is silent, both follow the same decision, and only there could both be wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

WEEK = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
PARTS = {"FLAT": "fixed", "ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking"}


@dataclass
class Reading:
    """What the text leaves open."""

    steps: str
    """``session``, ``blocks`` or ``none``."""
    one_element: bool
    silence_is_no_tax: bool
    sales_tax: tuple[str, ...] = ("CA", "US")
    other: frozenset[str] = frozenset()
    """Open questions, such as A4, that are answered the other way."""


@dataclass
class Line:
    part: str
    kind: str
    component: dict[str, Any]
    tariff: dict[str, Any]
    element: int
    volume: Fraction
    billed: Fraction

    @property
    def amount(self) -> Fraction:
        return self.billed * self.component["price"]


@dataclass
class Bill:
    """Exact where not said otherwise."""

    refusal: str = ""
    net: Fraction = Fraction(0)
    gross: Fraction | None = Fraction(0)
    taxes: dict[Fraction, Fraction] = field(default_factory=dict[Fraction, Fraction])
    parts: dict[str, tuple[Fraction, Fraction | None]] = field(
        default_factory=dict[str, tuple[Fraction, Fraction | None]]
    )


def bill(body: bytes, version: str, zone: str, expired: bool, reading: Reading) -> Bill:
    """Price one CDR."""
    cdr = json.loads(body, parse_float=Fraction, parse_int=Fraction)
    start = when(cdr["start_date_time"])
    valid = [tariff for tariff in cdr["tariffs"] if is_valid(tariff, start)]
    if not valid:
        return Bill("NoTariff")
    usual = min(valid, key=liking)  # A17; min keeps the first of equals.
    tariffs: list[dict[str, Any]] = []
    for period in cdr["charging_periods"]:
        name = period.get("tariff_id")
        named = [t for t in valid if name and t["id"].upper() == name.upper()]
        if name and not any(t["currency"] == cdr["currency"] for t in named):
            return Bill("NoTariff")
        if not name and usual["currency"] != cdr["currency"]:
            return Bill("WrongCurrency")
        tariffs.append(named[0] if name else usual)
    free: list[tuple[str, Fraction]] = []
    lines = list_lines(cdr, tariffs, version, zone, expired, reading, free)
    apply_steps(lines, free, reading)
    for line in lines:
        if included(line.tariff) == "YES" and "vat" not in line.component and line.amount:
            return Bill("NetUnknown")  # Rule 14.
    found = total(lines, reading)
    return found if "A12" in reading.other else limited(found, tariffs[0], reading)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def is_valid(tariff: dict[str, Any], at: datetime) -> bool:
    """Rule 2, at the session's start."""
    begins, ends = tariff.get("start_date_time"), tariff.get("end_date_time")
    return not (begins and at < when(begins)) and not (ends and at >= when(ends))


def liking(tariff: dict[str, Any]) -> int:
    kind = tariff.get("type", "REGULAR")
    return {"REGULAR": 0, "AD_HOC_PAYMENT": 2}.get(kind, 1)


def included(tariff: dict[str, Any]) -> str:
    return tariff.get("tax_included", "NO")


# --- which price ------------------------------------------------------------------------------------


def list_lines(
    cdr: dict[str, Any],
    tariffs: list[dict[str, Any]],
    version: str,
    zone: str,
    expired: bool,
    reading: Reading,
    free: list[tuple[str, Fraction]],
) -> list[Line]:
    periods = cdr["charging_periods"]
    end = when(cdr.get("end_date_time") or cdr["stop_date_time"])
    starts = [when(period["start_date_time"]) for period in periods]
    told = [told_volumes(period["dimensions"]) for period in periods]
    charging = [at for at, volumes in zip(starts, told, strict=True) if is_of_session(volumes)]
    lines: list[Line] = []
    energy, flats = Fraction(0), set[bool]()
    for index, (at, volumes, tariff) in enumerate(zip(starts, told, tariffs, strict=True)):
        until = starts[index + 1] if index + 1 < len(starts) else end
        facts = dict(volumes)
        if version == "2.1.1" and "ENERGY" in volumes and "MAX_POWER" not in volumes and until > at:
            power = volumes["ENERGY"] * 3600 / Fraction(int((until - at).total_seconds()))
            facts |= {"MIN_POWER": power, "MAX_POWER": power}  # A5
        local = at.astimezone(ZoneInfo(zone))
        sides: list[tuple[bool, dict[str, Fraction]]] = []
        if "RESERVATION_TIME" in volumes:
            sides.append((True, {"TIME": volumes["RESERVATION_TIME"]}))
        if is_of_session(volumes):
            used = priced_volumes(volumes)
            if "A22" in reading.other and used.get("ENERGY", 0) < 0:
                del used["ENERGY"]
            sides.append((False, used))
        for reserved, wanted in sides:
            from_start = reserved or "A11" in reading.other
            origin = when(cdr["start_date_time"]) if from_start else charging[0]
            elapsed = int((at - origin).total_seconds())
            if reserved not in flats and not ("A10" in reading.other and flats):
                wanted = {"FLAT": Fraction(1), **wanted}
            for kind, volume in wanted.items():
                found = choose(tariff, kind, reserved, expired, local, energy, elapsed, facts, reading)
                if found is None:  # Free, rule 7.
                    if not reserved and kind != "FLAT":
                        free.append((PARTS[kind], volume))
                    continue
                if kind == "FLAT":
                    flats.add(reserved)  # Once, A9 and A10.
                element, component = found
                part = "reservation" if reserved else PARTS[kind]
                lines.append(Line(part, kind, component, tariff, element, volume, volume))
        energy += volumes.get("ENERGY", 0)
    return lines


def told_volumes(dimensions: list[dict[str, Any]]) -> dict[str, Fraction]:
    """What a period used; of a volume told twice the sum."""
    found = dict[str, Fraction]()
    for one in dimensions:
        found[one["type"]] = found.get(one["type"], Fraction(0)) + one["volume"]
    return found


def is_of_session(volumes: dict[str, Fraction]) -> bool:
    """Is the period more than a reservation?"""
    return "RESERVATION_TIME" not in volumes or bool(priced_volumes(volumes))


def priced_volumes(volumes: dict[str, Fraction]) -> dict[str, Fraction]:
    return {kind: volumes[kind] for kind in ("ENERGY", "TIME", "PARKING_TIME") if volumes.get(kind)}


def choose(
    tariff: dict[str, Any],
    kind: str,
    reserved: bool,
    expired: bool,
    local: datetime,
    energy: Fraction,
    elapsed: int,
    facts: dict[str, Fraction],
    reading: Reading,
) -> tuple[int, dict[str, Any]] | None:
    """Rule 3: the first element that matches and has a component for this; A18: or the first that matches.

    The latter is a reading of 2.1.1, and not of a reservation, which only later editions know.
    """
    values: list[str | None] = [None]
    if reserved:
        values = ["RESERVATION_EXPIRES", "RESERVATION"] if expired else ["RESERVATION"]
    for value in values:
        for index, element in enumerate(tariff["elements"]):
            limits = element.get("restrictions", {})
            if limits.get("reservation") != value or not matches(
                limits, local, energy, elapsed, facts, reading.other
            ):
                continue
            for component in element["price_components"]:
                if component["type"] == kind:
                    return index, component
            if reading.one_element and not reserved:
                return None
    return None


def matches(
    limits: dict[str, Any],
    local: datetime,
    energy: Fraction,
    elapsed: int,
    facts: dict[str, Fraction],
    other: frozenset[str],
) -> bool:
    """Rules 4 to 6; A2 to A6."""
    minute = local.hour * 60 + local.minute
    begin, end = minutes(limits.get("start_time", "00:00")), minutes(limits.get("end_time", "00:00"))
    if "A3" in other and limits.get("end_time") == "00:00" and "start_time" not in limits:
        return False
    if "A2" in other and limits.get("start_time") == limits.get("end_time") is not None:
        return False
    if end == 0:
        end = 24 * 60
    if begin < end and not begin <= minute < end:
        return False
    if begin > end and not (minute >= begin or minute < end):
        return False
    today = local.date()
    if "start_date" in limits and today < date.fromisoformat(limits["start_date"]):
        return False
    if "end_date" in limits and today >= date.fromisoformat(limits["end_date"]):
        return False
    day = today.weekday()
    if "A4" in other and {"start_time", "end_time"} <= set(limits) and minute < end < begin:
        day -= 1
    if limits.get("day_of_week") and WEEK[day] not in limits["day_of_week"]:
        return False
    for least, most, value in (
        ("min_kwh", "max_kwh", energy),
        ("min_duration", "max_duration", elapsed),
    ):
        if least in limits and value < limits[least]:
            return False
        if most in limits and value >= limits[most]:
            return False
    for name in ("power", "current"):
        low, high = facts.get(f"MIN_{name.upper()}"), facts.get(f"MAX_{name.upper()}")
        if "A6" in other:
            low, high = high, low
        least, most = limits.get(f"min_{name}"), limits.get(f"max_{name}")
        if least is not None and ("A5" not in other if low is None else low < least):
            return False
        if most is not None and ("A5" not in other if high is None else high >= most):
            return False
    return True


def minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


# --- how much of it ---------------------------------------------------------------------------------


def apply_steps(lines: list[Line], free: list[tuple[str, Fraction]], reading: Reading) -> None:
    """Rules 10 and 11; A7, A8, A15, A22."""
    other = reading.other
    if reading.steps == "blocks":
        seen: list[tuple[int, int, str, str]] = []
        for line in lines:
            key = (id(line.tariff), line.element, line.part, line.kind)
            if key not in seen:
                seen.append(key)
                step([o for o in lines if (id(o.tariff), o.element, o.part, o.kind) == key], [], other)
    if reading.steps == "session":
        timed = [line.part for line in lines if line.part in ("time", "parking")]
        if "A8" not in other and "parking" in timed:
            timed.append("parking")
        for part in ("energy", *timed[-1:]):
            unpriced = [volume for name, volume in free if name == part and "A7" in other]
            step([line for line in lines if line.part == part], unpriced, other)
        step([line for line in lines if line.part == "reservation" and line.kind == "TIME"], [], other)


def step(lines: list[Line], unpriced: list[Fraction], other: frozenset[str]) -> None:
    """Bring the sum to whole steps of the last; what is missing is billed at the last one's price."""
    if not lines or lines[-1].kind == "FLAT":
        return
    size = lines[-1].component["step_size"]
    unit = 1000 if lines[-1].kind == "ENERGY" else 3600
    volumes = [line.volume for line in lines] + unpriced
    used = sum(volumes)
    if size == 0 or used < 0:
        return
    units = sum((as_units(volume, unit, other) for volume in volumes), Fraction(0))
    lines[-1].billed = lines[-1].volume + Fraction(ceil(units / size) * size) / unit - used


def as_units(volume: Fraction, unit: int, other: frozenset[str]) -> Fraction:
    units = volume * unit
    if unit == 3600 and "A15" not in other and abs(units - round(units)) <= Fraction(36, 100):
        return Fraction(round(units))
    return units


# --- what it comes to -------------------------------------------------------------------------------


def total(lines: list[Line], reading: Reading) -> Bill:
    """Rules 12 and 14; A14, A19."""
    found = Bill()
    for line in lines:
        net, rate, tax = line.amount, line.component.get("vat"), Fraction(0)
        known = True
        if included(line.tariff) == "N/A":
            rate = None
        elif rate is None:
            known = not net or is_untaxed(line.tariff, reading)
        elif included(line.tariff) == "YES":
            net = net / (1 + rate / 100)
        if rate is not None:
            tax = net * rate / 100
            found.taxes[rate] = found.taxes.get(rate, Fraction(0)) + tax
        had_net, had_gross = found.parts.get(line.part, (Fraction(0), Fraction(0)))
        found.parts[line.part] = (had_net + net, plus(had_gross, net + tax if known else None))
        found.net += net
        found.gross = plus(found.gross, net + tax if known else None)
    return found


def is_untaxed(tariff: dict[str, Any], reading: Reading) -> bool:
    return reading.silence_is_no_tax and tariff.get("country_code") not in reading.sales_tax


def plus(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one + other


def limited(found: Bill, tariff: dict[str, Any], reading: Reading) -> Bill:
    """Rule 13: each figure on its own; where there is only one, tax moves in proportion."""
    for name, pick in (("min_price", max), ("max_price", min)):
        limit = tariff.get(name)
        if limit is None:
            continue
        before = limit.get("before_taxes", limit.get("excl_vat"))
        after = limit.get("after_taxes", limit.get("incl_vat"))
        net = pick(found.net, before)
        if found.gross is not None and included(tariff) == "N/A":
            found.gross += net - found.net
        elif found.gross is not None and after is not None:
            found.gross = pick(found.gross, after)
        elif found.gross is not None and found.net:
            found.gross = found.gross * net / found.net
        elif found.gross is not None:
            found.gross = least_with_tax(net, tariff, reading)
        found.net = net
    return found


def least_with_tax(net: Fraction, tariff: dict[str, Any], reading: Reading) -> Fraction | None:
    """A least price where nothing was paid for: the one rate of all its components, else nobody knows."""
    rates = {part.get("vat") for element in tariff["elements"] for part in element["price_components"]}
    if not net or (rates == {None} and is_untaxed(tariff, reading)):
        return net
    (rate,) = rates if len(rates) == 1 else (None,)
    return None if rate is None else net * (1 + rate / 100)


def rounded(amount: Fraction, decimals: int) -> Fraction:
    """Half away from zero."""
    scaled = abs(amount) * 10**decimals
    whole = int(scaled + Fraction(1, 2))
    return Fraction(whole if amount >= 0 else -whole, 10**decimals)
