"""Locations, EVSEs, connectors. Source: OCPI 2.2.1 mod_locations."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from elstrada.model.location import EvseStatus, RegularHours
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import (
    OWNER,
    URL,
    AdditionalGeoLocation,
    BusinessDetails,
    DisplayText,
    EnergyMix,
    GeoLocation,
    Image,
    PublishToken,
)

C = TypeVar("C")
E = TypeVar("E")


class ExceptionalPeriod(msgspec.Struct, frozen=True):
    period_begin: Instant
    period_end: Instant


class Hours(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    twentyfourseven: bool
    regular_hours: tuple[RegularHours, ...] = ()
    exceptional_openings: tuple[ExceptionalPeriod, ...] = ()
    exceptional_closings: tuple[ExceptionalPeriod, ...] = ()


class StatusSchedule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    period_begin: Instant
    period_end: Instant | None = None
    status: str


class Connector(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    standard: str
    format: str
    power_type: str
    max_voltage: Decimal
    max_amperage: Decimal
    max_electric_power: Decimal | None = None
    tariff_ids: tuple[str, ...] = ()
    terms_and_conditions: str | None = None
    last_updated: Instant


class EvseOf(msgspec.Struct, Generic[C], frozen=True, omit_defaults=True, kw_only=True):
    """An EVSE with the version's own kind of connector."""

    uid: str
    evse_id: str | None = None
    status: str
    status_schedule: tuple[StatusSchedule, ...] = ()
    capabilities: tuple[str, ...] = ()
    connectors: tuple[C, ...] = ()
    floor_level: str | int | None = None
    """Text; a sample of the standard has a number."""
    coordinates: GeoLocation | None = None
    physical_reference: str | int | None = None
    directions: tuple[DisplayText, ...] = ()
    parking_restrictions: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    last_updated: Instant


class Evse(EvseOf[Connector], frozen=True, omit_defaults=True, kw_only=True):
    pass


class LocationOf(msgspec.Struct, Generic[E], frozen=True, omit_defaults=True, kw_only=True):
    """A location with the version's own kind of EVSE."""

    country_code: str
    party_id: str
    id: str
    publish: bool
    publish_allowed_to: tuple[PublishToken, ...] = ()
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    state: str | None = None
    country: str
    coordinates: GeoLocation
    related_locations: tuple[AdditionalGeoLocation, ...] = ()
    parking_type: str | None = None
    evses: tuple[E, ...] = ()
    directions: tuple[DisplayText, ...] = ()
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: tuple[str, ...] = ()
    time_zone: str
    opening_times: Hours | None = None
    charging_when_closed: bool = True
    images: tuple[Image, ...] = ()
    energy_mix: EnergyMix | None = None
    last_updated: Instant


class Location(LocationOf[Evse], frozen=True, omit_defaults=True, kw_only=True):
    pass


STATUSES = frozenset(status.value for status in EvseStatus)
FORMATS = frozenset({"SOCKET", "CABLE"})
POWER_TYPES = frozenset({"AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"})

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    # Edition 2 of 2.3.0 and the bugfix text of 2.2.1 give the address 255 and the state 45 characters.
    Location: Limits(
        lengths=OWNER
        | {"id": 36, "name": 255, "address": 255, "city": 45, "postal_code": 10, "state": 45}
        | {"country": 3, "time_zone": 255}
    ),
    Evse: Limits(
        lengths={"uid": 36, "evse_id": 48, "floor_level": 4, "physical_reference": 16},
        values={"status": STATUSES},
        filled=frozenset({"connectors"}),
    ),
    Connector: Limits(
        lengths={"id": 36, "tariff_ids": 36, "terms_and_conditions": URL},
        values={"format": FORMATS, "power_type": POWER_TYPES},
    ),
    StatusSchedule: Limits(values={"status": STATUSES}),
    RegularHours: Limits(lengths={"period_begin": 5, "period_end": 5}),
}
