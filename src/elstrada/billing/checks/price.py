"""Checks of money: sums, taxes, and what the CDR's own tariffs give."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from elstrada.billing.checks.face import CENT, PER_CENT, ZERO, Check, Known, Outcome, Unexamined
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost, Price, TaxAmount
from elstrada.model.currencies import CURRENCIES
from elstrada.model.examination import Severity
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TaxIncluded

_NOT_RECKONED = "its price was not recomputed"
_LINE_PARTS = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking"}


def costs_for_nothing(cdr: Cdr, _: Known) -> Outcome:
    """V13."""
    if cdr.total_cost.before_taxes <= 0 or cdr.total_energy or not cdr.tariffs:
        return None
    if cdr.total_reservation_cost is not None or any(tariff.min_price for tariff in cdr.tariffs):
        return None
    if any(one.type is not Dimension.ENERGY and one.price for one in _components(cdr)):
        return None
    cost = cdr.total_cost.before_taxes
    return f"{cost} {cdr.currency} for 0 kWh, and its tariffs price nothing but energy"


def sum_differs_from_parts(cdr: Cdr, _: Known) -> Outcome:
    """V19: unless a least or greatest price stands in the sum's place."""
    parts = [part.before_taxes for _, part in _parts(cdr) if part is not None]
    if not parts:
        return Unexamined("it tells no cost by dimension")
    told, asked = sum(parts, ZERO), cdr.total_cost.before_taxes
    if abs(told - asked) <= CENT or any(abs(limit - asked) <= CENT for limit in _limits(cdr)):
        return None
    return f"its costs by dimension sum to {told} {cdr.currency}, total_cost is {asked}"


def price_differs_from_tariffs(cdr: Cdr, known: Known) -> Outcome:
    """V20."""
    asked = cdr.total_cost.before_taxes
    if known.cost is None:
        return f"{asked} {cdr.currency}, and {known.not_priced}" if known.not_priced else _unpriced()
    given = known.cost.total.before_taxes
    limits = known.limits
    if abs(asked - given) <= max(limits.price_amount, abs(given) * limits.price_percent * PER_CENT):
        return None
    says = f"total_cost is {asked} {cdr.currency} before taxes, its own tariffs give {given}"
    return "; ".join((says, *(str(one) for one in _differing(cdr, known.cost))))


def differences(cdr: Cdr, cost: Cost) -> tuple[tuple[str, Decimal | None, Decimal], ...]:
    """By dimension: its name, what the CDR asks (None: it does not say), and what its tariffs give; before taxes.

    The dimensions are those of a CDR: energy, time, parking, fixed, reservation and, last, total.
    """
    given = {
        "energy": cost.energy,
        "time": cost.time,
        "parking": cost.parking,
        "fixed": cost.fixed,
        "reservation": cost.reservation,
        "total": cost.total,
    }
    asked = {**dict(_parts(cdr)), "total": cdr.total_cost}
    return tuple((name, _net(asked[name]), _net(part) or ZERO) for name, part in given.items())


def _differing(cdr: Cdr, cost: Cost) -> Iterator[str]:
    for name, asked, given in differences(cdr, cost)[:-1]:
        if asked is not None and abs(asked - given) > CENT:
            yield f"{name} {asked}, not {given} ({asked - given:+})"


def tax_does_not_add_up(cdr: Cdr, known: Known) -> Outcome:
    """V21: against rate and base where there is one rate, else against the recomputed tax of each."""
    taxes = cdr.total_cost.taxes
    if taxes is None:
        return Unexamined("it does not tell the amount with taxes")
    if not taxes:
        return None
    rate = _only_rate(cdr)
    if rate is None:
        return _taxes_differ(cdr, taxes, known)
    base, amount = cdr.total_cost.before_taxes, sum((tax.amount for tax in taxes), ZERO)
    wanted = base * rate * PER_CENT
    if abs(amount - wanted) <= CENT:
        return None
    return f"the tax is {amount} {cdr.currency}, {rate} % of {base} is {wanted.normalize():f}"


