"""Which prices of a tariff can ever apply, and when none does: every situation that its bounds tell apart is tried.

Between two neighbouring bounds of one kind no answer changes, so one value stands for all between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import product
from math import prod

import msgspec

from elstrada.model.tariff import Dimension, Tariff, TariffRestrictions
from elstrada.tariffs.compile import Offer, Offers, PriceList, compiled
from elstrada.tariffs.restrictions import Situation

MOST_SITUATIONS = 5_000
"""That are tried; an ordinary tariff has a few dozen."""
_ANY_MONDAY = date(2024, 1, 1)
_WEEK = 7


class Reach(msgspec.Struct, frozen=True):
    """What a tariff's elements come to."""

    unreached: tuple[tuple[int, Dimension], ...]
    """Element and dimension of prices that apply in no situation."""
    gaps: Mapping[Dimension, str]
    """What a session is charged for at some times only, and a situation in which it is not."""


def reach_of(tariff: Tariff) -> Reach | None:
    """Try every situation; None where there are more than ``MOST_SITUATIONS``.

    Raises:
        UnusableTariff: a restriction cannot be read.
    """
    by = compiled(tariff)
    axes = _axes(by, [one.restrictions for one in tariff.elements if one.restrictions is not None])
    if axes.size > MOST_SITUATIONS:
        return None
    reached: set[tuple[int, Dimension]] = set()
    gaps: dict[Dimension, str] = {}
    for now in axes.situations():
        for offers in (by.session, by.reservation, by.expired):
            for dimension, element in _answers(offers, now):
                if element is not None:
                    reached.add((element, dimension))
                elif offers is by.session:
                    gaps.setdefault(dimension, _told(now))
    unreached = {(offer.element, offer.dimension) for offer in _offers(by)} - reached
    return Reach(tuple(sorted(unreached)), gaps)


def _answers(offers: Offers, now: Situation) -> Iterator[tuple[Dimension, int | None]]:
    """The element that prices each dimension, None where none does."""
    for dimension, found in offers.items():
        yield dimension, next((offer.element for offer in found if offer.applies(now)), None)


def _offers(by: PriceList) -> Iterator[Offer]:
    for offers in (by.session, by.reservation, by.expired):
        for found in offers.values():
            yield from found


# --- situations -------------------------------------------------------------------------------------

_Band = tuple[Decimal | None, Decimal | None]


class _Axes(msgspec.Struct, frozen=True):
    """Values of each kind of bound."""

    days: Sequence[date]
    minutes: Sequence[int]
    energies: Sequence[Decimal]
    seconds: Sequence[int]
    powers: Sequence[Decimal | None]
    currents: Sequence[Decimal | None]

    @property
    def size(self) -> int:
        return prod(len(axis) for axis in msgspec.structs.astuple(self))

    def situations(self) -> Iterator[Situation]:
        moments = [
            datetime.combine(day, time(minute // 60, minute % 60))
            for day in self.days
            for minute in self.minutes
        ]
        volumes = [_volumes(power, current) for power in self.powers for current in self.currents]
        for values in product(moments, self.energies, self.seconds, volumes):
            yield Situation(*values)


def _axes(by: PriceList, limits: Sequence[TariffRestrictions]) -> _Axes:
    rules = [rule for offer in _offers(by) for rule in offer.rules]
    return _Axes(
        days=_days(limits),
        minutes=sorted({0, *(minute for rule in rules for minute in rule.minutes)}),
        energies=sorted({Decimal(0), *(energy for rule in rules for energy in rule.energies)}),
        seconds=sorted({0, *(second for rule in rules for second in rule.seconds)}),
        powers=_bands((one.min_power, one.max_power) for one in limits),
        currents=_bands((one.min_current, one.max_current) for one in limits),
    )


def _days(limits: Sequence[TariffRestrictions]) -> list[date]:
    """The first days of every range of dates: seven where weekdays are told apart, else one."""
    week = _WEEK if any(one.day_of_week for one in limits) else 1
    bounds = sorted(
        {
            date.fromisoformat(text).toordinal()
            for one in limits
            for text in (one.start_date, one.end_date)
            if text
        }
    )
    days = set(range(bounds[0] - week, bounds[0])) if bounds else set[int]()
    begins = bounds or [_ANY_MONDAY.toordinal()]
    for begin, end in zip(begins, [*begins[1:], date.max.toordinal()], strict=True):
        days.update(range(begin, min(begin + week, end)))
    return [date.fromordinal(day) for day in sorted(days) if day >= date.min.toordinal()]


def _bands(limits: Iterable[_Band]) -> list[Decimal | None]:
    """Power or current within which a period stays: unknown, and one value between each two bounds (A5, A6)."""
    bounds = {bound for pair in limits for bound in pair if bound is not None}
    return [None, *sorted({Decimal(0), *bounds})] if bounds else [None]


def _volumes(power: Decimal | None, current: Decimal | None) -> dict[str, Decimal]:
    known = {"POWER": power, "CURRENT": current}
    return {
        f"{bound}_{name}": value
        for name, value in known.items()
        if value is not None
        for bound in ("MIN", "MAX")
    }


def _told(now: Situation) -> str:
    """A situation, for a text: ``2024-01-01 06:00, 0 kWh, 0 s, 11 kW``."""
    parts = [now.local.strftime("%F %H:%M"), f"{now.energy_kwh:f} kWh", f"{now.elapsed_s} s"]
    for name, unit in (("MAX_POWER", "kW"), ("MAX_CURRENT", "A")):
        if name in now.volumes:
            parts.append(f"{now.volumes[name]:f} {unit}")
    return ", ".join(parts)
