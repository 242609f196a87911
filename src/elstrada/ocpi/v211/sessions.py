"""Sessions as they go on. Source: OCPI 2.1.1 mod_sessions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211.cdrs import AUTH_METHODS, ChargingPeriod
from elstrada.ocpi.v211.locations import Location

APPENDED: frozenset[str] = frozenset()
"""A PATCH replaces the charging periods like any other field; only 2.2 lets it add to them."""


class Session(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    start_datetime: Instant
    end_datetime: Instant | None = None
    kwh: Decimal
    auth_id: str
    auth_method: str
    location: Location
    """With only the EVSE and the connector that were used."""
    meter_id: str | None = None
    currency: str
    charging_periods: tuple[ChargingPeriod, ...] = ()
    total_cost: Decimal | None = None
    """Without VAT."""
    status: str
    last_updated: Instant


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Session: Limits(
        lengths={"id": 36, "auth_id": 36, "meter_id": 255, "currency": 3},
        values={
            "auth_method": AUTH_METHODS,
            "status": frozenset({"ACTIVE", "COMPLETED", "INVALID", "PENDING"}),
        },
    )
}
