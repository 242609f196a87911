"""When the EVSEs of a booking location are free to be booked: bookable hours less what is booked already.

Hours and increments are of the place's wall clock; all periods are UTC and half-open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from elstrada.model.booking import BookingPlan, Period

_DAY = timedelta(days=1)
_END_OF_DAY = frozenset({"00:00", "24:00", "23:59"})


def window(plan: BookingPlan, now: datetime) -> Period:
    """What the calendar covers: whole local days, from today on."""
    zone = ZoneInfo(plan.time_zone)
    today = now.astimezone(zone).date()
    return Period(_midnight(today, zone), _midnight(today + _DAY * plan.days_ahead, zone))


def slots(plan: BookingPlan, taken: Mapping[str, Iterable[Period]], now: datetime) -> tuple[Period, ...]:
    """What can be booked as a whole at some EVSE, in time order; none lies within another.

    Args:
        taken: the booked periods by EVSE.
    """
    free = sorted(
        {slot for uid in plan.evse_uids for slot in free_at(plan, taken.get(uid, ()), now)},
        key=lambda slot: (slot.start, -slot.end.timestamp()),
    )
    kept: list[Period] = []
    for slot in free:
        if not kept or slot.end > kept[-1].end:
            kept.append(slot)
    return tuple(kept)


def free_at(plan: BookingPlan, taken: Iterable[Period], now: datetime) -> Iterator[Period]:
    """The stretches in which one EVSE is free, from now on, cut to whole increments."""
    if not plan.open:
        return
    covered = window(plan, now)
    booked = sorted(taken)
    for opening in openings(plan, covered):
        at = max(opening.start, now)
        for one in [*booked, Period(opening.end, opening.end)]:
            slot = _whole(plan, at, min(one.start, opening.end))
            if slot is not None:
                yield slot
            at = max(at, one.end)


def is_open(plan: BookingPlan, period: Period, now: datetime) -> bool:
    """Does the period lie within bookable hours of the calendar, without a gap?"""
    covered = window(plan, now)
    return any(one.start <= period.start and period.end <= one.end for one in openings(plan, covered))


def is_whole(plan: BookingPlan, period: Period) -> bool:
    """Does it begin at a whole increment of the local day, and last whole ones?"""
    begun = period.start == _floor(plan, period.start)
    return begun and (period.end - period.start) % timedelta(minutes=plan.increment) == timedelta(0)


def openings(plan: BookingPlan, covered: Period) -> list[Period]:
    """The bookable hours within a stretch of time, merged where they touch."""
    hours = plan.hours
    opened = [covered] if hours.twentyfourseven else list(_regular(plan, covered))
    opened += [Period(one.period_begin, one.period_end) for one in hours.exceptional_openings]
    merged: list[Period] = []
    for one in sorted(_within(opened, covered)):
        if merged and one.start <= merged[-1].end:
            merged[-1] = Period(merged[-1].start, max(merged[-1].end, one.end))
        else:
            merged.append(one)
    for closing in hours.exceptional_closings:
        merged = [part for one in merged for part in _without(one, closing.period_begin, closing.period_end)]
    return merged


def _regular(plan: BookingPlan, covered: Period) -> Iterator[Period]:
    zone = ZoneInfo(plan.time_zone)
    day = covered.start.astimezone(zone).date()
    while _midnight(day, zone) < covered.end:
        for hours in plan.hours.regular_hours:
            if hours.weekday == day.isoweekday():
                start = _local(day, hours.period_begin, zone)
                ends = hours.period_end in _END_OF_DAY
                end = _midnight(day + _DAY, zone) if ends else _local(day, hours.period_end, zone)
                if start < end:
                    yield Period(start, end)
        day += _DAY


def _within(periods: Iterable[Period], covered: Period) -> Iterator[Period]:
    for one in periods:
        cut = Period(max(one.start, covered.start), min(one.end, covered.end))
        if cut.start < cut.end:
            yield cut


def _without(one: Period, start: datetime, end: datetime) -> Iterator[Period]:
    for left in (Period(one.start, min(one.end, start)), Period(max(one.start, end), one.end)):
        if left.start < left.end:
            yield left


def _whole(plan: BookingPlan, start: datetime, end: datetime) -> Period | None:
    """What of a stretch can be booked in whole increments."""
    step = timedelta(minutes=plan.increment)
    begun = _floor(plan, start)
    begun = begun if begun == start else begun + step
    count = (end - begun) // step
    return Period(begun, begun + count * step) if count > 0 else None


def _floor(plan: BookingPlan, at: datetime) -> datetime:
    """The last whole increment of the local day that is not after a moment."""
    local = at.astimezone(ZoneInfo(plan.time_zone))
    past = timedelta(
        minutes=(local.hour * 60 + local.minute) % plan.increment,
        seconds=local.second,
        microseconds=local.microsecond,
    )
    return at - past


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _local(day: date, told: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(told), zone).astimezone(UTC)
