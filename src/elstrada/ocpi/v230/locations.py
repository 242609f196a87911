"""Locations, EVSEs, connectors, parking places. Source: OCPI 2.3.0 mod_locations."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.location import EvseParking, Parking
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221 import locations as v221


class Connector(v221.Connector, frozen=True, omit_defaults=True, kw_only=True):
    capabilities: tuple[str, ...] = ()


class Evse(v221.EvseOf[Connector], frozen=True, omit_defaults=True, kw_only=True):
    parking: tuple[EvseParking, ...] = ()
    accepted_service_providers: tuple[str, ...] = ()


class Location(v221.LocationOf[Evse], frozen=True, omit_defaults=True, kw_only=True):
    parking_places: tuple[Parking, ...] = ()
    help_phone: str | None = None


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Location: v221.LIMITS[v221.Location].also(help_phone=25),
    Evse: v221.LIMITS[v221.Evse].also(accepted_service_providers=50),
    Connector: v221.LIMITS[v221.Connector],
    Parking: Limits(
        lengths={"id": 36, "physical_reference": 12, "standards": 36},
        values={"direction": frozenset({"PARALLEL", "PERPENDICULAR", "ANGLE"})},
        filled=frozenset({"vehicle_types"}),
    ),
    EvseParking: Limits(
        lengths={"parking_id": 36}, values={"evse_position": frozenset({"LEFT", "RIGHT", "CENTER"})}
    ),
}
