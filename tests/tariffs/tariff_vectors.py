"""The worked prices as values of ours: read with exact decimals, older versions lifted to the model."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Tariff
from elstrada.tariffs.usage import Usage

SHARED = Path(__file__).parents[3] / "shared" / "vectors" / "tariffs"


class Vector(msgspec.Struct, frozen=True):
    id: str
    version: str
    tariff: Tariff
    usage: Usage
    cdr: bytes
    """As it is given, with its tariff."""
    decimals: int
    expected: dict[str, Decimal | None]
    alternatives: tuple[tuple[Decimal | None, Decimal | None], ...]


def read_vectors(folder: str) -> list[Vector]:
    """All cases of one folder, or none where the folder is absent."""
    return [vector_of(path.read_bytes()) for path in sorted((SHARED / folder).glob("*.json"))]


def vector_of(body: bytes) -> Vector:
    case: dict[str, Any] = json.loads(body, parse_float=Decimal)
    cdr, expected = case["cdr"], case["expected"]
    return Vector(
        id=case["id"],
        version=case["ocpi_version"],
        tariff=_tariff(case["tariff"]),
        usage=Usage(
            start=datetime.fromisoformat(cdr["start_date_time"]),
            end=datetime.fromisoformat(cdr["end_date_time"]),
            time_zone=case["tz"],
            currency=cdr["currency"],
            periods=tuple(msgspec.convert(period, ChargingPeriod) for period in cdr["charging_periods"]),
            reservation_expired=case["options"].get("reservation_expired", False),
        ),
        cdr=json.dumps(json.loads(body)["cdr"]).encode(),
        decimals=int(expected["decimals"]),
        expected={
            name: None if value is None else Decimal(value)
            for name, value in expected.items()
            if name != "decimals"
        },
        alternatives=tuple(
            (Decimal(one["total_excl"]), Decimal(one["total_incl"]))
            for one in case.get("accepted_alternatives", ())
        ),
    )


def _tariff(wire: dict[str, Any]) -> Tariff:
    lifted = {
        name: value for name, value in wire.items() if name not in ("country_code", "party_id", "energy_mix")
    }
    lifted["party"] = PartyId(wire["country_code"], wire["party_id"])
    for name in ("min_price", "max_price"):
        if name in wire:
            limit = wire[name]
            before = limit.get("before_taxes", limit.get("excl_vat"))
            lifted[name] = {
                "before_taxes": before,
                "after_taxes": limit.get("after_taxes", limit.get("incl_vat")),
            }
    return msgspec.convert(lifted, Tariff)
