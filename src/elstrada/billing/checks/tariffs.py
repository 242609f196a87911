"""Checks of the tariffs that a CDR carries, and of local time as they read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from elstrada.billing.checks.face import Check, Known, Outcome, Unexamined
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity
from elstrada.model.tariff import Dimension, Tariff, TariffElement, TariffRestrictions

_A_QUARTER = timedelta(minutes=15)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_MOST_DAYS = 8
"""Of a session whose switching instants are looked for; a longer one is V09's business."""


def tariff_missing(cdr: Cdr, _: Known) -> Outcome:
    """V25."""
    if cdr.total_cost.before_taxes <= 0:
        return None
    if not cdr.tariffs:
        return f"{cdr.total_cost.before_taxes} {cdr.currency} and no tariff"
    known = {tariff.id.upper() for tariff in cdr.tariffs}
    for number, period in enumerate(cdr.charging_periods, 1):
        if period.tariff_id is not None and period.tariff_id.upper() not in known:
            return f"period {number} names tariff {period.tariff_id[:36]!r}, which the CDR does not carry"
    return None


def tariff_differs_from_ours(cdr: Cdr, known: Known) -> Outcome:
    """V26: in what a price depends on."""
    if not cdr.tariffs:
        return None
    if not known.tariffs_then:
        return Unexamined("we have no copy of its tariffs from the session's start")
    ours = {tariff.id.upper(): tariff for tariff in known.tariffs_then}
    for tariff in cdr.tariffs:
        then = ours.get(tariff.id.upper())
        if then is not None and price_fields(then) != price_fields(tariff):
            return f"tariff {tariff.id[:36]!r} is not as we had it at the session's start"
    return None


def price_fields(tariff: Tariff) -> tuple[object, ...]:
    """All of a tariff that a price depends on."""
    return (
        tariff.currency.upper(),
        tariff.elements,
        tariff.min_price,
        tariff.max_price,
        tariff.tax_included,
        tariff.start_date_time,
        tariff.end_date_time,
    )


class _Unreadable(Exception):
    """A restriction cannot be read."""


def tariff_not_valid_then(cdr: Cdr, _: Known) -> Outcome:
    """V27: each tariff that a period names, or the only one."""
    named = {period.tariff_id.upper() for period in cdr.charging_periods if period.tariff_id is not None}
    used = [one for one in cdr.tariffs if one.id.upper() in named or len(cdr.tariffs) == 1]
    start = cdr.start_date_time
    for one in used:
        if (one.start_date_time is not None and start < one.start_date_time) or (
            one.end_date_time is not None and start >= one.end_date_time
        ):
            return f"tariff {one.id[:36]!r} was not valid at {start.isoformat()}"
    return None


def period_outlasts_its_price(_: Cdr, known: Known) -> Outcome:
    """V28: as the recomputation notes it (A1)."""
    if known.cost is None:
        return Unexamined("its price was not recomputed")
    return next((note for note in known.cost.notes if note.startswith("period_spans_price_change")), None)


def reading_missing_at_a_switch(cdr: Cdr, known: Known) -> Outcome:
    """V49: energy by time of day, and no period begins where its price changes."""
    elements = [one for tariff in cdr.tariffs for one in tariff.elements if _prices_energy_by_clock(one)]
    if not elements:
        return None
    if known.zone is None:
        return Unexamined("the time zone of its place is not known")
    start, end = cdr.start_date_time, cdr.end_date_time
    if end - start > _MOST_DAYS * _DAY:
        return Unexamined(f"it lasts more than {_MOST_DAYS} days")
    zone = ZoneInfo(known.zone)
    if end - start < _A_QUARTER and _quarter(start.astimezone(zone)) == _quarter(end.astimezone(zone)):
        return None
    begun = [period.start_date_time for period in cdr.charging_periods]
    try:
        switches = sorted(_switches(elements, start.astimezone(zone), end))
    except _Unreadable as problem:
        return Unexamined(str(problem))
    for instant in switches:
        if start < instant < end and all(abs(one - instant) > _SECOND for one in begun):
            return f"no period begins at {instant.isoformat()}, where the price of energy changes"
    return None


def zone_guessed(cdr: Cdr, known: Known) -> Outcome:
    """V50."""
    local = any(
        element.restrictions is not None and _reads_the_clock(element.restrictions)
        for tariff in cdr.tariffs
        for element in tariff.elements
    )
    if not (local and known.zone_guessed):
        return None
    return f"its tariffs go by local time, and {known.zone} was guessed from the country"


def _prices_energy_by_clock(element: TariffElement) -> bool:
    energy = any(one.type is Dimension.ENERGY for one in element.price_components)
    return energy and element.restrictions is not None and _reads_the_clock(element.restrictions)


def _reads_the_clock(limits: TariffRestrictions) -> bool:
    return bool(
        limits.start_time or limits.end_time or limits.start_date or limits.end_date or limits.day_of_week
    )


def _switches(elements: list[TariffElement], local: datetime, end: datetime) -> Iterator[datetime]:
    """Instants from the day of the start on at which an element may begin or cease to match."""
    times = {edge for one in elements for edge in _edges(one.restrictions)}
    day = local.date()
    while datetime.combine(day, time(), local.tzinfo) <= end:
        yield from (datetime.combine(day, edge, local.tzinfo).astimezone(end.tzinfo) for edge in times)
        day += _DAY


def _edges(limits: TariffRestrictions | None) -> Iterator[time]:
    assert limits is not None, "the element goes by the clock"
    if limits.start_time == limits.end_time or limits.start_date or limits.end_date or limits.day_of_week:
        yield time()
    for text in (limits.start_time, limits.end_time):
        if text is not None and limits.start_time != limits.end_time:
            yield _time_of_day(text)


def _time_of_day(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise _Unreadable(f"not a time of day: {text[:10]!r}; expected HH:MM") from None


def _quarter(local: datetime) -> datetime:
    return local.replace(minute=local.minute - local.minute % 15, second=0, microsecond=0)


CHECKS = (
    Check("V25", Severity.HOLD, tariff_missing),
    Check("V26", Severity.HOLD, tariff_differs_from_ours, credits=False),
    Check("V27", Severity.HOLD, tariff_not_valid_then),
    Check("V28", Severity.HOLD, period_outlasts_its_price, credits=False),
    Check("V49", Severity.HOLD, reading_missing_at_a_switch, credits=False),
    Check("V50", Severity.WARN, zone_guessed, credits=False),
)
