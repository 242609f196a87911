"""To and from the model: values, and what the other side cannot say (DESIGN 5.1).

``*_from_wire`` raise ``Mismatch`` where a value has no meaning in the model, such as an unknown
whitelist. Tokens' identities travel beside sessions and CDRs, which in the model know a pseudonym.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from elstrada.model import cdr as m_cdr
from elstrada.model import cost as m_cost
from elstrada.model import location as m_location
from elstrada.model import party as m_party
from elstrada.model import session as m_session
from elstrada.model import tariff as m_tariff
from elstrada.model import token as m_token
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import Instant, fits, instant, moment, number, party, whole
from elstrada.ocpi.v221 import cdrs, common, locations, sessions, tariffs, tokens

RefOf = Callable[[str], str]
"""Turns a token's uid into the pseudonym under which the model knows it."""
_E = TypeVar("_E", bound=Enum)

# --- locations --------------------------------------------------------------------------------------


def location_from_wire(wire: locations.Location) -> Translated[m_location.Location]:
    evses = tuple(evse_from_wire(evse) for evse in wire.evses)
    value = m_location.Location(
        party=_party(wire.country_code, wire.party_id),
        id=wire.id,
        publish=wire.publish,
        publish_allowed_to=wire.publish_allowed_to,
        name=wire.name,
        address=wire.address,
        city=wire.city,
        postal_code=wire.postal_code,
        state=wire.state,
        country=wire.country,
        coordinates=wire.coordinates,
        related_locations=wire.related_locations,
        parking_type=wire.parking_type,
        evses=evses,
        directions=wire.directions,
        operator=_business_from_wire(wire.operator),
        suboperator=_business_from_wire(wire.suboperator),
        owner=_business_from_wire(wire.owner),
        facilities=wire.facilities,
        time_zone=wire.time_zone,
        opening_times=_hours_from_wire(wire.opening_times),
        charging_when_closed=wire.charging_when_closed,
        images=wire.images,
        energy_mix=wire.energy_mix,
        last_updated=wire.last_updated.at,
    )
    return Translated(value, tuple(_location_read_losses(wire)))


def location_to_wire(location: m_location.Location) -> Translated[locations.Location]:
    value = locations.Location(
        country_code=location.party.country_code,
        party_id=location.party.party_id,
        id=location.id,
        publish=location.publish,
        # Only allowed where publish is false.
        publish_allowed_to=() if location.publish else location.publish_allowed_to,
        name=location.name,
        address=location.address,
        city=location.city,
        postal_code=location.postal_code,
        state=location.state,
        country=location.country,
        coordinates=location.coordinates,
        related_locations=location.related_locations,
        parking_type=location.parking_type,
        evses=tuple(evse_to_wire(evse) for evse in location.evses),
        directions=location.directions,
        operator=_business_to_wire(location.operator),
        suboperator=_business_to_wire(location.suboperator),
        owner=_business_to_wire(location.owner),
        facilities=location.facilities,
        time_zone=location.time_zone,
        opening_times=_hours_to_wire(location.opening_times),
        charging_when_closed=location.charging_when_closed,
        images=location.images,
        energy_mix=location.energy_mix,
        last_updated=Instant(location.last_updated),
    )
    return Translated(value, tuple(_location_write_losses(location)))


def evse_from_wire(wire: locations.Evse) -> m_location.Evse:
    return m_location.Evse(
        uid=wire.uid,
        evse_id=wire.evse_id,
        status=_status(wire.status),
        status_schedule=tuple(
            m_location.StatusSchedule(entry.period_begin.at, entry.status, moment(entry.period_end))
            for entry in wire.status_schedule
        ),
        capabilities=wire.capabilities,
        connectors=tuple(connector_from_wire(connector) for connector in wire.connectors),
        floor_level=_text(wire.floor_level),
        coordinates=wire.coordinates,
        physical_reference=_text(wire.physical_reference),
        directions=wire.directions,
        parking_restrictions=wire.parking_restrictions,
        images=wire.images,
        last_updated=wire.last_updated.at,
    )


def evse_to_wire(evse: m_location.Evse) -> locations.Evse:
    return locations.Evse(
        uid=evse.uid,
        evse_id=evse.evse_id,
        status=evse.status.value,
        status_schedule=tuple(
            locations.StatusSchedule(
                period_begin=Instant(entry.period_begin),
                period_end=instant(entry.period_end),
                status=entry.status,
            )
            for entry in evse.status_schedule
        ),
        capabilities=evse.capabilities,
        connectors=tuple(connector_to_wire(connector) for connector in evse.connectors),
        floor_level=evse.floor_level,
        coordinates=evse.coordinates,
        physical_reference=evse.physical_reference,
        directions=evse.directions,
        parking_restrictions=evse.parking_restrictions,
        images=evse.images,
        last_updated=Instant(evse.last_updated),
    )


