"""Where systems of OCPI most often disagree about a price, worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffElement,
    TariffRestrictions,
)
from elstrada.tariffs.price import price
from elstrada.tariffs.usage import Usage

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
ENERGY, TIME, PARKING = Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME


def component(kind: Dimension, amount: str, step_size: int = 0, vat: str = "25") -> PriceComponent:
    return PriceComponent(kind, Decimal(amount), Decimal(vat), step_size)


def tariff(
    *elements: TariffElement, least: PriceLimit | None = None, most: PriceLimit | None = None
) -> Tariff:
    return Tariff(
        party=PartyId("SE", "ELS"),
        id="T",
        currency="SEK",
        elements=elements,
        min_price=least,
        max_price=most,
        last_updated=START,
    )


def usage(*periods: tuple[int, str, str, Dimension]) -> Usage:
    """Of periods told by length in seconds, hours as the CDR has them, kWh, and what the time is."""
    told, at = list[ChargingPeriod](), START
    for length_s, hours, kwh, kind in periods:
        dimensions = (PeriodDimension("ENERGY", Decimal(kwh)), PeriodDimension(kind.value, Decimal(hours)))
        told.append(ChargingPeriod(at, dimensions))
        at += timedelta(seconds=length_s)
    return Usage(start=START, end=at, time_zone="Europe/Stockholm", currency="SEK", periods=tuple(told))


@pytest.mark.roaming_rule(61)
def test_dimensions_come_from_different_elements_and_each_from_the_first_that_fits() -> None:
    """Energy has its price in the second element alone, although the first one fits and has one for time."""
    first = TariffElement((component(TIME, "60"),), TariffRestrictions(max_duration=1_800))
    second = TariffElement((component(ENERGY, "4"), component(TIME, "6")))
    cost = price(usage((1_800, "0.5", "10", TIME), (1_800, "0.5", "10", TIME)), [tariff(first, second)])
    # Half an hour at 60, half an hour at 6, 20 kWh at 4.
    assert cost.total.before_taxes == Decimal("113.00")


@pytest.mark.roaming_rule(62)
@pytest.mark.parametrize(
    ("kwh", "step_wh", "total"),
    [
        (("1.2", "1.3"), 1_000, "9.60"),  # 1.2 at 2, and 1.8 at 4: together they are brought to 3 kWh.
        (("1.2", "1.8"), 1_000, "9.60"),  # 3 kWh already.
        (("1.2", "1.3"), 0, "7.60"),
        (("1.2", "1.3"), 1, "7.60"),
    ],
)
def test_a_step_of_energy_is_taken_once_by_the_last_price(
    kwh: tuple[str, str], step_wh: int, total: str
) -> None:
    cheap = TariffElement((component(ENERGY, "2", step_wh),), TariffRestrictions(max_duration=1_800))
    dear = TariffElement((component(ENERGY, "4", step_wh),))
    told = usage((1_800, "0.5", kwh[0], TIME), (1_800, "0.5", kwh[1], TIME))
    assert price(told, [tariff(cheap, dear)]).total.before_taxes == Decimal(total)


@pytest.mark.roaming_rule(62)
def test_a_step_of_time_is_taken_once_by_the_last_of_charging_and_parking() -> None:
    """27 minutes of charging and 7 of parking, both by the quarter: the parking is billed as 15 minutes."""
    told = usage((1_620, "0.45", "5", TIME), (420, "0.1167", "0", PARKING))
    each = tariff(TariffElement((component(TIME, "60", 900), component(PARKING, "120", 900))))
    # 27 minutes at 1 a minute, as they were; 15 at 2.
    assert price(told, [each]).total.before_taxes == Decimal("57.00")
    # Without parking it is the charging that is brought to half an hour.
    assert price(usage((1_620, "0.45", "5", TIME)), [each]).total.before_taxes == Decimal("30.00")


@pytest.mark.roaming_rule(64)
@pytest.mark.parametrize(
    ("least", "most", "before", "after"),
    [
        (("10", None), None, "10.00", "12.50"),
        (("10", "20"), None, "10.00", "20.00"),  # The tax is what the two figures leave.
        (("1", "6"), None, "4.00", "6.00"),
        (None, ("3", None), "3.00", "3.75"),
        (None, ("100", "4.50"), "4.00", "4.50"),
    ],
)
def test_each_figure_of_a_limit_binds_its_own_total(
    least: tuple[str, str | None] | None, most: tuple[str, str | None] | None, before: str, after: str
) -> None:
    """One kWh costs 4, and 5 with tax."""

    def limit(told: tuple[str, str | None] | None) -> PriceLimit | None:
        return told and PriceLimit(Decimal(told[0]), told[1] and Decimal(told[1]))  # type: ignore[return-value,arg-type]

    one = tariff(TariffElement((component(ENERGY, "4"),)), least=limit(least), most=limit(most))
    total = price(usage((1_800, "0.5", "1", TIME)), [one]).total
    assert (total.before_taxes, total.after_taxes) == (Decimal(before), Decimal(after))
