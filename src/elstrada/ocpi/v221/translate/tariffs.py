"""Tariffs to and from the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

from msgspec import structs

from elstrada.model import tariff as m_tariff
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import Instant, fits, instant, moment, number, whole
from elstrada.ocpi.v221 import common, tariffs
from elstrada.ocpi.v221.translate.values import closed, maybe, number_or_none, party_of

L = TypeVar("L")
W = TypeVar("W")


def tariff_from_wire(wire: tariffs.Tariff) -> Translated[m_tariff.Tariff]:
    return Translated(tariff_of(wire, _limit_from_wire))


def tariff_to_wire(tariff: m_tariff.Tariff) -> Translated[tariffs.Tariff]:
    value = tariff_as(tariffs.Tariff, without_bookings(tariff), _limit_to_wire)
    return Translated(value, tuple(_write_losses(tariff)))


def tariff_of(wire: tariffs.TariffOf[L], limit_of: Callable[[L], m_tariff.PriceLimit]) -> m_tariff.Tariff:
    """What all versions from 2.2.1 on say of a tariff."""
    return m_tariff.Tariff(
        party=party_of(wire.country_code, wire.party_id),
        id=wire.id,
        currency=wire.currency,
        type=wire.type,
        tariff_alt_text=wire.tariff_alt_text,
        tariff_alt_url=wire.tariff_alt_url,
        min_price=maybe(limit_of, wire.min_price),
        max_price=maybe(limit_of, wire.max_price),
        elements=tuple(
            _element_from_wire(element, f"/elements/{index}") for index, element in enumerate(wire.elements)
        ),
        tax_included=m_tariff.TaxIncluded.NO,
        start_date_time=moment(wire.start_date_time),
        end_date_time=moment(wire.end_date_time),
        energy_mix=wire.energy_mix,
        last_updated=wire.last_updated.at,
    )


def tariff_as(
    kind: Callable[..., W], tariff: m_tariff.Tariff, limit_as: Callable[[m_tariff.PriceLimit], object]
) -> W:
    """The same the other way, as the version's own kind."""
    return kind(
        country_code=tariff.party.country_code,
        party_id=tariff.party.party_id,
        id=tariff.id,
        currency=tariff.currency,
        type=tariff.type,
        tariff_alt_text=tariff.tariff_alt_text,
        tariff_alt_url=tariff.tariff_alt_url,
        min_price=maybe(limit_as, tariff.min_price),
        max_price=maybe(limit_as, tariff.max_price),
        elements=tuple(_element_to_wire(element) for element in tariff.elements),
        start_date_time=instant(tariff.start_date_time),
        end_date_time=instant(tariff.end_date_time),
        energy_mix=tariff.energy_mix,
        last_updated=Instant(tariff.last_updated),
    )


def _write_losses(tariff: m_tariff.Tariff) -> Iterator[Loss]:
    if tariff.tax_included is m_tariff.TaxIncluded.YES:
        yield Loss("/tax_included", "2.2.1 reads every price as one without tax (R-66)", misleads=True)
    if tariff.preauthorize_amount is not None:
        yield Loss("/preauthorize_amount", "only 2.3.0 says how much a payment terminal reserves")
    yield from booking_losses(tariff)
    yield from component_losses(tariff)


def without_bookings(tariff: m_tariff.Tariff) -> m_tariff.Tariff:
    """The tariff without what bookings cost, for a version that has none: it would be read as a session's price."""
    kept = tuple(element for element in tariff.elements if not of_booking(element))
    return tariff if len(kept) == len(tariff.elements) else structs.replace(tariff, elements=kept)


def booking_losses(tariff: m_tariff.Tariff) -> Iterator[Loss]:
    """What is left out by ``without_bookings``."""
    for index, element in enumerate(tariff.elements):
        if of_booking(element):
            yield Loss(
                f"/elements/{index}", "a price of a booking, of which this version has none, is left out"
            )
    if tariff.elements and all(map(of_booking, tariff.elements)):
        yield Loss("/elements", "nothing is left of it", misleads=True)


def of_booking(element: m_tariff.TariffElement) -> bool:
    return element.restrictions is not None and element.restrictions.booking is not None


def component_losses(tariff: m_tariff.Tariff) -> Iterator[Loss]:
    """Prices that the wire's four decimals would change."""
    for index, element in enumerate(tariff.elements):
        for at, component in enumerate(element.price_components):
            if not fits(component.price):
                where = f"/elements/{index}/price_components/{at}/price"
                yield Loss(where, f"{component.price} has more than four decimals", misleads=True)


def _element_from_wire(wire: tariffs.TariffElement, pointer: str) -> m_tariff.TariffElement:
    components = tuple(
        m_tariff.PriceComponent(
            closed(m_tariff.Dimension, component.type, f"{pointer}/price_components/{index}/type"),
            component.price,
            component.vat,
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
            vat=number_or_none(component.vat),
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
        min_current=wire.min_current,
        max_current=wire.max_current,
        min_power=wire.min_power,
        max_power=wire.max_power,
        min_duration=None if wire.min_duration is None else whole(wire.min_duration),
        max_duration=None if wire.max_duration is None else whole(wire.max_duration),
        day_of_week=wire.day_of_week,
        reservation=wire.reservation,
        booking=wire.booking,
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
        min_current=number_or_none(restrictions.min_current),
        max_current=number_or_none(restrictions.max_current),
        min_power=number_or_none(restrictions.min_power),
        max_power=number_or_none(restrictions.max_power),
        min_duration=None if restrictions.min_duration is None else Decimal(restrictions.min_duration),
        max_duration=None if restrictions.max_duration is None else Decimal(restrictions.max_duration),
        day_of_week=restrictions.day_of_week,
        reservation=restrictions.reservation,
        booking=restrictions.booking,
    )


def _limit_from_wire(wire: common.Price) -> m_tariff.PriceLimit:
    return m_tariff.PriceLimit(wire.excl_vat, wire.incl_vat)


def _limit_to_wire(limit: m_tariff.PriceLimit) -> common.Price:
    return common.Price(number(limit.before_taxes), number_or_none(limit.after_taxes))
