"""Is how a car says it will charge within the limits? (OCPP 2.0.1 and 2.1 part 2, K15.FR.11 to .13, K17.FR.11 to .13)"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from elstrada.charging.composite import Moment, NotComparable, Piece, composite
from elstrada.charging.needs import DAY, MOST
from elstrada.model.profile import Profile, RateUnit, Schedule

LATE = timedelta(seconds=60)
"""A car counts from when it got our schedule, which takes as long as this (K15.FR.08): where
ours drops, its may drop so much later."""
SLACK = Decimal("0.1")
"""In either unit; what rounding makes."""


def strays(schedule: Schedule, profiles: Iterable[Profile], moment: Moment) -> str | None:
    """Where a car's schedule goes beyond what the profiles allow; None: nowhere, as far as it can be compared.

    Args:
        schedule: with the time from which its periods count.
        moment: for whom; its unit does not matter.
    """
    base = schedule.start
    if base is None or schedule.unit not in tuple(RateUnit):
        return None
    unit = RateUnit(schedule.unit)
    seconds = max(int((_end(schedule, base) - base).total_seconds()), 1)
    try:
        before = int(LATE.total_seconds())
        pieces = composite(profiles, moment._replace(unit=unit), base - LATE, before + seconds)
    except NotComparable:
        return None  # The station checks it too, and knows voltage and phases (K17.FR.09).
    for begin, until, limit in _periods(schedule, base):
        found = _beyond(pieces, base, begin, until, limit - SLACK)
        if found is not None:
            after, allowed = int((found[0] - base).total_seconds()), found[1]
            return f"{limit:f} {unit.value} after {after} s, where {allowed:f} are allowed"
    return None


def _beyond(
    pieces: Sequence[Piece], base: datetime, begin: datetime, until: datetime, limit: Decimal
) -> tuple[datetime, Decimal] | None:
    """From when in a stretch less is allowed than this, and has been for ``LATE``; and how much."""
    too_much_from: datetime | None = None
    first = bisect_right(pieces, begin - LATE, key=lambda piece: piece.start) - 1
    for index in range(max(first, 0), len(pieces)):
        piece = pieces[index]
        if piece.start >= until:
            return None
        if piece.limit is None or piece.limit >= limit:
            too_much_from = None
            continue
        if too_much_from is None:
            # Before its schedule a car knew of a limit only if there was one.
            knew_more = piece.start > base or (index > 0 and pieces[index - 1].limit is not None)
            too_much_from = piece.start + LATE if knew_more else base
        since = max(begin, piece.start, too_much_from)
        if since < (pieces[index + 1].start if index + 1 < len(pieces) else until) and since < until:
            return since, piece.limit
    return None


def _periods(schedule: Schedule, base: datetime) -> Iterator[tuple[datetime, datetime, Decimal]]:
    end = _end(schedule, base)
    begins = [base + timedelta(seconds=one.start_s) for one in schedule.periods if _sane(one.start_s)]
    limits = [one.limit for one in schedule.periods if _sane(one.start_s)]
    for (begin, until), limit in zip(pairwise([*begins, end]), limits, strict=True):
        if limit is not None and begin < until:
            yield begin, until, limit


def _sane(start_s: int) -> bool:
    return 0 <= start_s < MOST.total_seconds()


def _end(schedule: Schedule, base: datetime) -> datetime:
    """A schedule without an end is looked at for a day more; none for more than a week."""
    last = max((one.start_s for one in schedule.periods if _sane(one.start_s)), default=0)
    open_end = base + timedelta(seconds=last) + DAY
    told = schedule.duration_s
    end = open_end if told is None else base + timedelta(seconds=min(max(told, 1), 2**31))
    return min(end, base + MOST)
