"""A cost told line by line, for a driver and a clerk: first as data, then as text.

The data names a phrase and its values; a phrase book turns them into text. Another language is
another phrase book, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from elstrada.model.cost import Cost, CostLine, Price
from elstrada.tariffs.usage import zone_named


class Remark(msgspec.Struct, frozen=True):
    """One line: which phrase of the phrase book, and what stands in its gaps."""

    phrase: str
    values: Mapping[str, str]


ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "ENERGY": "{at}  {quantity} kWh at {price} {currency}/kWh = {amount} {currency}{vat}{why}",
        "TIME": "{at}  {duration} charging at {price} {currency}/h = {amount} {currency}{vat}{why}",
        "PARKING_TIME": "{at}  {duration} parked at {price} {currency}/h = {amount} {currency}{vat}{why}",
        "FLAT": "{at}  once {amount} {currency}{vat}{why}",
        "source": "    by tariff {tariff}, element {element}",
        "vat": ", VAT {percent} %",
        "why": " ({reason})",
        "before_taxes": "Total before tax: {amount} {currency}",
        "tax": "{name} {percent} %: {amount} {currency}",
        "tax_unrated": "{name}: {amount} {currency}",
        "tax_unknown": "Tax is not known from the tariff and comes on top.",
        "after_taxes": "Total: {amount} {currency}",
        "note": "Note: {text}",
    }
)


def explain(cost: Cost, time_zone: str, phrases: Mapping[str, str] = ENGLISH) -> tuple[str, ...]:
    """A cost as lines of text.

    Args:
        time_zone: of the place, for the times shown.
        phrases: the language.
    """
    return tuple(
        phrases[remark.phrase].format_map(remark.values) for remark in remarks(cost, time_zone, phrases)
    )


def remarks(cost: Cost, time_zone: str, phrases: Mapping[str, str] = ENGLISH) -> Iterator[Remark]:
    """The same lines as data, for a page that shows them its own way."""
    zone = zone_named(time_zone)
    for line in cost.lines:
        at = line.start.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        yield Remark(line.dimension, _values(line, at, cost.currency, phrases))
        yield Remark("source", {"tariff": line.tariff_id, "element": str(line.element + 1)})
    yield from _total(cost.total, cost.currency)
    for note in cost.notes:
        yield Remark("note", {"text": note})


def _values(line: CostLine, at: str, currency: str, phrases: Mapping[str, str]) -> dict[str, str]:
    return {
        "at": at,
        "quantity": plain(line.quantity),
        "duration": _duration(line.quantity),
        "price": money(line.unit_price),
        "amount": money(round(line.amount, 4)),
        "currency": currency,
        "vat": "" if line.vat is None else phrases["vat"].format(percent=plain(line.vat)),
        "why": phrases["why"].format(reason=line.reason) if line.reason else "",
    }


def _total(total: Price, currency: str) -> Iterator[Remark]:
    yield Remark("before_taxes", {"amount": f"{total.before_taxes:f}", "currency": currency})
    if total.taxes is None or total.after_taxes is None:
        yield Remark("tax_unknown", {})
        return
    for tax in total.taxes:
        values = {"name": tax.name, "amount": f"{tax.amount:f}", "currency": currency}
        if tax.percentage is None:
            yield Remark("tax_unrated", values)
        else:
            yield Remark("tax", values | {"percent": plain(tax.percentage)})
    yield Remark("after_taxes", {"amount": f"{total.after_taxes:f}", "currency": currency})


def plain(number: Decimal) -> str:
    """A number without exponent or idle zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal) -> str:
    """An amount with at least two decimals, and no more than it needs."""
    whole, _, cents = plain(amount).partition(".")
    return f"{whole}.{cents:<02}"


def _duration(hours: Decimal) -> str:
    seconds = int((hours * 3600).to_integral_value())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
