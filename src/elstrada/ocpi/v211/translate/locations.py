"""Locations, EVSEs and connectors to and from the model.

A connector of a kind that 2.1.1 has no word for is left out, and an EVSE that has no other with it:
a value outside a closed enum would have peers refuse the whole location.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from elstrada.model import location as m_location
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import Instant, whole
from elstrada.ocpi.v211 import common, locations
from elstrada.ocpi.v211.translate.values import known, missing, mix_from_wire, mix_to_wire, unknown
from elstrada.ocpi.v211.zones import UNKNOWN, ZONES
from elstrada.ocpi.v221.translate.locations import (
    business_from_wire,
    business_to_wire,
    period_from_wire,
    period_to_wire,
    schedule_from_wire,
    schedule_to_wire,
    status_of,
)
from elstrada.ocpi.v221.translate.values import text_or_none

_NOT_TOLD = "demanded, and not told"
_SIX = Decimal("0.000001")

# --- read -------------------------------------------------------------------------------------------


def location_from_wire(wire: locations.Location, of: PartyId) -> Translated[m_location.Location]:
    value = m_location.Location(
        party=of,
        id=wire.id,
        name=wire.name,
        address=wire.address,
        city=wire.city,
        postal_code=wire.postal_code or None,
        country=wire.country,
        coordinates=wire.coordinates,
        related_locations=wire.related_locations,
        parking_type=None if wire.type in (locations.UNKNOWN, locations.OTHER) else wire.type,
        evses=tuple(evse_from_wire(evse) for evse in wire.evses),
        directions=wire.directions,
        operator=business_from_wire(wire.operator),
        suboperator=business_from_wire(wire.suboperator),
        owner=business_from_wire(wire.owner),
        facilities=wire.facilities,
        time_zone=wire.time_zone or ZONES.get(wire.country.upper(), UNKNOWN),
        opening_times=_hours_from_wire(wire.opening_times),
        charging_when_closed=wire.charging_when_closed,
        images=wire.images,
        energy_mix=mix_from_wire(wire.energy_mix),
        last_updated=wire.last_updated.at,
    )
    return Translated(value, tuple(_read_losses(wire, value)))


def evse_from_wire(wire: locations.Evse) -> m_location.Evse:
    return m_location.Evse(
        uid=wire.uid,
        evse_id=wire.evse_id,
        status=status_of(wire.status),
        status_schedule=schedule_from_wire(wire.status_schedule),
        capabilities=wire.capabilities,
        connectors=tuple(connector_from_wire(connector) for connector in wire.connectors),
        floor_level=text_or_none(wire.floor_level),
        coordinates=wire.coordinates,
        physical_reference=text_or_none(wire.physical_reference),
        directions=wire.directions,
        parking_restrictions=wire.parking_restrictions,
        images=wire.images,
        last_updated=wire.last_updated.at,
    )


def connector_from_wire(wire: locations.Connector) -> m_location.Connector:
    """A connector.

    Raises:
        Mismatch: it does not say what it carries.
    """
    if wire.power_type is None or wire.voltage is None or wire.amperage is None:
        raise Mismatch(
            f"Object missing required field `power_type`, `voltage` or `amperage` of {wire.id[:36]!r}"
        )
    return m_location.Connector(
        id=wire.id,
        standard=wire.standard,
        format=wire.format,
        power_type=wire.power_type,
        max_voltage=whole(wire.voltage),
        max_amperage=whole(wire.amperage),
        tariff_ids=() if wire.tariff_id is None else (wire.tariff_id,),
        terms_and_conditions=wire.terms_and_conditions,
        last_updated=wire.last_updated.at,
    )


def _hours_from_wire(wire: locations.Hours | None) -> m_location.Hours | None:
    if wire is None:
        return None
    return m_location.Hours(
        bool(wire.twentyfourseven),
        wire.regular_hours,
        tuple(map(period_from_wire, wire.exceptional_openings)),
        tuple(map(period_from_wire, wire.exceptional_closings)),
    )


def _read_losses(wire: locations.Location, read: m_location.Location) -> Iterator[Loss]:
    if wire.type is None:
        yield Loss("/type", _NOT_TOLD)
    elif wire.type == locations.OTHER:
        yield Loss("/type", "'OTHER' says as little as UNKNOWN")
    if wire.postal_code is None:
        yield Loss("/postal_code", _NOT_TOLD)
    if not wire.time_zone:
        yield Loss("/time_zone", f"not told; {read.time_zone} is taken")
    if wire.opening_times is not None and wire.opening_times.twentyfourseven is None:
        yield Loss("/opening_times/twentyfourseven", "not told; false is taken")
    for name in ("operator", "suboperator", "owner"):
        business: common.BusinessDetails | None = getattr(wire, name)
        if business is not None and business.logo is not None:
            yield Loss(f"/{name}/logo", "only the logo's address is kept")
    for index, evse in enumerate(wire.evses):
        if evse.status not in locations.STATUSES:
            yield Loss(f"/evses/{index}/status", f"{evse.status[:40]!r} is read as UNKNOWN")
        for at, connector in enumerate(evse.connectors):
            for name in ("voltage", "amperage"):
                value: Decimal | None = getattr(connector, name)
                if value is not None and value != whole(value):
                    where = f"/evses/{index}/connectors/{at}/{name}"
                    yield Loss(where, f"{value} is no whole number; it is rounded")


# --- write ------------------------------------------------------------------------------------------


def location_to_wire(location: m_location.Location) -> Translated[locations.Location]:
    written = tuple(evse_to_wire(evse) for evse in location.evses)
    value = locations.Location(
        id=location.id,
        type=_type(location.parking_type),
        name=location.name,
        address=location.address[: locations.ADDRESS],
        city=location.city,
        postal_code=location.postal_code or "",
        country=location.country,
        coordinates=_point(location.coordinates),
        related_locations=tuple(
            common.AdditionalGeoLocation(_degrees(at.latitude), _degrees(at.longitude), at.name)
            for at in location.related_locations
        ),
        evses=tuple(evse.value for evse in written if not evse.misleads),
        directions=location.directions,
        operator=business_to_wire(location.operator),
        suboperator=business_to_wire(location.suboperator),
        owner=business_to_wire(location.owner),
        facilities=known(location.facilities, locations.FACILITIES),
        time_zone=location.time_zone,
        opening_times=_hours_to_wire(location.opening_times),
        charging_when_closed=location.charging_when_closed,
        images=location.images,
        energy_mix=mix_to_wire(location.energy_mix),
        last_updated=Instant(location.last_updated),
    )
    return Translated(value, (*_write_losses(location), *_below(written, "/evses")))


def evse_to_wire(evse: m_location.Evse) -> Translated[locations.Evse]:
    """An EVSE; it misleads where none of its connectors can be told."""
    written = tuple(connector_to_wire(connector) for connector in evse.connectors)
    connectors = tuple(connector.value for connector in written if not connector.misleads)
    value = locations.Evse(
        uid=evse.uid,
        evse_id=evse.evse_id,
        status=evse.status.value,
        status_schedule=schedule_to_wire(evse.status_schedule),
        capabilities=known(evse.capabilities, locations.CAPABILITIES),
        connectors=connectors,
        floor_level=evse.floor_level,
        coordinates=None if evse.coordinates is None else _point(evse.coordinates),
        physical_reference=evse.physical_reference,
        directions=evse.directions,
        parking_restrictions=known(evse.parking_restrictions, locations.PARKING_RESTRICTIONS),
        images=evse.images,
        last_updated=Instant(evse.last_updated),
    )
    losses = [
        *missing(evse, ("parking", "accepted_service_providers")),
        *unknown(evse.capabilities, locations.CAPABILITIES, "/capabilities"),
        *unknown(evse.parking_restrictions, locations.PARKING_RESTRICTIONS, "/parking_restrictions"),
        *_point_losses(evse.coordinates, "/coordinates"),
        *_below(written, "/connectors"),
    ]
    if written and not connectors:
        losses.append(Loss("/connectors", "none of them can be told in 2.1.1", misleads=True))
    return Translated(value, tuple(losses))


def connector_to_wire(connector: m_location.Connector) -> Translated[locations.Connector]:
    """A connector; it misleads where 2.1.1 has no word for what it is."""
    value = locations.Connector(
        id=connector.id,
        standard=connector.standard,
        format=connector.format,
        power_type=connector.power_type,
        voltage=Decimal(connector.max_voltage),
        amperage=Decimal(connector.max_amperage),
        tariff_id=connector.tariff_ids[0] if connector.tariff_ids else None,
        terms_and_conditions=connector.terms_and_conditions,
        last_updated=Instant(connector.last_updated),
    )
    losses = [*missing(connector, ("max_electric_power", "capabilities"))]
    if len(connector.tariff_ids) > 1:
        losses.append(Loss("/tariff_ids", "2.1.1 has one; the first is told"))
    for name, words in (("standard", locations.STANDARDS), ("power_type", locations.POWER_TYPES)):
        told = getattr(connector, name)
        if told not in words:
            losses.append(Loss(f"/{name}", f"{told[:40]!r} is none of 2.1.1", misleads=True))
    return Translated(value, tuple(losses))


def _below(written: tuple[Translated[object], ...], pointer: str) -> Iterator[Loss]:
    """The losses of parts; one that misleads is left out, which the whole can bear."""
    for index, part in enumerate(written):
        for loss in part.losses:
            note = f"left out: {loss.note}" if loss.misleads else loss.note
            yield Loss(f"{pointer}/{index}{loss.pointer}", note)


def _write_losses(location: m_location.Location) -> Iterator[Loss]:
    if not location.publish:
        yield Loss("/publish", "2.1.1 would show it to everybody (R-39)", misleads=True)
    yield from missing(location, ("publish_allowed_to", "state", "parking_places", "help_phone"))
    if location.parking_type is not None and location.parking_type != _type(location.parking_type):
        yield Loss("/parking_type", f"{location.parking_type[:40]!r} is written as OTHER")
    if len(location.address) > locations.ADDRESS:
        yield Loss("/address", f"cut to {locations.ADDRESS} characters")
    yield from unknown(location.facilities, locations.FACILITIES, "/facilities")
    yield from _point_losses(location.coordinates, "/coordinates")
    for index, at in enumerate(location.related_locations):
        point = m_location.GeoLocation(at.latitude, at.longitude)
        yield from _point_losses(point, f"/related_locations/{index}")


def _type(parking_type: str | None) -> str:
    if parking_type is None:
        return locations.UNKNOWN
    return parking_type if parking_type in locations.TYPES else locations.OTHER


def _hours_to_wire(hours: m_location.Hours | None) -> locations.Hours | None:
    if hours is None:
        return None
    return locations.Hours(
        twentyfourseven=hours.twentyfourseven,
        regular_hours=hours.regular_hours,
        exceptional_openings=tuple(map(period_to_wire, hours.exceptional_openings)),
        exceptional_closings=tuple(map(period_to_wire, hours.exceptional_closings)),
    )


def _point(point: m_location.GeoLocation) -> common.GeoLocation:
    return common.GeoLocation(_degrees(point.latitude), _degrees(point.longitude))


def _point_losses(point: m_location.GeoLocation | None, pointer: str) -> Iterator[Loss]:
    for name in ("latitude", "longitude") if point is not None else ():
        text: str = getattr(point, name)
        if text != _degrees(text):
            yield Loss(f"{pointer}/{name}", "written with six decimals")


def _degrees(text: str) -> str:
    """Degrees as 2.1.1 has them: with six decimals, no more and no fewer."""
    try:
        return str(Decimal(text).quantize(_SIX))
    except InvalidOperation:
        return text
