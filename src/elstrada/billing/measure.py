"""What was measured between each two points of a session's register: time, energy, power and current."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import msgspec

from elstrada.billing.register import Point
from elstrada.model.measured import Level, Measured
from elstrada.model.quantity import MeterSample, hours, kwh
from elstrada.model.session import ChargingPeriod, PeriodDimension

LONG_GAP = timedelta(minutes=30)
"""Twice the quarter of an hour at which stations tell their registers at least. Over a longer time without a
reading nothing is interpolated (pricing 5.2)."""


class Levels(NamedTuple):
    """All that was told of power and current, in time order."""

    power: tuple[Level, ...] = ()
    current: tuple[Level, ...] = ()


def levels_of(samples: Iterable[MeterSample]) -> Levels:
    """The levels that samples tell; of what was told twice, one."""
    power = {Level(one.at, one.power_w) for one in samples if one.power_w is not None}
    current = {Level(one.at, one.current_ma) for one in samples if one.current_ma is not None}
    return Levels(tuple(sorted(power)), tuple(sorted(current)))


def measured(
    points: Sequence[Point], levels: Levels, *, start: datetime, rest: datetime | None
) -> Iterator[Measured]:
    """What was measured between each two points. Hours are differences, so they sum to those of the session.

    Args:
        points: of a session's ``curve``, with its rest, or some in a row.
        start: of the session.
        rest: since when it only stood there; None: it never did.
    """
    for begin, stop in pairwise(points):
        if begin.at == stop.at > start:
            continue
        kind = "TIME" if rest is None or begin.at < rest else "PARKING_TIME"
        volumes = [PeriodDimension("ENERGY", kwh(stop.wh - begin.wh))] if stop.wh > begin.wh else []
        volumes.append(PeriodDimension(kind, hours(stop.at - start) - hours(begin.at - start)))
        volumes += _band("POWER", levels.power, begin.at, stop.at)
        volumes += _band("CURRENT", levels.current, begin.at, stop.at)
        yield Measured(
            period=ChargingPeriod(begin.at, tuple(volumes)),
            end=stop.at,
            untold=stop.wh > begin.wh and stop.at - begin.at > LONG_GAP,
            power=around(levels.power, begin.at, stop.at),
            current=around(levels.current, begin.at, stop.at),
        )


def measured_moved(one: Measured, by: timedelta) -> Measured:
    """The same some time later, or earlier."""
    period = msgspec.structs.replace(one.period, start_date_time=one.period.start_date_time + by)
    return Measured(
        period=period,
        end=one.end + by,
        untold=one.untold,
        power=tuple(Level(level.at + by, level.value) for level in one.power),
        current=tuple(Level(level.at + by, level.value) for level in one.current),
    )


def around(levels: Sequence[Level], start: datetime, end: datetime) -> tuple[Level, ...]:
    """The levels told from start to end, and the last before it, unless that was long before."""
    first = bisect_left(levels, start, key=_at)
    if first and not (first < len(levels) and levels[first].at == start):
        first -= start - levels[first - 1].at <= LONG_GAP
    return tuple(levels[first : bisect_right(levels, end, key=_at)])


def _band(name: str, levels: Sequence[Level], start: datetime, end: datetime) -> Iterator[PeriodDimension]:
    """Least and greatest power (kW) or current (A) told from start to end, if any was."""
    given = levels[bisect_left(levels, start, key=_at) : bisect_right(levels, end, key=_at)]
    if given:
        values = [level.value for level in given]
        yield PeriodDimension(f"MIN_{name}", Decimal(min(values)).scaleb(-3))
        yield PeriodDimension(f"MAX_{name}", Decimal(max(values)).scaleb(-3))


def _at(level: Level) -> datetime:
    return level.at
