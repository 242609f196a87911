"""A charging session as parties tell it to each other. Source: OCPI 2.3.0 mod_sessions, mod_cdrs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.cost import Price
from elstrada.model.ids import PartyId
from elstrada.model.token import AuthMethod


class SessionStatus(StrEnum):
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"


class PeriodDimension(msgspec.Struct, frozen=True):
    """A volume in a charging period. Source: OCPI 2.3.0 CdrDimension."""

    type: str
    """CdrDimensionType: ENERGY, TIME, PARKING_TIME, MAX_POWER, ..."""
    volume: Decimal
    """kWh, hours, kW, A or percent, as the type says."""


class ChargingPeriod(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch with one price; it lasts until the next period or the end."""

    start_date_time: datetime
    dimensions: tuple[PeriodDimension, ...]
    tariff_id: str | None = None


class Session(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A session, live or ended. The token is a pseudonym here (T28)."""

    party: PartyId
    """The CPO."""
    id: str
    start_date_time: datetime
    end_date_time: datetime | None = None
    kwh: Decimal
    token_ref: str
    token_party: PartyId | None
    auth_method: AuthMethod
    authorization_reference: str | None = None
    location_id: str
    evse_uid: str
    connector_id: str
    meter_id: str | None = None
    currency: str
    charging_periods: tuple[ChargingPeriod, ...] = ()
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: datetime
