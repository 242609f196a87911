"""Bookings, booking locations and their calendars. Source: OCPI 2.3.0 mod_bookings 1.1.

The names of edition 1.0, and what the samples of both editions write otherwise than their text, are read as well:
``renewed`` puts them as 1.1 has them, before a document is fitted into its struct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import ClassVar

import msgspec

from elstrada.model.booking import (
    AccessInformation,
    AccessMethod,
    BookingOption,
    BookingState,
    BookingTerms,
    CanceledReason,
    Policy,
    RequestState,
)
from elstrada.ocpi.body import Json, Object
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.cdrs import CdrToken
from elstrada.ocpi.v221.common import OWNER, URL
from elstrada.ocpi.v221.locations import FORMATS, POWER_TYPES

IDENTIFIER = "bookings"

_RENAMED = {
    "bookable_parking_option": "booking_option",
    "bookable_parking_options": "booking_option",
    "access_methods": "access_information",
    "tariff_id": "tariff_ids",
    "bookable": "policy",
    "step_size": "timeslot_increment",
    "start_from": "start_date_time",
    "end_from": "end_date_time",
    "green_power_support": "green_energy_support",
    "RFID_auth_required": "rfid_auth_required",
    "formats": "connector_format",
    "parking_space_length": "min_parking_space_length",
    "parking_space_width": "min_parking_space_width",
    "booking_token": "booking_tokens",
    "calenders": "calendars",
}
_LISTS = frozenset({"tariff_ids", "evse_position", "connector_format", "booking_tokens"})
_PLACED = ("evse_uid", "connector_id", "parking_id")
"""In 1.0 fields of the objects themselves."""
_IDS = frozenset({*_PLACED, "location_id"})
"""The sample of 1.0 writes them as numbers."""


def renewed(document: Json) -> Json:
    """A document as 1.1 has it. What it says by a name of 1.1 counts more than by one of 1.0."""
    if isinstance(document, list):
        return [renewed(item) for item in document]
    if not isinstance(document, dict):
        return document
    told: Object = {name: renewed(value) for name, value in document.items()}
    if "start_from" in told and "end_before" in told:  # So the samples of 1.0 end a time slot.
        told.setdefault("end_date_time", told.pop("end_before"))
    for former, name in _RENAMED.items():
        if former in told:
            told.setdefault(name, told.pop(former))
    for name in _LISTS & told.keys():
        if isinstance(told[name], str | dict):
            told[name] = [told[name]]
    for name in _IDS & told.keys():
        number = told[name]
        told[name] = str(number) if isinstance(number, int) and not isinstance(number, bool) else number
    if isinstance(options := told.get("booking_option"), list):  # 1.0 has a list of them.
        told["booking_option"] = options[0] if options else None
    return _placed(told)


def _placed(told: Object) -> Object:
    """With the EVSE, connector and parking place of 1.0 among the options; they stand alone nowhere in 1.1."""
    is_option = not told.keys() & {"id", "request_id", "period", "last_updated"}
    named = {name: told[name] for name in _PLACED if told.get(name) is not None}
    if is_option or not named:
        return told
    option = told.get("booking_option")
    kept: Object = {name: value for name, value in told.items() if name not in _PLACED}
    kept["booking_option"] = named | (option if isinstance(option, dict) else {})
    return kept


class Renewed(msgspec.Struct, frozen=True):
    """A struct whose documents may bear names of 1.0."""

    renewed: ClassVar[Callable[[Json], Json]] = staticmethod(renewed)


class Cancellation(msgspec.Struct, frozen=True):
    cancellation_reason: str
    who_canceled: str


class Period(msgspec.Struct, frozen=True):
    start_date_time: Instant
    end_date_time: Instant


class Timeslot(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    start_date_time: Instant
    end_date_time: Instant
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    green_energy_support: bool | None = None


class Calendar(Renewed, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    begin_from: Instant
    end_before: Instant
    timeslot_increment: Decimal | None = None
    available_timeslots: tuple[Timeslot, ...] = ()
    last_updated: Instant


class BookingLocation(Renewed, frozen=True, omit_defaults=True, kw_only=True):
    country_code: str
    party_id: str
    id: str
    location_id: str
    booking_option: BookingOption | None = None
    policy: Policy | None = None
    tariff_ids: tuple[str, ...] = ()
    booking_terms: BookingTerms | None = None
    calendars: tuple[Calendar, ...] = ()
    last_updated: Instant


class BookingRequest(Renewed, frozen=True, omit_defaults=True, kw_only=True):
    country_code: str
    party_id: str
    request_id: str
    booking_option: BookingOption | None = None
    location_id: str
    booking_location_id: str | None = None
    """Demanded; a sample leaves it out."""
    tokens: tuple[CdrToken, ...] = ()
    access_information: tuple[AccessInformation, ...] = ()
    period: Period
    authorization_reference: str
    power_required: Decimal | None = None
    canceled: Cancellation | None = None


class BookingRequestStatus(msgspec.Struct, frozen=True, kw_only=True):
    request_status: str
    booking_request: BookingRequest
    request_received: Instant


class Booking(Renewed, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    country_code: str
    party_id: str
    request_id: str
    booking_option: BookingOption | None = None
    location_id: str
    booking_tokens: tuple[CdrToken, ...] = ()
    tariff_ids: tuple[str, ...] = ()
    period: Timeslot
    reservation_status: str
    canceled: Cancellation | None = None
    access_information: tuple[AccessInformation, ...] = ()
    authorization_reference: str
    booking_terms: BookingTerms
    booking_requests: tuple[BookingRequestStatus, ...]
    last_updated: Instant


_ACCESS = frozenset(entry.value for entry in AccessMethod)
LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    AccessInformation: Limits(values={"method": _ACCESS}),
    Cancellation: Limits(values={"cancellation_reason": frozenset(entry.value for entry in CanceledReason)}),
    BookingOption: Limits(
        lengths={"evse_uid": 36, "connector_id": 36, "parking_id": 36},
        values={
            "evse_position": frozenset({"LEFT", "RIGHT", "CENTER"}),
            "connector_format": FORMATS,
            "power_types": POWER_TYPES,
        },
    ),
    BookingTerms: Limits(
        lengths={"booking_terms": URL},
        values={"supported_access_methods": _ACCESS},
        filled=frozenset({"supported_access_methods", "change_until_minutes", "cancel_until_minutes"}),
    ),
    Calendar: Limits(lengths={"id": 36}, filled=frozenset({"available_timeslots"})),
    BookingLocation: Limits(lengths=OWNER | {"id": 36, "location_id": 36, "tariff_ids": 36}),
    BookingRequest: Limits(
        lengths=OWNER
        | {"request_id": 36, "location_id": 36, "booking_location_id": 36, "authorization_reference": 36},
        filled=frozenset({"booking_location_id"}),
    ),
    BookingRequestStatus: Limits(values={"request_status": frozenset(entry.value for entry in RequestState)}),
    Booking: Limits(
        lengths=OWNER
        | {"id": 36, "request_id": 36, "location_id": 36, "tariff_ids": 36, "authorization_reference": 36},
        values={"reservation_status": frozenset(entry.value for entry in BookingState)},
        filled=frozenset({"booking_requests"}),
    ),
}
