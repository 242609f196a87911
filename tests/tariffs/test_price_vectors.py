"""The worked examples of OCPI and the settled ambiguities (A1 to A15) come out to the stated decimals."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from tariff_vectors import SHARED, Vector, read_vectors

from elstrada.model.cost import Cost, Price
from elstrada.tariffs.policy import OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0, Policy, rounded
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import NetUnknown, WrongCurrency

EDITIONS = {"2.1.1": OCPI_2_1_1, "2.2.1": OCPI_2_2_1, "2.3.0": OCPI_2_3_0}
OTHER_CURRENCY = "own_wrap_with_day_of_week_saturday_0200"
"""Its CDR says SEK, its tariff EUR; which rule 16 refuses. It is about the window, so priced in EUR."""


def cases(folder: str) -> list[object]:
    found = read_vectors(folder)
    if not found:
        reason = f"{SHARED / folder} is absent"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id=f"{folder}-absent")]
    return [pytest.param(vector, id=vector.id) for vector in found]


def policy_of(vector: Vector) -> Policy:
    return msgspec.structs.replace(EDITIONS[vector.version], usual_decimals=vector.decimals)


def priced(vector: Vector) -> dict[str, Decimal | None]:
    usage = vector.usage
    if vector.id == OTHER_CURRENCY:
        usage = msgspec.structs.replace(usage, currency=vector.tariff.currency)
    try:
        return figures(price(usage, [vector.tariff], policy_of(vector)), vector.decimals)
    except NetUnknown as refusal:
        return {"total_excl": None, "total_incl": refusal.gross}


def figures(cost: Cost, decimals: int) -> dict[str, Decimal | None]:
    def part(one: Price | None) -> Decimal:
        return rounded(one.before_taxes if one else Decimal(0), decimals)

    energy = sum((line.quantity for line in cost.lines if line.dimension == "ENERGY"), Decimal(0))
    return {
        "total_excl": cost.total.before_taxes,
        "total_incl": cost.total.after_taxes,
        "fixed_excl": part(cost.fixed),
        "time_excl": part(cost.time),
        "parking_excl": part(cost.parking),
        "reservation_excl": part(cost.reservation),
        "energy_billed": energy,
    }


@pytest.mark.parametrize("vector", cases("spec"))
def test_a_worked_example_comes_out_as_published(vector: Vector) -> None:
    found = priced(vector)
    assert {name: found[name] for name in vector.expected} == vector.expected


@pytest.mark.parametrize("vector", cases("ambiguous"))
def test_an_open_question_is_read_as_settled(vector: Vector) -> None:
    found = priced(vector)
    assert {name: found[name] for name in vector.expected} == vector.expected
    assert (found["total_excl"], found["total_incl"]) not in vector.alternatives


@pytest.mark.parametrize("vector", [c for c in read_vectors("ambiguous") if c.id == OTHER_CURRENCY], ids=str)
def test_a_tariff_in_another_currency_is_refused(vector: Vector) -> None:
    with pytest.raises(WrongCurrency, match="rule 16"):
        price(vector.usage, [vector.tariff])
