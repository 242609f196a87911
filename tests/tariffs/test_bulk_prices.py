"""Prices in bulk are those of ``price`` to the last digit and note, or are left to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec
import pytest

from cdr_documents import VERSIONS, as_line, random_cdr
from elstrada.model.cost import Cost
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
from elstrada.roles.rerating import Rerating
from elstrada.tariffs.bulk import BulkPrices
from elstrada.tariffs.compile import PriceList, compiled
from elstrada.tariffs.policy import OCPI_2_1_1, OCPI_2_2_1, Policy, Steps
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import NotPriced
from elstrada.tariffs.usage import Usage

ZONES = ("Europe/Stockholm", "Europe/Lisbon", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
STARTS = (
    datetime(2026, 3, 28, 20, tzinfo=UTC),  # The evening before the clocks of Europe go forward.
    datetime(2026, 10, 24, 20, tzinfo=UTC),
    datetime(2026, 6, 2, 6, tzinfo=UTC),
)
TIMES = ("00:00", "02:30", "08:00", "12:15", "17:00", "22:00")
POLICIES = (
    OCPI_2_1_1,
    OCPI_2_2_1,
    Policy(usual_decimals=4, part_decimals=6, tax_name="Moms"),
    Policy(sales_tax_countries=frozenset({"SE"})),
    Policy(steps=Steps.NONE),
    Policy(steps=Steps.BLOCKS),
)


def some_tariff(random: Random) -> Tariff:
    limit = PriceLimit(
        Decimal(random.randrange(1, 60)), random.choice([None, Decimal(random.randrange(1, 80))])
    )
    return Tariff(
        party=PartyId("SE", "ELS"),
        id="T",
        currency="SEK",
        elements=tuple(some_element(random) for _ in range(random.randrange(1, 4))),
        min_price=limit if random.random() < 0.1 else None,
        max_price=limit if random.random() < 0.1 else None,
        tax_included=random.choices(
            [TaxIncluded.NO, TaxIncluded.YES, TaxIncluded.NOT_APPLICABLE], (12, 1, 1)
        )[0],
        start_date_time=STARTS[0] if random.random() < 0.05 else None,
        last_updated=STARTS[0],
    )


def some_element(random: Random) -> TariffElement:
    kinds = random.sample(list(Dimension), random.randrange(1, 5))
    rates = [None, *map(Decimal, ("0", "5.2", "25", "25", "25"))]
    components = tuple(
        PriceComponent(
            kind,
            Decimal(random.randrange(200_000)).scaleb(-4),
            random.choice(rates),
            random.choice([0, 1, 1, 60, 900]),
        )
        for kind in kinds
    )
    return TariffElement(components, some_limits(random) if random.random() < 0.6 else None)


def some_limits(random: Random) -> TariffRestrictions:
    limits = TariffRestrictions()
    for name, value in (
        ("start_time", random.choice(TIMES)),
        ("end_time", random.choice(TIMES)),
        ("day_of_week", tuple(random.sample(["SATURDAY", "SUNDAY", "MONDAY", "TUESDAY"], 2))),
        ("min_kwh", Decimal(random.randrange(30))),
        ("max_kwh", Decimal(random.randrange(1, 60))),
        ("min_duration", random.randrange(9_000)),
        ("max_duration", 900 * random.randrange(1, 20)),
    ):
        if random.random() < 0.25:
            limits = msgspec.structs.replace(limits, **{name: value})
    rare = random.random()
    if rare < 0.03:
        return msgspec.structs.replace(limits, start_date="2026-03-29")
    if rare < 0.06:
        return msgspec.structs.replace(limits, max_power=Decimal(11))
    return msgspec.structs.replace(limits, reservation="RESERVATION") if rare < 0.09 else limits


def some_usage(random: Random) -> Usage:
    """Of up to five periods of a quarter of an hour each, or of any lengths."""
    start = random.choice(STARTS) + timedelta(minutes=15 * random.randrange(40))
    lengths = [
        random.choice([900, 900, 1_800, random.randrange(1, 7_200)]) for _ in range(random.randrange(1, 6))
    ]
    periods, at = list[ChargingPeriod](), start
    for length_s in lengths:
        periods.append(
            ChargingPeriod(at, some_volumes(random, length_s), "t" if random.random() < 0.1 else None)
        )
        at += timedelta(seconds=length_s, microseconds=random.random() < 0.01)
    return Usage(
        start=start,
        end=at,
        time_zone=random.choice(ZONES),
        currency="SEK" if random.random() < 0.98 else "EUR",
        periods=tuple(periods),
        booked=random.random() < 0.01,
    )


def some_volumes(random: Random, length_s: int) -> tuple[PeriodDimension, ...]:
    hours = (Decimal(length_s) / 3600).quantize(Decimal("0.0001"))
    energy = Decimal(random.randrange(15_000)).scaleb(-3)
    if random.random() < 0.1:
        energy = random.choice([Decimal(0), -energy, energy / 7])
    told = [
        PeriodDimension("ENERGY", energy),
        PeriodDimension(random.choice(["TIME", "TIME", "PARKING_TIME"]), hours),
    ]
    for name, share in (
        ("MAX_POWER", 0.1),
        ("CURRENT", 0.1),
        ("RESERVATION_TIME", 0.03),
        ("ENERGY", 0.02),
        ("X", 0.02),
    ):
        if random.random() < share:
            told.append(PeriodDimension(name, Decimal(7)))
    random.shuffle(told)
    return tuple(told[: 1 + random.randrange(4)])


def by_price(usage: Usage, by: PriceList, policy: Policy) -> Cost | None:
    try:
        return msgspec.structs.replace(price_with(usage, [by], policy), lines=())
    except NotPriced:
        return None


def compare(seed: int, tariffs: int, usages: int) -> tuple[int, int]:
    """How many were priced in bulk, of how many."""
    random = Random(seed)
    plain = 0
    for _ in range(tariffs):
        by, policy = compiled(some_tariff(random)), random.choice(POLICIES)
        bulk = BulkPrices(by, policy)
        for _ in range(usages):
            usage = some_usage(random)
            found = bulk.cost(usage)
            if found is not None:
                plain += 1
                assert found == by_price(usage, by, policy), (by.tariff, usage)
    return plain, tariffs * usages


def test_bulk_prices_are_those_of_price() -> None:
    plain, of = compare(7, 150, 20)
    assert plain > of / 20


@pytest.mark.soak
def test_so_are_very_many() -> None:
    plain, of = compare(8, 10_000, 50)
    assert plain > of / 20


@pytest.mark.parametrize("version", VERSIONS)
def test_cdrs_without_lines_are_the_same_but_for_these(version: str) -> None:
    random, rerating = Random(9), Rerating()
    for _ in range(200):
        body = as_line(random_cdr(random, version))
        with_lines = rerating.rate(body)
        assert with_lines.cost.lines
        bare = msgspec.structs.replace(with_lines.cost, lines=())
        assert rerating.rate(body, lines=False).cost == bare


def test_a_usual_session_is_priced_in_bulk_and_a_doubtful_one_is_not() -> None:
    usual = two_quarters()
    bulk = BulkPrices(compiled(TARIFF), Policy())
    assert bulk.cost(usual) is not None
    # Its energy falls in the first half hour at 5, of which that is only the first quarter.
    spans = msgspec.structs.replace(usual, periods=usual.periods[:1])
    assert bulk.cost(spans) is None
    assert "A1" in price_with(spans, [compiled(TARIFF)]).notes[0]


@pytest.mark.parametrize(
    "limits",
    [
        TariffRestrictions(end_time="08:15"),  # It begins at 08:00 by the clock of the place.
        TariffRestrictions(max_duration=900),
        TariffRestrictions(max_kwh=Decimal("0.9")),
    ],
)
def test_a_price_may_change_with_the_end_of_a_period_and_not_a_second_before(
    limits: TariffRestrictions,
) -> None:
    """Rule 4; 1 Wh a second."""
    first = msgspec.structs.replace(TARIFF.elements[0], restrictions=limits)
    by = compiled(msgspec.structs.replace(TARIFF, elements=(first, TARIFF.elements[1])))
    for length_s, in_bulk in ((899, True), (900, True), (901, False)):
        volumes = (PeriodDimension("ENERGY", Decimal(length_s).scaleb(-3)),)
        usage = msgspec.structs.replace(
            two_quarters(),
            end=STARTS[2] + timedelta(seconds=length_s),
            periods=(ChargingPeriod(STARTS[2], volumes),),
        )
        assert (BulkPrices(by, Policy()).cost(usage) is not None) is in_bulk
        assert any("A1" in note for note in price_with(usage, [by]).notes) is not in_bulk


def test_what_is_free_when_nothing_matches_is_noted_in_the_order_of_price() -> None:
    """Rule 7: ENERGY before TIME, whatever the order of the wire."""
    dear = TariffElement(
        (PriceComponent(Dimension.ENERGY, Decimal(5)), PriceComponent(Dimension.TIME, Decimal(6))),
        TariffRestrictions(min_duration=900),
    )
    by = compiled(msgspec.structs.replace(TARIFF, elements=(dear,)))
    volumes = (PeriodDimension("TIME", Decimal("0.25")), PeriodDimension("ENERGY", Decimal(1)))
    usual = two_quarters()
    periods = tuple(msgspec.structs.replace(one, dimensions=volumes) for one in usual.periods)
    usage = msgspec.structs.replace(usual, periods=periods)
    found = BulkPrices(by, Policy()).cost(usage)
    assert found is not None
    assert [note.split()[0] for note in found.notes] == ["ENERGY", "TIME"]
    assert found == by_price(usage, by, Policy())


def test_a_volume_told_twice_is_left_to_price_which_adds_it_up() -> None:
    """As the checks of a CDR do (V14)."""
    usual = two_quarters()
    first, second = usual.periods
    twice = msgspec.structs.replace(
        first, dimensions=(*first.dimensions, PeriodDimension("ENERGY", Decimal(0)))
    )
    usage = msgspec.structs.replace(usual, periods=(twice, second))
    assert BulkPrices(compiled(TARIFF), Policy()).cost(usage) is None
    assert price_with(usage, [compiled(TARIFF)]).total == price_with(usual, [compiled(TARIFF)]).total


TARIFF = Tariff(
    party=PartyId("SE", "ELS"),
    id="T",
    currency="SEK",
    elements=(
        TariffElement(
            (PriceComponent(Dimension.ENERGY, Decimal(5), Decimal(25)),), TariffRestrictions(max_duration=900)
        ),
        TariffElement((PriceComponent(Dimension.ENERGY, Decimal(4), Decimal(25)),)),
    ),
    last_updated=STARTS[0],
)


def two_quarters() -> Usage:
    """Two quarters of an hour, each with one kWh."""
    return Usage(
        start=STARTS[2],
        end=STARTS[2] + timedelta(minutes=30),
        time_zone="Europe/Stockholm",
        currency="SEK",
        periods=tuple(
            ChargingPeriod(STARTS[2] + timedelta(minutes=15 * n), (PeriodDimension("ENERGY", Decimal(1)),))
            for n in range(2)
        ),
    )
