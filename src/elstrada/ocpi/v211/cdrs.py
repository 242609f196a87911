"""Charge detail records, and the classes that sessions share with them. Source: OCPI 2.1.1 mod_cdrs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model.token import AuthMethod
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211.locations import Location
from elstrada.ocpi.v211.tariffs import Tariff


class CdrDimension(msgspec.Struct, frozen=True):
    type: str
    volume: Decimal


class ChargingPeriod(msgspec.Struct, frozen=True, kw_only=True):
    start_date_time: Instant
    dimensions: tuple[CdrDimension, ...]


class Cdr(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    start_date_time: Instant
    stop_date_time: Instant | None = None
    """Demanded."""
    end_date_time: Instant | None = None
    """The same by its later name, as a library in wide use has it; read, and never written."""
    auth_id: str
    auth_method: str
    location: Location
    """With only the EVSE and the connector that were used."""
    meter_id: str | None = None
    currency: str
    tariffs: tuple[Tariff, ...] = ()
    charging_periods: tuple[ChargingPeriod, ...]
    total_cost: Decimal
    """Without VAT."""
    total_energy: Decimal
    total_time: Decimal
    total_parking_time: Decimal | None = None
    remark: str | None = None
    last_updated: Instant


ID, REMARK = 36, 255
AUTH_METHODS = frozenset({AuthMethod.AUTH_REQUEST.value, AuthMethod.WHITELIST.value})
DIMENSIONS = frozenset({"ENERGY", "FLAT", "MAX_CURRENT", "MIN_CURRENT", "PARKING_TIME", "TIME"})

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Cdr: Limits(
        lengths={"id": ID, "auth_id": 36, "meter_id": 255, "currency": 3, "remark": REMARK},
        values={"auth_method": AUTH_METHODS},
        filled=frozenset({"charging_periods", "stop_date_time"}),
    ),
    ChargingPeriod: Limits(filled=frozenset({"dimensions"})),
    CdrDimension: Limits(values={"type": DIMENSIONS}),
}
