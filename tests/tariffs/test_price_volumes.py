"""What a period tells beside the plain case: a reservation and its session at once, a volume twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from test_tariffs_usage import cdr as some_cdr

from cdr_documents import as_line, cdr
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
from elstrada.roles.rerating import Rerating
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.explain import explain, steps
from elstrada.tariffs.notes import MOST_NOTES
from elstrada.tariffs.phrases import BOOKS, Tongue
from elstrada.tariffs.price import price
from elstrada.tariffs.reprice import repriced
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import Usage

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
"""10:00 in Stockholm."""
HALF_HOUR = timedelta(minutes=30)
Volumes = list[tuple[str, str]]
ENERGY, TIME, FLAT = Dimension.ENERGY, Dimension.TIME, Dimension.FLAT


def element(*components: tuple[Dimension, int], **limits: object) -> TariffElement:
    parts = tuple(PriceComponent(kind, Decimal(amount), Decimal(25), 0) for kind, amount in components)
    return TariffElement(parts, msgspec.convert(limits, TariffRestrictions) if limits else None)


def tariff(*elements: TariffElement) -> Tariff:
    return Tariff(party=PartyId("SE", "ELS"), id="T", currency="SEK", elements=elements, last_updated=START)


def usage(*periods: Volumes, booked: bool = False) -> Usage:
    """Half an hour each."""
    told = tuple(
        ChargingPeriod(
            START + n * HALF_HOUR, tuple(PeriodDimension(name, Decimal(volume)) for name, volume in volumes)
        )
        for n, volumes in enumerate(periods)
    )
    end = START + len(periods) * HALF_HOUR
    return Usage(
        start=START, end=end, time_zone="Europe/Stockholm", currency="SEK", periods=told, booked=booked
    )


RESERVED = element((FLAT, 5), (TIME, 10), reservation="RESERVATION")
CHARGED: Volumes = [("ENERGY", "2"), ("TIME", "0.5")]


@pytest.mark.parametrize("booked", [False, True], ids=["reserved", "booked"])
def test_a_period_that_was_reserved_and_charged_in_pays_for_both(booked: bool) -> None:
    """Rule 15; in OCPI's bookings a charge point in use is still reserved. The tariff has no price of bookings."""
    told = usage([*CHARGED, ("RESERVATION_TIME", "0.4")], CHARGED, booked=booked)
    cost = price(told, [tariff(RESERVED, element((FLAT, 1), (ENERGY, 3), (TIME, 6)))])
    assert cost.reservation is not None
    assert cost.reservation.before_taxes == 9  # 5, and 0.4 h at 10.
    assert cost.total.before_taxes == 9 + 1 + 4 * 3 + 6


@pytest.mark.parametrize(
    ("tongue", "lines"),
    [
        (
            "en",
            [
                "reservation, once 5.00 SEK",
                "0:24:00 reserved at 10.00 SEK/h",
                "0:30:00 charging at 6.00 SEK/h",
            ],
        ),
        (
            "sv",
            ["reservation, en gång 5,00 SEK", "0:24:00 reserverat à 10,00 SEK/h", "0:30:00 laddning à 6,00"],
        ),
        (
            "it",
            ["prenotazione, una volta 5,00", "0:24:00 di prenotazione a 10,00", "0:30:00 di ricarica a 6,00"],
        ),
    ],
)
def test_what_was_reserved_is_not_told_as_charging(tongue: str, lines: list[str]) -> None:
    offered = tariff(RESERVED, element((TIME, 6)))
    cost = price(usage([*CHARGED, ("RESERVATION_TIME", "0.4")]), [offered])
    told = explain(cost, "Europe/Stockholm", BOOKS[Tongue(tongue)], [offered])
    found = [line.partition("  ")[2] for line in told[:6:2]]
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True)), found
    assert [(step.dimension, step.reserved) for step in steps(cost)] == [
        ("FLAT", True),
        ("TIME", True),
        ("TIME", False),
    ]


def test_durations_and_energy_of_a_session_count_what_was_used_while_it_was_reserved() -> None:
    """Rule 6, A11."""
    later = element((ENERGY, 100), min_kwh="2", min_duration=1_800)
    cost = price(
        usage([*CHARGED, ("RESERVATION_TIME", "0.4")], CHARGED), [tariff(later, element((ENERGY, 1)))]
    )
    assert cost.total.before_taxes == 2 * 1 + 2 * 100


def test_a_reservation_that_tells_that_nothing_was_used_begins_no_session() -> None:
    """Its start fee is due where it begins, and its durations count from there (A11)."""
    nothing: Volumes = [("ENERGY", "0"), ("TIME", "0"), ("RESERVATION_TIME", "0.5")]
    offered = tariff(RESERVED, element((ENERGY, 100), min_duration=1_800), element((FLAT, 1), (ENERGY, 1)))
    assert price(usage(nothing), [offered]).total.before_taxes == 10
    cost = price(usage(nothing, CHARGED), [offered])
    assert cost.total.before_taxes == 10 + 1 + 2
    assert cost.fixed is not None
    assert [line.start for line in cost.lines if line.dimension == "FLAT"] == [START, START + HALF_HOUR]


