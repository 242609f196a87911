"""Locations, EVSEs and connectors to and from the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

from elstrada.model import location as m_location
from elstrada.model import party as m_party
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import Instant, instant, moment, whole
from elstrada.ocpi.v221 import common, locations
from elstrada.ocpi.v221.translate.values import party_of, text_or_none

C = TypeVar("C")
E = TypeVar("E")
L = TypeVar("L")


def location_from_wire(wire: locations.Location) -> Translated[m_location.Location]:
    return Translated(location_of(wire, evse_from_wire), tuple(read_losses(wire, wire.evses)))


def location_to_wire(location: m_location.Location) -> Translated[locations.Location]:
    value = location_as(locations.Location, location, evse_to_wire)
    return Translated(value, tuple(_write_losses(location)))


def location_of(
    wire: locations.LocationOf[E], evse_of: Callable[[E], m_location.Evse]
) -> m_location.Location:
    """What all versions from 2.2.1 on say of a location."""
    return m_location.Location(
        party=party_of(wire.country_code, wire.party_id),
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
        evses=tuple(evse_of(evse) for evse in wire.evses),
        directions=wire.directions,
        operator=business_from_wire(wire.operator),
        suboperator=business_from_wire(wire.suboperator),
        owner=business_from_wire(wire.owner),
        facilities=wire.facilities,
        time_zone=wire.time_zone,
        opening_times=_hours_from_wire(wire.opening_times),
        charging_when_closed=wire.charging_when_closed,
        images=wire.images,
        energy_mix=wire.energy_mix,
        last_updated=wire.last_updated.at,
    )


def location_as(
    kind: Callable[..., L], location: m_location.Location, evse_as: Callable[[m_location.Evse], object]
) -> L:
    """The same the other way, as the version's own kind."""
    return kind(
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
        evses=tuple(evse_as(evse) for evse in location.evses),
        directions=location.directions,
        operator=business_to_wire(location.operator),
        suboperator=business_to_wire(location.suboperator),
        owner=business_to_wire(location.owner),
        facilities=location.facilities,
        time_zone=location.time_zone,
        opening_times=_hours_to_wire(location.opening_times),
        charging_when_closed=location.charging_when_closed,
        images=location.images,
        energy_mix=location.energy_mix,
        last_updated=Instant(location.last_updated),
    )


def evse_from_wire(wire: locations.Evse) -> m_location.Evse:
    return evse_of(wire, connector_from_wire)


def evse_to_wire(evse: m_location.Evse) -> locations.Evse:
    return evse_as(locations.Evse, evse, connector_to_wire)


def evse_of(wire: locations.EvseOf[C], connector_of: Callable[[C], m_location.Connector]) -> m_location.Evse:
    """What all versions from 2.2.1 on say of an EVSE."""
    return m_location.Evse(
        uid=wire.uid,
        evse_id=wire.evse_id,
        status=status_of(wire.status),
        status_schedule=schedule_from_wire(wire.status_schedule),
        capabilities=wire.capabilities,
        connectors=tuple(connector_of(connector) for connector in wire.connectors),
        floor_level=text_or_none(wire.floor_level),
        coordinates=wire.coordinates,
        physical_reference=text_or_none(wire.physical_reference),
        directions=wire.directions,
        parking_restrictions=wire.parking_restrictions,
        images=wire.images,
        last_updated=wire.last_updated.at,
    )


