"""A session's course: what its register rose by, step by step, and whether the car charged meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from elstrada.billing.register import Point
from elstrada.billing.trace import Trace
from elstrada.model.session import ChargingPeriod


class Step(msgspec.Struct, frozen=True):
    """From one believable reading to the next."""

    begin: Point
    end: Point
    charging: bool
    """False: the car only stood there (pricing rule 9)."""
    untold: bool = False
    """Nobody knows when within it its energy flowed (pricing 5.2)."""

    @staticmethod
    def of(begin: datetime, end: datetime, rise_wh: int) -> Step:
        """A step by itself."""
        return Step(Point(begin, 0), Point(end, rise_wh), charging=True)

    def wh_at(self, at: datetime) -> int:
        """The register at an instant within, on a straight line, rounded down."""
        whole, passed = self.end.at - self.begin.at, at - self.begin.at
        return self.begin.wh + (self.end.wh - self.begin.wh) * passed // whole


def course(told: Trace) -> Iterator[Step]:
    """The steps of a session from its start to its end, without a gap."""
    wh = 0
    for one in told.measured:
        begin = Point(one.period.start_date_time, wh)
        wh += _energy_wh(one.period)
        yield Step(begin, Point(one.end, wh), charging=_charging(one.period), untold=one.untold)


def _energy_wh(period: ChargingPeriod) -> int:
    return int(sum(one.volume.scaleb(3) for one in period.dimensions if one.type == "ENERGY"))


def _charging(period: ChargingPeriod) -> bool:
    return all(one.type != "PARKING_TIME" for one in period.dimensions)