def connector_from_wire(wire: locations.Connector) -> m_location.Connector:
    return m_location.Connector(
        id=wire.id,
        standard=wire.standard,
        format=wire.format,
        power_type=wire.power_type,
        max_voltage=whole(wire.max_voltage),
        max_amperage=whole(wire.max_amperage),
        max_electric_power=None if wire.max_electric_power is None else whole(wire.max_electric_power),
        tariff_ids=wire.tariff_ids,
        terms_and_conditions=wire.terms_and_conditions,
        last_updated=wire.last_updated.at,
    )


def connector_to_wire(connector: m_location.Connector) -> locations.Connector:
    power = connector.max_electric_power
    return locations.Connector(
        id=connector.id,
        standard=connector.standard,
        format=connector.format,
        power_type=connector.power_type,
        max_voltage=Decimal(connector.max_voltage),
        max_amperage=Decimal(connector.max_amperage),
        max_electric_power=None if power is None else Decimal(power),
        tariff_ids=connector.tariff_ids,
        terms_and_conditions=connector.terms_and_conditions,
        last_updated=Instant(connector.last_updated),
    )


def _location_read_losses(wire: locations.Location) -> Iterator[Loss]:
    for name in ("operator", "suboperator", "owner"):
        business: common.BusinessDetails | None = getattr(wire, name)
        if business is not None and business.logo is not None:
            yield Loss(f"/{name}/logo", "only the logo's address is kept")
    for index, evse in enumerate(wire.evses):
        if evse.status not in locations.STATUSES:
            yield Loss(f"/evses/{index}/status", f"{evse.status[:40]!r} is read as UNKNOWN")


def _location_write_losses(location: m_location.Location) -> Iterator[Loss]:
    """Fields that came with 2.3.0."""
    if location.help_phone is not None:
        yield Loss("/help_phone", "2.2.1 has no such field")
    for index, evse in enumerate(location.evses):
        if evse.accepted_service_providers:
            yield Loss(f"/evses/{index}/accepted_service_providers", "2.2.1 has no such field")
        for at, connector in enumerate(evse.connectors):
            if connector.capabilities:
                yield Loss(f"/evses/{index}/connectors/{at}/capabilities", "2.2.1 has no such field")


def _status(text: str) -> m_location.EvseStatus:
    """A status; one we do not know says that we do not know."""
    return m_location.EvseStatus(text) if text in locations.STATUSES else m_location.EvseStatus.UNKNOWN


def _hours_from_wire(wire: locations.Hours | None) -> m_location.Hours | None:
    if wire is None:
        return None
    return m_location.Hours(
        wire.twentyfourseven,
        wire.regular_hours,
        tuple(_period_from_wire(period) for period in wire.exceptional_openings),
        tuple(_period_from_wire(period) for period in wire.exceptional_closings),
    )


def _hours_to_wire(hours: m_location.Hours | None) -> locations.Hours | None:
    if hours is None:
        return None
    return locations.Hours(
        twentyfourseven=hours.twentyfourseven,
        regular_hours=hours.regular_hours,
        exceptional_openings=tuple(_period_to_wire(period) for period in hours.exceptional_openings),
        exceptional_closings=tuple(_period_to_wire(period) for period in hours.exceptional_closings),
    )


def _period_from_wire(wire: locations.ExceptionalPeriod) -> m_location.ExceptionalPeriod:
    return m_location.ExceptionalPeriod(wire.period_begin.at, wire.period_end.at)


def _period_to_wire(period: m_location.ExceptionalPeriod) -> locations.ExceptionalPeriod:
    return locations.ExceptionalPeriod(Instant(period.period_begin), Instant(period.period_end))


def _business_from_wire(wire: common.BusinessDetails | None) -> m_party.BusinessDetails | None:
    if wire is None:
        return None
    return m_party.BusinessDetails(wire.name, wire.website, wire.logo.url if wire.logo else None)


def _business_to_wire(business: m_party.BusinessDetails | None) -> common.BusinessDetails | None:
    if business is None:
        return None
    return common.BusinessDetails(business.name, business.website, _logo(business.logo_url))


