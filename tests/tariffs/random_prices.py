"""Random CDRs with their tariffs, as partners of each version write them, to hold two pricers against each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from cdr_documents import Document, at, cdr

ZONES = ("Europe/Stockholm", "Europe/Lisbon", "Asia/Kolkata", "America/Toronto", "Australia/Lord_Howe", "UTC")
STARTS = (
    datetime(2026, 3, 28, 20, tzinfo=UTC),  # The evening before the clocks of Europe go forward.
    datetime(2026, 10, 24, 20, tzinfo=UTC),  # And back: an hour comes twice.
    datetime(2026, 12, 31, 18, tzinfo=UTC),
    datetime(2026, 6, 2, 6, tzinfo=UTC),
)
TIMES = ("00:00", "02:00", "02:30", "08:00", "12:15", "17:00", "22:00")
LEVELS = (0, 3, 7, 11, 22)
"""kW or A, of limits and of periods: few, so that they often meet."""
DATES = ("2026-03-28", "2026-03-29", "2026-06-02", "2026-10-25", "2027-01-01")
DAYS = ("MONDAY", "TUESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
TYPES = ("REGULAR", "AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST")


def some_cdr(random: Random, version: str) -> Document:
    """A CDR of one to six periods, at times with a reservation before or in them."""
    start = random.choice(STARTS) + timedelta(minutes=random.choice([5, 15, 60]) * random.randrange(24))
    tax = random.choice(["NO", "NO", "NO", "YES", "N/A"]) if version == "2.3.0" else ""
    country = "SE" if random.random() < 0.9 else "US"
    tariffs = [
        some_tariff(random, version, f"T{n}", start, tax, country)
        for n in range(random.choice([1, 1, 1, 1, 2, 3]))
    ]
    names = [None] * 4 + [tariff["id"] for tariff in tariffs]
    periods, moment = list[Document](), start
    if version != "2.1.1" and random.random() < 0.25:
        length_s = 60 * random.randrange(1, 90)
        reserved = {"type": "RESERVATION_TIME", "volume": hours(length_s)}
        idle = [{"type": "ENERGY", "volume": 0}] if random.random() < 0.1 else []
        periods.append({"start_date_time": at(moment), "dimensions": [reserved, *idle]})
        moment += timedelta(seconds=length_s)
    for _ in range(random.randrange(1, 7)):
        length_s = random.choice([900, 900, 1_800, 3_600, random.randrange(1, 9_000)])
        period: Document = {
            "start_date_time": at(moment),
            "dimensions": some_volumes(random, version, length_s),
        }
        if version != "2.1.1" and random.random() < 0.05:
            period["dimensions"].append({"type": "RESERVATION_TIME", "volume": hours(length_s)})
        if random.random() < 0.03:
            period["dimensions"].append({"type": "ENERGY", "volume": random.choice([0, 1, 0.25])})
        name = random.choice(names)
        if name is not None and version != "2.1.1":
            period["tariff_id"] = random.choice([name, name.lower()])
        periods.append(period)
        moment += timedelta(seconds=length_s)
    end = "stop_date_time" if version == "2.1.1" else "end_date_time"
    told = {"start_date_time": at(start), end: at(moment), "tariffs": tariffs, "charging_periods": periods}
    return cdr(version) | told | {"currency": "SEK" if random.random() < 0.99 else "EUR"}


def some_tariff(
    random: Random, version: str, name: str, start: datetime, tax: str, country: str
) -> dict[str, Any]:
    told: Document = {
        "id": name,
        "currency": "SEK" if random.random() < 0.97 else "EUR",
        "elements": [some_element(random, version) for _ in range(random.randrange(1, 6))],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    if version == "2.1.1":
        return told
    told |= {"country_code": country, "party_id": "ELS"}
    if tax:
        told["tax_included"] = tax
    if random.random() < 0.5:
        told["type"] = random.choice(TYPES)
    for field, length in (("start_date_time", -1), ("end_date_time", 1)):
        if random.random() < 0.1:
            told[field] = at(start + timedelta(hours=length * random.choice([0, 1, 1, 2, -1])))
    for field, most in (("min_price", 30), ("max_price", 90)):
        if random.random() < 0.2:
            told[field] = some_limit(random, version, most)
    return told


def some_limit(random: Random, version: str, most: int) -> Document:
    """With its tax, if it tells any, between nothing and 30 per cent."""
    net = random.randrange(most * 100) / 100
    names = ("excl_vat", "incl_vat") if version == "2.2.1" else ("before_taxes", "after_taxes")
    told = {names[0]: net}
    return told | {names[1]: round(net * random.uniform(1, 1.3), 2)} if random.random() < 0.5 else told


def some_element(random: Random, version: str) -> Document:
    limits = some_limits(random, version) if random.random() < 0.65 else {}
    kinds = ["FLAT", "TIME"] if "reservation" in limits else ["ENERGY", "FLAT", "TIME", "PARKING_TIME"]
    components = [
        some_component(random, version, kind) for kind in random.sample(kinds, random.randint(1, len(kinds)))
    ]
    return {"price_components": components} | ({"restrictions": limits} if limits else {})


def some_component(random: Random, version: str, kind: str) -> Document:
    steps = [1, 1, 0, 60, 250, 300, 900, 1_000] if kind != "FLAT" else [1]
    price = random.choice([0, random.randrange(60), random.randrange(200_000) / 10_000])
    told: Document = {"type": kind, "price": price, "step_size": random.choice(steps)}
    rate = random.choice([None, 0, 5.2, 20, 25, 25, 25])
    return told if version == "2.1.1" or rate is None else told | {"vat": rate}


def some_limits(random: Random, version: str) -> Document:
    choices: Document = {
        "start_time": random.choice(TIMES),
        "end_time": random.choice(TIMES),
        "start_date": random.choice(DATES),
        "end_date": random.choice(DATES),
        "day_of_week": random.sample(DAYS, random.randrange(1, 5)),
        "min_kwh": random.randrange(40),
        "max_kwh": random.randrange(1, 60) / 2,
        "min_duration": 300 * random.randrange(40),
        "max_duration": 900 * random.randrange(1, 20),
        "min_power": random.choice(LEVELS),
        "max_power": random.choice(LEVELS),
    }
    if version != "2.1.1":
        choices |= {
            "min_current": random.choice(LEVELS),
            "max_current": random.choice(LEVELS),
        }
    share = random.choice([0.07, 0.15, 0.3])
    told = {name: value for name, value in choices.items() if random.random() < share}
    if version != "2.1.1" and random.random() < 0.2:
        told = dict(list(told.items())[:1])
        told["reservation"] = random.choice(["RESERVATION", "RESERVATION_EXPIRES"])
    return told


def some_volumes(random: Random, version: str, length_s: int) -> list[Document]:
    kwh = random.randrange(15_000) / 1000
    if random.random() < 0.05:
        kwh = random.choice([0, -kwh])
    told: Document = {random.choice(["TIME", "TIME", "PARKING_TIME"]): hours(length_s)}
    if random.random() < 0.9:
        told["ENERGY"] = kwh
    if version != "2.1.1":
        for name in ("POWER", "CURRENT"):
            low, high = sorted(random.choices(LEVELS, k=2))
            if random.random() < 0.6:
                told[f"MIN_{name}"] = low
            if random.random() < 0.6:
                told[f"MAX_{name}"] = high
    return [{"type": name, "volume": volume} for name, volume in told.items()]


def hours(length_s: int) -> float:
    return round(length_s / 3600, 4)
