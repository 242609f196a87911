"""Our tariffs as stations of OCPP 2.1 reckon with them (I07 to I12), and what of them cannot be said there.

A station prices by dimension: for each a list of net prices with conditions, of which the first that holds
counts, and one tax for all of the list. What does not fit is left out and named, never rounded to fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from elstrada.model.tariff import Dimension, PriceComponent, PriceLimit, Tariff, TaxIncluded
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.tariff_conditions import Loss, conditions, decided_at_start, exact
from elstrada.ocpp.wire import encode

MAX_ID = 60
_DIGEST_BYTES = 8
_MOST_TEXTS = 10
_MAX_LANGUAGE = 8
_MAX_TEXT = 1024
_ONE, _HUNDRED = Decimal(1), Decimal(100)
_TAX_NAME = "VAT"
_LEAST = "/min_price"
_ORDINARY = (None, "REGULAR")


class Translated(NamedTuple):
    """A tariff in 2.1's words, and what it lost on the way."""

    value: m.TariffType
    losses: tuple[Loss, ...]


def to_wire(tariff: Tariff, *, silence_is_no_tax: bool = True, of_driver: bool = False) -> Translated:
    """Put a tariff in 2.1's words, as a station's default tariff, or as a driver's own.

    Its id is that of ours and a hash of the content, for a station takes an id for one content only, and
    for ever (I07.FR.04, I08.FR.08).

    Args:
        silence_is_no_tax: a component without VAT is taxed with none; otherwise its tax is not known,
            which a station cannot be told.
        of_driver: it holds for one driver's transaction, so neither for whom nor until when is lost (I08).
    """
    losses = list(_of_the_whole(tariff, of_driver=of_driver))
    entries = [one for one in _entries(tariff, losses) if _is_sayable(one, tariff, silence_is_no_tax, losses)]
    value = m.TariffType(
        tariff_id="",
        currency=tariff.currency,
        description=_texts(tariff) or None,
        # I08.FR.09: a driver's own has none.
        valid_from=None if tariff.start_date_time is None or of_driver else wire_time(tariff.start_date_time),
        energy=_energy(entries, tariff, losses),
        charging_time=_time(Dimension.TIME, entries, tariff, losses),
        idle_time=_time(Dimension.PARKING_TIME, entries, tariff, losses),
        fixed_fee=_fixed(entries, tariff, losses),
        min_cost=_limit(tariff.min_price, _LEAST, tariff, losses),
        max_cost=_limit(tariff.max_price, "/max_price", tariff, losses),
    )
    return Translated(msgspec.structs.replace(value, tariff_id=_id_of(tariff, value)), tuple(losses))


def most_prices(tariff: m.TariffType) -> int:
    """The length of its longest list, which ``TariffCostCtrlr.MaxElements[Tariff]`` bounds."""
    return max((len(part.prices) for part in _parts(tariff)), default=0)


def has_conditions(tariff: m.TariffType) -> bool:
    """Does any price depend on something, which a station may not support (I07.FR.03)?"""
    return any(price.conditions is not None for part in _parts(tariff) for price in part.prices)


# --- what is said of it as a whole ------------------------------------------------------------------


def _of_the_whole(tariff: Tariff, *, of_driver: bool) -> Iterator[Loss]:
    if tariff.type not in _ORDINARY and not of_driver:
        yield Loss("/type", f"a default tariff holds for every driver, not only for {tariff.type}", True)
    if tariff.end_date_time is not None and not of_driver:
        yield Loss("/end_date_time", "a station goes on with it until another takes its place", True)
    if tariff.tariff_alt_url is not None:
        yield Loss("/tariff_alt_url", "2.1 has no such field")
    if tariff.energy_mix is not None:
        yield Loss("/energy_mix", "2.1 has no such field")
    for index, text in enumerate(tariff.tariff_alt_text):
        if index >= _MOST_TEXTS or len(text.language) > _MAX_LANGUAGE or len(text.text) > _MAX_TEXT:
            yield Loss(f"/tariff_alt_text/{index}", f"2.1 has room for {_MOST_TEXTS} texts of {_MAX_TEXT}")