def _logo(url: str | None) -> common.Image | None:
    """An operator's logo as OCPI's Image, whose type is the ending of the file's name."""
    if url is None:
        return None
    ending = url.rpartition(".")[2].lower()
    return common.Image(url, "OPERATOR", ending if ending.isalnum() and len(ending) <= 4 else "png")


# --- tariffs ----------------------------------------------------------------------------------------


def tariff_from_wire(wire: tariffs.Tariff) -> Translated[m_tariff.Tariff]:
    value = m_tariff.Tariff(
        party=_party(wire.country_code, wire.party_id),
        id=wire.id,
        currency=wire.currency,
        type=wire.type,
        tariff_alt_text=wire.tariff_alt_text,
        tariff_alt_url=wire.tariff_alt_url,
        min_price=_limit_from_wire(wire.min_price),
        max_price=_limit_from_wire(wire.max_price),
        elements=tuple(
            _element_from_wire(element, f"/elements/{index}") for index, element in enumerate(wire.elements)
        ),
        tax_included=m_tariff.TaxIncluded.NO,
        start_date_time=moment(wire.start_date_time),
        end_date_time=moment(wire.end_date_time),
        energy_mix=wire.energy_mix,
        last_updated=wire.last_updated.at,
    )
    return Translated(value)


def tariff_to_wire(tariff: m_tariff.Tariff) -> Translated[tariffs.Tariff]:
    value = tariffs.Tariff(
        country_code=tariff.party.country_code,
        party_id=tariff.party.party_id,
        id=tariff.id,
        currency=tariff.currency,
        type=tariff.type,
        tariff_alt_text=tariff.tariff_alt_text,
        tariff_alt_url=tariff.tariff_alt_url,
        min_price=_limit_to_wire(tariff.min_price),
        max_price=_limit_to_wire(tariff.max_price),
        elements=tuple(_element_to_wire(element) for element in tariff.elements),
        start_date_time=instant(tariff.start_date_time),
        end_date_time=instant(tariff.end_date_time),
        energy_mix=tariff.energy_mix,
        last_updated=Instant(tariff.last_updated),
    )
    return Translated(value, tuple(_tariff_write_losses(tariff)))


def _tariff_write_losses(tariff: m_tariff.Tariff) -> Iterator[Loss]:
    if tariff.tax_included is m_tariff.TaxIncluded.YES:
        yield Loss("/tax_included", "2.2.1 reads every price as one without tax (R-66)", misleads=True)
    for index, element in enumerate(tariff.elements):
        for at, component in enumerate(element.price_components):
            if not fits(component.price):
                where = f"/elements/{index}/price_components/{at}/price"
                yield Loss(where, f"{component.price} has more than four decimals", misleads=True)


def _element_from_wire(wire: tariffs.TariffElement, pointer: str) -> m_tariff.TariffElement:
    components = tuple(
        m_tariff.PriceComponent(
            _closed(m_tariff.Dimension, component.type, f"{pointer}/price_components/{index}/type"),
            component.price,
            component.vat,
            whole(component.step_size),
        )
        for index, component in enumerate(wire.price_components)
    )
    return m_tariff.TariffElement(components, _restrictions_from_wire(wire.restrictions))


def _element_to_wire(element: m_tariff.TariffElement) -> tariffs.TariffElement:
    components = tuple(
        tariffs.PriceComponent(
            type=component.type.value,
            price=number(component.price),
            vat=_number(component.vat),
            step_size=Decimal(component.step_size),
        )
        for component in element.price_components
    )
    return tariffs.TariffElement(
        price_components=components, restrictions=_restrictions_to_wire(element.restrictions)
    )


def _restrictions_from_wire(wire: tariffs.TariffRestrictions | None) -> m_tariff.TariffRestrictions | None:
    if wire is None:
        return None
    return m_tariff.TariffRestrictions(
        start_time=wire.start_time,
        end_time=wire.end_time,
        start_date=wire.start_date,
        end_date=wire.end_date,
        min_kwh=wire.min_kwh,
        max_kwh=wire.max_kwh,
        min_current=wire.min_current,
        max_current=wire.max_current,
        min_power=wire.min_power,
        max_power=wire.max_power,
        min_duration=None if wire.min_duration is None else whole(wire.min_duration),
        max_duration=None if wire.max_duration is None else whole(wire.max_duration),
        day_of_week=wire.day_of_week,
        reservation=wire.reservation,
    )


