"""From priced volumes to a cost: sums, taxes, limits, and the one rounding at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from elstrada.model.cost import Cost, CostLine, Price, TaxAmount
from elstrada.model.tariff import Dimension, PriceLimit, Tariff, TaxIncluded
from elstrada.tariffs.charge import Charge
from elstrada.tariffs.compile import PriceList
from elstrada.tariffs.policy import Policy, PriceLimits, rounded
from elstrada.tariffs.refusals import NetUnknown

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


class Sum(msgspec.Struct, frozen=True):
    """An exact amount: before taxes, and the tax of each rate."""

    net: Decimal
    taxes: dict[Decimal, Decimal] | None
    """By percentage; None where some tax is not known."""

    @property
    def gross(self) -> Decimal | None:
        return None if self.taxes is None else sum(self.taxes.values(), self.net)


def summed(charges: Sequence[Charge], by: PriceList, policy: Policy, notes: list[str]) -> Cost:
    """The cost of these charges; limits are those of the tariff at the session's start."""
    _refuse_unknown_net(charges, policy)
    parts: dict[str, list[Charge]] = {}
    for charge in charges:
        parts.setdefault(_part(charge), []).append(charge)
    sums = {name: _sum(some, policy) for name, some in parts.items()}
    return cost_of(sums, by, policy, notes, tuple(charge.line() for charge in charges))


def cost_of(
    sums: Mapping[str, Sum], by: PriceList, policy: Policy, notes: list[str], lines: tuple[CostLine, ...] = ()
) -> Cost:
    """The cost that these sums come to, rounded once.

    Args:
        sums: exact, by part: fixed, energy, time, parking, reservation; what has no charge is left out.
    """
    tariff = by.tariff
    whole = together(sums.values())
    if tariff.min_price is not None or tariff.max_price is not None:
        whole = _limited(whole, tariff, policy, notes)
    costs = {name: _price(one, policy.part_decimals, policy) for name, one in sums.items()}
    if not sums:
        notes.append(f"tariff {by.name} has no price for anything in this session: it is free (rule 7)")
    decimals = policy.decimals.get(tariff.currency, policy.usual_decimals)
    return Cost(
        currency=tariff.currency,
        total=_price(whole, decimals, policy),
        lines=lines,
        notes=tuple(dict.fromkeys(notes)),
        **costs,
    )


PART_OF = {
    Dimension.FLAT: "fixed",
    Dimension.ENERGY: "energy",
    Dimension.TIME: "time",
    Dimension.PARKING_TIME: "parking",
}
"""The part of a cost that a dimension counts to, but for reservations."""


def _part(charge: Charge) -> str:
    return "reservation" if charge.reserved else PART_OF[charge.dimension]


def _refuse_unknown_net(charges: Sequence[Charge], policy: Policy) -> None:
    """Rule 14: with tax included and no rate, only the gross amount is known."""
    for charge in charges:
        tariff = charge.by.tariff
        untold = charge.offer.vat is None and policy.tax_in(tariff) is TaxIncluded.YES
        if untold and charge.amount and not policy.untaxed_gross:
            gross = policy.round_total(sum((c.amount for c in charges), _ZERO), tariff.currency)
            raise NetUnknown(charge.by.name, gross, tariff.currency)


def _sum(charges: Iterable[Charge], policy: Policy) -> Sum:
    """Add up exactly, tax by rate (rules 12, 14, A14, A19)."""
    net = _ZERO
    taxes: dict[Decimal, Decimal] = {}
    known = True
    for charge in charges:
        amount, rate, tariff = charge.amount, charge.offer.vat, charge.by.tariff
        if policy.line_decimals is not None:
            amount = rounded(amount, policy.line_decimals)
        included = policy.tax_in(tariff)
        if included is TaxIncluded.NOT_APPLICABLE:
            net += amount
        elif rate is None:
            net += amount
            untaxed = included is TaxIncluded.YES or policy.takes_silence_for_no_tax(
                tariff.party.country_code
            )
            known = known and (not amount or untaxed)
        else:
            own = amount * _HUNDRED / (_HUNDRED + rate) if included is TaxIncluded.YES else amount
            net += own
            taxes[rate] = taxes.get(rate, _ZERO) + own * rate / _HUNDRED
    return Sum(net, taxes if known else None)


