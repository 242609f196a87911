"""A quote and an estimate as text, in the language of a phrase book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from elstrada.model.tariff import Dimension, PriceLimit, Tariff
from elstrada.tariffs.explain import explain
from elstrada.tariffs.phrases import Phrases
from elstrada.tariffs.quote import AtStart, Component, Estimate, Phase, Quote
from elstrada.tariffs.usage import zone_named
from elstrada.tariffs.wording import conditions, hours_as_clock, minutes, moment, money, number

_SHOWN = 4
"""Decimals of a price that is told to people; a price per minute may have more."""


def quote_lines(quote: Quote, phrases: Phrases) -> Iterator[str]:
    """One line for each component, in their order, and what else holds for a session."""
    zone = zone_named(quote.time_zone)
    at = moment(quote.at, zone, phrases)
    yield phrases["quote.head"].format(at=at, zone=quote.time_zone, tariff=quote.tariff)
    told: set[tuple[Phase, Dimension]] = set()
    for one in quote.components:
        told_before = (one.phase, one.dimension) in told
        told.add((one.phase, one.dimension))
        yield _component(one, quote.currency, phrases, last_resort=told_before)
    if quote.free:
        names = ", ".join(phrases[f"dimension.{dimension.value}"] for dimension in quote.free)
        yield phrases["quote.free"].format(dimensions=names)
    for phrase, limit in (("quote.min", quote.min_price), ("quote.max", quote.max_price)):
        if limit is not None:
            yield phrases[phrase].format(price=_limit(limit, quote.currency, phrases))
    if quote.valid_until is not None:
        yield phrases["quote.until"].format(until=moment(quote.valid_until, zone, phrases))


def estimate_lines(estimate: Estimate, phrases: Phrases, tariffs: Sequence[Tariff] = ()) -> Iterator[str]:
    """The plan, and its cost step by step; with the tariff at hand also the conditions of each price."""
    plan = estimate.plan
    yield phrases["estimate.head_parked" if plan.parked_s else "estimate.head"].format(
        energy=number(Decimal(plan.energy_wh).scaleb(-3), phrases),
        duration=hours_as_clock(plan.duration_s),
        parked=hours_as_clock(plan.parked_s),
    )
    yield from explain(estimate.cost, estimate.usage.time_zone, phrases, tariffs)


def _component(one: Component, currency: str, phrases: Phrases, *, last_resort: bool) -> str:
    kind = one.dimension.value if one.phase is Phase.SESSION else f"{one.phase.value}.{one.dimension.value}"
    when = conditions(one.restrictions, phrases) or (phrases["when.otherwise"] if last_resort else "")
    return (
        phrases[f"quote.{kind}"].format(price=_price(one, currency, phrases))
        + (phrases["quote.step"].format(step=_step(one, phrases)) if one.step_size > 1 else "")
        + (phrases["quote.when"].format(conditions=when) if when else "")
        + (phrases["quote.at_start"] if when and one.at_start is AtStart.YES else "")
    )


def _price(one: Component, currency: str, phrases: Phrases) -> str:
    before, after = one.before_taxes, one.after_taxes
    if before is None or after is None:
        kind = "gross" if before is None else "net"
    else:
        kind = "untaxed" if one.vat is None else "taxed"
    return phrases[f"quote.price.{kind}"].format(
        before=_shown(before, phrases),
        after=_shown(after, phrases),
        currency=currency,
        percent="" if one.vat is None else number(one.vat, phrases),
    )


def _limit(limit: PriceLimit, currency: str, phrases: Phrases) -> str:
    before, after = _shown(limit.before_taxes, phrases), _shown(limit.after_taxes, phrases)
    kind = "quote.price.net" if limit.after_taxes is None else "quote.limit.taxed"
    return phrases[kind].format(before=before, after=after, currency=currency)


def _shown(price: Decimal | None, phrases: Phrases) -> str:
    return "" if price is None else money(round(price, _SHOWN), phrases)


def _step(one: Component, phrases: Phrases) -> str:
    if one.dimension is Dimension.ENERGY:
        return f"{number(one.step_size, phrases)} Wh"
    return f"{minutes(one.step_size, phrases)} min"
