"""A cost told line by line, for a driver and a clerk: first as data, then as text.

The data names a phrase and its values; a phrase book turns them into text. Another language is
another phrase book, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.cost import Cost, CostLine, Price
from elstrada.model.tariff import Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.notes import told
from elstrada.tariffs.phrases import Phrases
from elstrada.tariffs.phrases.en import ENGLISH
from elstrada.tariffs.usage import zone_named
from elstrada.tariffs.wording import conditions, exact, hours_as_clock, moment, money, number


class Unit(StrEnum):
    """In which a quantity is counted."""

    KWH = "kWh"
    HOUR = "h"
    ONCE = "once"


_UNIT_OF = {"ENERGY": Unit.KWH, "TIME": Unit.HOUR, "PARKING_TIME": Unit.HOUR, "FLAT": Unit.ONCE}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a price as data: what was measured, what is billed of it, by which component, and why."""

    start: datetime
    tariff: str
    """With its party, such as ``SE*ELS*T1``; the bare id of one that is not at hand."""
    element: int
    """Index in the tariff's elements, from 0."""
    component: int | None
    """Index in the element's price components, from 0; None: the tariff is not at hand."""
    dimension: str
    reserved: bool
    """It is of the reservation or the booking, not of the session."""
    unit: Unit
    measured: Decimal
    billed: Decimal
    unit_price: Decimal
    """Per unit; with tax or without, as the tariff says."""
    vat: Decimal | None
    """Percent."""
    amount: Decimal
    """Billed times unit price, not rounded."""
    conditions: TariffRestrictions | None
    """Of the element; None: it has none, or the tariff is not at hand."""
    reasons: tuple[str, ...]
    """Why this price, and why this quantity."""


class Remark(msgspec.Struct, frozen=True):
    """One line: which phrase of the phrase book, and what stands in its gaps."""

    phrase: str
    values: Mapping[str, str]


def explain(
    cost: Cost, time_zone: str, phrases: Phrases = ENGLISH, tariffs: Sequence[Tariff] = ()
) -> tuple[str, ...]:
    """A cost as lines of text.

    Args:
        time_zone: of the place, for the times shown.
        phrases: the language.
        tariffs: those it was reckoned by, as far as they are at hand: then conditions are told, too.
    """
    return tuple(
        phrases[remark.phrase].format_map(remark.values)
        for remark in remarks(cost, time_zone, phrases, tariffs)
    )


def remarks(
    cost: Cost, time_zone: str, phrases: Phrases = ENGLISH, tariffs: Sequence[Tariff] = ()
) -> Iterator[Remark]:
    """The same lines as data, for a page that shows them its own way."""
    zone = zone_named(time_zone)
    for line in cost.lines:
        phrase = f"RESERVATION.{line.dimension}" if line.reserved else line.dimension
        yield Remark(phrase, _values(line, moment(line.start, zone, phrases), cost.currency, phrases))
        yield _source(line, phrases, tariffs)
    yield from _total(cost.total, cost.currency, phrases)
    for note in cost.notes:
        yield Remark("note", {"text": told(note, phrases)})


def steps(cost: Cost, phrases: Phrases = ENGLISH, tariffs: Sequence[Tariff] = ()) -> Iterator[Step]:
    """The lines of a cost with what the tariffs say of each."""
    for line in cost.lines:
        tariff, element = _used(line, tariffs)
        yield Step(
            start=line.start,
            tariff=line.tariff_id if tariff is None else f"{tariff.party}*{tariff.id}",
            element=line.element,
            component=None if element is None else _component(line, element),
            dimension=line.dimension,
            reserved=line.reserved,
            unit=_UNIT_OF[line.dimension],
            measured=line.measured,
            billed=line.quantity,
            unit_price=line.unit_price,
            vat=line.vat,
            amount=line.amount,
            conditions=element and element.restrictions,
            reasons=tuple(_reasons(line, element, phrases)),
        )


def _reasons(line: CostLine, element: TariffElement | None, phrases: Phrases) -> Iterator[str]:
    if element is not None:
        when = conditions(element.restrictions, phrases)
        chosen = "reason.conditions" if when else "reason.always"
        yield phrases[chosen].format(conditions=when)
    if line.reason:
        yield told(line.reason, phrases)
    else:
        yield phrases["reason.once" if line.dimension == "FLAT" else "reason.as_measured"]


def _used(line: CostLine, tariffs: Sequence[Tariff]) -> tuple[Tariff | None, TariffElement | None]:
    """The tariff and element of a line, if they are at hand and do price what it says."""
    for tariff in tariffs:
        if tariff.id.upper() == line.tariff_id.upper() and line.element < len(tariff.elements):
            element = tariff.elements[line.element]
            if _component(line, element) is not None:
                return tariff, element
    return None, None


def _component(line: CostLine, element: TariffElement) -> int | None:
    kinds = [component.type.value for component in element.price_components]
    return kinds.index(line.dimension) if line.dimension in kinds else None


def _source(line: CostLine, phrases: Phrases, tariffs: Sequence[Tariff]) -> Remark:
    _, element = _used(line, tariffs)
    when = conditions(element and element.restrictions, phrases)
    values = {"tariff": line.tariff_id, "element": str(line.element + 1)}
    return Remark("source_when", values | {"conditions": when}) if when else Remark("source", values)


def _values(line: CostLine, at: str, currency: str, phrases: Phrases) -> dict[str, str]:
    return {
        "at": at,
        "quantity": number(line.quantity, phrases),
        "duration": hours_as_clock(int((line.quantity * 3600).to_integral_value())),
        "price": money(line.unit_price, phrases),
        "amount": money(round(line.amount, 4), phrases),
        "currency": currency,
        "vat": "" if line.vat is None else phrases["vat"].format(percent=number(line.vat, phrases)),
        "why": phrases["why"].format(reason=told(line.reason, phrases)) if line.reason else "",
    }


def _total(total: Price, currency: str, phrases: Phrases) -> Iterator[Remark]:
    yield Remark("before_taxes", {"amount": exact(total.before_taxes, phrases), "currency": currency})
    if total.taxes is None or total.after_taxes is None:
        yield Remark("tax_unknown", {})
        return
    for tax in total.taxes:
        name = phrases.get(f"tax.{tax.name}", tax.name)
        values = {"name": name, "amount": exact(tax.amount, phrases), "currency": currency}
        if tax.percentage is None:
            yield Remark("tax_unrated", values)
        else:
            yield Remark("tax", values | {"percent": number(tax.percentage, phrases)})
    yield Remark("after_taxes", {"amount": exact(total.after_taxes, phrases), "currency": currency})
