"""CDRs as partners send them, of every version: one hour in four periods by a price of use, time and parking."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

Document = dict[str, Any]
OWNER = {"country_code": "SE", "party_id": "ELS"}
WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
"""A Tuesday."""
_POINT = {"latitude": "63.825848", "longitude": "20.263035"}
_UPDATED = "2026-01-01T00:00:00Z"


def at(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def tariff(version: str = "2.2.1", **changes: Any) -> Document:
    """ENERGY 5.20 and TIME 6 on weekdays by day, PARKING_TIME 60 from half an hour on, FLAT 5; VAT 25 %."""

    def component(kind: str, price: float) -> Document:
        told = {"type": kind, "price": price, "step_size": 1}
        return told if version == "2.1.1" else told | {"vat": 25}

    elements = [
        {
            "price_components": [component("ENERGY", 5.20), component("TIME", 6)],
            "restrictions": {"start_time": "07:00", "end_time": "19:00", "day_of_week": WEEKDAYS},
        },
        {"price_components": [component("PARKING_TIME", 60)], "restrictions": {"min_duration": 1800}},
        {"price_components": [component("FLAT", 5)]},
    ]
    told: Document = {"id": "T1", "currency": "SEK", "elements": elements, "last_updated": _UPDATED}
    if version != "2.1.1":
        told = OWNER | {"type": "REGULAR"} | told
    if version == "2.3.0":
        told["tax_included"] = "NO"
    return told | changes


def cdr(
    version: str = "2.2.1", *, start: datetime = START, wh: tuple[int, ...] = (5_123,) * 4, **changes: Any
) -> Document:
    """An hour in as many periods as there are energies; the last is parking."""
    length = timedelta(hours=1) / len(wh)
    kinds = ["TIME"] * (len(wh) - 1) + ["PARKING_TIME"]
    periods = [
        {
            "start_date_time": at(start + index * length),
            "dimensions": [
                {"type": "ENERGY", "volume": energy / 1000},
                {"type": kind, "volume": round(1 / len(wh), 4)},
            ],
        }
        for index, (energy, kind) in enumerate(zip(wh, kinds, strict=True))
    ]
    told: Document = {
        "id": "C1",
        "start_date_time": at(start),
        "auth_method": "WHITELIST",
        "currency": "SEK",
        "tariffs": [tariff(version)],
        "charging_periods": periods,
        "total_energy": sum(wh) / 1000,
        "total_time": 1,
        "last_updated": at(start + timedelta(hours=1)),
    }
    end = at(start + timedelta(hours=1))
    if version == "2.1.1":
        told |= {"stop_date_time": end, "auth_id": "SERETC00000017", "location": _location(), "total_cost": 0}
    else:
        told |= OWNER | {"end_date_time": end, "cdr_token": _token(), "cdr_location": _place()}
        told |= {"session_id": "S1", "total_cost": cost(version, "0", "0")}
    return told | changes


def cost(version: str, net: str, tax: str) -> Document | float:
    """A price as the version writes it."""
    if version == "2.1.1":
        return float(net)
    if version == "2.2.1":
        return {"excl_vat": float(net), "incl_vat": float(Decimal(net) + Decimal(tax))}
    return {"before_taxes": float(net), "taxes": [{"name": "VAT", "percentage": 25, "amount": float(tax)}]}


def random_cdr(random: Random, version: str = "2.2.1", *, usual: float = 0.5) -> Document:
    """One of a year, by the minute.

    Args:
        usual: how many of them are within a weekday's prices for use; the rest are at any time.
    """
    start = START + timedelta(days=random.randrange(365), minutes=random.randrange(-240, 1_200))
    if random.random() < usual:
        start = START + timedelta(days=7 * random.randrange(52) + random.randrange(4))
        start += timedelta(minutes=random.randrange(-120, 420))
    wh = tuple(random.randrange(12_000) for _ in range(4))
    return cdr(version, start=start, wh=wh, id=f"C{random.randrange(10**9)}")


def as_line(document: Document) -> bytes:
    return json.dumps(document).encode()


def _token() -> Document:
    return {**OWNER, "party_id": "RET", "uid": "04A2B3C4D5", "type": "RFID", "contract_id": "SERETC00000017"}


def _place() -> Document:
    return {
        "id": "L1",
        "name": "Norra torget",
        "address": "Norra torget 1",
        "city": "Umeå",
        "country": "SWE",
        "coordinates": _POINT,
        "evse_uid": "E1",
        "evse_id": "SE*ELS*E00001*1",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2_COMBO",
        "connector_format": "CABLE",
        "connector_power_type": "DC",
    }


def _location() -> Document:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2_COMBO",
        "format": "CABLE",
        "power_type": "DC",
        "voltage": 400,
        "amperage": 125,
        "last_updated": _UPDATED,
    }
    evse = {"uid": "E1", "evse_id": "SE*ELS*E00001*1", "status": "UNKNOWN", "last_updated": _UPDATED}
    return {
        "id": "L1",
        "type": "UNKNOWN",
        "address": "Norra torget 1",
        "city": "Umeå",
        "postal_code": "90326",
        "country": "SWE",
        "coordinates": _POINT,
        "time_zone": "Europe/Stockholm",
        "evses": [evse | {"connectors": [connector]}],
        "last_updated": _UPDATED,
    }
