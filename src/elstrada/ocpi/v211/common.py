"""Classes that several modules share. Source: OCPI 2.1.1 types, mod_locations."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.location import EnergySource
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221.common import (
    URL,
    AdditionalGeoLocation,
    BusinessDetails,
    DisplayText,
    GeoLocation,
    Image,
)

__all__ = [
    "URL",
    "AdditionalGeoLocation",
    "BusinessDetails",
    "DisplayText",
    "EnergyMix",
    "EnergySource",
    "EnvironmentalImpact",
    "GeoLocation",
    "Image",
]


class EnvironmentalImpact(msgspec.Struct, frozen=True):
    source: str
    """Called category from 2.2 on."""
    amount: float


class EnergyMix(msgspec.Struct, frozen=True, omit_defaults=True):
    is_green_energy: bool
    energy_sources: tuple[EnergySource, ...] = ()
    environ_impact: tuple[EnvironmentalImpact, ...] = ()
    supplier_name: str | None = None
    energy_product_name: str | None = None


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    EnergyMix: Limits(lengths={"supplier_name": 64, "energy_product_name": 64}),
    EnvironmentalImpact: Limits(values={"source": frozenset({"NUCLEAR_WASTE", "CARBON_DIOXIDE"})}),
}