def _texts(tariff: Tariff) -> tuple[m.MessageContentType, ...]:
    return tuple(
        m.MessageContentType(format=m.MessageFormatEnumType.UTF8, language=text.language, content=text.text)
        for text in tariff.tariff_alt_text[:_MOST_TEXTS]
        if len(text.language) <= _MAX_LANGUAGE and len(text.text) <= _MAX_TEXT
    )


def _id_of(tariff: Tariff, value: m.TariffType) -> str:
    digest = hashlib.blake2b(encode(value), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{tariff.id[: MAX_ID - len(digest) - 1]}-{digest}"


# --- prices -----------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """One price component, and when it holds."""

    pointer: str
    component: PriceComponent
    reserved: bool
    when: m.TariffConditionsType | None
    at_start: m.TariffConditionsFixedType | None


def _entries(tariff: Tariff, losses: list[Loss]) -> Iterator[_Entry]:
    for index, element in enumerate(tariff.elements):
        pointer, limits = f"/elements/{index}", element.restrictions
        if limits is not None and limits.reservation not in (None, "RESERVATION"):
            note = f"{limits.reservation}: a station prices reservations as its session begins, or not at all"
            losses.append(Loss(f"{pointer}/restrictions/reservation", note, True))
            continue
        if limits is not None and limits.booking is not None:
            note = f"{limits.booking}: a station knows of no bookings, whose price comes on top"
            losses.append(Loss(f"{pointer}/restrictions/booking", note, True))
            continue
        reserved = limits is not None and limits.reservation is not None
        said = conditions(limits, f"{pointer}/restrictions")
        if isinstance(said, Loss):
            losses.append(said)
            continue
        for at, component in enumerate(element.price_components):
            where = f"{pointer}/price_components/{at}"
            if component.type is Dimension.FLAT:
                fixed = decided_at_start(said, f"{pointer}/restrictions")
                if isinstance(fixed, Loss):
                    losses.append(fixed)
                else:
                    yield _Entry(where, component, reserved, said, fixed)
            else:
                yield _Entry(where, component, reserved, said, None)


def _is_sayable(one: _Entry, tariff: Tariff, silence_is_no_tax: bool, losses: list[Loss]) -> bool:
    """Can a station reckon with it as we do? Otherwise the reason is added."""
    component, before = one.component, len(losses)
    if one.reserved and component.type not in (Dimension.TIME, Dimension.FLAT):
        losses.append(Loss(one.pointer, "a reservation is priced by time or once; this never counts"))
    elif one.reserved:
        # None is in our CDRs, and what a station reckons is what it shows and takes.
        note = "nothing is billed for a reservation, and a station would reckon it"
        losses.append(Loss(one.pointer, note, component.price != 0))
    elif component.type is not Dimension.FLAT and component.step_size > 1:
        note = f"steps of {component.step_size}: a station bills each Wh and each second"
        losses.append(Loss(f"{one.pointer}/step_size", note, True))
    elif component.vat is not None and exact(component.vat, _ONE) is None:
        losses.append(Loss(f"{one.pointer}/vat", "has more than six decimals", True))
    elif tariff.tax_included is not TaxIncluded.NOT_APPLICABLE and component.vat is None:
        if tariff.tax_included is TaxIncluded.YES:
            losses.append(Loss(f"{one.pointer}/vat", "the net price is not known without it", True))
        elif not silence_is_no_tax:
            losses.append(
                Loss(f"{one.pointer}/vat", "the tax is not known; a station takes it for none", True)
            )
    return len(losses) == before


def _energy(entries: list[_Entry], tariff: Tariff, losses: list[Loss]) -> m.TariffEnergyType | None:
    prices = list[m.TariffEnergyPriceType]()
    rate, chosen = _of_one_rate(Dimension.ENERGY, entries, tariff, losses)
    for one in chosen:
        price = _net(one, tariff, 1, losses)
        if price is not None:
            prices.append(m.TariffEnergyPriceType(price_kwh=price, conditions=one.when))
    return m.TariffEnergyType(prices=tuple(prices), tax_rates=rate) if prices else None


def _time(
    dimension: Dimension, entries: list[_Entry], tariff: Tariff, losses: list[Loss]
) -> m.TariffTimeType | None:
    prices = list[m.TariffTimePriceType]()
    rate, chosen = _of_one_rate(dimension, entries, tariff, losses)
    for one in chosen:
        price = _net(one, tariff, 60, losses)
        if price is not None:
            prices.append(m.TariffTimePriceType(price_minute=price, conditions=one.when))
    return m.TariffTimeType(prices=tuple(prices), tax_rates=rate) if prices else None


def _fixed(entries: list[_Entry], tariff: Tariff, losses: list[Loss]) -> m.TariffFixedType | None:
    prices = list[m.TariffFixedPriceType]()
    rate, chosen = _of_one_rate(Dimension.FLAT, entries, tariff, losses)
    if chosen and all(one.at_start is not None for one in chosen):
        # Ours falls due whenever one of its elements first holds (A10), a station's at the start or never.
        losses.append(Loss(chosen[0].pointer, "a station decides once, at the start, on a flat fee", True))
        return None
    for one in chosen:
        price = _net(one, tariff, 1, losses)
        if price is not None:
            prices.append(m.TariffFixedPriceType(price_fixed=price, conditions=one.at_start))
    return m.TariffFixedType(prices=tuple(prices), tax_rates=rate) if prices else None


def _of_one_rate(
    dimension: Dimension, entries: list[_Entry], tariff: Tariff, losses: list[Loss]
) -> tuple[tuple[m.TaxRateType, ...] | None, list[_Entry]]:
    """The dimension's components that are taxed like its first, and that tax."""
    found = [one for one in entries if one.component.type is dimension]
    if not found or tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return None, found
    vat = found[0].component.vat
    for one in found:
        if one.component.vat != vat:
            note = f"all prices of {dimension.value} have one tax at a station, here {vat} % and this"
            losses.append(Loss(f"{one.pointer}/vat", note, True))
    return _taxes(vat), [one for one in found if one.component.vat == vat]


def _taxes(vat: Decimal | None) -> tuple[m.TaxRateType, ...] | None:
    return None if vat is None else (m.TaxRateType(type=_TAX_NAME, tax=vat),)


def _net(one: _Entry, tariff: Tariff, parts: int, losses: list[Loss]) -> Decimal | None:
    """The price without tax, per ``parts`` of its unit."""
    price, vat = one.component.price, one.component.vat
    if tariff.tax_included is TaxIncluded.YES:
        assert vat is not None, "without it the component is not sayable"
        net = exact(price * _HUNDRED, (_HUNDRED + vat) * parts)
    else:
        net = exact(price, Decimal(parts))
    if net is None:
        unit = "a minute" if parts == 60 else "a unit"
        note = f"{price} is without tax no price for {unit} of six decimals"
        losses.append(Loss(f"{one.pointer}/price", note, True))
    return net


def _limit(limit: PriceLimit | None, pointer: str, tariff: Tariff, losses: list[Loss]) -> m.PriceType | None:
    """A least or greatest cost. A station puts it in the place of the whole cost, so its tax must be one."""
    if limit is None:
        return None
    if exact(limit.before_taxes, _ONE) is None:
        losses.append(Loss(f"{pointer}/before_taxes", "has more than six decimals", True))
        return None
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return m.PriceType(excl_tax=limit.before_taxes)
    rates = {one.vat for element in tariff.elements for one in element.price_components}
    vat = next(iter(rates), None)
    wanted = limit.before_taxes * (_HUNDRED + (vat or 0)) / _HUNDRED
    if len(rates) > 1 or limit.after_taxes not in (None, wanted):
        losses.append(Loss(pointer, "its tax is not the one tax of all prices", True))
        return None
    if pointer == _LEAST and vat is None and limit.after_taxes is None:
        # Ours has no known tax where nothing else is to be paid, for which a station would take none.
        losses.append(Loss(pointer, "the tax of a least cost is not known", True))
        return None
    return m.PriceType(excl_tax=limit.before_taxes, incl_tax=exact(wanted, _ONE), tax_rates=_taxes(vat))


def _parts(tariff: m.TariffType) -> Iterator[m.TariffEnergyType | m.TariffTimeType | m.TariffFixedType]:
    for part in (
        tariff.energy,
        tariff.charging_time,
        tariff.idle_time,
        tariff.fixed_fee,
    ):
        if part is not None:
            yield part
