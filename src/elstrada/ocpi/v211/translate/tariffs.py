"""Tariffs to and from the model.

A tariff that would be read as another price, because 2.1.1 cannot say what limits it, misleads: it is
better not sent (R-66).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from elstrada.model import tariff as m_tariff
from elstrada.model.ids import PartyId
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import Instant, fits, number, whole
from elstrada.ocpi.v211 import tariffs
from elstrada.ocpi.v211.translate.values import NO_FIELD, mix_from_wire, mix_to_wire
from elstrada.ocpi.v221.translate.tariffs import component_losses
from elstrada.ocpi.v221.translate.values import closed, number_or_none

_PRICED = ("min_kwh", "max_kwh", "min_power", "max_power")


def tariff_from_wire(wire: tariffs.Tariff, of: PartyId) -> Translated[m_tariff.Tariff]:
    value = m_tariff.Tariff(
        party=of,
        id=wire.id,
        currency=wire.currency,
        tariff_alt_text=wire.tariff_alt_text,
        tariff_alt_url=wire.tariff_alt_url,
        elements=tuple(
            _element_from_wire(element, f"/elements/{index}") for index, element in enumerate(wire.elements)
        ),
        tax_included=m_tariff.TaxIncluded.NO,
        energy_mix=mix_from_wire(wire.energy_mix),
        last_updated=wire.last_updated.at,
    )
    return Translated(value, tuple(_read_losses(wire)))


def tariff_to_wire(tariff: m_tariff.Tariff) -> Translated[tariffs.Tariff]:
    value = tariffs.Tariff(
        id=tariff.id,
        currency=tariff.currency,
        tariff_alt_text=tariff.tariff_alt_text,
        tariff_alt_url=tariff.tariff_alt_url,
        elements=tuple(
            _element_to_wire(element) for element in tariff.elements if not _of_reservation(element)
        ),
        energy_mix=mix_to_wire(tariff.energy_mix),
        last_updated=Instant(tariff.last_updated),
    )
    return Translated(value, tuple(_write_losses(tariff)))


def _write_losses(tariff: m_tariff.Tariff) -> Iterator[Loss]:
    if tariff.tax_included is not m_tariff.TaxIncluded.NO:
        with_tax = tariff.tax_included is m_tariff.TaxIncluded.YES
        yield Loss("/tax_included", "2.1.1 reads every price as one without tax (R-66)", misleads=with_tax)
    if tariff.type is not None:
        # Any tariff of 2.1.1 holds for roaming drivers as they come.
        yield Loss("/type", NO_FIELD, misleads=tariff.type != "REGULAR")
    for name in ("min_price", "max_price", "start_date_time", "end_date_time"):
        if getattr(tariff, name) is not None:
            yield Loss(f"/{name}", NO_FIELD, misleads=True)
    yield from component_losses(tariff)
    for index, element in enumerate(tariff.elements):
        yield from _element_losses(element, f"/elements/{index}")
    if all(map(_of_reservation, tariff.elements)):
        yield Loss("/elements", "nothing is left of it", misleads=True)


def _element_losses(element: m_tariff.TariffElement, pointer: str) -> Iterator[Loss]:
    if _of_reservation(element):
        yield Loss(pointer, "a price of a reservation, which 2.1.1 knows none for, is left out")
        return
    for index, component in enumerate(element.price_components):
        if component.vat is not None:
            yield Loss(f"{pointer}/price_components/{index}/vat", NO_FIELD)
    restrictions = element.restrictions
    if restrictions is None:
        return
    for name in ("min_current", "max_current"):
        if getattr(restrictions, name) is not None:
            yield Loss(f"{pointer}/restrictions/{name}", NO_FIELD, misleads=True)
    for name in _PRICED:
        limit = getattr(restrictions, name)
        if limit is not None and not fits(limit):
            yield Loss(f"{pointer}/restrictions/{name}", "more than four decimals", misleads=True)


def _read_losses(wire: tariffs.Tariff) -> Iterator[Loss]:
    for index, element in enumerate(wire.elements):
        for at, component in enumerate(element.price_components):
            if component.step_size != whole(component.step_size):
                where = f"/elements/{index}/price_components/{at}/step_size"
                yield Loss(where, f"{component.step_size} is no whole number; it is rounded")
        for name in ("min_duration", "max_duration"):
            limit = None if element.restrictions is None else getattr(element.restrictions, name)
            if limit is not None and limit != whole(limit):
                yield Loss(f"/elements/{index}/restrictions/{name}", f"{limit} is no whole number")


def _of_reservation(element: m_tariff.TariffElement) -> bool:
    restrictions = element.restrictions
    return restrictions is not None and (restrictions.reservation or restrictions.booking) is not None


def _element_from_wire(wire: tariffs.TariffElement, pointer: str) -> m_tariff.TariffElement:
    components = tuple(
        m_tariff.PriceComponent(
            closed(m_tariff.Dimension, component.type, f"{pointer}/price_components/{index}/type"),
            component.price,
            None,
            whole(component.step_size),
        )
        for index, component in enumerate(wire.price_components)
    )
    return m_tariff.TariffElement(components, _restrictions_from_wire(wire.restrictions))


def _element_to_wire(element: m_tariff.TariffElement) -> tariffs.TariffElement:
    components = tuple(
        tariffs.PriceComponent(
            type=component.type.value,
            price=number(component.price),
            step_size=Decimal(component.step_size),
        )
        for component in element.price_components
    )
    return tariffs.TariffElement(
        price_components=components, restrictions=_restrictions_to_wire(element.restrictions)
    )


def _restrictions_from_wire(wire: tariffs.TariffRestrictions | None) -> m_tariff.TariffRestrictions | None:
    if wire is None:
        return None
    return m_tariff.TariffRestrictions(
        start_time=wire.start_time,
        end_time=wire.end_time,
        start_date=wire.start_date,
        end_date=wire.end_date,
        min_kwh=wire.min_kwh,
        max_kwh=wire.max_kwh,
        min_power=wire.min_power,
        max_power=wire.max_power,
        min_duration=None if wire.min_duration is None else whole(wire.min_duration),
        max_duration=None if wire.max_duration is None else whole(wire.max_duration),
        day_of_week=wire.day_of_week,
    )


def _restrictions_to_wire(
    restrictions: m_tariff.TariffRestrictions | None,
) -> tariffs.TariffRestrictions | None:
    if restrictions is None:
        return None
    return tariffs.TariffRestrictions(
        start_time=restrictions.start_time,
        end_time=restrictions.end_time,
        start_date=restrictions.start_date,
        end_date=restrictions.end_date,
        min_kwh=number_or_none(restrictions.min_kwh),
        max_kwh=number_or_none(restrictions.max_kwh),
        min_power=number_or_none(restrictions.min_power),
        max_power=number_or_none(restrictions.max_power),
        min_duration=None if restrictions.min_duration is None else Decimal(restrictions.min_duration),
        max_duration=None if restrictions.max_duration is None else Decimal(restrictions.max_duration),
        day_of_week=restrictions.day_of_week,
    )