def _only_rate(cdr: Cdr) -> Decimal | None:
    """The rate that holds for the whole total; None: there are several, or something bears none."""
    taxes = cdr.total_cost.taxes or ()
    told = {tax.percentage for tax in taxes if tax.percentage is not None}
    rates, tariffs = told or _rates(cdr), _taxed(cdr)
    untaxed = any(one.vat is None and one.price for tariff in tariffs for one in _of(tariff))
    return next(iter(rates)) if len(rates) == 1 and len(taxes) == 1 and not untaxed else None


def _taxes_differ(cdr: Cdr, taxes: tuple[TaxAmount, ...], known: Known) -> Outcome:
    cost = known.cost
    if cost is None or cost.total.taxes is None:
        return Unexamined("its rates are several, and their bases are not known")
    told, given = _by_rate(taxes), _by_rate(cost.total.taxes)
    if None in told:
        told, given = _summed(told), _summed(given)
    for rate, amount in told.items():
        wanted = given.get(rate, ZERO)
        if abs(amount - wanted) > CENT:
            of = "" if rate is None else f" of {rate} %"
            return f"the tax{of} is {amount} {cdr.currency}, its tariffs give {wanted}"
    return None


def _by_rate(taxes: tuple[TaxAmount, ...]) -> dict[Decimal | None, Decimal]:
    found: dict[Decimal | None, Decimal] = {}
    for tax in taxes:
        found[tax.percentage] = found.get(tax.percentage, ZERO) + tax.amount
    return found


def _summed(taxes: dict[Decimal | None, Decimal]) -> dict[Decimal | None, Decimal]:
    return {None: sum(taxes.values(), ZERO)}


def rate_of_no_such_country(cdr: Cdr, known: Known) -> Outcome:
    """V22."""
    taxes = [tax for tax in cdr.total_cost.taxes or () if tax.amount]
    told = {tax.percentage for tax in taxes if tax.percentage is not None}
    rates = told or (_rates(cdr) if taxes else set[Decimal]())
    if not rates:
        return None
    country = cdr.cdr_location.country[:3]
    if known.vat_percent is None:
        return Unexamined(f"no VAT rate is known for {country}")
    wrong = ", ".join(f"{rate} %" for rate in sorted(rates) if rate != known.vat_percent)
    return f"VAT of {wrong}, in {country} it is {known.vat_percent} %" if wrong else None


def tax_missing(cdr: Cdr, known: Known) -> Outcome:
    """V23."""
    taxes = cdr.total_cost.taxes
    if known.limits.reverse_charge:
        return (
            "VAT is charged, and reverse charge is agreed" if any(tax.amount for tax in taxes or ()) else None
        )
    if taxes is None and cdr.total_cost.before_taxes and any(_rates(cdr)):
        return "its tariffs have VAT, and total_cost does not tell the amount with it"
    return None


def wrong_currency(cdr: Cdr, known: Known) -> Outcome:
    """V24."""
    if cdr.currency not in CURRENCIES:
        return f"{cdr.currency[:8]!r} is no currency of ISO 4217"
    agreed = {tariff.currency for tariff in cdr.tariffs} | ({known.limits.currency} - {None})
    others = sorted(str(one) for one in agreed if one != cdr.currency)
    return f"the CDR is in {cdr.currency}, tariff or agreement in {', '.join(others)}" if others else None


def price_outside_limits(cdr: Cdr, _: Known) -> Outcome:
    """V43: by the only tariff there is; of several nobody can say whose limits count."""
    if len(cdr.tariffs) > 1:
        return Unexamined("it has several tariffs")
    tariff, cost = next(iter(cdr.tariffs), None), cdr.total_cost.before_taxes
    if tariff is None:
        return None
    if tariff.min_price is not None and cost < tariff.min_price.before_taxes - CENT:
        return f"{cost} {cdr.currency}, below the least price {tariff.min_price.before_taxes}"
    if tariff.max_price is not None and cost > tariff.max_price.before_taxes + CENT:
        return f"{cost} {cdr.currency}, above the greatest price {tariff.max_price.before_taxes}"
    return None