def _restrictions_to_wire(
    restrictions: m_tariff.TariffRestrictions | None,
) -> tariffs.TariffRestrictions | None:
    if restrictions is None:
        return None
    return tariffs.TariffRestrictions(
        start_time=restrictions.start_time,
        end_time=restrictions.end_time,
        start_date=restrictions.start_date,
        end_date=restrictions.end_date,
        min_kwh=_number(restrictions.min_kwh),
        max_kwh=_number(restrictions.max_kwh),
        min_current=_number(restrictions.min_current),
        max_current=_number(restrictions.max_current),
        min_power=_number(restrictions.min_power),
        max_power=_number(restrictions.max_power),
        min_duration=None if restrictions.min_duration is None else Decimal(restrictions.min_duration),
        max_duration=None if restrictions.max_duration is None else Decimal(restrictions.max_duration),
        day_of_week=restrictions.day_of_week,
        reservation=restrictions.reservation,
    )


def _limit_from_wire(wire: common.Price | None) -> m_tariff.PriceLimit | None:
    return None if wire is None else m_tariff.PriceLimit(wire.excl_vat, wire.incl_vat)


def _limit_to_wire(limit: m_tariff.PriceLimit | None) -> common.Price | None:
    return None if limit is None else common.Price(number(limit.before_taxes), _number(limit.after_taxes))


# --- tokens -----------------------------------------------------------------------------------------


def token_from_wire(wire: tokens.Token) -> Translated[m_token.Token]:
    value = m_token.Token(
        party=_party(wire.country_code, wire.party_id),
        uid=wire.uid,
        type=wire.type,
        contract_id=wire.contract_id,
        visual_number=wire.visual_number,
        issuer=wire.issuer,
        group_id=wire.group_id,
        valid=wire.valid,
        whitelist=_closed(m_token.Whitelist, wire.whitelist, "/whitelist"),
        language=wire.language,
        default_profile_type=wire.default_profile_type,
        last_updated=wire.last_updated.at,
    )
    lost = wire.energy_contract is not None
    return Translated(value, (Loss("/energy_contract", "not kept"),) if lost else ())


def token_to_wire(token: m_token.Token) -> Translated[tokens.Token]:
    return Translated(
        tokens.Token(
            country_code=token.party.country_code,
            party_id=token.party.party_id,
            uid=token.uid,
            type=token.type,
            contract_id=token.contract_id,
            visual_number=token.visual_number,
            issuer=token.issuer,
            group_id=token.group_id,
            valid=token.valid,
            whitelist=token.whitelist.value,
            language=token.language,
            default_profile_type=token.default_profile_type,
            last_updated=Instant(token.last_updated),
        )
    )


def identity_from_wire(wire: cdrs.CdrToken) -> m_token.TokenIdentity:
    return m_token.TokenIdentity(
        _party(wire.country_code, wire.party_id), wire.uid, wire.type, wire.contract_id
    )


def identity_to_wire(identity: m_token.TokenIdentity) -> cdrs.CdrToken:
    return cdrs.CdrToken(
        country_code=identity.party.country_code,
        party_id=identity.party.party_id,
        uid=identity.uid,
        type=identity.type,
        contract_id=identity.contract_id,
    )


# --- sessions ---------------------------------------------------------------------------------------


def session_from_wire(
    wire: sessions.Session, ref_of: RefOf
) -> tuple[Translated[m_session.Session], m_token.TokenIdentity]:
    """A session, and beside it the identity of its token."""
    identity = identity_from_wire(wire.cdr_token)
    # The prose of 2.2.1 says RESERVED where the enum says RESERVATION.
    status = "RESERVATION" if wire.status == "RESERVED" else wire.status
    value = m_session.Session(
        party=_party(wire.country_code, wire.party_id),
        id=wire.id,
        start_date_time=wire.start_date_time.at,
        end_date_time=moment(wire.end_date_time),
        kwh=wire.kwh,
        token_ref=ref_of(identity.uid),
        token_party=identity.party,
        auth_method=_closed(m_token.AuthMethod, wire.auth_method, "/auth_method"),
        authorization_reference=wire.authorization_reference,
        location_id=wire.location_id,
        evse_uid=wire.evse_uid,
        connector_id=wire.connector_id,
        meter_id=wire.meter_id,
        currency=wire.currency,
        charging_periods=tuple(_charging_period_from_wire(period) for period in wire.charging_periods),
        total_cost=None if wire.total_cost is None else price_from_wire(wire.total_cost),
        status=_closed(m_session.SessionStatus, status, "/status"),
        last_updated=wire.last_updated.at,
    )
    return Translated(value), identity


