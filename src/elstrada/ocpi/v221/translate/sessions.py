"""Sessions and charging periods to and from the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from elstrada.model import cost as m_cost
from elstrada.model import session as m_session
from elstrada.model import token as m_token
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.language import RefOf
from elstrada.ocpi.scalars import Instant, instant, moment, number
from elstrada.ocpi.v221 import cdrs, sessions
from elstrada.ocpi.v221.translate.prices import price_from_wire, price_losses, price_to_wire
from elstrada.ocpi.v221.translate.tokens import identity_from_wire, identity_to_wire
from elstrada.ocpi.v221.translate.values import closed, maybe, party_of

P = TypeVar("P")
W = TypeVar("W")


def session_from_wire(
    wire: sessions.Session, ref_of: RefOf
) -> tuple[Translated[m_session.Session], m_token.TokenIdentity]:
    """A session, and beside it the identity of its token."""
    session, identity = session_of(wire, ref_of, price_from_wire)
    return Translated(session), identity


def session_to_wire(
    session: m_session.Session, identity: m_token.TokenIdentity
) -> Translated[sessions.Session]:
    value = session_as(sessions.Session, session, identity, price_to_wire)
    return Translated(value, tuple(price_losses(session.total_cost, "/total_cost")))


def session_of(
    wire: sessions.SessionOf[P], ref_of: RefOf, price_of: Callable[[P], m_cost.Price]
) -> tuple[m_session.Session, m_token.TokenIdentity]:
    """What all versions from 2.2.1 on say of a session."""
    identity = identity_from_wire(wire.cdr_token)
    # The prose of 2.2.1 says RESERVED where the enum says RESERVATION.
    status = "RESERVATION" if wire.status == "RESERVED" else wire.status
    value = m_session.Session(
        party=party_of(wire.country_code, wire.party_id),
        id=wire.id,
        start_date_time=wire.start_date_time.at,
        end_date_time=moment(wire.end_date_time),
        kwh=wire.kwh,
        token_ref=ref_of(identity.uid),
        token_party=identity.party,
        auth_method=closed(m_token.AuthMethod, wire.auth_method, "/auth_method"),
        authorization_reference=wire.authorization_reference,
        location_id=wire.location_id,
        evse_uid=wire.evse_uid,
        connector_id=wire.connector_id,
        meter_id=wire.meter_id,
        currency=wire.currency,
        charging_periods=tuple(charging_period_from_wire(period) for period in wire.charging_periods),
        total_cost=maybe(price_of, wire.total_cost),
        status=closed(m_session.SessionStatus, status, "/status"),
        last_updated=wire.last_updated.at,
    )
    return value, identity


def session_as(
    kind: Callable[..., W],
    session: m_session.Session,
    identity: m_token.TokenIdentity,
    price_as: Callable[[m_cost.Price], object],
) -> W:
    """The same the other way, as the version's own kind."""
    return kind(
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
        charging_periods=tuple(charging_period_to_wire(period) for period in session.charging_periods),
        total_cost=maybe(price_as, session.total_cost),
        status=session.status.value,
        last_updated=Instant(session.last_updated),
    )


def charging_period_from_wire(wire: cdrs.ChargingPeriod) -> m_session.ChargingPeriod:
    dimensions = tuple(m_session.PeriodDimension(entry.type, entry.volume) for entry in wire.dimensions)
    return m_session.ChargingPeriod(wire.start_date_time.at, dimensions, wire.tariff_id)


def charging_period_to_wire(period: m_session.ChargingPeriod) -> cdrs.ChargingPeriod:
    dimensions = tuple(cdrs.CdrDimension(entry.type, number(entry.volume)) for entry in period.dimensions)
    return cdrs.ChargingPeriod(
        start_date_time=Instant(period.start_date_time), dimensions=dimensions, tariff_id=period.tariff_id
    )
