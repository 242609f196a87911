"""Prices to and from the model."""

from __future__ import annotations

from collections.abc import Iterator

from elstrada.model import cost as m_cost
from elstrada.ocpi.findings import Loss
from elstrada.ocpi.scalars import number
from elstrada.ocpi.v221 import common
from elstrada.ocpi.v221.translate.values import number_or_none


def price_from_wire(wire: common.Price) -> m_cost.Price:
    """A price. Without incl_vat the tax is unknown, which is not the same as none."""
    if wire.incl_vat is None:
        return m_cost.Price(wire.excl_vat, None)
    tax = wire.incl_vat - wire.excl_vat
    return m_cost.Price(wire.excl_vat, (m_cost.TaxAmount("VAT", tax),) if tax else ())


def price_to_wire(price: m_cost.Price) -> common.Price:
    return common.Price(number(price.before_taxes), number_or_none(price.after_taxes))


def price_losses(price: m_cost.Price | None, pointer: str) -> Iterator[Loss]:
    if price is not None and price.taxes is not None and len(price.taxes) > 1:
        yield Loss(f"{pointer}/taxes", "2.2.1 has one sum for all taxes")