def session_to_wire(
    session: m_session.Session, identity: m_token.TokenIdentity
) -> Translated[sessions.Session]:
    value = sessions.Session(
        country_code=session.party.country_code,
        party_id=session.party.party_id,
        id=session.id,
        start_date_time=Instant(session.start_date_time),
        end_date_time=instant(session.end_date_time),
        kwh=number(session.kwh),
        cdr_token=identity_to_wire(identity),
        auth_method=session.auth_method.value,
        authorization_reference=session.authorization_reference,
        location_id=session.location_id,
        evse_uid=session.evse_uid,
        connector_id=session.connector_id,
        meter_id=session.meter_id,
        currency=session.currency,
        charging_periods=tuple(_charging_period_to_wire(period) for period in session.charging_periods),
        total_cost=_price(session.total_cost),
        status=session.status.value,
        last_updated=Instant(session.last_updated),
    )
    return Translated(value, tuple(_price_losses(session.total_cost, "/total_cost")))


def _charging_period_from_wire(wire: cdrs.ChargingPeriod) -> m_session.ChargingPeriod:
    dimensions = tuple(m_session.PeriodDimension(entry.type, entry.volume) for entry in wire.dimensions)
    return m_session.ChargingPeriod(wire.start_date_time.at, dimensions, wire.tariff_id)


def _charging_period_to_wire(period: m_session.ChargingPeriod) -> cdrs.ChargingPeriod:
    dimensions = tuple(cdrs.CdrDimension(entry.type, number(entry.volume)) for entry in period.dimensions)
    return cdrs.ChargingPeriod(
        start_date_time=Instant(period.start_date_time), dimensions=dimensions, tariff_id=period.tariff_id
    )


# --- CDRs -------------------------------------------------------------------------------------------


def cdr_from_wire(wire: cdrs.Cdr, ref_of: RefOf) -> tuple[Translated[m_cdr.Cdr], m_token.TokenIdentity]:
    """A CDR, and beside it the identity of its token."""
    identity = identity_from_wire(wire.cdr_token)
    value = m_cdr.Cdr(
        party=_party(wire.country_code, wire.party_id),
        id=wire.id,
        start_date_time=wire.start_date_time.at,
        end_date_time=wire.end_date_time.at,
        session_id=wire.session_id,
        token_ref=ref_of(identity.uid),
        token_party=identity.party,
        auth_method=_closed(m_token.AuthMethod, wire.auth_method, "/auth_method"),
        authorization_reference=wire.authorization_reference,
        cdr_location=_cdr_location_from_wire(wire.cdr_location),
        meter_id=wire.meter_id,
        currency=wire.currency,
        tariffs=tuple(tariff_from_wire(tariff).value for tariff in wire.tariffs),
        charging_periods=tuple(_charging_period_from_wire(period) for period in wire.charging_periods),
        signed_data=wire.signed_data,
        total_cost=price_from_wire(wire.total_cost),
        total_fixed_cost=_read_price(wire.total_fixed_cost),
        total_energy=wire.total_energy,
        total_energy_cost=_read_price(wire.total_energy_cost),
        total_time=wire.total_time,
        total_time_cost=_read_price(wire.total_time_cost),
        total_parking_time=wire.total_parking_time,
        total_parking_cost=_read_price(wire.total_parking_cost),
        total_reservation_cost=_read_price(wire.total_reservation_cost),
        remark=wire.remark,
        invoice_reference_id=wire.invoice_reference_id,
        credit=wire.credit,
        credit_reference_id=wire.credit_reference_id,
        home_charging_compensation=wire.home_charging_compensation,
        last_updated=wire.last_updated.at,
    )
    return Translated(value), identity


