"""OCPI 2.3.0 as one language."""

from __future__ import annotations

from elstrada.ocpi.language import Language, held, noun, part
from elstrada.ocpi.v221 import hubclientinfo, tokens
from elstrada.ocpi.v221.sessions import APPENDED
from elstrada.ocpi.v221.talk import AUTHORIZING, COMMANDS
from elstrada.ocpi.v221.translate import client_from_wire, client_to_wire, token_from_wire, token_to_wire
from elstrada.ocpi.v230 import cdrs, invoices, locations, payments, sessions, tariffs, translate

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
    appended=APPENDED,
)
