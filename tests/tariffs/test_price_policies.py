"""What OCPI leaves open is a value of the policy: steps, the choice of elements and of tariffs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from elstrada.model.cost import Cost
from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.policy import OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0, Policy, Steps
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import WrongCurrency
from elstrada.tariffs.usage import Usage

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
ENERGY, TIME, PARKING, FLAT = Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT


def component(kind: Dimension, amount: str, step_size: int = 0) -> PriceComponent:
    return PriceComponent(kind, Decimal(amount), Decimal(25), step_size)


def tariff(*elements: TariffElement, id: str = "T", type: str | None = None, **other: object) -> Tariff:
    told: dict[str, object] = {
        "party": PartyId("SE", "ELS"),
        "id": id,
        "currency": "SEK",
        "type": type,
        "elements": elements,
        "last_updated": START,
    }
    return msgspec.convert(told | other, Tariff)


def usage(*periods: tuple[int, str, Dimension], names: tuple[str | None, ...] = ()) -> Usage:
    """Periods told by minutes, kWh, and what the time is; with the tariffs they name."""
    told, at = list[ChargingPeriod](), START
    for n, (minutes, kwh, kind) in enumerate(periods):
        hours = (Decimal(minutes) / 60).quantize(Decimal("0.0001"))
        dimensions = (PeriodDimension("ENERGY", Decimal(kwh)), PeriodDimension(kind.value, hours))
        told.append(ChargingPeriod(at, dimensions, names[n] if names else None))
        at += timedelta(minutes=minutes)
    return Usage(start=START, end=at, time_zone="Europe/Stockholm", currency="SEK", periods=tuple(told))


def net(cost: Cost) -> Decimal:
    return cost.total.before_taxes


@pytest.mark.parametrize(
    ("steps", "total"),
    [
        (Steps.SESSION, "57.00"),  # 27 minutes at 1 a minute as they were; 7 at 2 become 15.
        (Steps.BLOCKS, "60.00"),  # 30 at 1, and 15 at 2.
        (Steps.NONE, "41.00"),
    ],
)
def test_steps_are_of_the_session_or_of_each_component_or_none(steps: Steps, total: str) -> None:
    """Rule 10; the block example of 2.1.1; none in 3.0."""
    each = tariff(TariffElement((component(TIME, "60", 900), component(PARKING, "120", 900))))
    told = usage((27, "0", TIME), (7, "0", PARKING))
    assert net(price(told, [each], Policy(steps=steps))) == Decimal(total)


def test_six_minutes_by_a_step_of_300_seconds_are_ten_in_every_edition_with_steps() -> None:
    """OCPI 2.1.1, 2.2.1 and 2.3.0, mod_tariffs, PriceComponent: two blocks."""
    one = tariff(TariffElement((component(TIME, "6", 300),)))
    for policy in (OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0):
        assert net(price(usage((6, "0", TIME)), [one], policy)) == Decimal("1.00")


@pytest.mark.parametrize(("hours", "seconds"), [("0.0012", 4), ("0.001222", 5)])
def test_an_hour_of_four_decimals_is_the_second_it_stands_for(hours: str, seconds: int) -> None:
    """A15: 4 s, rounded up to 0.0012 h, which are 4.32 s; what is 0.40 s off was not rounded so."""
    told = usage((1, "0", TIME))
    period = ChargingPeriod(START, (PeriodDimension("TIME", Decimal(hours)),))
    by_the_second = tariff(TariffElement((component(TIME, "3600", 1),)))
    assert net(price(msgspec.structs.replace(told, periods=(period,)), [by_the_second])) == seconds


def test_each_edition_reads_its_own_steps() -> None:
    """Rule 10, table 1.1."""
    assert [policy.steps for policy in (OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0)] == [
        Steps.BLOCKS,
        Steps.SESSION,
        Steps.SESSION,
    ]


def test_a_block_is_of_one_component_even_where_two_have_one_dimension() -> None:
    """1.2 kWh of the first element become 2, and 1.3 of the second 2."""
    first = TariffElement((component(ENERGY, "2", 1_000),), TariffRestrictions(max_duration=1_800))
    told = usage((30, "1.2", TIME), (30, "1.3", TIME))
    both = [tariff(first, TariffElement((component(ENERGY, "4", 1_000),)))]
    assert net(price(told, both, Policy(steps=Steps.BLOCKS))) == Decimal("12.00")


def test_a_strict_reading_lets_one_element_price_the_whole_period() -> None:
    """A18: the second element's energy price is for periods that the first does not fit."""
    first = TariffElement((component(TIME, "60"),), TariffRestrictions(max_duration=1_800))
    second = TariffElement((component(ENERGY, "4"), component(TIME, "6")))
    told, offered = usage((30, "10", TIME), (30, "10", TIME)), [tariff(first, second)]
    strict = price(told, offered, msgspec.structs.replace(OCPI_2_1_1, one_element=True))
    assert net(strict) == Decimal("73.00")  # 30 of the first half hour, 3 and 40 of the second.
    assert [note for note in strict.notes if "ENERGY is free" in note and "A18" in note]
    assert net(price(told, offered, OCPI_2_1_1)) == Decimal("113.00")


