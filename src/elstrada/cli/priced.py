"""How a CDR priced again is told: the breakdown for people, one line of JSON for machines, and the sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from elstrada.cli.output import printable
from elstrada.model.cost import Cost, Price
from elstrada.roles.rerating import Difference, Rated
from elstrada.tariffs.explain import explain

_PARTS = ("total", "fixed", "energy", "time", "parking", "reservation")


class TaxLine(msgspec.Struct, frozen=True):
    name: str
    percentage: Decimal | None
    amount: Decimal


class Amount(msgspec.Struct, frozen=True):
    """A cost; what is not known is null, which is not 0."""

    before_taxes: Decimal
    after_taxes: Decimal | None
    taxes: tuple[TaxLine, ...] | None


class Apart(msgspec.Struct, frozen=True):
    """What we reckon less what the CDR states."""

    before_taxes: Decimal
    after_taxes: Decimal | None


class Line(msgspec.Struct, frozen=True):
    """One CDR as JSON."""

    source: str
    line: int
    cdr: str
    ocpi: str
    time_zone: str
    currency: str
    costs: dict[str, Amount]
    """By dimension, and the total."""
    differences: dict[str, Apart]
    """Likewise, of what the CDR states."""
    differs: bool
    """Some difference is larger than the tolerance."""
    notes: tuple[str, ...]


class Total(msgspec.Struct, frozen=True):
    """What a stream's CDRs come to in one currency."""

    before_taxes: Decimal
    after_taxes: Decimal | None
    """None where the tax of one is not known."""


class Summary(msgspec.Struct):
    """What a stream came to; grows with each CDR, in memory that does not."""

    priced: int = 0
    differ: int = 0
    refused: int = 0
    sums: dict[str, Total] = {}

    def add(self, cost: Cost, *, differs: bool) -> None:
        self.priced += 1
        self.differ += differs
        before = self.sums.get(cost.currency, Total(Decimal(0), Decimal(0)))
        after = cost.total.after_taxes
        known = None if before.after_taxes is None or after is None else before.after_taxes + after
        self.sums[cost.currency] = Total(before.before_taxes + cost.total.before_taxes, known)


def differ(apart: Sequence[Difference], tolerance: Decimal) -> bool:
    """Is some difference larger than the tolerance?"""
    return any(one.exceeds(tolerance) for one in apart)


def told_as_json(
    rated: Rated, apart: Sequence[Difference], tolerance: Decimal, *, source: str, line: int
) -> bytes:
    """One line of JSON."""
    cost = rated.cost
    return msgspec.json.encode(
        Line(
            source=source,
            line=line,
            cdr=rated.cdr.name,
            ocpi=rated.version,
            time_zone=rated.time_zone,
            currency=cost.currency,
            costs={part: _amount(one) for part in _PARTS if (one := getattr(cost, part)) is not None},
            differences={one.part: Apart(one.net, one.gross) for one in apart},
            differs=differ(apart, tolerance),
            notes=cost.notes,
        )
    )


def told_in_text(rated: Rated, apart: Sequence[Difference], tolerance: Decimal) -> Iterator[str]:
    """The breakdown, and what the CDR states otherwise."""
    yield printable(f"CDR {rated.cdr.name}, OCPI {rated.version}, {rated.time_zone}", keep="")
    yield from (printable(line, keep="") for line in explain(rated.cost, rated.time_zone))
    if not apart:
        yield "The CDR states no cost."
    elif not differ(apart, tolerance):
        yield "The CDR states the same."
    else:
        yield from (_stated(one, rated.cost.currency) for one in apart if one.exceeds(tolerance))


def summary_in_text(summary: Summary, tolerance: Decimal) -> str:
    """One line."""
    sums = [
        f"{money.before_taxes} {currency} before tax{_taxed(money)}"
        for currency, money in summary.sums.items()
    ]
    found = f"{summary.priced} CDRs priced, {summary.differ} differ by more than {tolerance}"
    return f"{found}, {summary.refused} not priced; {' and '.join(sums) or 'nothing'}"


def _taxed(money: Total) -> str:
    return "" if money.after_taxes is None else f", {money.after_taxes} with tax"


def _stated(one: Difference, currency: str) -> str:
    taxed = "" if one.gross is None else f", {one.gross:+f} with tax"
    ours = f"{_plain(one.stated + one.net)} {currency} before tax, where the CDR states {_plain(one.stated)}"
    return f"Difference, {one.part}: {ours}: {one.net:+f}{taxed}"


def _plain(number: Decimal) -> str:
    """Without exponent or idle zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _amount(price: Price) -> Amount:
    taxes = price.taxes
    lines = None if taxes is None else tuple(TaxLine(tax.name, tax.percentage, tax.amount) for tax in taxes)
    return Amount(price.before_taxes, price.after_taxes, lines)
