"""Places where cars charge. Nouns and field names of OCPI 2.3.0 edition 2, mod_locations.

OCPI's open enums are plain ``str`` here: a value we do not know must survive (R-21).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails


class EvseStatus(StrEnum):
    """Source: OCPI 2.3.0 mod_locations, Status."""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


class GeoLocation(msgspec.Struct, frozen=True):
    """WGS 84. Text, so that the digits given are the digits kept."""

    latitude: str
    longitude: str


class DisplayText(msgspec.Struct, frozen=True):
    """A text in one language (ISO 639-1)."""

    language: str
    text: str


class Image(msgspec.Struct, frozen=True, omit_defaults=True):
    url: str
    category: str
    type: str
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None


class RegularHours(msgspec.Struct, frozen=True):
    """One opening period on a weekday."""

    weekday: int
    """1 is Monday, 7 is Sunday."""
    period_begin: str
    """Local time, HH:MM."""
    period_end: str


class ExceptionalPeriod(msgspec.Struct, frozen=True):
    period_begin: datetime
    period_end: datetime


class Hours(msgspec.Struct, frozen=True, omit_defaults=True):
    twentyfourseven: bool
    regular_hours: tuple[RegularHours, ...] = ()
    exceptional_openings: tuple[ExceptionalPeriod, ...] = ()
    exceptional_closings: tuple[ExceptionalPeriod, ...] = ()


class EnergySource(msgspec.Struct, frozen=True):
    source: str
    percentage: float


class EnvironmentalImpact(msgspec.Struct, frozen=True):
    category: str
    amount: float


class EnergyMix(msgspec.Struct, frozen=True, omit_defaults=True):
    is_green_energy: bool
    energy_sources: tuple[EnergySource, ...] = ()
    environ_impact: tuple[EnvironmentalImpact, ...] = ()
    supplier_name: str | None = None
    energy_product_name: str | None = None


class StatusSchedule(msgspec.Struct, frozen=True, omit_defaults=True):
    period_begin: datetime
    status: str
    period_end: datetime | None = None


class AdditionalGeoLocation(msgspec.Struct, frozen=True, omit_defaults=True):
    latitude: str
    longitude: str
    name: DisplayText | None = None


class PublishToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who may see an unpublished location."""

    uid: str | None = None
    type: str | None = None
    visual_number: str | None = None
    issuer: str | None = None
    group_id: str | None = None


class Parking(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A place that a car stands in while it charges, or what holds for parking near an EVSE without one."""

    id: str
    physical_reference: str | None = None
    vehicle_types: tuple[str, ...]
    max_vehicle_weight: Decimal | None = None
    """kg."""
    max_vehicle_height: Decimal | None = None
    """cm, as the other lengths."""
    max_vehicle_length: Decimal | None = None
    max_vehicle_width: Decimal | None = None
    parking_space_length: Decimal | None = None
    parking_space_width: Decimal | None = None
    dangerous_goods_allowed: bool | None = None
    direction: str | None = None
    """PARALLEL, PERPENDICULAR or ANGLE."""
    drive_through: bool | None = None
    restricted_to_type: bool
    """Do others than vehicle_types have to keep away?"""
    reservation_required: bool
    time_limit: Decimal | None = None
    """Minutes."""
    roofed: bool | None = None
    images: tuple[Image, ...] = ()
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: tuple[str, ...] = ()
    apds_reference: str | None = None


class EvseParking(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which of the location's places a car at an EVSE can stand in."""

    parking_id: str
    evse_position: str | None = None
    """Where the EVSE is as seen from the parked vehicle: LEFT, RIGHT or CENTER."""


class Connector(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A socket or cable. Only one connector of an EVSE is used at a time."""

    id: str
    standard: str
    """ConnectorType, such as IEC_62196_T2_COMBO."""
    format: str
    """SOCKET or CABLE."""
    power_type: str
    max_voltage: int
    """V, line to neutral for AC."""
    max_amperage: int
    """A, per phase."""
    max_electric_power: int | None = None
    """W."""
    tariff_ids: tuple[str, ...] = ()
    terms_and_conditions: str | None = None
    capabilities: tuple[str, ...] = ()
    last_updated: datetime


class Evse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The part of a station that charges one car at a time."""

    uid: str
    evse_id: str | None = None
    """eMI3 id, as printed on the pole, such as SE*ELS*E00042*1."""
    status: EvseStatus
    status_schedule: tuple[StatusSchedule, ...] = ()
    capabilities: tuple[str, ...] = ()
    connectors: tuple[Connector, ...]
    floor_level: str | None = None
    coordinates: GeoLocation | None = None
    physical_reference: str | None = None
    directions: tuple[DisplayText, ...] = ()
    parking_restrictions: tuple[str, ...] = ()
    parking: tuple[EvseParking, ...] = ()
    images: tuple[Image, ...] = ()
    accepted_service_providers: tuple[str, ...] = ()
    last_updated: datetime


class Location(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A group of EVSEs at one address, under one party."""

    party: PartyId
    id: str
    publish: bool = True
    publish_allowed_to: tuple[PublishToken, ...] = ()
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    state: str | None = None
    country: str
    """ISO 3166-1 alpha-3."""
    coordinates: GeoLocation
    related_locations: tuple[AdditionalGeoLocation, ...] = ()
    parking_type: str | None = None
    evses: tuple[Evse, ...] = ()
    parking_places: tuple[Parking, ...] = ()
    directions: tuple[DisplayText, ...] = ()
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: tuple[str, ...] = ()
    time_zone: str
    """IANA name; prices and hours are local to it."""
    opening_times: Hours | None = None
    charging_when_closed: bool = True
    images: tuple[Image, ...] = ()
    energy_mix: EnergyMix | None = None
    help_phone: str | None = None
    groups: tuple[str, ...] = ()
    """Our own names for sets of locations, by which agreements mean them; nobody else is told."""
    last_updated: datetime
