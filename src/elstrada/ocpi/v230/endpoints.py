"""The table of OCPI 2.3.0's endpoints: those of 2.2.1, with its own objects, and of its optional modules."""

from __future__ import annotations

import msgspec

from elstrada.ocpi.endpoints import Endpoint, Interface, Reply, Side, Table
from elstrada.ocpi.paging import QUERY
from elstrada.ocpi.v221 import cdrs, credentials, locations, sessions, tariffs
from elstrada.ocpi.v221.endpoints import ENDPOINTS as V221
from elstrada.ocpi.v221.endpoints import OWNED
from elstrada.ocpi.v230.bookings import IDENTIFIER, Booking, BookingLocation, BookingRequest, Calendar
from elstrada.ocpi.v230.cdrs import Cdr
from elstrada.ocpi.v230.credentials import Credentials
from elstrada.ocpi.v230.locations import Connector, Evse, Location
from elstrada.ocpi.v230.sessions import Session
from elstrada.ocpi.v230.tariffs import Tariff

_OWN: dict[type[msgspec.Struct] | None, type[msgspec.Struct]] = {
    credentials.Credentials: Credentials,
    locations.Location: Location,
    locations.Evse: Evse,
    locations.Connector: Connector,
    tariffs.Tariff: Tariff,
    sessions.Session: Session,
    cdrs.Cdr: Cdr,
}


def _of_this_version(endpoint: Endpoint) -> Endpoint:
    return msgspec.structs.replace(
        endpoint,
        body=_OWN.get(endpoint.body, endpoint.body),
        data=_OWN.get(endpoint.data, endpoint.data),
    )


# --- bookings ---------------------------------------------------------------------------------------

_PLACE, _CALENDAR = "{booking_location_id}", "{booking_location_id}/{calendar_id}"


def _booked(name: str, method: str, template: str, data: type[msgspec.Struct], **more: object) -> Endpoint:
    """An endpoint of the CPO, who owns bookings and what can be booked."""
    return msgspec.structs.replace(
        Endpoint(
            name=name,
            module=IDENTIFIER,
            interface=Interface.SENDER,
            side=Side.CPO,
            method=method,
            template=template,
            reply=Reply.OBJECT,
            data=data,
        ),
        **more,
    )


def _told(kind: str, template: str, data: type[msgspec.Struct], suffix: str = "") -> tuple[Endpoint, ...]:
    """An eMSP's methods on what a CPO tells it."""
    return tuple(
        Endpoint(
            name=f"{method.lower()}_{kind}{suffix}",
            module=IDENTIFIER,
            interface=Interface.RECEIVER,
            side=Side.EMSP,
            method=method,
            template=template,
            body=data if method == "PUT" else None,
            patches=method == "PATCH",
            reply=Reply.OBJECT if method == "GET" else Reply.NONE,
            data=data,
        )
        for method in ("GET", "PUT", "PATCH")
    )


SAMPLED = "_as_sampled"
"""Ends the names of endpoints whose addresses stand in the text's samples alone (ocpi #577); they do the same."""
BOOKINGS: Table = (
    _booked("list_bookings", "GET", "", Booking, reply=Reply.LIST, query=QUERY),
    _booked("post_booking", "POST", "", Booking, body=BookingRequest),
    _booked(
        "list_booking_locations",
        "GET",
        "booking_locations",
        BookingLocation,
        reply=Reply.LIST,
        query=(*QUERY, "timeslot_from", "timeslot_to"),
    ),
    _booked("show_booking_location", "GET", f"booking_locations/{_PLACE}", BookingLocation),
    _booked("show_booking_calendar", "GET", f"booking_locations/{_CALENDAR}", Calendar),
    *_told("booking", OWNED + "{booking_id}", Booking),
    *_told("booking_location", f"{OWNED}booking_locations/{_PLACE}", BookingLocation),
    *_told("booking_calendar", f"{OWNED}booking_locations/{_CALENDAR}", Calendar),
    *_told("booking_location", f"bookinglocations/{OWNED}{_PLACE}", BookingLocation, SAMPLED),
    *_told("booking_calendar", f"bookinglocations/{OWNED}{_CALENDAR}", Calendar, SAMPLED),
)
ENDPOINTS: Table = (*(_of_this_version(endpoint) for endpoint in V221), *BOOKINGS)
