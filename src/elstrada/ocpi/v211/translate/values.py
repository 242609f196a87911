"""Small values that several modules read and write alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from elstrada.model import location as m_location
from elstrada.ocpi.findings import Loss
from elstrada.ocpi.v211 import common

NO_FIELD = "2.1.1 has no such field"


def missing(struct: msgspec.Struct, names: Iterable[str], pointer: str = "") -> Iterator[Loss]:
    """The losses of fields that 2.1.1 has not, where they hold something."""
    for name in names:
        if getattr(struct, name) not in (None, (), False):
            yield Loss(f"{pointer}/{name}", NO_FIELD)


def known(values: Iterable[str], sayable: frozenset[str]) -> tuple[str, ...]:
    return tuple(value for value in values if value in sayable)


def unknown(values: Iterable[str], sayable: frozenset[str], pointer: str) -> Iterator[Loss]:
    """The losses of entries that 2.1.1 has no word for."""
    for index, value in enumerate(values):
        if value not in sayable:
            yield Loss(f"{pointer}/{index}", f"{value[:40]!r} is none of 2.1.1")


def mix_from_wire(wire: common.EnergyMix | None) -> m_location.EnergyMix | None:
    if wire is None:
        return None
    return m_location.EnergyMix(
        wire.is_green_energy,
        wire.energy_sources,
        tuple(m_location.EnvironmentalImpact(entry.source, entry.amount) for entry in wire.environ_impact),
        wire.supplier_name,
        wire.energy_product_name,
    )


def mix_to_wire(mix: m_location.EnergyMix | None) -> common.EnergyMix | None:
    if mix is None:
        return None
    return common.EnergyMix(
        mix.is_green_energy,
        mix.energy_sources,
        tuple(common.EnvironmentalImpact(entry.category, entry.amount) for entry in mix.environ_impact),
        mix.supplier_name,
        mix.energy_product_name,
    )
