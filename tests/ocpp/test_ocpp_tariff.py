"""What a tariff of ours says to a station of OCPP 2.1, and what it cannot (I07, I08)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from elstrada.model.ids import PartyId
from elstrada.model.location import DisplayText
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
from elstrada.ocpp.schema import parse, validate
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.tariff import has_conditions, most_prices, to_wire
from elstrada.ocpp.wire import encode
from elstrada.tariffs.policy import OCPI_2_3_0
from elstrada.tariffs.price import price
from elstrada.tariffs.usage import Usage

ZONE = ZoneInfo("Europe/Stockholm")
START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
"""The evening before the clocks go forward."""
VAT = Decimal(25)


def energy(amount: str, vat: Decimal | None = VAT, step_size: int = 1) -> PriceComponent:
    return PriceComponent(Dimension.ENERGY, Decimal(amount), vat, step_size)


def tariff(*elements: TariffElement, **more: Any) -> Tariff:
    fields: dict[str, Any] = {
        "party": PartyId("SE", "ELS"),
        "id": "T7",
        "currency": "SEK",
        "elements": elements,
        "last_updated": START,
    }
    return Tariff(**fields | more)


def said(one: Tariff, **more: bool) -> dict[str, Any]:
    """What is sent; it conforms to the letter, whatever was lost."""
    value = to_wire(one, **more).value
    document = parse(encode(value))
    assert validate(document, m.TariffType) == ()
    assert isinstance(document, dict)
    return document


def lost(one: Tariff, **more: bool) -> list[tuple[str, bool]]:
    said(one, **more)
    return [(loss.pointer, loss.misleads) for loss in to_wire(one, **more).losses]


def test_each_dimension_becomes_a_list_with_its_tax_and_prices_per_minute() -> None:
    night = TariffRestrictions(start_time="22:00", end_time="06:00", day_of_week=("MONDAY", "SUNDAY"))
    document = said(
        tariff(
            TariffElement((energy("2.50"),), night),
            TariffElement(
                (
                    energy("3.1250"),
                    PriceComponent(Dimension.TIME, Decimal(6), VAT),
                    PriceComponent(Dimension.PARKING_TIME, Decimal(30), VAT),
                    PriceComponent(Dimension.FLAT, Decimal("4.5"), Decimal(12)),
                )
            ),
            tariff_alt_text=(DisplayText("sv", "Billigt om natten"),),
            start_date_time=START,
        )
    )
    assert re.fullmatch("T7-[0-9a-f]{16}", document.pop("tariffId"))
    vat = [{"type": "VAT", "tax": 25}]
    when = {"startTimeOfDay": "22:00", "endTimeOfDay": "06:00", "dayOfWeek": ["Monday", "Sunday"]}
    assert document == {
        "currency": "SEK",
        "description": [{"format": "UTF8", "language": "sv", "content": "Billigt om natten"}],
        "validFrom": "2026-03-28T20:00:00.000Z",
        "energy": {
            "prices": [{"priceKwh": Decimal("2.5"), "conditions": when}, {"priceKwh": Decimal("3.125")}],
            "taxRates": vat,
        },
        "chargingTime": {"prices": [{"priceMinute": Decimal("0.1")}], "taxRates": vat},
        "idleTime": {"prices": [{"priceMinute": Decimal("0.5")}], "taxRates": vat},
        "fixedFee": {"prices": [{"priceFixed": Decimal("4.5")}], "taxRates": [{"type": "VAT", "tax": 12}]},
    }


def test_kilowatts_are_watts_and_durations_count_charging_and_idling() -> None:
    limits = TariffRestrictions(
        min_kwh=Decimal("0.5"),
        max_kwh=Decimal(20),
        min_power=Decimal(11),
        max_power=Decimal("22.5"),
        min_current=Decimal(6),
        max_current=Decimal(32),
        min_duration=60,
        max_duration=3600,
        start_date="2026-01-01",
        end_date="2027-01-01",
    )
    (one,) = said(tariff(TariffElement((energy("1"),), limits)))["energy"]["prices"]
    assert one["conditions"] == {
        "validFromDate": "2026-01-01",
        "validToDate": "2027-01-01",
        "minEnergy": 500,
        "maxEnergy": 20_000,
        "minCurrent": 6,
        "maxCurrent": 32,
        "minPower": 11_000,
        "maxPower": 22_500,
        "minTime": 60,
        "maxTime": 3600,
    }


def test_an_id_says_which_content_it_is_of() -> None:
    """I07.FR.04, I08.FR.08: the same content the same id, another content another."""
    first, again = (
        to_wire(tariff(TariffElement((energy("1"),)))),
        to_wire(tariff(TariffElement((energy("1"),)))),
    )
    other = to_wire(tariff(TariffElement((energy("2"),))))
    assert first.value.tariff_id == again.value.tariff_id != other.value.tariff_id
    long = to_wire(tariff(TariffElement((energy("1"),)), id="x" * 100)).value.tariff_id
    assert len(long) == 60


FREE = TariffElement((energy("1"),))


@pytest.mark.parametrize(
    ("one", "losses"),
    [
        (tariff(FREE), []),
        (tariff(TariffElement((energy("1", step_size=500),))), [("/elements/0/price_components/0/step_size", True)]),
        (tariff(TariffElement((energy("0.1234567"),))), [("/elements/0/price_components/0/price", True)]),
        (
            tariff(TariffElement((PriceComponent(Dimension.TIME, Decimal("0.50"), VAT),))),
            [("/elements/0/price_components/0/price", True)],
        ),
        (
            tariff(FREE, TariffElement((energy("2", Decimal(12)),))),
            [("/elements/1/price_components/0/vat", True)],
        ),
        (
            tariff(TariffElement((energy("1", None),)), tax_included=TaxIncluded.YES),
            [("/elements/0/price_components/0/vat", True)],
        ),
        (
            tariff(TariffElement((energy("1"),)), tax_included=TaxIncluded.YES),
            [],
        ),
        (
            tariff(TariffElement((energy("1", Decimal(19)),)), tax_included=TaxIncluded.YES),
            [("/elements/0/price_components/0/price", True)],
        ),
        (
            tariff(TariffElement((energy("1"),), TariffRestrictions(reservation="RESERVATION_EXPIRES"))),
            [("/elements/0/restrictions/reservation", True)],
        ),
        (
            tariff(TariffElement((energy("1"),), TariffRestrictions(reservation="RESERVATION"))),
            [("/elements/0/price_components/0", False)],
        ),
        (
            tariff(
                TariffElement(
                    (PriceComponent(Dimension.TIME, Decimal(6), VAT),),
                    TariffRestrictions(reservation="RESERVATION", start_time="08:00"),
                )
            ),
            [("/elements/0/price_components/0", True)],
        ),
        (
            tariff(
                TariffElement(
                    (PriceComponent(Dimension.FLAT, Decimal(1), VAT),), TariffRestrictions(min_kwh=Decimal(1))
                )
            ),
            [("/elements/0/restrictions", True)],
        ),
        (
            tariff(
                TariffElement(
                    (PriceComponent(Dimension.FLAT, Decimal(1), VAT),), TariffRestrictions(end_time="08:00")
                )
            ),
            [("/elements/0/price_components/0", True)],
        ),
        (
            tariff(TariffElement((energy("1"),), TariffRestrictions(start_time="noon"))),
            [("/elements/0/restrictions", True)],
        ),
        (
            tariff(TariffElement((energy("1"),), TariffRestrictions(min_current=Decimal("0.1234567")))),
            [("/elements/0/restrictions", True)],
        ),
        (tariff(FREE, type="AD_HOC_PAYMENT"), [("/type", True)]),
        (tariff(FREE, type="REGULAR"), []),
        (tariff(FREE, end_date_time=START), [("/end_date_time", True)]),
        (tariff(FREE, tariff_alt_url="https://example.com"), [("/tariff_alt_url", False)]),
        (
            tariff(FREE, tariff_alt_text=(DisplayText("en", "x" * 1025),)),
            [("/tariff_alt_text/0", False)],
        ),
        (tariff(FREE, min_price=PriceLimit(Decimal(4))), []),
        (tariff(TariffElement((energy("1", None),)), min_price=PriceLimit(Decimal(4))), [("/min_price", True)]),
        (tariff(TariffElement((energy("1", None),)), min_price=PriceLimit(Decimal(4), Decimal(4))), []),
        (tariff(FREE, min_price=PriceLimit(Decimal(4), Decimal(5))), []),
        (tariff(FREE, max_price=PriceLimit(Decimal(4), Decimal("5.01"))), [("/max_price", True)]),
        (
            tariff(
                TariffElement((energy("1"), PriceComponent(Dimension.FLAT, Decimal(1), Decimal(12)))),
                max_price=PriceLimit(Decimal(4)),
            ),
            [("/max_price", True)],
        ),
    ],
)  # fmt: skip
def test_what_a_station_cannot_be_told_is_named(one: Tariff, losses: list[tuple[str, bool]]) -> None:
    assert lost(one) == losses


def test_a_tax_that_is_not_known_is_not_told_as_none() -> None:
    one = tariff(TariffElement((energy("1", None),)))
    assert lost(one) == []
    assert "taxRates" not in said(one)["energy"]
    assert lost(one, silence_is_no_tax=False) == [("/elements/0/price_components/0/vat", True)]


def test_what_is_lost_is_left_out_and_not_sent_as_something_else() -> None:
    document = said(tariff(TariffElement((energy("1", step_size=500), energy("2"))), end_date_time=START))
    assert [one["priceKwh"] for one in document["energy"]["prices"]] == [2]


@pytest.mark.parametrize("dimension", [Dimension.TIME, Dimension.FLAT])
def test_a_station_is_told_no_price_of_a_reservation_since_none_is_billed(dimension: Dimension) -> None:
    """Else it shows, and takes, more than the CDR says. A price of nothing is as well left out."""
    for amount, misleads in (("6", True), ("0", False)):
        fee = PriceComponent(dimension, Decimal(amount), VAT)
        reserved = TariffElement((fee,), TariffRestrictions(reservation="RESERVATION"))
        usual = TariffElement((energy("1"),))
        assert lost(tariff(reserved, usual)) == [("/elements/0/price_components/0", misleads)]
        assert said(tariff(reserved, usual)) == said(tariff(usual))


@pytest.mark.parametrize(
    "purpose", ["BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME"]
)
def test_what_a_booking_costs_is_not_told_as_the_price_of_every_session(purpose: str) -> None:
    """OCPI bookings 1.1; a station of 2.1 knows reservations and no bookings."""
    fee = PriceComponent(Dimension.FLAT, Decimal(20), VAT)
    booked = TariffElement((fee, energy("9")), TariffRestrictions(booking=purpose))
    usual = TariffElement((energy("1"),))
    assert lost(tariff(booked, usual)) == [("/elements/0/restrictions/booking", True)]
    told, expected = said(tariff(booked, usual)), said(tariff(usual))
    assert told == expected


def test_what_a_station_may_bound_is_told() -> None:
    """I07.FR.02, I07.FR.03."""
    night = TariffElement((energy("2"),), TariffRestrictions(start_time="22:00"))
    assert (most_prices(to_wire(tariff(FREE)).value), has_conditions(to_wire(tariff(FREE)).value)) == (
        1,
        False,
    )
    both = to_wire(tariff(night, FREE)).value
    assert (most_prices(both), has_conditions(both)) == (2, True)


# --- the law: without a loss, a station reckons what we do ----------------------------------------------

PRICES = st.integers(0, 200).map(lambda n: Decimal(n) * Decimal("0.06"))
TIMES = st.sampled_from([None, "00:00", "02:00", "02:30", "03:00", "08:00", "22:15"])
CLOCK = st.builds(
    TariffRestrictions,
    start_time=TIMES,
    end_time=TIMES,
    day_of_week=st.sampled_from([(), ("SATURDAY",), ("SUNDAY", "MONDAY")]),
    start_date=st.sampled_from([None, "2026-03-29"]),
)
ANY = st.builds(
    TariffRestrictions,
    start_time=TIMES,
    min_kwh=st.sampled_from([None, Decimal("0.5"), Decimal(10)]),
    max_kwh=st.sampled_from([None, Decimal(12)]),
    min_power=st.sampled_from([None, Decimal(11)]),
    max_power=st.sampled_from([None, Decimal(22)]),
    max_current=st.sampled_from([None, Decimal(32)]),
    min_duration=st.sampled_from([None, 900]),
    max_duration=st.sampled_from([None, 5400]),
)
LIMITS = st.sampled_from([None, PriceLimit(Decimal(3)), PriceLimit(Decimal(40), Decimal(50))])


@st.composite
def sayable(draw: st.DrawFn) -> Tariff:
    """Mostly tariffs that lose nothing."""
    rate, included = draw(st.sampled_from([(None, "NO"), (VAT, "NO"), (VAT, "YES"), (VAT, "N/A")]))
    elements = list[TariffElement]()
    for _ in range(draw(st.integers(1, 6))):
        dimension = draw(st.sampled_from(Dimension))
        limits = draw(st.none() | (CLOCK if dimension is Dimension.FLAT else ANY | CLOCK))
        component = PriceComponent(dimension, draw(PRICES), rate, draw(st.sampled_from([0, 1])))
        elements.append(TariffElement((component,), limits))
    flat = PriceComponent(Dimension.FLAT, draw(PRICES), rate)
    return tariff(
        *elements,
        TariffElement((flat,)),
        tax_included=TaxIncluded(included),
        min_price=draw(LIMITS),
        max_price=draw(LIMITS),
    )


PERIODS = st.lists(
    st.tuples(
        st.integers(1, 600).map(lambda n: 9 * n),  # Seconds: nine make hours of four decimals.
        st.integers(0, 20_000),
        st.sampled_from(["TIME", "PARKING_TIME"]),
        st.sampled_from([None, 5, 11, 15, 22, 50]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300)
@given(sayable(), PERIODS)
def test_what_translates_without_loss_costs_the_same_at_the_station(
    one: Tariff, lengths: Sequence[tuple[int, int, str, int | None]]
) -> None:
    value, losses = to_wire(one)
    assume(not losses)
    assert validate(parse(encode(value)), m.TariffType) == ()
    usage = used(lengths)
    ours = price(usage, [one])
    net, gross = at_the_station(value, usage)
    assert ours.total.before_taxes == OCPI_2_3_0.round_total(net, "SEK")
    assert ours.total.after_taxes == OCPI_2_3_0.round_total(gross, "SEK")


def used(lengths: Sequence[tuple[int, int, str, int | None]]) -> Usage:
    at, periods = START, list[ChargingPeriod]()
    for seconds, wh, kind, power in lengths:
        dimensions = [
            PeriodDimension("ENERGY", Decimal(wh).scaleb(-3)),
            PeriodDimension(kind, Decimal(seconds) / 3600),
        ]
        if power is not None:
            dimensions += [PeriodDimension(f"{bound}_POWER", Decimal(power)) for bound in ("MIN", "MAX")]
            dimensions += [PeriodDimension(f"{bound}_CURRENT", Decimal(power)) for bound in ("MIN", "MAX")]
        periods.append(ChargingPeriod(at, tuple(dimensions)))
        at += timedelta(seconds=seconds)
    return Usage(start=START, end=at, time_zone=ZONE.key, currency="SEK", periods=tuple(periods))


def at_the_station(one: m.TariffType, usage: Usage) -> tuple[Decimal, Decimal]:
    """Net and gross by the text of OCPP 2.1 part 2, I12.FR.12 to I12.FR.41, knowing nothing of our rules."""
    net = gross = energy_wh = Decimal(0)
    for index, (period, end) in enumerate(usage.stretches()):
        volumes = {each.type: each.volume for each in period.dimensions}
        local = period.start_date_time.astimezone(ZONE)
        elapsed = int((period.start_date_time - usage.start).total_seconds())
        minutes = Decimal(int((end - period.start_date_time).total_seconds())) / 60
        power = volumes.get("MAX_POWER")
        parts: list[tuple[Any, str, Decimal]] = [(one.energy, "price_kwh", volumes["ENERGY"])]
        parts.append((one.charging_time if "TIME" in volumes else one.idle_time, "price_minute", minutes))
        if index == 0:  # I12.FR.30: once, at the start.
            parts.append((one.fixed_fee, "price_fixed", Decimal(1)))
        for part, field, volume in parts:
            if part is None:
                continue
            holding = [p for p in part.prices if holds(p.conditions, local, elapsed, energy_wh, power)]
            if holding:  # I12.FR.34: the first.
                amount = getattr(holding[0], field) * volume
                net += amount
                gross += amount * (1 + sum((rate.tax for rate in part.tax_rates or ()), Decimal(0)) / 100)
        energy_wh += volumes["ENERGY"] * 1000
    for limit, beyond in (
        (one.min_cost, lambda cost, bound: cost < bound),
        (one.max_cost, lambda c, b: c > b),
    ):
        if limit is not None and limit.excl_tax is not None and beyond(net, limit.excl_tax):
            net = limit.excl_tax
            gross = limit.incl_tax if limit.incl_tax is not None else net
    return net, gross


def holds(when: Any, local: datetime, elapsed: int, energy_wh: Decimal, power: Decimal | None) -> bool:
    if when is None:
        return True
    begin, end = when.start_time_of_day, when.end_time_of_day
    if begin is not None and end is not None:
        now, start, stop = local.time(), time.fromisoformat(begin), time.fromisoformat(end)
        past = now >= start
        before = stop == time(0) or now < stop
        if not ((past or now < stop) if stop != time(0) and stop < start else (past and before)):
            return False
    if when.day_of_week and f"{local:%A}" not in when.day_of_week:
        return False
    if when.valid_from_date and local.date() < date.fromisoformat(when.valid_from_date):
        return False
    if not isinstance(when, m.TariffConditionsType):
        return True
    in_w = None if power is None else power * 1000
    bounds = (
        (when.min_energy, when.max_energy, energy_wh),
        (when.min_time, when.max_time, elapsed),
        (when.min_power, when.max_power, in_w),
        (when.min_current, when.max_current, power),
    )
    for least, most, value in bounds:
        if (least is not None or most is not None) and value is None:
            return False
        if (least is not None and value < least) or (most is not None and value >= most):
            return False
    return True
