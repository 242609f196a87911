"""The energy page: how the load went over a day, and what each day of its month came to, in the page's zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

import msgspec

from elstrada.billing.metering.buckets import Per, buckets, month_start, quarters_of_day
from elstrada.billing.metering.figures import PER_HOUR, Figures, figures, load
from elstrada.billing.metering.quarters import QUARTER, quarter_of, quarters_between
from elstrada.model.quarter import EvsePower, SessionQuarter
from elstrada.spine import tables as t
from elstrada.spine.face import Spine
from elstrada.spine.quarters import TooMany, evses_of, read_quarters, with_unplaced
from elstrada.web.operator.reading import owners_in

MOST_STATIONS = 300
"""Whose quarters are read for one page; of more a location must be chosen."""
_LEAST_SCALE_W = 1_000
_SCALE = 1_000
"""Height and width of the drawing."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A quarter of an hour in the drawing, whose lower edge is at ``_SCALE``."""

    x: Decimal
    width: Decimal
    height: int


class HourLine(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    energy_kwh: Decimal
    peak_kw: Decimal


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    figures: Figures


class EnergyPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page says."""

    day: date
    before: date
    after: date | None
    """None: it is to come."""
    location: str
    """To which it is narrowed; empty: it is not."""
    locations: tuple[str, ...]
    """Among which one can choose."""
    too_much: bool
    """More than one page may read: there is nothing but the choice of a location."""
    bars: tuple[Bar, ...] = ()
    scale_kw: Decimal = Decimal(0)
    """What the top of the drawing stands for."""
    hours: tuple[HourLine, ...] = ()
    """In which something was connected."""
    of_day: Figures | None = None
    days: tuple[DayLine, ...] = ()
    """Of the month, as far as it has come."""
    of_month: Figures | None = None


async def read_energy(
    spine: Spine, day: date | None, location: str, zone: tzinfo, now: datetime
) -> EnergyPage:
    """The page of a day.

    Args:
        day: in the page's zone; None or one to come: today.
        location: an id, in any case; empty: all.
    """
    today = now.astimezone(zone).date()
    day = today if day is None else min(day, today)
    places = {owner: await evses_of(spine, owner) for owner in await owners_in(spine, t.station)}
    evses = [evse for of in places.values() for own in of.values() for evse in own]
    named = sorted({evse.location_id for evse in evses if evse.location_id is not None})
    head = EnergyPage(
        day=day,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < today else None,
        location=next((one for one in named if one.casefold() == location.casefold()), location),
        locations=tuple(named),
        too_much=False,
    )
    chosen = {owner: _narrowed(of, head.location) for owner, of in places.items()}
    if sum(map(len, chosen.values())) > MOST_STATIONS:
        return msgspec.structs.replace(head, too_much=True)
    month = f"{day:%Y-%m}"
    since = month_start(month, zone)
    until = min(month_start(month, zone, months_on=1), quarter_of(now) + QUARTER)
    try:
        told = [await read_quarters(spine, owner, of, since, until) for owner, of in chosen.items()]
    except TooMany:
        return msgspec.structs.replace(head, too_much=True)
    own = [evse for of in chosen.values() for evses_there in of.values() for evse in evses_there]
    rows = [row for part in told for row in part.sessions]
    return filled(head, rows, own, list(quarters_between(since, until)), zone)


def _narrowed(stations: dict[str, list[EvsePower]], location: str) -> dict[str, list[EvsePower]]:
    if not location:
        return stations
    kept = {name: [evse for evse in of if evse.location_id == location] for name, of in stations.items()}
    return {name: of for name, of in kept.items() if of}


def filled(
    head: EnergyPage,
    rows: Sequence[SessionQuarter],
    evses: Sequence[EvsePower],
    quarters: Sequence[datetime],
    zone: tzinfo,
) -> EnergyPage:
    """The page with what was metered in its month.

    Args:
        rows: of stations that have one of ``evses`` at least.
        quarters: of the month, as far as it has come.
    """
    seats = {(evse.station_id, evse.evse_id) for evse in evses}
    if head.location:
        rows = [row for row in rows if (row.station_id, row.evse_id) in seats]
    else:
        evses = with_unplaced(evses, rows)
    by_day: dict[str, list[SessionQuarter]] = {}
    names = buckets(quarters, Per.DAY, zone)
    day_of = {quarter: name for name, of in names.items() for quarter in of}
    for row in rows:
        by_day.setdefault(day_of[row.quarter], []).append(row)
    today = by_day.get(head.day.isoformat(), [])
    curve, scale_w = load(today), _scale_w(load(today).values())
    return msgspec.structs.replace(
        head,
        bars=tuple(_bars(curve, quarters_of_day(head.day, zone), scale_w)),
        scale_kw=Decimal(scale_w).scaleb(-3),
        hours=tuple(_hours(curve, zone)),
        of_day=figures(today, (), evses, len(names.get(head.day.isoformat(), ()))),
        days=tuple(
            DayLine(day=date.fromisoformat(name), figures=figures(by_day.get(name, []), (), evses, len(of)))
            for name, of in names.items()
        ),
        of_month=figures(rows, (), evses, len(quarters)),
    )


def _scale_w(powers_w: Iterable[int]) -> int:
    """A round number of watts that all of them reach at most: 1, 2 or 5, and zeros."""
    highest, step = max([_LEAST_SCALE_W, *powers_w]), 1
    while True:
        for times in (1, 2, 5):
            if times * step >= highest:
                return times * step
        step *= 10


def _bars(curve: dict[datetime, int], quarters: Sequence[datetime], scale_w: int) -> list[Bar]:
    width = Decimal(_SCALE) / len(quarters)
    return [
        Bar(
            x=(number * width).quantize(Decimal("0.01")),
            width=width.quantize(Decimal("0.01")),
            height=max(1, _SCALE * curve[quarter] // scale_w),
        )
        for number, quarter in enumerate(quarters)
        if curve.get(quarter)
    ]


def _hours(curve: dict[datetime, int], zone: tzinfo) -> list[HourLine]:
    return [
        HourLine(
            at=_hour(quarters[0], zone),
            energy_kwh=Decimal(sum(curve[one] for one in quarters) // PER_HOUR).scaleb(-3),
            peak_kw=Decimal(max(curve[one] for one in quarters)).scaleb(-3),
        )
        for quarters in buckets(curve, Per.HOUR, zone).values()
    ]


def _hour(quarter: datetime, zone: tzinfo) -> datetime:
    """When the local hour began in which a quarter lies."""
    return quarter.astimezone(zone).replace(minute=0)
