"""The location inside a session or a CDR: the place with the one EVSE and connector that were used."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from elstrada.model import location as m_location
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import same
from elstrada.ocpi.v211 import locations
from elstrada.ocpi.v211.translate.locations import location_to_wire

UNTOLD = ""
"""For the EVSE and connector of a location that names none."""


_KEPT_OF_LOCATION = frozenset(
    {"id", "name", "address", "city", "postal_code", "country", "coordinates", "time_zone", "evses"}
)
_KEPT_OF_EVSE = frozenset({"uid", "evse_id", "connectors"})
_KEPT_OF_CONNECTOR = frozenset({"id", "standard", "format", "power_type"})


def used_of(wire: locations.Location) -> tuple[locations.Evse | None, locations.Connector | None]:
    """The EVSE and connector that a session or CDR was at: the first, where there should be only one."""
    evse = wire.evses[0] if wire.evses else None
    return evse, evse.connectors[0] if evse is not None and evse.connectors else None


def place_losses(wire: locations.Location, pointer: str) -> Iterator[Loss]:
    """What a reader has to guess of the place."""
    evse, connector = used_of(wire)
    if evse is None:
        yield Loss(f"{pointer}/evses", "not told")
    elif connector is None:
        yield Loss(f"{pointer}/evses/0/connectors", "not told")
    if len(wire.evses) > 1:
        yield Loss(f"{pointer}/evses", "more than the one that was used; the first is taken")
    if evse is not None and len(evse.connectors) > 1:
        yield Loss(f"{pointer}/evses/0/connectors", "more than the one that was used; the first is taken")


def unkept_losses(wire: locations.Location, pointer: str) -> Iterator[Loss]:
    """What of the place a CDR of the model has no field for."""
    evse, connector = used_of(wire)
    for part, kept, below in (
        (wire, _KEPT_OF_LOCATION, ""),
        (evse, _KEPT_OF_EVSE, "/evses/0"),
        (connector, _KEPT_OF_CONNECTOR, "/evses/0/connectors/0"),
    ):
        for name in part.__struct_fields__ if part is not None else ():
            # Charging when closed is what an absent field says as well.
            if name not in kept and getattr(part, name) not in (None, (), True):
                yield Loss(f"{pointer}{below}/{name}", "a CDR's place does not hold it")


def place_to_wire(
    location: m_location.Location, evse_uid: str, connector_id: str
) -> Translated[locations.Location]:
    """The location with what was used, and nothing else of it.

    What 2.1.1 has no word for is not told: the location may be without EVSEs.
    """
    evses = tuple(_with(evse, connector_id) for evse in location.evses if same(evse.uid, evse_uid))
    # A driver who was there may know of a place that is not for everybody.
    written = location_to_wire(msgspec.structs.replace(location, evses=evses, publish=True))
    if is_told(written.value):
        return written
    return Translated(msgspec.structs.replace(written.value, evses=()), written.losses)


def is_told(place: locations.Location) -> bool:
    """Does the place name the EVSE and the connector that were used?"""
    return used_of(place)[1] is not None


def _with(evse: m_location.Evse, connector_id: str) -> m_location.Evse:
    used = tuple(connector for connector in evse.connectors if same(connector.id, connector_id))
    return msgspec.structs.replace(evse, connectors=used)
