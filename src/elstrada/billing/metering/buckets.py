"""Quarters of an hour put together to local hours, days and months.

Quarters are counted in UTC, and each lies in the hour, day and month that clocks show where it is. So a
local day has 92, 96 or 100 of them, whatever the zone does. Source: pricing 5.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from elstrada.billing.metering.quarters import quarters_between


class Per(StrEnum):
    """What a line of a report is of."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


def bucket_of(quarter: datetime, per: Per, zone: tzinfo) -> str:
    """The name of the hour, day or month in which a quarter lies; see ``buckets`` for their order.

    An hour is named by its first minute and the offset of its zone, so the hour that comes twice in
    autumn has two names: ``2026-10-25T02:00+02:00`` and ``2026-10-25T02:00+01:00``.
    """
    local = quarter.astimezone(zone)
    match per:
        case Per.QUARTER:
            return local.isoformat(timespec="minutes")
        case Per.HOUR:
            return local.replace(minute=0).isoformat(timespec="minutes")
        case Per.DAY:
            return local.date().isoformat()
        case Per.MONTH:
            return f"{local:%Y-%m}"


def buckets(quarters: Iterable[datetime], per: Per, zone: tzinfo) -> dict[str, list[datetime]]:
    """Quarters by the bucket in which they lie, in order of time."""
    found: dict[str, list[datetime]] = {}
    for quarter in quarters:
        found.setdefault(bucket_of(quarter, per, zone), []).append(quarter)
    return found


def day_start(day: date, zone: tzinfo) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def month_start(month: str, zone: tzinfo, *, months_on: int = 0) -> datetime:
    """The first instant of a local month (YYYY-MM), or of one so many months later, in UTC."""
    count = int(month[:4]) * 12 + int(month[5:]) - 1 + months_on
    return day_start(date(count // 12, count % 12 + 1, 1), zone)


def quarters_of_day(day: date, zone: tzinfo) -> tuple[datetime, ...]:
    """All quarters of a local day: 96, or 92 and 100 where clocks are turned by an hour."""
    return tuple(quarters_between(day_start(day, zone), day_start(day + timedelta(days=1), zone)))