def cdr_to_wire(cdr: m_cdr.Cdr, identity: m_token.TokenIdentity) -> Translated[cdrs.Cdr]:
    written = tuple(tariff_to_wire(tariff) for tariff in cdr.tariffs)
    value = cdrs.Cdr(
        country_code=cdr.party.country_code,
        party_id=cdr.party.party_id,
        id=cdr.id,
        start_date_time=Instant(cdr.start_date_time),
        end_date_time=Instant(cdr.end_date_time),
        session_id=cdr.session_id,
        cdr_token=identity_to_wire(identity),
        auth_method=cdr.auth_method.value,
        authorization_reference=cdr.authorization_reference,
        cdr_location=_cdr_location_to_wire(cdr.cdr_location),
        meter_id=cdr.meter_id,
        currency=cdr.currency,
        tariffs=tuple(tariff.value for tariff in written),
        charging_periods=tuple(_charging_period_to_wire(period) for period in cdr.charging_periods),
        signed_data=cdr.signed_data,
        total_cost=price_to_wire(cdr.total_cost),
        total_fixed_cost=_price(cdr.total_fixed_cost),
        total_energy=number(cdr.total_energy),
        total_energy_cost=_price(cdr.total_energy_cost),
        total_time=number(cdr.total_time),
        total_time_cost=_price(cdr.total_time_cost),
        total_parking_time=_number(cdr.total_parking_time),
        total_parking_cost=_price(cdr.total_parking_cost),
        total_reservation_cost=_price(cdr.total_reservation_cost),
        remark=cdr.remark,
        invoice_reference_id=cdr.invoice_reference_id,
        credit=cdr.credit,
        credit_reference_id=cdr.credit_reference_id,
        home_charging_compensation=cdr.home_charging_compensation,
        last_updated=Instant(cdr.last_updated),
    )
    return Translated(value, tuple(_cdr_write_losses(cdr, written)))


def _cdr_write_losses(cdr: m_cdr.Cdr, written: tuple[Translated[tariffs.Tariff], ...]) -> Iterator[Loss]:
    for index, tariff in enumerate(written):
        for loss in tariff.losses:
            # The cost stands in the CDR itself; its tariffs are for the reader's check.
            yield Loss(f"/tariffs/{index}{loss.pointer}", loss.note)
    if cdr.time_zone is not None:
        yield Loss("/time_zone", "OCPI's CdrLocation has no time zone; the Location has")
    if len(cdr.cdr_location.address) > cdrs.ADDRESS:
        yield Loss("/cdr_location/address", f"cut to {cdrs.ADDRESS} characters")
    if cdr.cdr_location.state is not None and len(cdr.cdr_location.state) > cdrs.STATE:
        yield Loss("/cdr_location/state", f"cut to {cdrs.STATE} characters")
    yield from _price_losses(cdr.total_cost, "/total_cost")


def _cdr_location_from_wire(wire: cdrs.CdrLocation) -> m_cdr.CdrLocation:
    return m_cdr.CdrLocation(**{name: getattr(wire, name) for name in wire.__struct_fields__})


def _cdr_location_to_wire(place: m_cdr.CdrLocation) -> cdrs.CdrLocation:
    fields = {name: getattr(place, name) for name in place.__struct_fields__}
    state = place.state
    fields["address"] = place.address[: cdrs.ADDRESS]
    fields["state"] = None if state is None else state[: cdrs.STATE]
    return cdrs.CdrLocation(**fields)


# --- money and small change -------------------------------------------------------------------------


def price_from_wire(wire: common.Price) -> m_cost.Price:
    """A price. Without incl_vat the tax is unknown, which is not the same as none."""
    if wire.incl_vat is None:
        return m_cost.Price(wire.excl_vat, None)
    tax = wire.incl_vat - wire.excl_vat
    return m_cost.Price(wire.excl_vat, (m_cost.TaxAmount("VAT", tax),) if tax else ())


def price_to_wire(price: m_cost.Price) -> common.Price:
    return common.Price(number(price.before_taxes), _number(price.after_taxes))


def _price_losses(price: m_cost.Price | None, pointer: str) -> Iterator[Loss]:
    if price is not None and price.taxes is not None and len(price.taxes) > 1:
        yield Loss(f"{pointer}/taxes", "2.2.1 has one sum for all taxes")


def _price(price: m_cost.Price | None) -> common.Price | None:
    return None if price is None else price_to_wire(price)


def _read_price(wire: common.Price | None) -> m_cost.Price | None:
    return None if wire is None else price_from_wire(wire)


def _number(value: Decimal | None) -> Decimal | None:
    return None if value is None else number(value)


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _party(country_code: str, party_id: str) -> PartyId:
    try:
        return party(country_code, party_id)
    except ValueError as problem:
        raise Mismatch(f"{problem} - at `$.party_id`") from None


def _closed(kind: type[_E], text: str, pointer: str) -> _E:
    try:
        return kind(text)
    except ValueError:
        names = ", ".join(str(entry.value) for entry in kind)
        raise Mismatch(f"{text[:40]!r} is none of {names} - at `{pointer}`") from None
