"""Bookings: an EVSE is a driver's for a period that was agreed on beforehand. Nouns of OCPI 2.3.0 bookings 1.1.

Tokens, licence plates and codes stand in ``Booking`` and ``BookingRequest``, which are records; a fact knows a
booking as ``Booked``, which holds pseudonyms alone (T28).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import Hours
from elstrada.model.token import TokenIdentity


class BookingState(StrEnum):
    """What has become of a booking. Source: OCPI bookings 1.1, ReservationStatus."""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


LIVING = frozenset({BookingState.PENDING, BookingState.RESERVED})
"""States in which a booking keeps its EVSE; all others but UNKNOWN are final."""
FINAL = frozenset(BookingState) - LIVING - {BookingState.UNKNOWN}


class RequestState(StrEnum):
    """What the CPO said to one request. Source: ReservationRequestStatus."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


class AccessMethod(StrEnum):
    OPEN = "OPEN"
    TOKEN = "TOKEN"  # noqa: S105  A way in, no secret.
    LICENSE_PLATE = "LICENSE_PLATE"
    ACCESS_CODE = "ACCESS_CODE"
    INTERCOM = "INTERCOM"
    PARKING_TICKET = "PARKING_TICKET"


class CanceledReason(StrEnum):
    POWER_OUTAGE = "POWER_OUTAGE"
    BROKEN_CHARGER = "BROKEN_CHARGER"
    FULL = "FULL"
    BLOCKED = "BLOCKED"
    TRAFFIC = "TRAFFIC"
    BROKEN_VEHICLE = "BROKEN_VEHICLE"
    NO_CANCELED = "NO_CANCELED"
    UNKNOWN = "UNKNOWN"


class Cancellation(msgspec.Struct, frozen=True):
    reason: CanceledReason
    by: str
    """The role of who cancelled, such as EMSP."""


