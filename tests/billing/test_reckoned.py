"""A station's own reckoning beside our price."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from elstrada.billing.reckoned import disagreement
from elstrada.model.cost import Cost, Price, TaxAmount
from elstrada.model.reckoning import StationCost, StationPrice

OURS = Cost(
    currency="EUR",
    total=Price(Decimal("10.00"), (TaxAmount("VAT", Decimal("2.50"), Decimal(25)),)),
)
UNTAXED = Cost(currency="EUR", total=Price(Decimal("10.00"), None))


def told(before: str | None = None, after: str | None = None, **more: object) -> StationCost:
    total = StationPrice(
        before_taxes=None if before is None else Decimal(before),
        after_taxes=None if after is None else Decimal(after),
    )
    return msgspec.structs.replace(StationCost(currency="EUR", total=total), **more)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (told(after="12.50"), OURS),
        (told(after="12.509999"), OURS),
        (told(before="9.999"), OURS),
        (told(before="1.00", after="12.50"), OURS),
        (told(before="10.00", after="99.00"), UNTAXED),
        (told(), OURS),
    ],
)
def test_amounts_less_than_a_cent_apart_agree(theirs: StationCost, ours: Cost) -> None:
    assert disagreement(theirs, ours) is None


@pytest.mark.parametrize(
    ("theirs", "ours", "says"),
    [
        (told(after="12.51"), OURS, "reckoned 12.51 EUR with taxes, our price is 12.50"),
        (told(before="9.00"), OURS, "reckoned 9.00 EUR before taxes, our price is 10.00"),
        (told(before="9.00", after="1"), UNTAXED, "reckoned 9.00 EUR before taxes, our price is 10.00"),
        (told(after="12.50", currency="SEK"), OURS, "reckons in SEK, our price is in EUR"),
        (told(after="0", failure="no clock"), OURS, "could not reckon the cost: no clock"),
        (told(after="0", failure=""), OURS, "could not reckon the cost"),
    ],
)
def test_what_departs_is_said_in_a_sentence(theirs: StationCost, ours: Cost, says: str) -> None:
    assert says in (disagreement(theirs, ours) or "")
