"""Sessions and charging periods to and from the model."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from elstrada.model import cdr as m_cdr
from elstrada.model import cost as m_cost
from elstrada.model import location as m_location
from elstrada.model import session as m_session
from elstrada.model import token as m_token
from elstrada.model.ids import PartyId
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.language import RefOf
from elstrada.ocpi.scalars import Instant, fits, instant, moment, number
from elstrada.ocpi.v211 import cdrs, locations, sessions
from elstrada.ocpi.v211.common import GeoLocation
from elstrada.ocpi.v211.translate.places import UNTOLD, is_told, place_losses, place_to_wire, used_of
from elstrada.ocpi.v211.translate.values import NO_FIELD, missing
from elstrada.ocpi.v221.translate.values import closed, maybe

_CONTRACT_ALONE = Loss("/token_ref", "2.1.1 names the contract, and not which of its tokens")


def session_from_wire(
    wire: sessions.Session, ref_of: RefOf, of: PartyId, identity: m_token.TokenIdentity
) -> tuple[Translated[m_session.Session], m_token.TokenIdentity]:
    """A session of a token that the reader has found by ``auth_id``."""
    evse, connector = used_of(wire.location)
    value = m_session.Session(
        party=of,
        id=wire.id,
        start_date_time=wire.start_datetime.at,
        end_date_time=moment(wire.end_datetime),
        kwh=wire.kwh,
        token_ref=ref_of(identity.uid),
        token_party=identity.party,
        auth_method=closed(m_token.AuthMethod, wire.auth_method, "/auth_method"),
        location_id=wire.location.id,
        evse_uid=UNTOLD if evse is None else evse.uid,
        connector_id=UNTOLD if connector is None else connector.id,
        meter_id=wire.meter_id,
        currency=wire.currency,
        charging_periods=tuple(map(period_from_wire, wire.charging_periods)),
        total_cost=maybe(price_from_wire, wire.total_cost),
        status=closed(m_session.SessionStatus, wire.status, "/status"),
        last_updated=wire.last_updated.at,
    )
    ids_alone = Loss("/location", "its ids alone are kept: the location itself is told elsewhere")
    return Translated(value, (*place_losses(wire.location, "/location"), ids_alone)), identity


def session_to_wire(
    session: m_session.Session, identity: m_token.TokenIdentity, place: m_location.Location | None
) -> Translated[sessions.Session]:
    """A session; it misleads where its place is not known.

    Args:
        place: the session's location.
    """
    where = _whereabouts(session, place)
    value = sessions.Session(
        id=session.id,
        start_datetime=Instant(session.start_date_time),
        end_datetime=instant(session.end_date_time),
        kwh=number(session.kwh),
        auth_id=identity.contract_id,
        auth_method=method_to_wire(session.auth_method),
        location=where,
        meter_id=session.meter_id,
        currency=session.currency,
        charging_periods=periods_to_wire(session.charging_periods),
        total_cost=maybe(price_to_wire, session.total_cost),
        status=_status(session.status),
        last_updated=Instant(session.last_updated),
    )
    losses = [_CONTRACT_ALONE, *shared_losses(session), *missing(session, ("authorization_reference",))]
    if place is None:
        losses.append(Loss("/location_id", "the place is not known", misleads=True))
    elif not is_told(where):
        losses += [Loss(f"/{name}", "cannot be told in 2.1.1") for name in ("evse_uid", "connector_id")]
    if value.status != session.status.value:
        losses.append(Loss("/status", f"{session.status.value} is written as {value.status}"))
    if not fits(session.kwh):
        losses.append(Loss("/kwh", "rounded to four decimals"))
    return Translated(value, tuple(losses))


def shared_losses(told: m_session.Session | m_cdr.Cdr) -> Iterator[Loss]:
    """What sessions and CDRs lose alike."""
    if method_to_wire(told.auth_method) != told.auth_method.value:
        yield Loss("/auth_method", f"{told.auth_method.value} is written as AUTH_REQUEST")
    yield from _period_losses(told.charging_periods)
    if told.total_cost is not None and told.total_cost.taxes is not None:
        yield Loss("/total_cost/taxes", "2.1.1 tells prices without tax alone")
    if told.total_cost is not None and not fits(told.total_cost.before_taxes):
        yield Loss("/total_cost/before_taxes", "rounded to four decimals")


def period_from_wire(wire: cdrs.ChargingPeriod) -> m_session.ChargingPeriod:
    dimensions = tuple(m_session.PeriodDimension(entry.type, entry.volume) for entry in wire.dimensions)
    return m_session.ChargingPeriod(wire.start_date_time.at, dimensions)


def periods_to_wire(periods: tuple[m_session.ChargingPeriod, ...]) -> tuple[cdrs.ChargingPeriod, ...]:
    """The periods with what 2.1.1 measures; one of which nothing is left is left out."""
    written = (
        cdrs.ChargingPeriod(
            start_date_time=Instant(period.start_date_time),
            dimensions=tuple(
                cdrs.CdrDimension(entry.type, number(entry.volume))
                for entry in period.dimensions
                if entry.type in cdrs.DIMENSIONS
            ),
        )
        for period in periods
    )
    return tuple(period for period in written if period.dimensions)


def _period_losses(periods: tuple[m_session.ChargingPeriod, ...]) -> Iterator[Loss]:
    for index, period in enumerate(periods):
        pointer = f"/charging_periods/{index}"
        if period.tariff_id is not None:
            yield Loss(f"{pointer}/tariff_id", NO_FIELD)
        if not any(entry.type in cdrs.DIMENSIONS for entry in period.dimensions):
            yield Loss(pointer, "left out: it holds nothing that 2.1.1 measures")
        for at, entry in enumerate(period.dimensions):
            if entry.type not in cdrs.DIMENSIONS:
                yield Loss(f"{pointer}/dimensions/{at}", f"{entry.type[:40]!r} is none of 2.1.1")
            elif not fits(entry.volume):
                yield Loss(f"{pointer}/dimensions/{at}/volume", "rounded to four decimals")


def price_from_wire(wire: Decimal) -> m_cost.Price:
    """An amount without tax; the tax is unknown, which is not the same as none."""
    return m_cost.Price(wire, None)


def price_to_wire(price: m_cost.Price) -> Decimal:
    return number(price.before_taxes)


def method_to_wire(method: m_token.AuthMethod) -> str:
    """A command's driver was authorized by the eMSP that gave the command."""
    return (m_token.AuthMethod.AUTH_REQUEST if method is m_token.AuthMethod.COMMAND else method).value


def _status(status: m_session.SessionStatus) -> str:
    is_reservation = status is m_session.SessionStatus.RESERVATION
    return (m_session.SessionStatus.PENDING if is_reservation else status).value


def _whereabouts(session: m_session.Session, place: m_location.Location | None) -> locations.Location:
    if place is not None:
        return place_to_wire(place, session.evse_uid, session.connector_id).value
    at = Instant(session.last_updated)
    connector = locations.Connector(id=session.connector_id, standard="", format="", last_updated=at)
    evse = locations.Evse(
        uid=session.evse_uid, status=locations.UNKNOWN, connectors=(connector,), last_updated=at
    )
    return locations.Location(
        id=session.location_id,
        type=locations.UNKNOWN,
        address="",
        city="",
        postal_code="",
        country="",
        coordinates=GeoLocation("", ""),
        evses=(evse,),
        last_updated=at,
    )
