"""Opening hours as registers write them (a part of OpenStreetMap's ``opening_hours``)."""

from __future__ import annotations

import re

from elstrada.model.location import Hours, RegularHours

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY = "|".join(_DAYS)
_SPAN = re.compile(
    rf"(?:({_DAY})(?:\s*-\s*({_DAY}))?\s+)?"
    r"([01]\d|2[0-4]):([0-5]\d)\s*-\s*([01]\d|2[0-4]):([0-5]\d)"
)
_MAX_SPANS = 50


def parse_hours(text: str) -> Hours | None:
    """Read ``24/7`` or spans such as ``Mo-Fr 08:00-12:00, Sa 09:00-18:30``.

    A span without days means every day. Midnight at the end of a day is ``00:00``, as in OCPI.

    Returns:
        None when any part of the text is not understood: half an opening time misleads.
    """
    if text.strip() == "24/7":
        return Hours(twentyfourseven=True)
    spans = [part for part in re.split(r"\s*[,;]\s*", text.strip(" ,;")) if part]
    if not 1 <= len(spans) <= _MAX_SPANS:
        return None
    periods: list[RegularHours] = []
    for span in spans:
        found = _SPAN.fullmatch(span)
        if found is None:
            return None
        begin, end = _clock(found[3], found[4]), _clock(found[5], found[6])
        if begin is None or end is None:
            return None
        periods += [RegularHours(day, begin, end) for day in _days(found[1], found[2])]
    return Hours(twentyfourseven=False, regular_hours=tuple(sorted(periods, key=_order)))


def open_minutes(hours: Hours) -> int:
    """Minutes a week the place is open, overlaps counted twice."""
    if hours.twentyfourseven:
        return 7 * 24 * 60
    return sum(
        (_minute(each.period_end) - _minute(each.period_begin)) % 1440 or 1440 for each in hours.regular_hours
    )


def _days(first: str | None, last: str | None) -> list[int]:
    """Weekdays from 1 for Monday; a range may pass the week's end (``Sa-Mo``)."""
    if first is None:
        return list(range(1, 8))
    start = _DAYS.index(first)
    length = (_DAYS.index(last or first) - start) % 7 + 1
    return [(start + step) % 7 + 1 for step in range(length)]


def _clock(hour: str, minute: str) -> str | None:
    if hour == "24":
        return "00:00" if minute == "00" else None
    return f"{hour}:{minute}"


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _order(period: RegularHours) -> tuple[int, str]:
    return period.weekday, period.period_begin