def together(parts: Iterable[Sum]) -> Sum:
    """The sum of sums; its tax is unknown if one is."""
    net = _ZERO
    taxes: dict[Decimal, Decimal] | None = {}
    for part in parts:
        net += part.net
        if part.taxes is None or taxes is None:
            taxes = None
            continue
        for rate, amount in part.taxes.items():
            taxes[rate] = taxes.get(rate, _ZERO) + amount
    return Sum(net, taxes)


def _limited(whole: Sum, tariff: Tariff, policy: Policy, notes: list[str]) -> Sum:
    """Clamp to min_price and max_price, before and after tax each by its own limit (rule 13, A12)."""
    if policy.limits is PriceLimits.NONE:
        return whole
    for limit, name, pick in ((tariff.min_price, "min_price", max), (tariff.max_price, "max_price", min)):
        if limit is None:
            continue
        limited = _clamped(whole, limit, tariff, policy, pick)
        if limited.net != whole.net or limited.gross != whole.gross:
            shown = policy.round_total(limited.net, tariff.currency)
            notes.append(
                f"{name}: {policy.round_total(whole.net, tariff.currency)} became {shown} before tax (rule 13)"
            )
        whole = limited
    return whole


def _clamped(
    whole: Sum,
    limit: PriceLimit,
    tariff: Tariff,
    policy: Policy,
    pick: Callable[[Decimal, Decimal], Decimal],
) -> Sum:
    net = pick(whole.net, limit.before_taxes)
    if net == whole.net and limit.after_taxes is None:
        return whole
    if whole.taxes is None or policy.tax_in(tariff) is TaxIncluded.NOT_APPLICABLE:
        return Sum(net, whole.taxes)
    tax = sum(whole.taxes.values(), _ZERO)
    if limit.after_taxes is not None:
        wanted = pick(whole.net + tax, limit.after_taxes) - net
        implied = limit.after_taxes / limit.before_taxes - 1 if limit.before_taxes else _ZERO
    elif policy.limits is PriceLimits.TOLD:
        wanted, implied = max(whole.net + tax - net, _ZERO), _ZERO
    elif whole.net:
        wanted, implied = tax * net / whole.net, _ZERO
    else:
        rates = {c.vat for element in tariff.elements for c in element.price_components}
        if rates == {None} and policy.takes_silence_for_no_tax(tariff.party.country_code):
            return Sum(net, whole.taxes)  # No component is taxed, so neither is the limit (A19).
        rate = rates.pop() if len(rates) == 1 else None
        if rate is None:  # Nothing was priced, so no rate is there to follow.
            return Sum(net, None if net else whole.taxes)
        wanted, implied = net * rate / _HUNDRED, rate / _HUNDRED
    return Sum(net, _shared(wanted, whole.taxes, rounded(implied * _HUNDRED, 2)))


def _shared(wanted: Decimal, taxes: dict[Decimal, Decimal], implied: Decimal) -> dict[Decimal, Decimal]:
    """Bring the tax to this amount, each rate in proportion; at the implied rate if there was none."""
    tax = sum(taxes.values(), _ZERO)
    if tax:
        return {rate: one * wanted / tax for rate, one in taxes.items()}
    return {implied: wanted} if wanted else taxes


def _price(whole: Sum, decimals: int, policy: Policy) -> Price:
    """Round once; every tax line takes what rounding leaves of those before it (rule 12).

    Each is the difference of two rounded sums. So they add up exactly, none is negative that was not,
    and none is a cent or more from its exact amount.
    """
    exact, taxes = whole.net, whole.taxes
    before = reached = rounded(exact, decimals)
    if taxes is None:
        return Price(before, None)
    lines: list[TaxAmount] = []
    for rate, amount in sorted(taxes.items()) if len(taxes) > 1 else taxes.items():
        exact += amount
        so_far = rounded(exact, decimals)
        lines.append(TaxAmount(policy.tax_name, so_far - reached, rate))
        reached = so_far
    return Price(before, tuple(lines))