@pytest.mark.parametrize("one_element", [True, False])
@pytest.mark.parametrize("expires_first", [True, False])
@pytest.mark.parametrize(
    ("expires", "total"),
    [
        ((component(FLAT, "4"),), "6.00"),  # OCPI's example 17: the fee, and the hour as reserved.
        ((component(TIME, "6"),), "6.00"),  # Its example 18: the hour at its own price alone.
        ((component(FLAT, "4"), component(TIME, "6")), "10.00"),
    ],
)
def test_a_strict_reading_leaves_each_dimension_of_a_reservation_its_own_element(
    expires: tuple[PriceComponent, ...], total: str, expires_first: bool, one_element: bool
) -> None:
    """Rule 15: 2.1.1, which may be read strictly (A18), knows no reservations; who knows them looks up each."""
    elements = [
        TariffElement(expires, TariffRestrictions(reservation="RESERVATION_EXPIRES")),
        TariffElement((component(TIME, "2"),), TariffRestrictions(reservation="RESERVATION")),
    ]
    offered = tariff(*(elements if expires_first else elements[::-1]))
    hour = ChargingPeriod(START, (PeriodDimension("RESERVATION_TIME", Decimal(1)),))
    told = msgspec.structs.replace(usage((60, "0", TIME)), periods=(hour,), reservation_expired=True)
    assert net(price(told, [offered], Policy(one_element=one_element))) == Decimal(total)


@pytest.mark.parametrize(
    ("types", "taken"),
    [
        (("PROFILE_FAST", "REGULAR"), "B"),
        (("AD_HOC_PAYMENT", "PROFILE_CHEAP"), "B"),
        (("AD_HOC_PAYMENT", None), "B"),
        (("REGULAR", None), "A"),
        (("PROFILE_CHEAP", "PROFILE_FAST"), "A"),
    ],
)
def test_of_several_tariffs_a_regular_one_goes_first(types: tuple[str | None, ...], taken: str) -> None:
    """A17: no period names one."""
    offered = [
        tariff(TariffElement((component(ENERGY, amount),)), id=id, type=kind)
        for id, kind, amount in zip("AB", types, "12", strict=True)
    ]
    cost = price(usage((30, "1", TIME)), offered)
    assert [line.tariff_id for line in cost.lines] == [taken]
    assert f"SE*ELS*{taken} was taken" in cost.notes[0]
    assert "A17" in cost.notes[0]
    listed = price(usage((30, "1", TIME)), offered, Policy(prefer_by_type=False))
    assert [line.tariff_id for line in listed.lines] == ["A"]


def test_a_period_without_a_name_is_not_priced_by_that_of_another_period() -> None:
    """Rule 1: by the first of the CDR. The limits are those of the tariff in force at the start."""
    a = tariff(TariffElement((component(ENERGY, "1"),)), id="A")
    b = tariff(TariffElement((component(ENERGY, "2"),)), id="B", max_price={"before_taxes": "2.5"})
    cost = price(usage((30, "1", TIME), (30, "1", TIME), names=("B", None)), [a, b])
    assert [line.tariff_id for line in cost.lines] == ["B", "A"]
    assert net(cost) == Decimal("2.50")


def test_a_tariff_in_other_money_is_refused_where_a_period_needs_it() -> None:
    """Rule 16."""
    a = tariff(TariffElement((component(ENERGY, "1"),)), id="A", currency="EUR")
    b = tariff(TariffElement((component(ENERGY, "2"),)), id="B")
    with pytest.raises(WrongCurrency, match="rule 16"):
        price(usage((30, "1", TIME)), [a, b])
    assert net(price(usage((30, "1", TIME), names=("B",)), [a, b])) == Decimal("2.00")


def test_energy_given_back_is_set_off_and_said() -> None:
    """A22: what is left after setting off is brought to whole steps, less than nothing is not."""
    offered = [tariff(TariffElement((component(ENERGY, "2", 1_000),)))]
    cost = price(usage((30, "2.5", TIME), (30, "-1", TIME)), offered)
    assert net(cost) == Decimal("4.00")
    assert cost.notes == ("1 kWh flowed back: they are set off, each at the price of its time (A22)",)
    assert net(price(usage((30, "1", TIME), (30, "-2.5", TIME)), offered)) == Decimal("-3.00")


@pytest.mark.parametrize(
    ("currency", "total"),
    [
        ("SEK", "1.23"),
        ("KWD", "1.235"),
        ("TND", "1.235"),
        ("CLP", "1"),
        ("JPY", "1"),
        ("XOF", "1"),
        ("HUF", "1"),
    ],
)
def test_a_total_has_the_decimals_of_its_money(currency: str, total: str) -> None:
    """A13; ISO 4217. Hungary has no coin smaller than a forint, whatever the list of currencies says."""
    offered = tariff(TariffElement((PriceComponent(ENERGY, Decimal("1.2345"), None, 0),)), currency=currency)
    told = msgspec.structs.replace(usage((30, "1", TIME)), currency=currency)
    assert str(net(price(told, [offered]))) == total
    assert str(net(price(told, [offered], Policy(decimals={currency: 4})))) == "1.2345"
