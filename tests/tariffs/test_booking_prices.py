"""What a booking costs beside its session. Source: OCPI 2.3.0 bookings 1.1; holes as `tariffs.booked` decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from elstrada.model.cost import Cost
from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.booked import with_overtime
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import UnusableTariff
from elstrada.tariffs.usage import Usage

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
FLAT, TIME = Dimension.FLAT, Dimension.TIME
Volumes = dict[str, str]


def component(kind: Dimension, amount: str, step_size: int = 0) -> PriceComponent:
    return PriceComponent(kind, Decimal(amount), Decimal(25), step_size)


def of(purpose: str, *components: PriceComponent, **limits: object) -> TariffElement:
    return TariffElement(components, msgspec.convert({"booking": purpose} | limits, TariffRestrictions))


def tariff(*elements: TariffElement) -> Tariff:
    """Of these, and 4 a kWh."""
    energy = TariffElement((component(Dimension.ENERGY, "4"),))
    return Tariff(
        party=PartyId("SE", "ELS"), id="T", currency="SEK", elements=(*elements, energy), last_updated=START
    )


def usage(*periods: Volumes, **other: object) -> Usage:
    """Half an hour each, of a session that fulfils a booking."""
    length = timedelta(minutes=30)
    told = tuple(
        ChargingPeriod(
            START + n * length, tuple(PeriodDimension(name, Decimal(told)) for name, told in volumes.items())
        )
        for n, volumes in enumerate(periods)
    )
    usual: dict[str, object] = {
        "start": START,
        "end": START + len(periods) * length,
        "time_zone": "Europe/Stockholm",
        "currency": "SEK",
        "periods": told,
        "booked": True,
    }
    return Usage(**(usual | other))  # type: ignore[arg-type]


def parts(cost: Cost) -> tuple[Decimal, Decimal]:
    """Net, of the booking and of all."""
    return cost.reservation.before_taxes if cost.reservation else Decimal(0), cost.total.before_taxes


BOOKING = of("BOOKING", component(FLAT, "20"), component(TIME, "10", 900))
EXPIRES = of("BOOKING_EXPIRES", component(FLAT, "50"))
OVERTIME = of("BOOKING_OVERTIME", component(FLAT, "5"), component(TIME, "60", 900))
CANCELED = of("BOOKING_CANCELLATION_FEES", component(FLAT, "30"))
ALL = tariff(BOOKING, EXPIRES, OVERTIME, CANCELED)
CHARGED: Volumes = {"ENERGY": "1", "TIME": "0.5"}


def test_a_booking_is_paid_once_and_by_its_hours_beside_the_energy() -> None:
    told = usage(CHARGED | {"RESERVATION_TIME": "0.5"}, CHARGED | {"RESERVATION_TIME": "0.3"})
    # 20, and 48 minutes by the quarter, which are 60; 2 kWh.
    assert parts(price(told, [ALL])) == (30, 38)


def test_hours_before_the_session_are_of_the_booking_alone() -> None:
    assert parts(price(usage({"RESERVATION_TIME": "0.5"}, CHARGED), [ALL])) == (25, 29)


def test_a_fixed_price_alone_needs_no_hours_of_the_booking() -> None:
    one = tariff(of("BOOKING", component(FLAT, "20")))
    assert parts(price(usage(CHARGED, CHARGED), [one])) == (20, 28)
    assert parts(price(usage(CHARGED, booked=False), [one])) == (0, 4)


def test_hours_that_nobody_tells_are_not_taken_for_none() -> None:
    with pytest.raises(UnusableTariff, match=r"by the hour \(element 1\).*RESERVATION_TIME"):
        price(usage(CHARGED), [ALL])


def test_a_booking_nobody_came_for_has_its_own_price_and_else_that_of_a_booking() -> None:
    """Its fixed price replaces that of the booking; its hours, which it has no price for, cost as booked."""
    by_volume = price(usage({"RESERVATION_EXPIRES": "0.5"}), [ALL])
    assert parts(by_volume) == (55, 55)
    told = usage({"RESERVATION_TIME": "0.5"}, reservation_expired=True)
    assert parts(price(told, [ALL])) == (55, 55)


@pytest.mark.parametrize("told_at", [0, 1], ids=["at once", "in the end"])
def test_a_booking_that_comes_to_nothing_has_one_fixed_price_whichever_period_says_so(told_at: int) -> None:
    names = ["RESERVATION_TIME", "RESERVATION_TIME"]
    names[told_at] = "RESERVATION_EXPIRES"
    # 50, and an hour at 10; not the 20 of a booking somebody came for.
    assert parts(price(usage(*({name: "0.5"} for name in names)), [ALL])) == (60, 60)


def test_a_period_that_tells_nothing_of_a_booking_is_the_sessions() -> None:
    """The fixed price of the session is due in its first period, whatever that used."""
    start_fee = TariffElement((component(FLAT, "3"),))
    one = tariff(of("BOOKING", component(FLAT, "20")), start_fee)
    assert parts(price(usage({"MAX_POWER": "0"}), [one])) == (20, 23)
    assert parts(price(usage({"RESERVATION_TIME": "0.5"}), [one])) == (20, 20)


@pytest.mark.parametrize(
    ("first", "hours_at_90"),
    [
        (CHARGED | {"RESERVATION_TIME": "0.1"}, "0.5"),
        ({"TIME": "0.5", "RESERVATION_TIME": "0.1"}, "0.5"),
        ({"RESERVATION_TIME": "0.5"}, "0"),
    ],
    ids=["charging", "without energy", "before the session"],
)
def test_durations_of_a_booked_session_count_from_its_first_own_period(
    first: Volumes, hours_at_90: str
) -> None:
    """A11: half an hour before is the booking's, and half an hour of which some was still booked the session's."""
    late = TariffElement((component(TIME, "90"),), TariffRestrictions(min_duration=1_800))
    cost = price(usage(first, CHARGED), [tariff(of("BOOKING", component(FLAT, "20")), late)])
    assert (cost.time.before_taxes if cost.time else 0) == 90 * Decimal(hours_at_90)


def test_a_booking_called_off_costs_its_fee_and_nothing_else() -> None:
    told = usage({"RESERVATION_TIME": "0.5", "RESERVATION_OVERTIME": "0.1"}, booking_canceled=True)
    assert parts(price(told, [ALL])) == (30, 30)


def test_overtime_is_paid_once_and_by_its_hours_in_steps_of_its_own() -> None:
    late = CHARGED | {"RESERVATION_OVERTIME": "0.1"}
    one = tariff(of("BOOKING", component(FLAT, "20")), OVERTIME)
    # 20; then 5, and 12 minutes by the quarter at 1 a minute; 3 kWh.
    assert parts(price(usage(CHARGED, late, late), [one])) == (40, 52)


def test_a_price_of_a_booking_has_its_conditions_like_any_other() -> None:
    dear = of("BOOKING", component(FLAT, "90"), start_time="17:00")
    assert parts(price(usage(CHARGED), [tariff(dear, of("BOOKING", component(FLAT, "20")))])) == (20, 24)


def test_the_breakdown_names_the_elements_of_the_booking() -> None:
    cost = price(usage({"RESERVATION_TIME": "0.4"}, CHARGED), [ALL])
    lines = [(line.dimension, line.element, line.quantity, line.reason) for line in cost.lines]
    assert lines[:2] == [
        ("FLAT", 0, Decimal(1), ""),
        ("TIME", 0, Decimal("0.5"), "step 900 s: 1440 -> 1800 s"),
    ]
    assert cost.notes == (
        "a booking is priced by tariff SE*ELS*T, element 1, 2, 3, 4, beside the session (OCPI bookings 1.1)",
    )


@pytest.mark.parametrize(
    ("after_min", "told"),
    [(60, [None, None]), (45, [None, "0.25"]), (30, [None, "0.5"]), (20, ["0.1667", "0.5"])],
)
def test_hours_after_the_booking_stand_in_their_periods(after_min: int, told: list[str | None]) -> None:
    one = usage(CHARGED, CHARGED)
    periods = with_overtime(one, START + timedelta(minutes=after_min)).periods
    found = [{d.type: d.volume for d in period.dimensions} for period in periods]
    expected = [None if hours is None else Decimal(hours) for hours in told]
    assert [volumes.get("RESERVATION_OVERTIME") for volumes in found] == expected