class AccessInformation(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a driver gets to the place."""

    method: str
    """AccessMethod."""
    value: str | None = None
    """Such as the licence plate or the code."""


class BookingOption(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is booked, or can be. Lengths in cm, weight in kg."""

    evse_uid: str | None = None
    """``#NA``: not chosen yet."""
    connector_id: str | None = None
    parking_id: str | None = None
    evse_position: tuple[str, ...] = ()
    vehicle_types: tuple[str, ...] = ()
    connector_format: tuple[str, ...] = ()
    connector_types: tuple[str, ...] = ()
    power_types: tuple[str, ...] = ()
    max_vehicle_weight: Decimal | None = None
    max_vehicle_height: Decimal | None = None
    max_vehicle_length: Decimal | None = None
    max_vehicle_width: Decimal | None = None
    min_parking_space_length: Decimal | None = None
    min_parking_space_width: Decimal | None = None
    dangerous_goods_allowed: bool | None = None
    drive_through: bool | None = None
    refrigeration_outlet: bool | None = None


class BookingTerms(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What holds for a booking. Times in minutes."""

    rfid_auth_required: bool | None = None
    token_groups_supported: bool | None = None
    remote_auth_supported: bool | None = None
    supported_access_methods: tuple[str, ...] = ()
    change_until_minutes: Decimal | None = None
    """Before the start; so long it can be changed. Demanded, as is the next; a sample leaves both out."""
    cancel_until_minutes: Decimal | None = None
    change_not_allowed: bool | None = None
    early_start_allowed: bool | None = None
    early_start_time: Decimal | None = None
    noshow_timeout: Decimal | None = None
    """After the start; then it is a no-show and released. None: never."""
    noshow_fee: bool | None = None
    late_stop_allowed: bool | None = None
    late_stop_time: Decimal | None = None
    overlapping_bookings_allowed: bool | None = None
    """False: one token has no two bookings at a time."""
    min_booking_duration: Decimal | None = None
    max_booking_duration: Decimal | None = None
    booking_terms: str | None = None
    """URL."""


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    reservation_required: bool
    ad_hoc: Decimal | None = None
    """How many EVSEs can be used without a booking."""


class Period(msgspec.Struct, frozen=True, order=True):
    """Half-open: the start belongs to it, the end does not."""

    start: datetime
    end: datetime

    def overlaps(self, other: Period) -> bool:
        return self.start < other.end and other.start < self.end


class Timeslot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A period with what is there to be had in it. Power in W."""

    period: Period
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    green_energy_support: bool | None = None


class Calendar(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """When something can be booked: each slot as a whole, and in parts of the increment."""

    id: str
    begin_from: datetime
    end_before: datetime
    timeslot_increment: int | None = None
    """Minutes."""
    available_timeslots: tuple[Timeslot, ...]
    last_updated: datetime


class BookingLocation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What can be booked at a location, on which terms and when."""

    party: PartyId
    """The CPO."""
    id: str
    location_id: str
    option: BookingOption | None = None
    policy: Policy | None = None
    tariff_ids: tuple[str, ...] = ()
    terms: BookingTerms | None = None
    calendars: tuple[Calendar, ...] = ()
    """Of ours none is kept: they are made of the plan and the bookings whenever they are asked for."""
    last_updated: datetime


class BookingPlan(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How the operator wants a booking location of ours to be booked."""

    evse_uids: tuple[str, ...]
    """Of the location. Each can be in several booking locations and is booked once at a time all the same."""
    time_zone: str
    """IANA name, of the location: the hours are local to it."""
    hours: Hours = Hours(twentyfourseven=True)
    increment: int = 15
    """Minutes. Periods begin at whole increments of the local day and last whole increments."""
    days_ahead: int = 14
    """How many days from today can be booked."""
    confirm: bool = False
    """A new booking is PENDING until the operator says yes."""
    open: bool = True
    """False: nothing new can be booked."""


class BookingRequest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An eMSP wants a booking, another one instead, or none any more: always by the same request_id."""

    party: PartyId
    """The eMSP."""
    request_id: str
    option: BookingOption | None = None
    location_id: str
    booking_location_id: str | None = None
    """Demanded; a sample of the standard leaves it out."""
    tokens: tuple[TokenIdentity, ...] = ()
    access_information: tuple[AccessInformation, ...] = ()
    period: Period
    authorization_reference: str
    power_required: int | None = None
    """kW."""
    canceled: Cancellation | None = None


class RequestRecord(msgspec.Struct, frozen=True):
    """A request, when it came and what was said to it."""

    state: RequestState
    request: BookingRequest
    received_at: datetime


class Booking(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A booking as parties tell it to each other. Never part of a fact."""

    party: PartyId
    """The CPO."""
    id: str
    request_id: str
    option: BookingOption | None = None
    location_id: str
    tokens: tuple[TokenIdentity, ...] = ()
    tariff_ids: tuple[str, ...] = ()
    slot: Timeslot
    state: BookingState
    canceled: Cancellation | None = None
    access_information: tuple[AccessInformation, ...] = ()
    authorization_reference: str
    terms: BookingTerms
    requests: tuple[RequestRecord, ...]
    last_updated: datetime


class Booked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A booking of an EVSE of ours as facts know it, with all that follows from its terms worked out."""

    id: str
    request_id: str
    made_for: PartyId
    """The eMSP."""
    booking_location_id: str
    location_id: str
    evse_uid: str | None
    """None: it was rejected before one was chosen."""
    period: Period
    opens_at: datetime
    """From then on its driver may start, and the station keeps the EVSE: the start, or earlier by the terms."""
    no_show_at: datetime | None = None
    """If nothing has begun by then, it is a no-show. None: it is one at the end."""
    token_refs: tuple[str, ...] = ()
    authorization_reference: str
    state: BookingState
    session_id: str | None = None
    """FULFILLED: by this one."""
    canceled: Cancellation | None = None
    says: str = ""
    """Why, where it was rejected or declined."""
    made_at: datetime
    last_updated: datetime

    @property
    def given_up_at(self) -> datetime:
        """When a booking that nobody used is over."""
        return self.no_show_at or self.period.end


def minutes(amount: Decimal | int | None) -> timedelta:
    """A number of minutes, none if it is not said; more than a year is nobody's meaning."""
    told = float(amount or 0)
    return timedelta(minutes=min(max(told, 0.0), 366 * 24 * 60.0))
