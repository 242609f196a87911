"""What OCPI leaves open (A1 to A22) is a setting each: what it comes to as usual, and read the other way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from tariff_vectors import Vector, read_vectors
from test_price_vectors import EDITIONS, figures

from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.policy import Policy, PriceLimits
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import NetUnknown
from elstrada.tariffs.usage import Usage

START = datetime(2026, 3, 6, 23, 30, tzinfo=UTC)
"""Half past midnight of a Saturday in Stockholm."""
HALF_HOUR = timedelta(minutes=30)
FLAT, ENERGY, TIME, PARKING = Dimension.FLAT, Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME
Component = tuple[Dimension, str] | tuple[Dimension, str, int]
Period = dict[str, str]


def element(*components: Component, vat: int | None = None, **limits: object) -> TariffElement:
    parts = tuple(
        PriceComponent(kind, Decimal(amount), None if vat is None else Decimal(vat), *(step or [0]))
        for kind, amount, *step in components
    )
    return TariffElement(parts, msgspec.convert(limits, TariffRestrictions, strict=False) if limits else None)


def tariff(*elements: TariffElement, **more: object) -> Tariff:
    told = {"party": PartyId("SE", "ELS"), "id": "T", "currency": "SEK", "last_updated": START}
    return msgspec.convert(told | {"elements": elements} | more, Tariff, strict=False)


def usage(*periods: Period) -> Usage:
    """Half an hour each."""
    told = tuple(
        ChargingPeriod(
            START + n * HALF_HOUR,
            tuple(PeriodDimension(name, Decimal(volume)) for name, volume in volumes.items()),
        )
        for n, volumes in enumerate(periods)
    )
    return Usage(
        start=START,
        end=START + len(periods) * HALF_HOUR,
        time_zone="Europe/Stockholm",
        currency="SEK",
        periods=told,
    )


ONE = {"ENERGY": "1", "TIME": "0.5"}
PLAIN = element((ENERGY, "1"))
RESERVED = {"RESERVATION_TIME": "0.5"}

Question = tuple[str, dict[str, object], Tariff, tuple[Period, ...], str, str]
QUESTIONS: tuple[Question, ...] = (
    (
        "A1: a period that outlasts its price",
        {"cut_spans": True},
        tariff(element((ENERGY, "9"), start_time="00:40", end_time="00:50"), PLAIN),
        ({"ENERGY": "3", "TIME": "0.5"},),
        *("3.00", "11.00"),
    ),
    (
        "A2: a window that ends as it begins",
        {"empty_window_is_never": True},
        tariff(element((ENERGY, "9"), start_time="08:00", end_time="08:00"), PLAIN),
        (ONE,),
        *("9.00", "1.00"),
    ),
    (
        "A3: an end at midnight alone",
        {"midnight_is_never": True},
        tariff(element((ENERGY, "9"), end_time="00:00"), PLAIN),
        (ONE,),
        *("9.00", "1.00"),
    ),
    (
        "A4: Friday's window after midnight",
        {"days_of_window_start": True},
        tariff(element((ENERGY, "9"), start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"]), PLAIN),
        (ONE,),
        *("1.00", "9.00"),
    ),
    (
        "A4: Saturday's window before it begins",
        {"days_of_window_start": True},
        tariff(element((ENERGY, "9"), start_time="22:00", end_time="06:00", day_of_week=["SATURDAY"]), PLAIN),
        (ONE,),
        *("9.00", "1.00"),
    ),
    (
        "A5: a power that nobody tells",
        {"untold_power_fits": True},
        tariff(element((ENERGY, "9"), min_power="5", max_power="10"), PLAIN),
        (ONE,),
        *("1.00", "9.00"),
    ),
    (
        "A5: a power that follows from the energy",
        {"derive_power": True},
        tariff(element((ENERGY, "9"), min_power="2", max_power="3"), PLAIN),
        (ONE,),
        *("1.00", "9.00"),
    ),
    (
        "A6: a current that keeps to a limit for some time",
        {"touching_power_fits": True},
        tariff(element((ENERGY, "9"), min_current="10", max_current="20"), PLAIN),
        (ONE | {"MIN_CURRENT": "5", "MAX_CURRENT": "15"},),
        *("1.00", "9.00"),
    ),
    (
        "A7: steps over what is free",
        {"step_what_is_free": True},
        tariff(element((TIME, "60", 2_700), min_duration=1_800)),
        ({"TIME": "0.5"}, {"TIME": "0.5"}),
        *("45.00", "60.00"),
    ),
    (
        "A8: parking first, charging after it",
        {"step_last_time": True},
        tariff(element((TIME, "60", 2_700), (PARKING, "120", 2_700))),
        ({"PARKING_TIME": "0.5"}, {"TIME": "0.5"}),
        *("120.00", "105.00"),
    ),
    (
        "A9: several fixed prices that come to apply",
        {"fixed_of_each_element": True},
        tariff(element((FLAT, "2"), max_duration=1_800), element((FLAT, "5"))),
        (ONE, ONE, ONE),
        *("2.00", "7.00"),
    ),
    (
        "A10: fixed prices of the reservation and the session",
        {"one_fixed_price": True},
        tariff(element((FLAT, "2"), reservation="RESERVATION"), element((FLAT, "5"))),
        (RESERVED, ONE),
        *("7.00", "2.00"),
    ),
    (
        "A11: durations after a reservation",
        {"durations_from_reservation": True},
        tariff(element((ENERGY, "9"), min_duration=1_800), PLAIN),
        (RESERVED, ONE),
        *("1.00", "9.00"),
    ),
    (
        "A12: a greatest price",
        {"limits": "none"},
        tariff(PLAIN, max_price={"before_taxes": "0.5"}),
        (ONE,),
        *("0.50", "1.00"),
    ),
    (
        "A13: rounding of what each volume costs",
        {"line_decimals": 2},
        tariff(element((ENERGY, "0.334"))),
        (ONE, ONE, ONE),
        *("1.00", "0.99"),
    ),
    (
        "A13: decimals of the total",
        {"usual_decimals": 3},
        tariff(element((ENERGY, "0.3344"))),
        (ONE,),
        *("0.33", "0.334"),
    ),
    (
        "A15: hours that are a whole second",
        {"snap_hours": False},
        tariff(element((TIME, "60", 60))),
        ({"TIME": "0.0834"},),
        *("5.00", "6.00"),
    ),
    (
        "A15: hours by the clock",
        {"hours_by_clock": True},
        tariff(element((TIME, "60"), (PARKING, "120"))),
        ({"TIME": "0.4"}, {"PARKING_TIME": "0.6"}, {"TIME": "0.1", "PARKING_TIME": "0.2"}),
        *("126.00", "120.00"),
    ),
    (
        "A18: prices of more than one element",
        {"one_element": True},
        tariff(element((TIME, "2")), PLAIN),
        (ONE,),
        *("2.00", "1.00"),
    ),
    (
        "A22: energy that flows back",
        {"energy_back_is_free": True},
        tariff(PLAIN),
        (ONE, {"ENERGY": "-0.4", "TIME": "0.5"}),
        *("0.60", "1.00"),
    ),
)


@pytest.mark.parametrize(
    ("setting", "one", "periods", "usual", "other"),
    [question[1:] for question in QUESTIONS],
    ids=[question[0] for question in QUESTIONS],
)
def test_an_open_question_has_two_answers(
    setting: dict[str, object], one: Tariff, periods: tuple[Period, ...], usual: str, other: str
) -> None:
    told = usage(*periods)
    assert str(price(told, [one]).total.before_taxes) == usual
    assert str(price(told, [one], msgspec.convert(setting, Policy)).total.before_taxes) == other


def test_a_rate_counts_or_not_where_tax_is_not_applicable() -> None:
    """A14; so does the tax of a limit."""
    one = tariff(element((ENERGY, "1"), vat=25), tax_included="N/A", min_price={"before_taxes": "4"})
    counts = Policy(tax_though_not_applicable=True)
    assert price(usage(ONE), [one]).total.after_taxes == 4
    assert price(usage(ONE), [one], counts).total.after_taxes == 5
    assert price(usage(ONE), [one], counts).total.before_taxes == 4


def test_a_gross_price_without_a_rate_is_refused_or_untaxed() -> None:
    """A14, rule 14."""
    one = tariff(element((ENERGY, "2")), tax_included="YES")
    with pytest.raises(NetUnknown):
        price(usage(ONE), [one])
    cost = price(usage(ONE), [one], Policy(untaxed_gross=True))
    assert (cost.total.before_taxes, cost.total.after_taxes) == (2, 2)


@pytest.mark.parametrize(
    ("limit", "used", "usual", "told"),
    [
        ({"max_price": {"before_taxes": "10"}}, "24", (10, Decimal("12.50")), (10, 30)),
        ({"min_price": {"before_taxes": "5"}}, "1", (5, Decimal("6.25")), (5, 5)),
        ({"min_price": {"before_taxes": "5"}}, "4.8", (5, Decimal("6.25")), (5, 6)),
        ({"max_price": {"before_taxes": "10", "after_taxes": "11"}}, "24", (10, 11), (10, 11)),
    ],
)
def test_a_limit_before_tax_bounds_the_amount_after_it_in_proportion_or_not_at_all(
    limit: dict[str, object], used: str, usual: tuple[Decimal, Decimal], told: tuple[Decimal, Decimal]
) -> None:
    """A12, rule 13."""
    one = tariff(element((ENERGY, "1"), vat=25), **limit)
    for policy, wanted in ((Policy(), usual), (Policy(limits=PriceLimits.TOLD), told)):
        total = price(usage({"ENERGY": used, "TIME": "0.5"}), [one], policy).total
        assert (total.before_taxes, total.after_taxes) == wanted


def test_a_cut_says_that_energy_is_taken_to_flow_evenly() -> None:
    """A1; and the rest of the session goes on from all of the energy."""
    at_two = tariff(element((ENERGY, "9"), min_kwh="2"), element((ENERGY, "1"), (FLAT, "1")))
    told = usage({"ENERGY": "3", "TIME": "0.5"}, ONE)
    as_told, cut = price(told, [at_two]), price(told, [at_two], Policy(cut_spans=True))
    assert as_told.total.before_taxes == 1 + 3 + 9
    assert cut.total.before_taxes == 1 + 2 + 9 + 9
    assert [note.partition(":")[0] for note in as_told.notes] == ["period_spans_price_change"]
    assert [note.partition(":")[0] for note in cut.notes] == ["estimated"]
    assert sum(line.measured for line in cut.lines if line.dimension == "ENERGY") == 4


def test_no_doubt_is_told_that_a_setting_settles() -> None:
    """A5, A6."""
    limited = tariff(element((ENERGY, "9"), max_power="10"), PLAIN)
    for told, setting, mark in (
        (ONE, Policy(untold_power_fits=True), "(A5)"),
        (ONE | {"MIN_POWER": "5", "MAX_POWER": "15"}, Policy(touching_power_fits=True), "(A6)"),
    ):
        assert any(mark in note for note in price(usage(told), [limited]).notes)
        assert price(usage(told), [limited], setting).notes == ()


SETTINGS = {
    "amb_max_price_without_after_taxes": Policy(limits=PriceLimits.TOLD),
    "amb_min_price_without_after_taxes": Policy(limits=PriceLimits.TOLD),
    "own_end_time_0000_alone": Policy(midnight_is_never=True),
    "own_flat_two_elements_crossed": Policy(fixed_of_each_element=True),
    "own_park_then_charge": Policy(step_last_time=True),
    "own_power_restriction_without_power_dimension": Policy(untold_power_fits=True),
    "own_start_equals_end": Policy(empty_window_is_never=True),
    "own_tax_na_ignores_rate": Policy(tax_though_not_applicable=True),
    "own_volume_4dp_rounded_up_seconds": Policy(snap_hours=False),
    "own_wrap_with_day_of_week_saturday_0200": Policy(days_of_window_start=True),
}
"""By case; the others' alternatives are errors of the text."""


@pytest.mark.parametrize(
    "vector", [one for one in read_vectors("ambiguous") if one.id in SETTINGS], ids=lambda one: one.id
)
def test_the_other_answer_to_an_open_question_is_the_one_that_is_known(vector: Vector) -> None:
    setting = msgspec.structs.replace(
        SETTINGS[vector.id],
        usual_decimals=vector.decimals,
        steps=EDITIONS[vector.version].steps,
    )
    told = msgspec.structs.replace(vector.usage, currency=vector.tariff.currency)
    found = figures(price(told, [vector.tariff], setting), vector.decimals)
    assert [(found["total_excl"], found["total_incl"])] == list(vector.alternatives)


ELSEWHERE = {
    *("decimals", "part_decimals", "tax_name", "silence_is_no_tax", "sales_tax_countries", "steps"),
    *("prefer_by_type", "tax_though_not_applicable", "untaxed_gross"),
}


def test_every_setting_is_shown_both_ways() -> None:
    """Those elsewhere: in ``test_price_policies``, in ``test_price_laws`` or above."""
    shown = {name for question in QUESTIONS for name in question[1]}
    assert shown | ELSEWHERE == set(Policy.__struct_fields__)
    assert not shown & ELSEWHERE
