"""Laws of pricing: taxes add up, cuts that mean nothing change nothing, more energy never costs less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)
from elstrada.tariffs.compile import best, compiled
from elstrada.tariffs.explain import ENGLISH, explain, remarks
from elstrada.tariffs.policy import OCPI_2_1_1, Policy, rounded
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import NoTariff, UnknownZone, UnusableTariff, WrongCurrency
from elstrada.tariffs.restrictions import Situation
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import Usage

ZONE = "Europe/Stockholm"
START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
"""The evening before the clocks go forward."""

MONEY = st.decimals(0, 20, places=4)
RATES = st.sampled_from([None, Decimal(0), Decimal("5.2"), Decimal(20), Decimal(25)])
TIMES = st.sampled_from([None, "00:00", "02:00", "02:30", "03:00", "08:00", "17:00", "22:15"])
DAYS = st.sampled_from([(), ("SATURDAY",), ("SUNDAY", "MONDAY")])
LIMITS = st.none() | st.builds(
    TariffRestrictions,
    start_time=TIMES,
    end_time=TIMES,
    day_of_week=DAYS,
    min_kwh=st.none() | st.decimals(1, 30, places=1),
    max_duration=st.none() | st.integers(1, 30_000),
)


def components(
    rates: st.SearchStrategy[Decimal | None], step_size: int = 0
) -> st.SearchStrategy[PriceComponent]:
    return st.builds(PriceComponent, st.sampled_from(Dimension), MONEY, rates, st.just(step_size))


def tariffs(
    rates: st.SearchStrategy[Decimal | None] = RATES,
    limits: st.SearchStrategy[TariffRestrictions | None] = LIMITS,
    included: TaxIncluded = TaxIncluded.NO,
) -> st.SearchStrategy[Tariff]:
    elements = st.builds(
        TariffElement, st.lists(components(rates), min_size=1, max_size=3).map(tuple), limits
    )
    return st.lists(elements, min_size=1, max_size=4).map(
        lambda some: Tariff(
            party=PartyId("SE", "ELS"),
            id="T",
            currency="SEK",
            elements=tuple(some),
            tax_included=included,
            last_updated=START,
        )
    )


def usage(energies: list[int], minutes: int = 60, kind: str = "TIME", start: datetime = START) -> Usage:
    """Periods of equal length, energies in Wh."""
    length = timedelta(minutes=minutes)
    hours = (Decimal(minutes) / 60).quantize(Decimal("0.0001"))
    return Usage(
        start=start,
        end=start + len(energies) * length,
        time_zone=ZONE,
        currency="SEK",
        periods=tuple(
            ChargingPeriod(
                start + n * length,
                (PeriodDimension("ENERGY", Decimal(wh).scaleb(-3)), PeriodDimension(kind, hours)),
            )
            for n, wh in enumerate(energies)
        ),
    )


BY_CLOCK = st.builds(
    TariffRestrictions,
    start_time=TIMES,
    end_time=TIMES,
    day_of_week=DAYS,
    max_duration=st.none() | st.integers(1, 30_000),
)
BY_ENERGY = st.builds(
    TariffRestrictions,
    min_kwh=st.none() | st.decimals(1, 30, places=1),
    max_kwh=st.none() | st.decimals(1, 60, places=1),
)
ENERGIES = st.lists(st.integers(0, 40_000), min_size=1, max_size=8)


@given(tariffs() | tariffs(rates=st.just(Decimal(25)), included=TaxIncluded.YES), ENERGIES)
@settings(max_examples=200, deadline=None)
def test_tax_lines_sum_to_the_difference_of_the_totals(tariff: Tariff, energies: list[int]) -> None:
    cost = price(usage(energies), [tariff])
    for one in (cost.total, cost.energy, cost.time, cost.fixed, cost.parking):
        if one is not None and one.taxes is not None:
            assert one.after_taxes == one.before_taxes + sum(tax.amount for tax in one.taxes)
            assert one.after_taxes >= one.before_taxes >= 0
            assert all(tax.amount >= 0 for tax in one.taxes)
    assert cost.total.before_taxes.as_tuple().exponent == -2


@given(tariffs(), ENERGIES)
@settings(max_examples=150, deadline=None)
def test_the_whole_is_the_sum_of_its_lines_rounded_once(tariff: Tariff, energies: list[int]) -> None:
    cost = price(usage(energies), [tariff])
    assert cost.total.before_taxes == rounded(sum((line.amount for line in cost.lines), Decimal(0)), 2)


@given(tariffs(limits=st.none()), st.integers(0, 40_000).map(lambda wh: wh * 2))
@settings(max_examples=100, deadline=None)
def test_a_cut_where_nothing_changes_leaves_the_total(tariff: Tariff, wh: int) -> None:
    whole = price(usage([wh], minutes=60), [tariff])
    halves = price(usage([wh // 2, wh // 2], minutes=30), [tariff])
    assert halves.total == whole.total


@given(tariffs(), ENERGIES)
@settings(max_examples=150, deadline=None)
def test_splitting_keeps_every_volume(tariff: Tariff, energies: list[int]) -> None:
    measured = usage(energies, minutes=95)
    periods = split(measured, compiled(tariff))
    for kind in ("ENERGY", "TIME"):
        assert volume(periods, kind) == volume(measured.periods, kind)
    starts = [period.start_date_time for period in periods]
    assert starts == sorted(set(starts))
    assert all(one.volume >= 0 for period in periods for one in period.dimensions)


@given(tariffs(limits=BY_CLOCK) | tariffs(limits=BY_ENERGY), ENERGIES)
@settings(max_examples=150, deadline=None)
def test_after_splitting_no_period_spans_a_price_change(tariff: Tariff, energies: list[int]) -> None:
    measured = usage(energies, minutes=95)
    periods = split(measured, compiled(tariff))
    cost = price(msgspec.structs.replace(measured, periods=periods), [tariff])
    assert not [note for note in cost.notes if "A1" in note]


def volume(periods: tuple[ChargingPeriod, ...], kind: str) -> Decimal:
    return sum((d.volume for p in periods for d in p.dimensions if d.type == kind), Decimal(0))


@pytest.mark.roaming_rule(63)
@given(
    tariffs(limits=st.builds(TariffRestrictions, start_time=TIMES, end_time=TIMES, day_of_week=DAYS)),
    st.sampled_from([datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)]),
)
@settings(max_examples=60, deadline=None)
def test_every_minute_of_a_split_period_has_the_price_of_its_start(tariff: Tariff, start: datetime) -> None:
    # A20: over both nights on which the clocks change.
    by = compiled(tariff)
    night = usage([10_000], minutes=12 * 60, start=start)
    cuts = [period.start_date_time for period in split(night, by)]
    chosen: list[tuple[int | None, ...]] = []
    for minute in range(12 * 60):
        at = start + timedelta(minutes=minute)
        now = Situation(at.astimezone(ZoneInfo(ZONE)), Decimal(0), 0, {})
        offers = [best(by.session.get(kind, ()), now) for kind in Dimension]
        chosen.append(tuple(offer and offer.element for offer in offers))
    changes = [n for n in range(1, len(chosen)) if chosen[n] != chosen[n - 1]]
    assert cuts == [start, *(start + timedelta(minutes=n) for n in changes)]


@given(st.lists(components(RATES), min_size=1, max_size=4), st.integers(0, 40_000), st.integers(0, 5_000))
@settings(max_examples=100, deadline=None)
def test_more_energy_never_costs_less(parts: list[PriceComponent], wh: int, more: int) -> None:
    tariff = one_element(*parts)
    assert (
        price(usage([wh + more]), [tariff]).total.before_taxes
        >= price(usage([wh]), [tariff]).total.before_taxes
    )


@given(tariffs(), ENERGIES, st.integers(-12, 14))
@settings(max_examples=50, deadline=None)
def test_the_offset_an_instant_is_written_with_does_not_matter(
    tariff: Tariff, energies: list[int], offset: int
) -> None:
    there = usage(energies, start=START.astimezone(timezone(timedelta(hours=offset))))
    cost = price(there, [tariff])
    assert cost.total == price(usage(energies), [tariff]).total


@given(tariffs())
def test_a_tariff_survives_json(tariff: Tariff) -> None:
    assert msgspec.json.decode(msgspec.json.encode(tariff), type=Tariff) == tariff


# --- single claims -----------------------------------------------------------------------------------


def one_element(*parts: PriceComponent, **other: object) -> Tariff:
    told: dict[str, object] = {
        "party": PartyId("SE", "ELS"),
        "id": "T",
        "currency": "SEK",
        "elements": (TariffElement(parts),),
        "last_updated": START,
    }
    return Tariff(**(told | other))  # type: ignore[arg-type]


ENERGY_4 = PriceComponent(Dimension.ENERGY, Decimal(4), Decimal(25))


def test_a_third_of_an_hour_costs_what_it_should_to_the_half_cent() -> None:
    # 20 min at 0.375 is 0.125 exactly, which rounds up, though 0.3333... has no end.
    tariff = one_element(PriceComponent(Dimension.TIME, Decimal("0.375"), None, 60))
    assert price(usage([0], minutes=20), [tariff]).total.before_taxes == Decimal("0.13")


def test_a_currency_without_cents_is_rounded_to_whole_units() -> None:
    tariff = one_element(ENERGY_4, currency="ISK")
    cost = price(msgspec.structs.replace(usage([1_125]), currency="ISK"), [tariff])
    assert (cost.total.before_taxes, cost.total.after_taxes) == (Decimal(5), Decimal(6))


def test_the_tariff_valid_at_the_start_prices_the_whole_session() -> None:
    # Rule 2: it ends while the car charges, and stays.
    ends = one_element(ENERGY_4, end_date_time=START + timedelta(minutes=30))
    assert price(usage([1_000]), [ends]).total.before_taxes == Decimal("4.00")


@pytest.mark.parametrize(
    "over",
    [
        {"end_date_time": START},
        {"start_date_time": START + timedelta(seconds=1)},
    ],
)
def test_no_tariff_is_an_error_that_says_when_and_which(over: dict[str, datetime]) -> None:
    with pytest.raises(NoTariff, match=r"2026-03-28T20:00:00\+00:00 .*SE\*ELS\*T"):
        price(usage([1]), [one_element(ENERGY_4, **over)])
    with pytest.raises(NoTariff, match="none given"):
        price(usage([1]), [])


@pytest.mark.roaming_rule(45)
def test_a_period_that_names_another_tariff_is_priced_by_it_or_not_at_all() -> None:
    dear = one_element(PriceComponent(Dimension.ENERGY, Decimal(9)), id="D")
    named = usage([1_000])
    period = msgspec.structs.replace(named.periods[0], tariff_id="d")  # CiString.
    named = msgspec.structs.replace(named, periods=(period,))
    assert price(named, [one_element(ENERGY_4), dear]).total.before_taxes == Decimal("9.00")
    with pytest.raises(NoTariff, match="tariff d in SEK"):
        price(named, [one_element(ENERGY_4)])


def test_other_refusals_say_what_is_wrong() -> None:
    with pytest.raises(WrongCurrency, match="EUR, the session in SEK"):
        price(usage([1]), [one_element(ENERGY_4, currency="EUR")])
    with pytest.raises(UnknownZone, match="Mars"):
        price(msgspec.structs.replace(usage([1]), time_zone="Mars/Base"), [one_element(ENERGY_4)])
    limits = TariffRestrictions(start_time="25:99")
    with pytest.raises(UnusableTariff, match="25:99"):
        compiled(one_element(elements=(TariffElement((ENERGY_4,), limits),)))


def test_a_dimension_without_matching_element_is_free_and_says_so() -> None:
    # Rule 7.
    limits = TariffRestrictions(start_time="08:00", end_time="17:00")
    cost = price(usage([1_000]), [one_element(elements=(TariffElement((ENERGY_4,), limits),))])
    assert cost.total.before_taxes == 0
    assert any(note.startswith("ENERGY is free") for note in cost.notes)


def test_energy_given_back_is_netted_and_not_rounded_by_step() -> None:
    # A22.
    tariff = one_element(PriceComponent(Dimension.ENERGY, Decimal(2), None, 1000))
    assert price(usage([-1_500]), [tariff]).total.before_taxes == Decimal("-3.00")


def test_a_least_price_on_nothing_is_untaxed_as_all_of_its_tariff() -> None:
    # A19: no component names a rate, so no tax applies, to the least price neither.
    untaxed = PriceComponent(Dimension.ENERGY, Decimal(4))
    tariff = one_element(untaxed, min_price=PriceLimit(Decimal(10)))
    for energy_wh in (0, 1_000):
        total = price(usage([energy_wh]), [tariff]).total
        assert (total.before_taxes, total.taxes) == (Decimal("10.00"), ())
    assert price(usage([0]), [tariff], OCPI_2_1_1).total.taxes is None
    mixed = one_element(
        untaxed, PriceComponent(Dimension.FLAT, Decimal(0), Decimal(25)), min_price=tariff.min_price
    )
    assert price(usage([0]), [mixed]).total.after_taxes is None
    abroad = one_element(untaxed, min_price=tariff.min_price, party=PartyId("US", "ELS"))
    assert price(usage([0]), [abroad]).total.after_taxes is None


def test_a_least_price_on_nothing_takes_its_tax_from_the_tariffs_one_rate() -> None:
    tariff = one_element(ENERGY_4, min_price=PriceLimit(Decimal(10)))
    assert price(usage([0]), [tariff]).total.after_taxes == Decimal("12.50")


def test_a_least_price_that_is_reached_says_nothing_however_many_digits_there_are() -> None:
    tariff = one_element(
        PriceComponent(Dimension.ENERGY, Decimal("13.5281"), Decimal(25)),
        PriceComponent(Dimension.FLAT, Decimal("18.2110"), Decimal(25)),
        min_price=PriceLimit(Decimal(54)),
    )
    usual = usage([1_000, 1_000])
    for numerator in range(1_000, 1_500):
        volumes = (Decimal(numerator) / 700, Decimal("10.688"))
        periods = tuple(
            msgspec.structs.replace(period, dimensions=(PeriodDimension("ENERGY", volume),))
            for period, volume in zip(usual.periods, volumes, strict=True)
        )
        assert price(msgspec.structs.replace(usual, periods=periods), [tariff]).notes == ()


def test_power_is_derived_where_an_edition_has_none() -> None:
    # A5: 10 kWh in an hour is 10 kW, for 2.1.1 alone.
    slow = TariffElement((ENERGY_4,), TariffRestrictions(max_power=Decimal(11)))
    tariff = one_element(elements=(slow, TariffElement((PriceComponent(Dimension.ENERGY, Decimal(9)),))))
    assert price(usage([10_000]), [tariff], OCPI_2_1_1).total.before_taxes == Decimal("40.00")
    assert price(usage([12_000]), [tariff], OCPI_2_1_1).total.before_taxes == Decimal("108.00")
    later = price(usage([10_000]), [tariff])
    assert later.total.before_taxes == Decimal("90.00")
    assert any("A5" in note for note in later.notes)


def test_a_band_that_a_period_straddles_is_noted() -> None:
    # A6.
    slow = TariffElement((ENERGY_4,), TariffRestrictions(min_power=Decimal(11)))
    one = usage([1_000])
    band = (PeriodDimension("MIN_POWER", Decimal(5)), PeriodDimension("MAX_POWER", Decimal(20)))
    period = msgspec.structs.replace(one.periods[0], dimensions=(*one.periods[0].dimensions, *band))
    cost = price(msgspec.structs.replace(one, periods=(period,)), [one_element(elements=(slow,))])
    assert any("A6" in note for note in cost.notes)


def test_silence_on_tax_is_no_tax_or_unknown_as_the_policy_says() -> None:
    tariff = one_element(PriceComponent(Dimension.ENERGY, Decimal(4)))
    assert price(usage([1_000]), [tariff]).total.after_taxes == Decimal("4.00")
    assert price(usage([1_000]), [tariff], Policy(silence_is_no_tax=False)).total.after_taxes is None


def test_an_explanation_names_every_line_and_speaks_another_language_by_its_phrases() -> None:
    limits = PriceLimit(Decimal(5))
    tariff = one_element(ENERGY_4, PriceComponent(Dimension.PARKING_TIME, Decimal(30), Decimal(25), 900))
    tariff = msgspec.structs.replace(tariff, max_price=limits)
    cost = price(usage([1_234], minutes=10, kind="PARKING_TIME"), [tariff])
    assert explain(cost, ZONE) == (
        "2026-03-28 21:00  1.234 kWh at 4.00 SEK/kWh = 4.936 SEK, VAT 25 %",
        "    by tariff T, element 1",
        "2026-03-28 21:00  0:15:00 parked at 30.00 SEK/h = 7.50 SEK, VAT 25 % (step 900 s: 600 -> 900 s)",
        "    by tariff T, element 1",
        "Total before tax: 5.00 SEK",
        "VAT 25 %: 1.25 SEK",
        "Total: 6.25 SEK",
        "Note: max_price: 12.44 became 5.00 before tax (rule 13)",
    )
    assert {remark.phrase for remark in remarks(cost, ZONE)} <= set(ENGLISH)
    swedish = ENGLISH | {"after_taxes": "Att betala: {amount} {currency}"}
    assert "Att betala: 6.25 SEK" in explain(cost, ZONE, swedish)


@pytest.mark.parametrize(("window", "notes"), [(("02:00", "02:30"), 0), (("01:30", "02:00"), 1)])
def test_a_time_the_clock_leaps_over_is_no_change_of_price(window: tuple[str, str], notes: int) -> None:
    night = TariffElement((ENERGY_4,), TariffRestrictions(start_time=window[0], end_time=window[1]))
    usual = TariffElement((PriceComponent(Dimension.ENERGY, Decimal(9)),))
    cost = price(usage([10_000], minutes=12 * 60), [one_element(elements=(night, usual))])
    assert len([note for note in cost.notes if "A1" in note]) == notes


def test_tax_lines_too_small_to_round_alone_still_add_up_and_none_is_negative() -> None:
    # Rule 12: four rates with half a cent of tax each owe two cents together, not three and one back.
    parts = [PriceComponent(Dimension.FLAT, Decimal("0.5") / rate, Decimal(rate)) for rate in (5, 10, 20, 25)]
    kinds = (Dimension.FLAT, Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME)
    parts = [
        msgspec.structs.replace(part, type=kind, step_size=0) for part, kind in zip(parts, kinds, strict=True)
    ]
    dimensions = tuple(PeriodDimension(kind.value, Decimal(1)) for kind in kinds[1:])
    one = msgspec.structs.replace(usage([0]), periods=(ChargingPeriod(START, dimensions),))
    total = price(one, [one_element(*parts)]).total
    assert total.taxes is not None
    assert [tax.amount for tax in total.taxes] == [0, Decimal("0.01"), 0, Decimal("0.01")]


@pytest.mark.roaming_rule(63)
@pytest.mark.parametrize(
    ("limits", "at", "dear"),
    [
        (TariffRestrictions(end_time="00:00"), datetime(2026, 3, 28, 22, 59, tzinfo=UTC), True),
        (TariffRestrictions(start_date="2026-03-28"), datetime(2026, 3, 27, 22, 59, tzinfo=UTC), False),
        (TariffRestrictions(start_date="2026-03-28"), datetime(2026, 3, 27, 23, 0, tzinfo=UTC), True),
        (TariffRestrictions(end_date="2026-03-28"), datetime(2026, 3, 27, 22, 59, tzinfo=UTC), True),
        (TariffRestrictions(end_date="2026-03-28"), datetime(2026, 3, 27, 23, 0, tzinfo=UTC), False),
        (TariffRestrictions(day_of_week=("SATURDAY",)), datetime(2026, 3, 27, 23, 0, tzinfo=UTC), True),
        (TariffRestrictions(start_time="17:00"), datetime(2026, 3, 28, 15, 59, 59, tzinfo=UTC), False),
        (TariffRestrictions(start_time="17:00"), datetime(2026, 3, 28, 16, 0, tzinfo=UTC), True),
        (
            TariffRestrictions(start_time="16:00", end_time="17:00"),
            datetime(2026, 3, 28, 16, 0, tzinfo=UTC),
            False,
        ),
        (
            TariffRestrictions(start_time="22:00", end_time="06:00"),
            datetime(2026, 3, 28, 4, 59, tzinfo=UTC),
            True,
        ),
        (
            TariffRestrictions(start_time="22:00", end_time="06:00"),
            datetime(2026, 3, 28, 5, 0, tzinfo=UTC),
            False,
        ),
    ],
)
def test_bounds_are_half_open_on_the_places_clock(
    limits: TariffRestrictions, at: datetime, dear: bool
) -> None:
    # Rules 4, 5 and 17; A3.
    nine = TariffElement((PriceComponent(Dimension.ENERGY, Decimal(9)),), limits)
    cost = price(usage([1_000], start=at), [one_element(elements=(nine, TariffElement((ENERGY_4,))))])
    assert cost.lines[0].unit_price == (9 if dear else 4)


@pytest.mark.parametrize(
    ("limits", "power", "dear"),
    [
        (TariffRestrictions(min_power=Decimal(11)), 11, True),
        (TariffRestrictions(min_power=Decimal(11)), 10, False),
        (TariffRestrictions(max_power=Decimal(11)), 11, False),
        (TariffRestrictions(max_power=Decimal(11)), 10, True),
    ],
)
def test_a_band_of_power_holds_from_its_least_and_below_its_most(
    limits: TariffRestrictions, power: int, dear: bool
) -> None:
    # Rule 4: max_power means "less than".
    band = tuple(PeriodDimension(name, Decimal(power)) for name in ("MIN_POWER", "MAX_POWER"))
    one = usage([1_000])
    period = msgspec.structs.replace(one.periods[0], dimensions=(*one.periods[0].dimensions, *band))
    nine = TariffElement((PriceComponent(Dimension.ENERGY, Decimal(9)),), limits)
    tariff = one_element(elements=(nine, TariffElement((ENERGY_4,))))
    cost = price(msgspec.structs.replace(one, periods=(period,)), [tariff])
    assert cost.lines[0].unit_price == (9 if dear else 4)


def test_a_session_lasts_from_its_first_charging_not_from_the_reservation() -> None:
    # A11: the hour reserved before does not count towards the first half hour.
    first = TariffElement((ENERGY_4,), TariffRestrictions(max_duration=1800))
    tariff = one_element(elements=(first, TariffElement((PriceComponent(Dimension.ENERGY, Decimal(9)),))))
    reserved = ChargingPeriod(START - timedelta(hours=1), (PeriodDimension("RESERVATION_TIME", Decimal(1)),))
    one = usage([1_000], minutes=20)
    one = msgspec.structs.replace(one, start=reserved.start_date_time, periods=(reserved, *one.periods))
    assert price(one, [tariff]).total.before_taxes == Decimal("4.00")


def test_tax_inside_the_price_is_taken_out_by_its_rate() -> None:
    # Rule 14, YES.
    tariff = one_element(ENERGY_4, tax_included=TaxIncluded.YES)
    total = price(usage([1_000]), [tariff]).total
    assert (total.before_taxes, total.after_taxes) == (Decimal("3.20"), Decimal("4.00"))


def test_a_limit_that_knows_its_tax_names_the_rate_it_implies() -> None:
    tariff = one_element(ENERGY_4, min_price=PriceLimit(Decimal("0.50"), Decimal("0.55")))
    (tax,) = price(usage([0]), [tariff]).total.taxes or ()
    assert (tax.amount, tax.percentage) == (Decimal("0.05"), 10)


def test_two_tariffs_of_one_session_must_speak_of_one_money() -> None:
    one = usage([1_000, 1_000])
    second = msgspec.structs.replace(one.periods[1], tariff_id="E")
    one = msgspec.structs.replace(one, periods=(one.periods[0], second))
    with pytest.raises(NoTariff, match="tariff E in SEK"):
        price(one, [one_element(ENERGY_4), one_element(ENERGY_4, id="E", currency="EUR")])
