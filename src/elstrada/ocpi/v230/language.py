"""OCPI 2.3.0 as one language."""

from __future__ import annotations

from typing import cast

from elstrada.ocpi.language import Bookings, Language, held, noun, part
from elstrada.ocpi.v221 import hubclientinfo, tokens
from elstrada.ocpi.v221.sessions import APPENDED
from elstrada.ocpi.v221.talk import AUTHORIZING, COMMANDS
from elstrada.ocpi.v221.translate import client_from_wire, client_to_wire, token_from_wire, token_to_wire
from elstrada.ocpi.v230 import (
    bookings,
    cdrs,
    invoices,
    locations,
    payments,
    sessions,
    tariffs,
    translate,
    translate_bookings,
)

LANGUAGE = Language(
    version="2.3.0",
    location=noun(locations.Location, translate.location_from_wire, translate.location_to_wire),
    evse=part(locations.Evse, translate.evse_from_wire, translate.evse_to_wire),
    connector=part(locations.Connector, translate.connector_from_wire, translate.connector_to_wire),
    tariff=noun(tariffs.Tariff, translate.tariff_from_wire, translate.tariff_to_wire),
    token=noun(tokens.Token, token_from_wire, token_to_wire),
    session=held(sessions.Session, translate.session_from_wire, translate.session_to_wire),
    cdr=held(cdrs.Cdr, translate.cdr_from_wire, translate.cdr_to_wire),
    invoice=noun(
        invoices.InvoiceReconciliationRecord,
        translate.invoice_record_from_wire,
        translate.invoice_record_to_wire,
    ),
    commands=COMMANDS,
    authorizing=AUTHORIZING,
    client=noun(hubclientinfo.ClientInfo, client_from_wire, client_to_wire),
    terminal=noun(payments.Terminal, translate.terminal_from_wire, translate.terminal_to_wire),
    advice=noun(payments.FinancialAdviceConfirmation, translate.advice_from_wire, translate.advice_to_wire),
    bookings=Bookings(
        location=noun(
            bookings.BookingLocation,
            translate_bookings.booking_location_from_wire,
            translate_bookings.booking_location_to_wire,
        ),
        calendar=part(
            bookings.Calendar, translate_bookings.calendar_from_wire, translate_bookings.calendar_to_wire
        ),
        booking=noun(
            bookings.Booking, translate_bookings.booking_from_wire, translate_bookings.booking_to_wire
        ),
        read_request=lambda wire: translate_bookings.request_from_wire(cast("bookings.BookingRequest", wire)),
        write_request=translate_bookings.request_to_wire,
        renewed=bookings.renewed,
    ),
    appended=APPENDED,
)
