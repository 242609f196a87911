"""A session's meter over time: which readings can be believed, and when charging was over.

Parking, as tariffs mean it, is when the car asks for no power (pricing rule 9). What stations tell
does not always say who paused, so only the rest at the end of a session counts: from the last
energy taken until the end. A pause before more energy flowed stays charging time, since it may be
the site's load management. The rest must be proven, by the station's word (not charging, 0 W) or by
a register that stood still for a quarter of an hour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

LONG_REST = timedelta(minutes=15)


class Point(msgspec.Struct, frozen=True, order=True):
    """Energy taken by an instant."""

    at: datetime
    wh: int
    """Since the session's start."""


class Sign(msgspec.Struct, frozen=True, order=True):
    """The station's word on whether energy was flowing."""

    at: datetime
    flowing: bool


def curve(readings: Iterable[Point], *, start: datetime, end: datetime, total_wh: int) -> list[Point]:
    """The believable readings between start and end, which are set at 0 and at the session's total.

    Readings outside the session, above its total or out of line with the most of the others place
    no boundary. They never change the total (pricing 5.1, 5.2).
    """
    greatest: dict[datetime, int] = {}
    for reading in readings:
        if start < reading.at < end and 0 <= reading.wh <= total_wh:
            greatest[reading.at] = max(reading.wh, greatest.get(reading.at, 0))
    inside = rising([Point(at, wh) for at, wh in sorted(greatest.items())])
    return [Point(start, 0), *inside, Point(end, total_wh)]


def bends(points: Sequence[Point]) -> list[Point]:
    """The points without those that stand between two of the same register: they tell nothing more."""
    inner = (point for before, point, after in _threes(points) if not before.wh == point.wh == after.wh)
    return [points[0], *inner, *points[-1:]] if len(points) > 1 else list(points)


def out_of_line(readings: Iterable[Point], points: Sequence[Point]) -> list[Point]:
    """The readings that a ``curve`` made of them leaves out because they cannot be true beside the others."""
    first, last, believed = points[0], points[-1], frozenset(points)
    return sorted(
        {
            reading
            for reading in readings
            if not 0 <= reading.wh <= last.wh or (first.at < reading.at < last.at and reading not in believed)
        }
    )


def rising(points: Sequence[Point]) -> list[Point]:
    """The longest choice of points, in order, that never falls.

    Looked for from the end: of choices of one length that with the higher values is taken, since the
    usual stray reading is a 0.
    """
    tails: list[int] = []  # For each length, the highest first value of a choice so long, negative...
    heads: list[int] = []  # ...and which point that is.
    after: dict[int, int] = {}
    for index in reversed(range(len(points))):
        length = bisect_right(tails, -points[index].wh)
        if length:
            after[index] = heads[length - 1]
        tails[length : length + 1] = [-points[index].wh]
        heads[length : length + 1] = [index]
    chosen: list[Point] = []
    index = heads[-1] if heads else None
    while index is not None:
        chosen.append(points[index])
        index = after.get(index)
    return chosen


def rest_from(points: Sequence[Point], over: datetime | None) -> datetime | None:
    """Since when charging was over and the car only stood there; None if it never did.

    Args:
        points: a ``curve``, or its end from the last point below its total on.
        over: since when the station said so.
    """
    end, total_wh = points[-1].at, points[-1].wh
    still = next(point.at for point in points if point.wh == total_wh)
    rose_after = max((point.at for point in points if point.wh < total_wh), default=points[0].at)
    proofs: list[datetime] = []
    if over is not None:
        # Said while the register still rose: then it is over when the register stands.
        proofs.append(over if over > rose_after or not total_wh else still)
    if total_wh and end - still >= LONG_REST:
        proofs.append(still)
    earliest = min(proofs, default=end)
    return max(earliest, points[0].at) if earliest < end else None


def with_rest(points: Sequence[Point], rest: datetime | None) -> list[Point]:
    """The curve with all energy taken by the time the rest began, and nothing but the end after it."""
    if rest is None:
        return list(points)
    end = points[-1]
    charging = [point for point in points if point.at < rest]
    return [*charging, Point(rest, end.wh), end]


def _threes(points: Sequence[Point]) -> Iterator[tuple[Point, Point, Point]]:
    return zip(points, points[1:], points[2:], strict=False)


def said_last(signs: Iterable[Sign]) -> tuple[Sign | None, Sign | None]:
    """Since when the station has said, and not taken back, that nothing flows; and its latest word."""
    since: Sign | None = None
    sign: Sign | None = None
    for sign in sorted(signs):
        since = None if sign.flowing else since or sign
    return since, sign
