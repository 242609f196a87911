"""What something cost, and why: the result of pricing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class TaxAmount(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tax line. Source: OCPI 2.3.0 TaxAmount."""

    name: str
    amount: Decimal
    percentage: Decimal | None = None
    account_number: str | None = None
    """Of whoever remits it, where the law wants it shown."""


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """An amount before taxes and the taxes on it; the currency stands where the price stands.

    ``taxes`` is None where the tax is not known, which is not the same as no tax.
    """

    before_taxes: Decimal
    taxes: tuple[TaxAmount, ...] | None = ()

    @property
    def after_taxes(self) -> Decimal | None:
        """The whole amount, or None where the tax is not known."""
        if self.taxes is None:
            return None
        return sum((tax.amount for tax in self.taxes), self.before_taxes)


class CostLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step of a price: this much of that dimension, at this price, for this reason."""

    dimension: str
    """ENERGY, TIME, PARKING_TIME, FLAT."""
    start: datetime
    tariff_id: str
    element: int
    """Index in the tariff's elements, from 0."""
    quantity: Decimal
    """kWh, hours, or 1 for FLAT, as billed."""
    measured: Decimal
    """Before step_size; the same unit."""
    unit_price: Decimal
    amount: Decimal
    """quantity times unit_price, exact, not rounded; tax as ``Tariff.tax_included`` says."""
    vat: Decimal | None = None
    """Percent."""
    reason: str = ""
    reserved: bool = False
    """It is of the reservation or the booking, not of the session."""


class Cost(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A price with its reasons. Tax lines sum to ``total.after_taxes - total.before_taxes`` exactly."""

    currency: str
    total: Price
    """Rounded once, at the end, by the policy."""
    fixed: Price | None = None
    energy: Price | None = None
    time: Price | None = None
    parking: Price | None = None
    reservation: Price | None = None
    lines: tuple[CostLine, ...] = ()
    notes: tuple[str, ...] = ()
    """Doubts and decisions of the engine, each a sentence that names its rule (A1 to A22)."""
