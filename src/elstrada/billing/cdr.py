"""The CDR of a session: its facts, its place and its price put together."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.billing.trace import Trace
from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Cost
from elstrada.model.location import Connector, Evse, Location
from elstrada.model.quantity import hours, kwh
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Tariff
from elstrada.model.token import AuthMethod


class Place(msgspec.Struct, frozen=True):
    """The connector that was used, and where it stands."""

    location: Location
    evse: Evse
    connector: Connector


def cdr_of(
    told: Trace,
    place: Place,
    *,
    tariffs: tuple[Tariff, ...],
    periods: tuple[ChargingPeriod, ...],
    cost: Cost,
    issued_at: datetime,
    booking_id: str | None = None,
) -> Cdr:
    """Make the CDR. The same facts make the same CDR, whenever and wherever (P3, P4).

    Args:
        periods: as priced: the trace's, cut where a price changes.
        issued_at: when the session's completion was recorded.
        booking_id: of the booking that it fulfilled.
    """
    parking = [volume for period in periods if (volume := _volume(period, "PARKING_TIME")) is not None]
    return Cdr(
        party=place.location.party,
        id=cdr_id_of(told.session_id),
        start_date_time=told.start,
        end_date_time=told.end,
        session_id=told.session_id,
        token_ref=told.token_ref or "",
        token_party=told.token_party,
        auth_method=told.auth_method or (AuthMethod.COMMAND if told.by_command else AuthMethod.WHITELIST),
        authorization_reference=told.authorization_reference,
        cdr_location=cdr_location(place),
        time_zone=place.location.time_zone,
        currency=cost.currency,
        tariffs=tariffs,
        charging_periods=periods,
        total_cost=cost.total,
        total_fixed_cost=cost.fixed,
        total_energy=kwh(told.energy_wh),
        total_energy_cost=cost.energy,
        total_time=hours(told.end - told.start),
        total_time_cost=cost.time,
        total_parking_time=sum(parking, Decimal(0)) if parking else None,
        total_parking_cost=cost.parking,
        total_reservation_cost=cost.reservation,
        booking_id=booking_id,
        remark="; ".join(told.notes)[:255] or None,
        last_updated=issued_at,
    )


def cdr_id_of(session_id: str) -> str:
    """A session has one CDR, so its id serves for both; ours have at most 36 characters, as OCPI asks."""
    if len(session_id) > 36:
        raise ValueError(f"session id {session_id[:40]!r} is longer than 36 characters")
    return session_id


def cdr_location(place: Place) -> CdrLocation:
    """The place as it is written into a CDR."""
    location, evse, connector = place.location, place.evse, place.connector
    return CdrLocation(
        id=location.id,
        name=location.name,
        address=location.address,
        city=location.city,
        postal_code=location.postal_code,
        state=location.state,
        country=location.country,
        coordinates=evse.coordinates or location.coordinates,
        evse_uid=evse.uid,
        evse_id=evse.evse_id or evse.uid,
        connector_id=connector.id,
        connector_standard=connector.standard,
        connector_format=connector.format,
        connector_power_type=connector.power_type,
    )


def place_in(location: Location, evse_uid: str, connector_number: int) -> Place | None:
    """The connector an OCPP number means: by its id, else the only one, else the one at that position."""
    evse = next((one for one in location.evses if one.uid == evse_uid), None)
    if evse is None:
        return None
    connectors = evse.connectors
    named = next((one for one in connectors if one.id == str(connector_number)), None)
    if named is None and len(connectors) == 1:
        named = connectors[0]
    if named is None and 1 <= connector_number <= len(connectors):
        named = connectors[connector_number - 1]
    return named and Place(location, evse, named)


def _volume(period: ChargingPeriod, kind: str) -> Decimal | None:
    return next((one.volume for one in period.dimensions if one.type == kind), None)