def step_not_honoured(cdr: Cdr, known: Known) -> Outcome:
    """V43: a dimension is asked for as measured, where its tariff bills whole steps."""
    if known.cost is None:
        return _unpriced()
    asked = dict(_parts(cdr))
    for dimension, name in _LINE_PARTS.items():
        lines = [line for line in known.cost.lines if line.dimension == dimension and not line.reserved]
        stepped = sum((line.quantity * line.unit_price for line in lines), ZERO)
        plain = sum((line.measured * line.unit_price for line in lines), ZERO)
        told = _net(asked[name])
        if told is None or abs(stepped - plain) <= CENT:
            continue
        if abs(told - plain) <= CENT and abs(told - plain) < abs(told - stepped):
            return (
                f"{name} costs {told} {cdr.currency}, as measured; by step_size it is {stepped.normalize():f}"
            )
    return None


def costs_less_than_nothing(cdr: Cdr, _: Known) -> Outcome:
    """V42."""
    before, after = cdr.total_cost.before_taxes, cdr.total_cost.after_taxes
    if before >= 0 and (after is None or after >= 0):
        return None
    return f"total_cost is {before} {cdr.currency} before taxes, and the CDR is no credit"


def sold_below_cost(cdr: Cdr, known: Known) -> Outcome:
    """V45."""
    retail, wholesale = known.retail, cdr.total_cost.before_taxes
    if retail is None:
        return Unexamined("it was not rated")
    if retail.currency != cdr.currency:
        return Unexamined(f"it costs {cdr.currency}, the customer pays {retail.currency}")
    limits = known.limits
    loss = wholesale - retail.net
    if loss <= max(limits.loss_amount, wholesale * limits.loss_percent * PER_CENT):
        return None
    return f"it costs {wholesale} {cdr.currency}, the customer pays {retail.net}: {loss} are lost"


def _unpriced() -> Unexamined:
    return Unexamined(_NOT_RECKONED)


def _components(cdr: Cdr) -> Iterator[PriceComponent]:
    for tariff in cdr.tariffs:
        yield from _of(tariff)


def _of(tariff: Tariff) -> Iterator[PriceComponent]:
    for element in tariff.elements:
        yield from element.price_components


def _taxed(cdr: Cdr) -> tuple[Tariff, ...]:
    """Tariffs whose components' rates count (A14)."""
    return tuple(one for one in cdr.tariffs if one.tax_included is not TaxIncluded.NOT_APPLICABLE)


def _rates(cdr: Cdr) -> set[Decimal]:
    """Percentages that its tariffs name."""
    return {one.vat for tariff in _taxed(cdr) for one in _of(tariff) if one.vat is not None}


def _parts(cdr: Cdr) -> tuple[tuple[str, Price | None], ...]:
    return (
        ("energy", cdr.total_energy_cost),
        ("time", cdr.total_time_cost),
        ("parking", cdr.total_parking_cost),
        ("fixed", cdr.total_fixed_cost),
        ("reservation", cdr.total_reservation_cost),
    )


def _net(price: Price | None) -> Decimal | None:
    return None if price is None else price.before_taxes


def _limits(cdr: Cdr) -> Iterator[Decimal]:
    for tariff in cdr.tariffs:
        yield from (one.before_taxes for one in (tariff.min_price, tariff.max_price) if one is not None)


CHECKS = (
    Check("V13", Severity.HOLD, costs_for_nothing, credits=False),
    Check("V19", Severity.HOLD, sum_differs_from_parts, credits=False),
    Check("V20", Severity.HOLD, price_differs_from_tariffs, credits=False),
    Check("V21", Severity.HOLD, tax_does_not_add_up, credits=False),
    Check("V22", Severity.HOLD, rate_of_no_such_country, credits=False),
    Check("V23", Severity.HOLD, tax_missing, credits=False),
    Check("V24", Severity.REJECT, wrong_currency),
    Check("V42", Severity.REJECT, costs_less_than_nothing, credits=False),
    Check("V43", Severity.HOLD, price_outside_limits, credits=False),
    Check("V43", Severity.HOLD, step_not_honoured, credits=False),
    Check("V45", Severity.HOLD, sold_below_cost, credits=False),
)
