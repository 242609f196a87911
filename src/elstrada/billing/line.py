"""A session's meter as one line in time, whole or as it grows.

What a running session has taken is known reading by reading. A reading that goes on from the last changes
nothing before the last rise of the register, so what lies before it can be closed; what lies after it may still turn
out to be rest, and stays open. A session that goes on as it should is so followed with the same work for
each reading, however long it lasts; for one that does not, ``after`` says so and its facts are read anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

import msgspec

from elstrada.billing.measure import Levels, measured
from elstrada.billing.register import Point, Sign, bends, rest_from, with_rest
from elstrada.model.facts import MeterSampled, SessionUpdated
from elstrada.model.measured import Level, Measured
from elstrada.model.quantity import MeterSample, place_rank


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A session's register, power and current up to its latest reading."""

    start: Point
    """Of the session."""
    points: tuple[Point, ...]
    """In time order, without those that tell nothing; from the start or from where it was closed."""
    levels: Levels
    over: Sign | None = None
    """Since when nothing flows, by the station; None: something does, or it did not say."""
    said: Sign | None = None
    """Its latest word on that."""
    begin_wh: int | None = None
    """The register at the start; None where the line cannot be followed from reading to reading."""
    place: str = ""
    """At which its registers are read; none of a worse place counts."""

    def measured(self) -> tuple[Measured, ...]:
        """What was measured between each two points, and the rest at the end."""
        rest = rest_from(self.points, self.over and self.over.at)
        points = with_rest(self.points, rest)
        return tuple(measured(points, self.levels, start=self.start.at, rest=rest))

    def closed(self) -> tuple[tuple[Measured, ...], Line]:
        """What no later reading that goes on changes any more, and the line from there on."""
        rises = [n for n, point in enumerate(self.points) if point.wh < self.points[-1].wh]
        if not rises or not rises[-1]:
            return (), self
        kept = rises[-1]
        done = measured(self.points[: kept + 1], self.levels, start=self.start.at, rest=None)
        levels = Levels(*(_since(one, self.points[kept]) for one in self.levels))
        return tuple(done), msgspec.structs.replace(self, points=self.points[kept:], levels=levels)

    def ends_as(self, point: Point) -> bool:
        """Is this its latest reading, by which it can be followed?"""
        return self.begin_wh is not None and self.points[-1] == point

    def after(self, fact: MeterSampled | SessionUpdated) -> Line | None:
        """The line with news of the session; None: it does not simply go on."""
        if isinstance(fact, MeterSampled):
            line: Line | None = self
            for sample in fact.samples:
                line = line and line.after_sample(sample)
            return line
        return self if fact.charging is None else self._with_sign(Sign(fact.at, fact.charging))

    def after_sample(self, sample: MeterSample) -> Line | None:
        """Likewise, with one more sample."""
        if sample.clock_suspect:
            return None
        line: Line | None = self
        if sample.energy_wh is not None:
            line = self._with_reading(sample.energy_wh, sample)
        if line is not None and sample.power_w is not None:
            line = line._with_sign(Sign(sample.at, sample.power_w > 0))
        power = line and _appended(line.levels.power, sample.at, sample.power_w)
        current = line and _appended(line.levels.current, sample.at, sample.current_ma)
        if line is None or power is None or current is None:
            return None
        levels = Levels(*(_without_still(one, line.points) for one in (power, current)))
        return msgspec.structs.replace(line, levels=levels)

    def _with_reading(self, energy_wh: int, sample: MeterSample) -> Line | None:
        if self.begin_wh is None or place_rank(sample.register_at) < place_rank(self.place):
            return None
        if sample.register_at != self.place:
            return self
        point, last = Point(sample.at, energy_wh - self.begin_wh), self.points[-1]
        if point == last:
            return self
        if point.at <= last.at or point.wh < last.wh:
            return None
        return msgspec.structs.replace(self, points=tuple(bends((*self.points, point))))

    def _with_sign(self, sign: Sign) -> Line | None:
        if self.said is not None and sign <= self.said:
            # Of two words on one instant that of flowing is the later.
            return self if sign.at == self.said.at else None
        over = None if sign.flowing else self.over or sign
        return msgspec.structs.replace(self, said=sign, over=over)


def _appended(levels: tuple[Level, ...], at: datetime, value: int | None) -> tuple[Level, ...] | None:
    """The levels with one more; None: it is not the latest."""
    if value is None:
        return levels
    level = Level(at, value)
    if levels and level <= levels[-1]:
        return levels if level == levels[-1] else None
    return (*levels, level)


def _since(levels: tuple[Level, ...], point: Point) -> tuple[Level, ...]:
    """The levels from a point on, and the last before it if none was told at it."""
    first = bisect_left(levels, point.at, key=_at)
    told_there = first < len(levels) and levels[first].at == point.at
    return levels[first if told_there else max(first - 1, 0) :]


def _without_still(levels: tuple[Level, ...], points: Sequence[Point]) -> tuple[Level, ...]:
    """The levels without the last but one, if nothing flowed around it, the register stood, and others tell it."""
    if len(levels) < 3 or len(points) < 2 or any(level.value for level in levels[-3:]):
        return levels
    before, last = points[-2], points[-1]
    stood = before.wh == last.wh and before.at <= levels[-3].at and levels[-2].at < last.at
    return (*levels[:-2], levels[-1]) if stood else levels


def _at(level: Level) -> datetime:
    return level.at
