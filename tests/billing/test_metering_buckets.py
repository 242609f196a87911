"""Local hours, days and months of quarter-hours, over the days on which clocks are turned (pricing 5.4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest

from elstrada.billing.metering.buckets import (
    Per,
    bucket_of,
    buckets,
    day_start,
    month_start,
    quarters_of_day,
)
from elstrada.billing.metering.quarters import quarters_between

STOCKHOLM, ROME, KOLKATA = (
    ZoneInfo(f"{name}") for name in ("Europe/Stockholm", "Europe/Rome", "Asia/Kolkata")
)
LORD_HOWE, KATHMANDU = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        (STOCKHOLM, SPRING, 92),
        (STOCKHOLM, SPRING - timedelta(days=1), 96),
        (STOCKHOLM, AUTUMN, 100),
        (STOCKHOLM, AUTUMN + timedelta(days=1), 96),
        (ROME, SPRING, 92),
        (ROME, AUTUMN, 100),
        (KOLKATA, SPRING, 96),
        (KOLKATA, AUTUMN, 96),
        (LORD_HOWE, date(2026, 4, 5), 98),  # Its clocks are turned by half an hour.
        (LORD_HOWE, date(2026, 10, 4), 94),
    ],
)
def test_a_local_day_has_as_many_quarters_as_its_clocks_show(zone: ZoneInfo, day: date, count: int) -> None:
    quarters = quarters_of_day(day, zone)
    assert len(quarters) == len(set(quarters)) == count
    assert buckets(quarters, Per.DAY, zone) == {day.isoformat(): list(quarters)}
    outside = (quarters[0] - timedelta(minutes=15), quarters[-1] + timedelta(minutes=15))
    assert day.isoformat() not in {bucket_of(one, Per.DAY, zone) for one in outside}


@pytest.mark.parametrize("zone", [STOCKHOLM, ROME, KOLKATA, KATHMANDU, LORD_HOWE])
def test_the_days_of_a_year_are_all_of_its_quarters_each_once(zone: ZoneInfo) -> None:
    first, after = day_start(date(2026, 1, 1), zone), day_start(date(2027, 1, 1), zone)
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    assert list(chain.from_iterable(quarters_of_day(day, zone) for day in days)) == list(
        quarters_between(first, after)
    )
    assert after - first == timedelta(days=365)


def test_the_hour_that_comes_twice_has_two_names_and_the_one_that_never_comes_has_none() -> None:
    autumn = buckets(quarters_of_day(AUTUMN, STOCKHOLM), Per.HOUR, STOCKHOLM)
    assert list(autumn)[1:4] == ["2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]
    assert [len(quarters) for quarters in autumn.values()] == [4] * 25
    spring = buckets(quarters_of_day(SPRING, ROME), Per.HOUR, ROME)
    assert list(spring)[1:3] == ["2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"]
    assert len(spring) == 23


def test_an_hour_of_a_zone_with_half_hours_begins_at_its_own_full_hour() -> None:
    at = datetime(2026, 3, 1, 4, 15, tzinfo=UTC)
    assert bucket_of(at, Per.HOUR, KOLKATA) == "2026-03-01T09:00+05:30"
    assert bucket_of(at + timedelta(minutes=15), Per.HOUR, KOLKATA) == "2026-03-01T10:00+05:30"
    assert bucket_of(at, Per.QUARTER, KATHMANDU) == "2026-03-01T10:00+05:45"


def test_a_month_begins_and_ends_by_local_clocks() -> None:
    quarters = list(quarters_between(month_start("2026-10", ROME), month_start("2026-10", ROME, months_on=1)))
    assert {bucket_of(one, Per.MONTH, ROME) for one in quarters} == {"2026-10"}
    assert len(quarters) == 31 * 96 + 4
    assert month_start("2026-12", ROME, months_on=1) == datetime(2026, 12, 31, 23, tzinfo=UTC)