def evse_as(
    kind: Callable[..., E], evse: m_location.Evse, connector_as: Callable[[m_location.Connector], object]
) -> E:
    """The same the other way, as the version's own kind."""
    return kind(
        uid=evse.uid,
        evse_id=evse.evse_id,
        status=evse.status.value,
        status_schedule=schedule_to_wire(evse.status_schedule),
        capabilities=evse.capabilities,
        connectors=tuple(connector_as(connector) for connector in evse.connectors),
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
    return connector_as(locations.Connector, connector)


def connector_as(kind: Callable[..., C], connector: m_location.Connector) -> C:
    """A connector as the version's own kind."""
    power = connector.max_electric_power
    return kind(
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


def read_losses(wire: locations.LocationOf[E], evses: tuple[locations.EvseOf[C], ...]) -> Iterator[Loss]:
    for name in ("operator", "suboperator", "owner"):
        business: common.BusinessDetails | None = getattr(wire, name)
        if business is not None and business.logo is not None:
            yield Loss(f"/{name}/logo", "only the logo's address is kept")
    for index, evse in enumerate(evses):
        if evse.status not in locations.STATUSES:
            yield Loss(f"/evses/{index}/status", f"{evse.status[:40]!r} is read as UNKNOWN")


def _write_losses(location: m_location.Location) -> Iterator[Loss]:
    """Fields that came with 2.3.0."""
    if location.parking_places:
        yield Loss("/parking_places", "2.2.1 has no such field")
    if location.help_phone is not None:
        yield Loss("/help_phone", "2.2.1 has no such field")
    for index, evse in enumerate(location.evses):
        if evse.parking:
            yield Loss(f"/evses/{index}/parking", "2.2.1 has no such field")
        if evse.accepted_service_providers:
            yield Loss(f"/evses/{index}/accepted_service_providers", "2.2.1 has no such field")
        for at, connector in enumerate(evse.connectors):
            if connector.capabilities:
                yield Loss(f"/evses/{index}/connectors/{at}/capabilities", "2.2.1 has no such field")


def status_of(text: str) -> m_location.EvseStatus:
    """A status; one we do not know says that we do not know."""
    return m_location.EvseStatus(text) if text in locations.STATUSES else m_location.EvseStatus.UNKNOWN


def schedule_from_wire(
    wire: tuple[locations.StatusSchedule, ...],
) -> tuple[m_location.StatusSchedule, ...]:
    return tuple(
        m_location.StatusSchedule(entry.period_begin.at, entry.status, moment(entry.period_end))
        for entry in wire
    )


def schedule_to_wire(
    schedule: tuple[m_location.StatusSchedule, ...],
) -> tuple[locations.StatusSchedule, ...]:
    return tuple(
        locations.StatusSchedule(
            period_begin=Instant(entry.period_begin),
            period_end=instant(entry.period_end),
            status=entry.status,
        )
        for entry in schedule
    )


def _hours_from_wire(wire: locations.Hours | None) -> m_location.Hours | None:
    if wire is None:
        return None
    return m_location.Hours(
        wire.twentyfourseven,
        wire.regular_hours,
        tuple(period_from_wire(period) for period in wire.exceptional_openings),
        tuple(period_from_wire(period) for period in wire.exceptional_closings),
    )


def _hours_to_wire(hours: m_location.Hours | None) -> locations.Hours | None:
    if hours is None:
        return None
    return locations.Hours(
        twentyfourseven=hours.twentyfourseven,
        regular_hours=hours.regular_hours,
        exceptional_openings=tuple(period_to_wire(period) for period in hours.exceptional_openings),
        exceptional_closings=tuple(period_to_wire(period) for period in hours.exceptional_closings),
    )


def period_from_wire(wire: locations.ExceptionalPeriod) -> m_location.ExceptionalPeriod:
    return m_location.ExceptionalPeriod(wire.period_begin.at, wire.period_end.at)


def period_to_wire(period: m_location.ExceptionalPeriod) -> locations.ExceptionalPeriod:
    return locations.ExceptionalPeriod(Instant(period.period_begin), Instant(period.period_end))


def business_from_wire(wire: common.BusinessDetails | None) -> m_party.BusinessDetails | None:
    if wire is None:
        return None
    return m_party.BusinessDetails(wire.name, wire.website, wire.logo.url if wire.logo else None)


def business_to_wire(business: m_party.BusinessDetails | None) -> common.BusinessDetails | None:
    if business is None:
        return None
    return common.BusinessDetails(business.name, business.website, _logo(business.logo_url))


def _logo(url: str | None) -> common.Image | None:
    """An operator's logo as OCPI's Image, whose type is the ending of the file's name."""
    if url is None:
        return None
    ending = url.rpartition(".")[2].lower()
    return common.Image(url, "OPERATOR", ending if ending.isalnum() and len(ending) <= 4 else "png")
