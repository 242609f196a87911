"""How many sessions one core prices per second: ``python tests/bench/bench_pricing.py``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import perf_counter

from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.price import price, price_with
from elstrada.tariffs.usage import Usage

START = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
VAT = Decimal(25)


def component(kind: Dimension, amount: str) -> PriceComponent:
    return PriceComponent(kind, Decimal(amount), VAT)


def tariff(*elements: TariffElement) -> Tariff:
    return Tariff(party=PartyId("SE", "ELS"), id="T", currency="SEK", elements=elements, last_updated=START)


SIMPLE = tariff(TariffElement((component(Dimension.ENERGY, "4.10"), component(Dimension.FLAT, "5"))))
COMPLEX = tariff(
    TariffElement(
        (component(Dimension.ENERGY, "5.20"), component(Dimension.TIME, "6")),
        TariffRestrictions(start_time="17:00", end_time="20:00", day_of_week=("MONDAY", "TUESDAY", "FRIDAY")),
    ),
    TariffElement((component(Dimension.PARKING_TIME, "60"),), TariffRestrictions(min_duration=1800)),
    TariffElement((component(Dimension.FLAT, "5"), component(Dimension.ENERGY, "4.10"))),
)


def usage(periods: int) -> Usage:
    quarter = timedelta(minutes=15)
    kinds = ["TIME"] * (periods - 1) + ["PARKING_TIME" if periods > 1 else "TIME"]
    return Usage(
        start=START,
        end=START + periods * quarter,
        time_zone="Europe/Stockholm",
        currency="SEK",
        periods=tuple(
            ChargingPeriod(
                START + n * quarter,
                (PeriodDimension("ENERGY", Decimal("5.123")), PeriodDimension(kind, Decimal("0.25"))),
            )
            for n, kind in enumerate(kinds)
        ),
    )


def rate(name: str, work: object, *, rounds: int = 5, calls: int = 2_000) -> None:
    assert callable(work)
    best = float("inf")
    for _ in range(rounds):
        began = perf_counter()
        for _ in range(calls):
            work()
        best = min(best, perf_counter() - began)
    print(f"{name:<44}{calls / best:>10,.0f}/s {best / calls * 1e6:>8.1f} us")


if __name__ == "__main__":
    simple, complex_ = compiled(SIMPLE), compiled(COMPLEX)
    one, four = usage(1), usage(4)
    rate("simple tariff, 1 period, compiled", lambda: price_with(one, [simple]))
    rate("time-of-use tariff, 1 period, compiled", lambda: price_with(one, [complex_]))
    rate("time-of-use tariff, 4 periods, compiled", lambda: price_with(four, [complex_]))
    rate("time-of-use tariff, 4 periods, not compiled", lambda: price(four, [COMPLEX]))
