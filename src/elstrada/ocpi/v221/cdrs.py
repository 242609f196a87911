"""Charge detail records, and the classes that sessions share with them. Source: OCPI 2.2.1 mod_cdrs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.token import AuthMethod
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import OWNER, GeoLocation, Price
from elstrada.ocpi.v221.locations import FORMATS, POWER_TYPES
from elstrada.ocpi.v221.tariffs import Tariff

P = TypeVar("P")
T = TypeVar("T")


class CdrToken(msgspec.Struct, frozen=True, kw_only=True):
    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str


class CdrDimension(msgspec.Struct, frozen=True):
    type: str
    volume: Decimal


class ChargingPeriod(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    start_date_time: Instant
    dimensions: tuple[CdrDimension, ...]
    tariff_id: str | None = None


class CdrLocation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    state: str | None = None
    country: str
    coordinates: GeoLocation
    evse_uid: str
    evse_id: str
    connector_id: str
    connector_standard: str
    connector_format: str
    connector_power_type: str


class CdrOf(msgspec.Struct, Generic[P, T], frozen=True, omit_defaults=True, kw_only=True):
    """A CDR with the version's own kinds of price and tariff."""

    country_code: str
    party_id: str
    id: str
    start_date_time: Instant
    end_date_time: Instant
    session_id: str | None = None
    cdr_token: CdrToken
    auth_method: str
    authorization_reference: str | None = None
    cdr_location: CdrLocation
    meter_id: str | None = None
    currency: str
    tariffs: tuple[T, ...] = ()
    charging_periods: tuple[ChargingPeriod, ...]
    signed_data: SignedData | None = None
    total_cost: P
    total_fixed_cost: P | None = None
    total_energy: Decimal
    total_energy_cost: P | None = None
    total_time: Decimal
    total_time_cost: P | None = None
    total_parking_time: Decimal | None = None
    total_parking_cost: P | None = None
    total_reservation_cost: P | None = None
    remark: str | None = None
    invoice_reference_id: str | None = None
    credit: bool = False
    credit_reference_id: str | None = None
    home_charging_compensation: bool = False
    last_updated: Instant


class Cdr(CdrOf[Price, Tariff], frozen=True, omit_defaults=True, kw_only=True):
    pass


AUTH_METHODS = frozenset(method.value for method in AuthMethod)
DIMENSIONS = frozenset(
    {"CURRENT", "ENERGY", "ENERGY_EXPORT", "ENERGY_IMPORT", "MAX_CURRENT", "MIN_CURRENT", "MAX_POWER"}
    | {"MIN_POWER", "PARKING_TIME", "POWER", "RESERVATION_TIME", "STATE_OF_CHARGE", "TIME"}
    | {"RESERVATION_EXPIRES", "RESERVATION_OVERTIME"}  # Of 2.3.0 with bookings.
)
ADDRESS, STATE = 45, 20
"""CdrLocation keeps the short fields that Location has outgrown."""

CDR = Limits(
    lengths=OWNER
    | {"id": 39, "session_id": 36, "authorization_reference": 36, "meter_id": 255, "currency": 3}
    | {"remark": 255, "invoice_reference_id": 39, "credit_reference_id": 39},
    values={"auth_method": AUTH_METHODS},
    filled=frozenset({"charging_periods"}),
)
LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Cdr: CDR,
    CdrToken: Limits(lengths=OWNER | {"uid": 36, "contract_id": 36}),
    CdrLocation: Limits(
        lengths={"id": 36, "name": 255, "address": ADDRESS, "city": 45, "postal_code": 10, "state": STATE}
        | {"country": 3, "evse_uid": 36, "evse_id": 48, "connector_id": 36},
        values={"connector_format": FORMATS, "connector_power_type": POWER_TYPES},
    ),
    ChargingPeriod: Limits(lengths={"tariff_id": 36}, filled=frozenset({"dimensions"})),
    CdrDimension: Limits(values={"type": DIMENSIONS}),
    SignedData: Limits(
        lengths={"encoding_method": 36, "public_key": 512, "url": 512}, filled=frozenset({"signed_values"})
    ),
    SignedValue: Limits(lengths={"nature": 32, "plain_data": 5000, "signed_data": 5000}),
}
