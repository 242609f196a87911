"""Classes that several modules share. Source: OCPI 2.3.0 types."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class TaxAmount(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    name: str
    account_number: str | None = None
    percentage: Decimal | None = None
    amount: Decimal


class Price(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    before_taxes: Decimal
    taxes: tuple[TaxAmount, ...] = ()


class PriceLimit(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    before_taxes: Decimal
    after_taxes: Decimal | None = None