@pytest.mark.parametrize(("volume", "total"), [("RESERVATION_EXPIRES", 20), ("RESERVATION_TIME", 5)])
def test_a_booking_that_comes_to_nothing_costs_what_a_reservation_does_where_bookings_have_no_price(
    volume: str, total: int
) -> None:
    """Rule 15: by RESERVATION_EXPIRES, and by RESERVATION for the dimension that it lacks."""
    expired = element((FLAT, 15), reservation="RESERVATION_EXPIRES")
    offered = tariff(expired, element((TIME, 10), reservation="RESERVATION"), element((FLAT, 1), (ENERGY, 3)))
    cost = price(usage([(volume, "0.5")], booked=True), [offered])
    assert cost.reservation is not None
    assert cost.total.before_taxes == cost.reservation.before_taxes == total


def test_a_volume_told_twice_in_a_period_counts_twice() -> None:
    """As its sum over the periods does (V14); of a band of power the wider one counts."""
    twice: Volumes = [
        *(("ENERGY", "2"), ("ENERGY", "3"), ("TIME", "0.5")),
        *(("MIN_POWER", "3"), ("MIN_POWER", "9"), ("MAX_POWER", "10"), ("MAX_POWER", "5")),
    ]
    limited = tariff(
        element((ENERGY, 9), max_power="10"), element((ENERGY, 8), min_power="4"), element((ENERGY, 1))
    )
    told = usage(twice)
    assert price(told, [limited]).total.before_taxes == 5
    (period,) = split(told, compiled(limited))
    assert {one.type: one.volume for one in period.dimensions}["ENERGY"] == 5


@pytest.mark.parametrize("lines", [True, False])
def test_a_volume_told_twice_counts_twice_in_a_stream(lines: bool) -> None:
    document = cdr("2.2.1")
    (first, *_) = document["charging_periods"]
    before = Rerating().rate(as_line(document), lines=lines).cost.total.before_taxes
    (energy,) = (one for one in first["dimensions"] if one["type"] == "ENERGY")
    half = {"type": "ENERGY", "volume": energy["volume"] / 2}
    others = [one for one in first["dimensions"] if one["type"] != "ENERGY"]
    first["dimensions"] = [half, *others, half]
    assert Rerating().rate(as_line(document), lines=lines).cost.total.before_taxes == before


def test_a_booked_session_priced_by_another_tariff_keeps_its_hours_of_the_booking() -> None:
    """Periods are cut where the other tariff changes, and joined where it does not; hours are shared or added."""
    late: Volumes = [*CHARGED, ("RESERVATION_OVERTIME", "0.5")]
    told = usage(late, [*CHARGED, ("RESERVATION_TIME", "0.5")], [*late, ("RESERVATION_TIME", "0.25")])
    one = msgspec.structs.replace(
        some_cdr("SWE", None),
        currency="SEK",
        start_date_time=told.start,
        end_date_time=told.end,
        booking_id="B",
        charging_periods=told.periods,
    )
    fees = element((TIME, 100), booking="BOOKING_OVERTIME"), element((TIME, 10), booking="BOOKING")
    by_clock = element((ENERGY, 4), start_time="10:10", end_time="10:20"), element((ENERGY, 2))
    for energy in (by_clock, (element((ENERGY, 2)),)):
        cost = repriced(one, compiled(tariff(*fees, *energy)))
        assert cost.reservation is not None
        assert cost.reservation.before_taxes == Decimal("107.5")


def test_a_thousand_doubts_are_told_as_far_as_anybody_reads_and_that_there_are_more() -> None:
    """A partner's CDR of many periods by a tariff of many bands: its notes are kept with its cost for ever."""
    bands = [element((ENERGY, n), min_power=str(n), max_power=str(n + 1)) for n in range(1, 40)]
    least = msgspec.structs.replace(tariff(*bands), max_price=PriceLimit(Decimal(0)))
    cost = price(
        usage(*([("ENERGY", "1"), ("MIN_POWER", "5"), ("MAX_POWER", "5.5")],) * 40, *(CHARGED,) * 80), [least]
    )
    assert len([note for note in cost.notes if note.endswith("(A5)")]) == MOST_NOTES
    assert len(cost.notes) < 3 * MOST_NOTES
    assert cost.notes[-2] == "there is more of this kind, which is left out"
    assert "max_price" in cost.notes[-1]


def test_a_thousand_doubts_hide_no_note_of_another_kind() -> None:
    """A1: checks of a CDR look for it (V28), wherever it comes up."""
    bands = [element((ENERGY, n), min_power=str(n), max_power=str(n + 1)) for n in range(1, 40)]
    by_clock = element((TIME, 9), start_time="20:15"), element((TIME, 1))
    cost = price(usage(*(CHARGED,) * 30), [tariff(*bands, *by_clock)])
    assert [note for note in cost.notes if "period_spans_price_change" in note and "19:15" in note]
