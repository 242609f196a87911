"""To and from the model: what 2.3.0 says otherwise than 2.2.1, or besides."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from elstrada.model import cdr as m_cdr
from elstrada.model import cost as m_cost
from elstrada.model import location as m_location
from elstrada.model import session as m_session
from elstrada.model import tariff as m_tariff
from elstrada.model import token as m_token
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.language import RefOf
from elstrada.ocpi.scalars import number
from elstrada.ocpi.v221 import translate as v221
from elstrada.ocpi.v221.translate import cdrs as v221_cdrs
from elstrada.ocpi.v221.translate import locations as v221_locations
from elstrada.ocpi.v221.translate import sessions as v221_sessions
from elstrada.ocpi.v221.translate import tariffs as v221_tariffs
from elstrada.ocpi.v221.translate.values import closed, maybe, number_or_none
from elstrada.ocpi.v230 import cdrs, common, locations, sessions, tariffs

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
    )
    return Translated(value)


def tariff_to_wire(tariff: m_tariff.Tariff) -> Translated[tariffs.Tariff]:
    value = msgspec.structs.replace(
        v221_tariffs.tariff_as(tariffs.Tariff, tariff, _limit_to_wire),
        tax_included=tariff.tax_included.value,
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
