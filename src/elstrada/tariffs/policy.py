"""What OCPI leaves to law, contract and edition: rounding of money and the meaning of silence on tax."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
)
from enum import StrEnum

import msgspec

from elstrada.model.currencies import DECIMALS

EXACT = Context(
    prec=34, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)
"""All arithmetic of prices. decimal's ROUND_HALF_UP is half away from zero (rule 12)."""

_GUARD = Decimal("1e-9")


class Steps(StrEnum):
    """What ``step_size`` brings to whole steps. Editions of OCPI differ."""

    SESSION = "session"
    """The session's energy, and its parking or else its time, by the step of the last price (2.2.1, 2.3.0)."""
    BLOCKS = "blocks"
    """What each price component was charged for, by its own step (2.1.1)."""
    NONE = "none"
    """Nothing (3.0 has no steps)."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How one agreement or edition reads a tariff where the text leaves room."""

    decimals: Mapping[str, int] = DECIMALS
    """Decimals of a session's total where a currency differs from the usual two."""
    usual_decimals: int = 2
    part_decimals: int = 4
    """Of the costs per dimension; four are OCPI's precision, and keep their sum near the total."""
    tax_name: str = "VAT"
    silence_is_no_tax: bool = True
    """A price component without ``vat``: no VAT applies (2.2.1); False: the tax is unknown (A19)."""
    sales_tax_countries: frozenset[str] = frozenset({"CA", "US"})
    """Countries of a tariff's party where tax is added at the till: without a rate it is unknown."""
    derive_power: bool = False
    """Take a period's mean power where it names none (A5: 2.1.1 has no power dimension)."""
    steps: Steps = Steps.SESSION
    one_element: bool = False
    """The first element that matches prices the whole period, as 2.1.1 reads strictly; what it has no price
    for is free. Else each dimension has its own first element, which the complex example of 2.1.1 needs (A18).
    A reservation, unknown to 2.1.1, is always read so: its example of a fee for coming to nothing needs it."""
    prefer_by_type: bool = True
    """Of several tariffs, none named: a regular one before one of a profile, and ad hoc last (A17). Else the
    first."""

    def takes_silence_for_no_tax(self, country_code: str) -> bool:
        """Is a component without ``vat`` untaxed, of a tariff of a party of this country (A19)?"""
        return self.silence_is_no_tax and country_code not in self.sales_tax_countries

    def round_total(self, amount: Decimal, currency: str) -> Decimal:
        """Round an exact sum to the currency's decimals, half away from zero."""
        return rounded(amount, self.decimals.get(currency, self.usual_decimals))

    def round_part(self, amount: Decimal) -> Decimal:
        return rounded(amount, self.part_decimals)


_UNITS = tuple(Decimal(1).scaleb(-n) for n in range(10))


def rounded(amount: Decimal, decimals: int) -> Decimal:
    """Round half away from zero.

    An hour in thirds has no end in decimals: 25 min at 0.30 must be 0.125, not 0.1249999. So the
    amount is first brought to 9 decimals, far finer than any money.
    """
    unit = _UNITS[decimals]
    return amount.quantize(_GUARD, ROUND_HALF_UP, EXACT).quantize(unit, ROUND_HALF_UP, EXACT)


OCPI_2_1_1 = Policy(silence_is_no_tax=False, derive_power=True, steps=Steps.BLOCKS)
OCPI_2_2_1 = Policy()
OCPI_2_3_0 = Policy()
"""Reads as 2.2.1 does: the worked examples of 2.3.0 price a missing ``vat`` as no VAT, except in a
sales-tax country."""
