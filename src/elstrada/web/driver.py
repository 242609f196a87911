"""What a driver sees who pays on the web."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from elstrada.model.tariff import PriceComponent, Tariff, TaxIncluded

MOST_PRICES = 20


class PriceLine(msgspec.Struct, frozen=True):
    """One price of a tariff, with its tax where that is known."""

    kind: str
    """ENERGY, TIME, PARKING_TIME, FLAT."""
    amount: Decimal
    """Per kWh, per hour, or once."""
    with_tax: bool
    conditional: bool
    """It holds at some times only."""


class PayPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a payment."""

    says: str
    """Which: ``offer``, a state of the payment, or what is wrong."""
    station_id: str = ""
    evse_id: int = 0
    amount: Decimal | None = None
    currency: str | None = None
    energy_wh: int | None = None
    time_s: int | None = None
    prices: tuple[PriceLine, ...] = ()
    action: str = ""
    ticket: str = ""
    signature: str = ""
    taken: Decimal | None = None
    receipt_url: str = ""
    refresh: bool = False
    """It changes by itself."""


def prices_of(tariff: Tariff) -> tuple[PriceLine, ...]:
    """The prices of a tariff, in its order."""
    lines = [
        PriceLine(one.type.value, *_amount(one, tariff), element.restrictions is not None)
        for element in tariff.elements
        for one in element.price_components
    ]
    return tuple(lines[:MOST_PRICES])


def _amount(one: PriceComponent, tariff: Tariff) -> tuple[Decimal, bool]:
    if tariff.tax_included is TaxIncluded.YES:
        return one.price, True
    if one.vat is None:
        return one.price, tariff.tax_included is TaxIncluded.NOT_APPLICABLE
    return one.price * (100 + one.vat) / 100, True
