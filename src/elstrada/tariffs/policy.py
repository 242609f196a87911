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
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.currencies import DECIMALS
from elstrada.model.tariff import Tariff, TaxIncluded

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


class PriceLimits(StrEnum):
    """What ``min_price`` and ``max_price`` do."""

    BOTH = "both"
    """Bound the amounts before and after tax, each by its figure; without the latter tax moves in proportion."""
    TOLD = "told"
    """Bound only what they tell: without a figure after tax that amount stays, but for being less than before tax."""
    NONE = "none"
    """Nothing."""


_Decimals = Annotated[int, Meta(ge=0, le=9)]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How one agreement or edition reads a tariff where the text leaves room (A1 to A22).

    Each setting's usual value is how Elstrada reads it. A16 and A21 are about what a CDR states, not about prices;
    of A20 there is one reading: both passes of a repeated hour match.
    """

    # --- rounding (A13) ---
    decimals: Mapping[str, _Decimals] = DECIMALS
    """Decimals of a session's total where a currency differs from the usual two."""
    usual_decimals: _Decimals = 2
    part_decimals: _Decimals = 4
    """Of the costs per dimension; four are OCPI's precision, and keep their sum near the total."""
    line_decimals: _Decimals | None = None
    """Round what each volume costs before it is added up. None: only sums are rounded."""

    # --- tax ---
    tax_name: str = "VAT"
    silence_is_no_tax: bool = True
    """A price component without ``vat``: no VAT applies (2.2.1); False: the tax is unknown (A19)."""
    sales_tax_countries: frozenset[str] = frozenset({"CA", "US"})
    """Countries of a tariff's party where tax is added at the till: without a rate it is unknown."""
    tax_though_not_applicable: bool = False
    """A price component's ``vat`` counts even where the tariff says that tax is not applicable (A14)."""
    untaxed_gross: bool = False
    """A price that includes tax and names no rate includes none. Else what it is before tax is unknown (A14)."""

    # --- which element applies ---
    empty_window_is_never: bool = False
    """A window of time that ends as it begins holds no moment. Else it is the whole day (A2)."""
    midnight_is_never: bool = False
    """No moment is before an ``end_time`` of 00:00 that stands alone. Else it is the end of the day (A3)."""
    days_of_window_start: bool = False
    """After midnight in a window that began the day before, that day's name counts. Else that of today (A4)."""
    derive_power: bool = False
    """Take a period's mean power where it names none (A5: 2.1.1 has no power dimension)."""
    untold_power_fits: bool = False
    """A limit of power or current holds in a period that tells neither (A5)."""
    touching_power_fits: bool = False
    """A limit of power or current holds if some of the period keeps to it. Else all of the period must (A6)."""
    durations_from_reservation: bool = False
    """Durations count from the CDR's start. Else from the first charging period (A11)."""
    one_element: bool = False
    """The first element that matches prices the whole period, as 2.1.1 reads strictly; what it has no price
    for is free. Else each dimension has its own first element, which the complex example of 2.1.1 needs (A18).
    A reservation, unknown to 2.1.1, is always read so: its example of a fee for coming to nothing needs it."""
    prefer_by_type: bool = True
    """Of several tariffs, none named: a regular one before one of a profile, and ad hoc last (A17). Else the
    first."""
    cut_spans: bool = False
    """A period that outlasts its price is cut where that changes, as if energy had flowed evenly. Else it keeps the
    price of its start (A1)."""

    # --- how much is billed ---
    steps: Steps = Steps.SESSION
    step_what_is_free: bool = False
    """What has no price counts when a session's total is brought to whole steps (A7)."""
    step_last_time: bool = False
    """Of charging and parking the one that came last is brought to whole steps. Else parking, if any (A8)."""
    snap_hours: bool = True
    """Hours within 0.36 s of a whole second are that second before they are brought to whole steps (A15)."""
    hours_by_clock: bool = False
    """A period that only charges, or only parks, lasts from its start to the next, whatever hours it tells (A15)."""
    fixed_of_each_element: bool = False
    """The FLAT of each element is due once. Else that of the first alone (A9)."""
    one_fixed_price: bool = False
    """Reservation and session have one FLAT between them, the first. Else one each (A10)."""
    limits: PriceLimits = PriceLimits.BOTH
    """A12."""
    energy_back_is_free: bool = False
    """Energy that flows back to the grid counts for nothing. Else it is set off (A22)."""

    def tax_in(self, tariff: Tariff) -> TaxIncluded:
        """Do the prices of a tariff hold tax (A14)?"""
        told = tariff.tax_included
        if told is TaxIncluded.NOT_APPLICABLE and self.tax_though_not_applicable:
            return TaxIncluded.NO
        return told

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
