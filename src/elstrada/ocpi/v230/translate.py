"""To and from the model: what 2.3.0 says otherwise than 2.2.1, or besides."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from elstrada.model import cdr as m_cdr
from elstrada.model import cost as m_cost
from elstrada.model import location as m_location
from elstrada.model import reconciliation as m_reconciliation
from elstrada.model import session as m_session
from elstrada.model import tariff as m_tariff
from elstrada.model import terminal as m_terminal
from elstrada.model import token as m_token
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.language import RefOf
from elstrada.ocpi.scalars import Instant, number
from elstrada.ocpi.v221 import common as v221_common
from elstrada.ocpi.v221 import translate as v221
from elstrada.ocpi.v221.translate import cdrs as v221_cdrs
from elstrada.ocpi.v221.translate import locations as v221_locations
from elstrada.ocpi.v221.translate import sessions as v221_sessions
from elstrada.ocpi.v221.translate import tariffs as v221_tariffs
from elstrada.ocpi.v221.translate.values import closed, maybe, number_or_none, party_of
from elstrada.ocpi.v230 import cdrs, common, invoices, locations, payments, sessions, tariffs

# --- locations --------------------------------------------------------------------------------------


def location_from_wire(wire: locations.Location) -> Translated[m_location.Location]:
    value = msgspec.structs.replace(
        v221_locations.location_of(wire, evse_from_wire),
        parking_places=wire.parking_places,
        help_phone=wire.help_phone,
    )
    return Translated(value, tuple(v221_locations.read_losses(wire, wire.evses)))


def location_to_wire(location: m_location.Location) -> Translated[locations.Location]:
    value = msgspec.structs.replace(
        v221_locations.location_as(locations.Location, location, evse_to_wire),
        parking_places=location.parking_places,
        help_phone=location.help_phone,
    )
    return Translated(value)


def evse_from_wire(wire: locations.Evse) -> m_location.Evse:
    return msgspec.structs.replace(
        v221_locations.evse_of(wire, connector_from_wire),
        parking=wire.parking,
        accepted_service_providers=wire.accepted_service_providers,
    )


def evse_to_wire(evse: m_location.Evse) -> locations.Evse:
    return msgspec.structs.replace(
        v221_locations.evse_as(locations.Evse, evse, connector_to_wire),
        parking=evse.parking,
        accepted_service_providers=evse.accepted_service_providers,
    )


def connector_from_wire(wire: locations.Connector) -> m_location.Connector:
    return msgspec.structs.replace(v221.connector_from_wire(wire), capabilities=wire.capabilities)


def connector_to_wire(connector: m_location.Connector) -> locations.Connector:
    written = v221_locations.connector_as(locations.Connector, connector)
    return msgspec.structs.replace(written, capabilities=connector.capabilities)


# --- tariffs ----------------------------------------------------------------------------------------


def tariff_from_wire(wire: tariffs.Tariff) -> Translated[m_tariff.Tariff]:
    """A tariff; one that does not say whether its prices hold tax is read as of 2.2.1, without (R-66)."""
    told = wire.tax_included or m_tariff.TaxIncluded.NO.value
    value = msgspec.structs.replace(
        v221_tariffs.tariff_of(wire, _limit_from_wire),
        tax_included=closed(m_tariff.TaxIncluded, told, "/tax_included"),
        preauthorize_amount=wire.preauthorize_amount,
    )
    return Translated(value)


def tariff_to_wire(tariff: m_tariff.Tariff) -> Translated[tariffs.Tariff]:
    value = msgspec.structs.replace(
        v221_tariffs.tariff_as(tariffs.Tariff, tariff, _limit_to_wire),
        tax_included=tariff.tax_included.value,
        preauthorize_amount=number_or_none(tariff.preauthorize_amount),
    )
    return Translated(value, tuple(v221_tariffs.component_losses(tariff)))


def _limit_from_wire(wire: common.PriceLimit) -> m_tariff.PriceLimit:
    return m_tariff.PriceLimit(wire.before_taxes, wire.after_taxes)


def _limit_to_wire(limit: m_tariff.PriceLimit) -> common.PriceLimit:
    return common.PriceLimit(
        before_taxes=number(limit.before_taxes), after_taxes=number_or_none(limit.after_taxes)
    )


# --- sessions and CDRs ------------------------------------------------------------------------------


def session_from_wire(
    wire: sessions.Session, ref_of: RefOf
) -> tuple[Translated[m_session.Session], m_token.TokenIdentity]:
    """A session, and beside it the identity of its token."""
    session, identity = v221_sessions.session_of(wire, ref_of, price_from_wire)
    return Translated(session), identity


def session_to_wire(
    session: m_session.Session, identity: m_token.TokenIdentity
) -> Translated[sessions.Session]:
    value = v221_sessions.session_as(sessions.Session, session, identity, price_to_wire)
    return Translated(value, tuple(_price_losses(session.total_cost, "/total_cost")))


def cdr_from_wire(wire: cdrs.Cdr, ref_of: RefOf) -> tuple[Translated[m_cdr.Cdr], m_token.TokenIdentity]:
    """A CDR, and beside it the identity of its token."""
    cdr, identity = v221_cdrs.cdr_of(
        wire, ref_of, price_from_wire, lambda tariff: tariff_from_wire(tariff).value
    )
    return Translated(msgspec.structs.replace(cdr, booking_id=wire.booking_id)), identity


def cdr_to_wire(cdr: m_cdr.Cdr, identity: m_token.TokenIdentity) -> Translated[cdrs.Cdr]:
    written = tuple(tariff_to_wire(tariff) for tariff in cdr.tariffs)
    value = v221_cdrs.cdr_as(
        cdrs.Cdr, cdr, identity, price_to_wire, tuple(tariff.value for tariff in written)
    )
    value = msgspec.structs.replace(value, booking_id=cdr.booking_id)
    losses = (*v221_cdrs.write_losses(cdr, written), *_price_losses(cdr.total_cost, "/total_cost"))
    return Translated(value, losses)


# --- invoices ---------------------------------------------------------------------------------------


def invoice_record_from_wire(
    wire: invoices.InvoiceReconciliationRecord,
) -> Translated[m_reconciliation.InvoiceRecord]:
    record = m_reconciliation.InvoiceRecord(
        party=party_of(wire.country_code, wire.party_id),
        id=wire.id,
        invoice_id=wire.invoice_id,
        cdrs=wire.cdrs,
        last_updated=wire.last_updated.at,
    )
    return Translated(record)


def invoice_record_to_wire(
    record: m_reconciliation.InvoiceRecord,
) -> Translated[invoices.InvoiceReconciliationRecord]:
    wire = invoices.InvoiceReconciliationRecord(
        country_code=record.party.country_code,
        party_id=record.party.party_id,
        id=record.id,
        invoice_id=record.invoice_id,
        cdrs=record.cdrs,
        last_updated=Instant(record.last_updated),
    )
    return Translated(wire)


# --- prices -----------------------------------------------------------------------------------------


def price_from_wire(wire: common.Price) -> m_cost.Price:
    taxes = tuple(
        m_cost.TaxAmount(line.name, line.amount, line.percentage, line.account_number) for line in wire.taxes
    )
    return m_cost.Price(wire.before_taxes, taxes)


def price_to_wire(price: m_cost.Price) -> common.Price:
    taxes = tuple(
        common.TaxAmount(
            name=line.name,
            account_number=line.account_number,
            percentage=maybe(number, line.percentage),
            amount=number(line.amount),
        )
        for line in price.taxes or ()
    )
    return common.Price(before_taxes=number(price.before_taxes), taxes=taxes)


def _price_losses(price: m_cost.Price | None, pointer: str) -> Iterator[Loss]:
    if price is not None and price.taxes is None:
        yield Loss(f"{pointer}/taxes", "a tax that is not known looks like none in 2.3.0")


# --- payment terminals ------------------------------------------------------------------------------


def terminal_from_wire(wire: payments.Terminal) -> Translated[m_terminal.Terminal]:
    """A terminal.

    Raises:
        Mismatch: it has no id, or no date; or half a party.
    """
    if not wire.terminal_id or wire.last_updated is None:
        lacks = "last_updated" if wire.terminal_id else "terminal_id"
        raise Mismatch(f"Object missing required field `{lacks}`")
    if (wire.party_id is None) != (wire.country_code is None):
        raise Mismatch("party_id and country_code name a party together - at `$.party_id`")
    same = ("customer_reference", "address", "city", "postal_code", "state", "country", "coordinates")
    rest = ("invoice_base_url", "reference", "location_ids", "evse_uids")
    value = m_terminal.Terminal(
        terminal_id=wire.terminal_id,
        party=None if wire.party_id is None else party_of(wire.country_code or "", wire.party_id),
        invoice_creator=maybe(
            lambda told: closed(m_terminal.InvoiceCreator, told, "/invoice_creator"), wire.invoice_creator
        ),
        last_updated=wire.last_updated.at,
        **{name: getattr(wire, name) for name in (*same, *rest)},
    )
    return Translated(value)


def terminal_to_wire(terminal: m_terminal.Terminal) -> Translated[payments.Terminal]:
    return Translated(terminal_as(payments.Terminal, terminal))


def terminal_as(kind: type[payments.Terminal], terminal: m_terminal.Terminal) -> payments.Terminal:
    fields = {name: getattr(terminal, name) for name in terminal.__struct_fields__}
    of: PartyId | None = fields.pop("party")
    creator = terminal.invoice_creator
    fields |= {
        "party_id": None if of is None else of.party_id,
        "country_code": None if of is None else of.country_code,
        "invoice_creator": None if creator is None else creator.value,
        "last_updated": Instant(terminal.last_updated),
    }
    return kind(**fields)


def advice_from_wire(
    wire: payments.FinancialAdviceConfirmation,
) -> Translated[m_terminal.AdviceText]:
    """A financial advice confirmation, and beside it what it says of the card."""
    advice = m_terminal.Advice(
        id=wire.id,
        authorization_reference=wire.authorization_reference,
        total_costs=_advised_price(wire.total_costs),
        currency=wire.currency,
        capture_status_code=closed(
            m_terminal.CaptureStatus, wire.capture_status_code, "/capture_status_code"
        ),
        capture_status_message=wire.capture_status_message,
        last_updated=wire.last_updated.at,
    )
    return Translated(m_terminal.AdviceText(advice, wire.eft_data))


def advice_to_wire(told: m_terminal.AdviceText) -> Translated[payments.FinancialAdviceConfirmation]:
    advice = told.advice
    price = price_to_wire(advice.total_costs)
    wire = payments.FinancialAdviceConfirmation(
        id=advice.id,
        authorization_reference=advice.authorization_reference,
        total_costs=payments.AdvicePrice(before_taxes=price.before_taxes, taxes=price.taxes),
        currency=advice.currency,
        eft_data=told.eft_data,
        capture_status_code=advice.capture_status_code.value,
        capture_status_message=advice.capture_status_message,
        last_updated=Instant(advice.last_updated),
    )
    return Translated(wire, tuple(_price_losses(advice.total_costs, "/total_costs")))


def _advised_price(wire: payments.AdvicePrice) -> m_cost.Price:
    if wire.before_taxes is not None:
        return price_from_wire(common.Price(before_taxes=wire.before_taxes, taxes=wire.taxes))
    if wire.excl_vat is None:
        raise Mismatch("Object missing required field `before_taxes` - at `$.total_costs`")
    return v221.price_from_wire(v221_common.Price(wire.excl_vat, wire.incl_vat))
