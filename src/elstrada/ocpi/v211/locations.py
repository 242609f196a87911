"""Locations, EVSEs, connectors. Source: OCPI 2.1.1 mod_locations."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model.location import EvseStatus, RegularHours
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211.common import (
    URL,
    AdditionalGeoLocation,
    BusinessDetails,
    DisplayText,
    EnergyMix,
    GeoLocation,
    Image,
)
from elstrada.ocpi.v221.locations import ExceptionalPeriod, StatusSchedule


class Hours(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    twentyfourseven: bool | None = None
    """May be left out where there are regular hours: the standard calls them a choice."""
    regular_hours: tuple[RegularHours, ...] = ()
    exceptional_openings: tuple[ExceptionalPeriod, ...] = ()
    exceptional_closings: tuple[ExceptionalPeriod, ...] = ()


class Connector(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    standard: str
    format: str
    power_type: str | None = None
    """Demanded as the two that follow; peers leave them out of what a session or CDR holds."""
    voltage: Decimal | None = None
    amperage: Decimal | None = None
    tariff_id: str | None = None
    terms_and_conditions: str | None = None
    last_updated: Instant


class Evse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    uid: str
    evse_id: str | None = None
    status: str
    status_schedule: tuple[StatusSchedule, ...] = ()
    capabilities: tuple[str, ...] = ()
    connectors: tuple[Connector, ...] = ()
    floor_level: str | int | None = None
    """Text; a sample of the standard has a number."""
    coordinates: GeoLocation | None = None
    physical_reference: str | int | None = None
    directions: tuple[DisplayText, ...] = ()
    parking_restrictions: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    last_updated: Instant


class Location(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    type: str | None = None
    """Demanded; UNKNOWN is what its absence would say."""
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    """Demanded, as it no longer is in 2.2.1."""
    country: str
    coordinates: GeoLocation
    related_locations: tuple[AdditionalGeoLocation, ...] = ()
    evses: tuple[Evse, ...] = ()
    directions: tuple[DisplayText, ...] = ()
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: tuple[str, ...] = ()
    time_zone: str | None = None
    opening_times: Hours | None = None
    charging_when_closed: bool = True
    images: tuple[Image, ...] = ()
    energy_mix: EnergyMix | None = None
    last_updated: Instant


ADDRESS = 45
UNKNOWN, OTHER = "UNKNOWN", "OTHER"
TYPES = frozenset({"ON_STREET", "PARKING_GARAGE", "UNDERGROUND_GARAGE", "PARKING_LOT", OTHER, UNKNOWN})
STATUSES = frozenset(status.value for status in EvseStatus)
FORMATS = frozenset({"SOCKET", "CABLE"})
POWER_TYPES = frozenset({"AC_1_PHASE", "AC_3_PHASE", "DC"})
CAPABILITIES = frozenset(
    {"CHARGING_PROFILE_CAPABLE", "CREDIT_CARD_PAYABLE", "REMOTE_START_STOP_CAPABLE", "RESERVABLE"}
    | {"RFID_READER", "UNLOCK_CAPABLE"}
)
STANDARDS = frozenset(
    {f"DOMESTIC_{letter}" for letter in "ABCDEFGHIJKL"}
    | {"CHADEMO", "IEC_60309_2_single_16", "IEC_60309_2_three_16", "IEC_60309_2_three_32"}
    | {"IEC_60309_2_three_64", "IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2", "IEC_62196_T2_COMBO"}
    | {"IEC_62196_T3A", "IEC_62196_T3C", "TESLA_R", "TESLA_S"}
)
FACILITIES = frozenset(
    {"HOTEL", "RESTAURANT", "CAFE", "MALL", "SUPERMARKET", "SPORT", "RECREATION_AREA", "NATURE", "MUSEUM"}
    | {"BUS_STOP", "TAXI_STAND", "TRAIN_STATION", "AIRPORT", "CARPOOL_PARKING", "FUEL_STATION", "WIFI"}
)
PARKING_RESTRICTIONS = frozenset({"EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES"})

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Location: Limits(
        lengths={"id": 39, "name": 255, "address": ADDRESS, "city": 45, "postal_code": 10, "country": 3}
        | {"time_zone": 255},
        values={"type": TYPES, "facilities": FACILITIES},
        filled=frozenset({"type"}),
    ),
    Evse: Limits(
        lengths={"uid": 39, "evse_id": 48, "floor_level": 4, "physical_reference": 16},
        values={
            "status": STATUSES,
            "capabilities": CAPABILITIES,
            "parking_restrictions": PARKING_RESTRICTIONS,
        },
        filled=frozenset({"connectors"}),
    ),
    Connector: Limits(
        lengths={"id": 36, "tariff_id": 36, "terms_and_conditions": URL},
        values={"standard": STANDARDS, "format": FORMATS, "power_type": POWER_TYPES},
        filled=frozenset({"power_type"}),
    ),
}
