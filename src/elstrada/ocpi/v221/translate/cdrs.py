"""CDRs to and from the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from elstrada.model import cdr as m_cdr
from elstrada.model import cost as m_cost
from elstrada.model import tariff as m_tariff
from elstrada.model import token as m_token
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.language import RefOf
from elstrada.ocpi.scalars import Instant, number
from elstrada.ocpi.v221 import cdrs
from elstrada.ocpi.v221.translate.prices import (
    price_from_wire,
    price_losses,
    price_to_wire,
)
from elstrada.ocpi.v221.translate.sessions import charging_period_from_wire, charging_period_to_wire
from elstrada.ocpi.v221.translate.tariffs import tariff_from_wire, tariff_to_wire
from elstrada.ocpi.v221.translate.tokens import identity_from_wire, identity_to_wire
from elstrada.ocpi.v221.translate.values import closed, maybe, number_or_none, party_of

P = TypeVar("P")
T = TypeVar("T")
W = TypeVar("W")


def cdr_from_wire(wire: cdrs.Cdr, ref_of: RefOf) -> tuple[Translated[m_cdr.Cdr], m_token.TokenIdentity]:
    """A CDR, and beside it the identity of its token."""
    cdr, identity = cdr_of(wire, ref_of, price_from_wire, lambda tariff: tariff_from_wire(tariff).value)
    return Translated(cdr), identity


def cdr_to_wire(cdr: m_cdr.Cdr, identity: m_token.TokenIdentity) -> Translated[cdrs.Cdr]:
    written = tuple(tariff_to_wire(tariff) for tariff in cdr.tariffs)
    value = cdr_as(cdrs.Cdr, cdr, identity, price_to_wire, tuple(tariff.value for tariff in written))
    losses = (*write_losses(cdr, written), *booking_losses(cdr), *price_losses(cdr.total_cost, "/total_cost"))
    return Translated(value, losses)


def cdr_of(
    wire: cdrs.CdrOf[P, T],
    ref_of: RefOf,
    price_of: Callable[[P], m_cost.Price],
    tariff_of: Callable[[T], m_tariff.Tariff],
) -> tuple[m_cdr.Cdr, m_token.TokenIdentity]:
    """What all versions from 2.2.1 on say of a CDR."""
    identity = identity_from_wire(wire.cdr_token)
    value = m_cdr.Cdr(
        party=party_of(wire.country_code, wire.party_id),
        id=wire.id,
        start_date_time=wire.start_date_time.at,
        end_date_time=wire.end_date_time.at,
        session_id=wire.session_id,
        token_ref=ref_of(identity.uid),
        token_party=identity.party,
        auth_method=closed(m_token.AuthMethod, wire.auth_method, "/auth_method"),
        authorization_reference=wire.authorization_reference,
        cdr_location=_cdr_location_from_wire(wire.cdr_location),
        meter_id=wire.meter_id,
        currency=wire.currency,
        tariffs=tuple(tariff_of(tariff) for tariff in wire.tariffs),
        charging_periods=tuple(charging_period_from_wire(period) for period in wire.charging_periods),
        signed_data=wire.signed_data,
        total_cost=price_of(wire.total_cost),
        total_fixed_cost=maybe(price_of, wire.total_fixed_cost),
        total_energy=wire.total_energy,
        total_energy_cost=maybe(price_of, wire.total_energy_cost),
        total_time=wire.total_time,
        total_time_cost=maybe(price_of, wire.total_time_cost),
        total_parking_time=wire.total_parking_time,
        total_parking_cost=maybe(price_of, wire.total_parking_cost),
        total_reservation_cost=maybe(price_of, wire.total_reservation_cost),
        remark=wire.remark,
        invoice_reference_id=wire.invoice_reference_id,
        credit=wire.credit,
        credit_reference_id=wire.credit_reference_id,
        home_charging_compensation=wire.home_charging_compensation,
        last_updated=wire.last_updated.at,
    )
    return value, identity


def cdr_as(
    kind: Callable[..., W],
    cdr: m_cdr.Cdr,
    identity: m_token.TokenIdentity,
    price_as: Callable[[m_cost.Price], object],
    tariffs: tuple[object, ...],
) -> W:
    """The same the other way, as the version's own kind."""
    return kind(
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
        tariffs=tariffs,
        charging_periods=tuple(charging_period_to_wire(period) for period in cdr.charging_periods),
        signed_data=cdr.signed_data,
        total_cost=price_as(cdr.total_cost),
        total_fixed_cost=maybe(price_as, cdr.total_fixed_cost),
        total_energy=number(cdr.total_energy),
        total_energy_cost=maybe(price_as, cdr.total_energy_cost),
        total_time=number(cdr.total_time),
        total_time_cost=maybe(price_as, cdr.total_time_cost),
        total_parking_time=number_or_none(cdr.total_parking_time),
        total_parking_cost=maybe(price_as, cdr.total_parking_cost),
        total_reservation_cost=maybe(price_as, cdr.total_reservation_cost),
        remark=cdr.remark,
        invoice_reference_id=cdr.invoice_reference_id,
        credit=cdr.credit,
        credit_reference_id=cdr.credit_reference_id,
        home_charging_compensation=cdr.home_charging_compensation,
        last_updated=Instant(cdr.last_updated),
    )


def booking_losses(cdr: m_cdr.Cdr) -> Iterator[Loss]:
    """What a version without bookings does not say."""
    if cdr.booking_id is not None:
        yield Loss("/booking_id", "this version has no bookings")


def write_losses(cdr: m_cdr.Cdr, written: Iterable[Translated[object]]) -> Iterator[Loss]:
    """What no version says of a CDR, and what its tariffs lost."""
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


def _cdr_location_from_wire(wire: cdrs.CdrLocation) -> m_cdr.CdrLocation:
    return m_cdr.CdrLocation(**{name: getattr(wire, name) for name in wire.__struct_fields__})


def _cdr_location_to_wire(place: m_cdr.CdrLocation) -> cdrs.CdrLocation:
    fields = {name: getattr(place, name) for name in place.__struct_fields__}
    state = place.state
    fields["address"] = place.address[: cdrs.ADDRESS]
    fields["state"] = None if state is None else state[: cdrs.STATE]
    return cdrs.CdrLocation(**fields)
