"""Sessions as they go on. Source: OCPI 2.2.1 mod_sessions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from elstrada.model.preferences import ProfileType
from elstrada.model.session import SessionStatus
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.cdrs import AUTH_METHODS, CdrToken, ChargingPeriod
from elstrada.ocpi.v221.common import OWNER, Price

P = TypeVar("P")

APPENDED = frozenset({"charging_periods"})
"""Lists that a PATCH adds to (R-37)."""


class SessionOf(msgspec.Struct, Generic[P], frozen=True, omit_defaults=True, kw_only=True):
    """A session with the version's own kind of price."""

    country_code: str
    party_id: str
    id: str
    start_date_time: Instant
    end_date_time: Instant | None = None
    kwh: Decimal
    cdr_token: CdrToken
    auth_method: str
    authorization_reference: str | None = None
    location_id: str
    evse_uid: str
    connector_id: str
    meter_id: str | None = None
    currency: str
    charging_periods: tuple[ChargingPeriod, ...] = ()
    total_cost: P | None = None
    status: str
    last_updated: Instant


class Session(SessionOf[Price], frozen=True, omit_defaults=True, kw_only=True):
    pass


class ChargingPreferences(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a driver wants of a session that goes on."""

    profile_type: str
    departure_time: Instant | None = None
    energy_need: Decimal | None = None
    """kWh."""
    discharge_allowed: bool = False


SESSION = Limits(
    lengths=OWNER
    | {"id": 36, "authorization_reference": 36, "location_id": 36, "evse_uid": 36, "connector_id": 36}
    | {"meter_id": 255, "currency": 3},
    # The prose of 2.2.1 says RESERVED once; the enum has RESERVATION.
    values={"auth_method": AUTH_METHODS, "status": frozenset(status.value for status in SessionStatus)},
)
PREFERENCES = Limits(values={"profile_type": frozenset(ProfileType)})
LIMITS: Mapping[type[msgspec.Struct], Limits] = {Session: SESSION, ChargingPreferences: PREFERENCES}
