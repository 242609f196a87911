"""The table of OCPI 2.3.0's endpoints: those of 2.2.1, with its own objects, and those of its editions and extensions."""

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
from elstrada.ocpi.v230.invoices import MODULE, InvoiceReconciliationRecord
from elstrada.ocpi.v230.locations import Connector, Evse, Location
from elstrada.ocpi.v230.payments import FinancialAdviceConfirmation, Terminal, TerminalActivation
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


def _received(method: str, *, named: bool = True, sends: bool = False, returns: bool = False) -> Endpoint:
    """A method of whoever gets invoices, on records that their sender owns."""
    return Endpoint(
        name=f"{method.lower()}_invoice_record",
        module=MODULE,
        interface=Interface.RECEIVER,
        method=method,
        template=OWNED + "{record_id}" if named else "",
        body=InvoiceReconciliationRecord if sends else None,
        reply=Reply.OBJECT if returns else Reply.NONE,
        data=InvoiceReconciliationRecord if returns else None,
    )


_INVOICES: Table = (
    # Either side may invoice the other, so that the module has one address for both: with one for each side,
    # the version details would name two receivers, and nobody could tell which is meant.
    Endpoint(
        name="list_invoice_records",
        module=MODULE,
        interface=Interface.SENDER,
        method="GET",
        query=QUERY,
        reply=Reply.LIST,
        data=InvoiceReconciliationRecord,
    ),
    _received("POST", named=False, sends=True),
    _received("GET", returns=True),
    _received("PUT", sends=True),
    _received("DELETE"),
)
_TERMINAL, _ADVICE = "terminals/{terminal_id}", "financial-advice-confirmations/{advice_id}"


def _payments(name: str, method: str, template: str, data: type, *, sender: bool) -> Endpoint:
    """A row of the payments module: of its provider, which owns the objects, or of the CPO."""
    listed, got = method == "GET" and "{" not in template, method == "GET"
    return Endpoint(
        name=name,
        module="payments",
        interface=Interface.SENDER if sender else Interface.RECEIVER,
        side=Side.PTP if sender else Side.CPO,
        method=method,
        template=template,
        query=QUERY if listed else (),
        body=data if method == "PUT" or (method == "POST" and "{" not in template) else None,
        patches=method == "PATCH",
        reply=Reply.LIST if listed else Reply.OBJECT if got else Reply.NONE,
        data=data,
    )


PAYMENTS: Table = (
    _payments("list_terminals", "GET", "terminals", Terminal, sender=True),
    _payments("show_terminal", "GET", _TERMINAL, Terminal, sender=True),
    _payments("put_terminal", "PUT", _TERMINAL, Terminal, sender=True),
    _payments("patch_terminal", "PATCH", _TERMINAL, Terminal, sender=True),
    _payments("activate_terminal", "POST", "terminals/activate", TerminalActivation, sender=True),
    _payments("deactivate_terminal", "POST", f"{_TERMINAL}/deactivate", Terminal, sender=True),
    _payments(
        "list_advices", "GET", "financial-advice-confirmations", FinancialAdviceConfirmation, sender=True
    ),
    _payments("show_advice", "GET", _ADVICE, FinancialAdviceConfirmation, sender=True),
    _payments("post_terminal", "POST", "terminals", Terminal, sender=False),
    _payments("get_terminal", "GET", _TERMINAL, Terminal, sender=False),
    _payments(
        "post_advice", "POST", "financial-advice-confirmations", FinancialAdviceConfirmation, sender=False
    ),
    _payments("get_advice", "GET", _ADVICE, FinancialAdviceConfirmation, sender=False),
)
"""Source: OCPI 2.3.0 mod_payments."""


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
ENDPOINTS: Table = (*(_of_this_version(endpoint) for endpoint in V221), *_INVOICES, *PAYMENTS, *BOOKINGS)
