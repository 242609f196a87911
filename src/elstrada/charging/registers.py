"""What a session's registers count: its energy, without what its meter cannot have shown (rules 23 and 25)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

MOST_POWER_W, SLACK_WH = 1_000_000, 1_000
"""No station gives more than this much power; a register rose by more only if it is another register."""
MEGAWATT_W, COARSE_WH = 4_000_000, 10_000
"""The most that megawatt charging gives: the end of a true register is believed up to this. And so much more is, for
clocks are coarse: many tell the time by the minute."""
UNTIMED = timedelta(hours=1)
"""So long may have passed between two registers whose times say nothing."""
KEPT_PEAKS = 4
"""Highest registers kept of a session: so many less one may be outliers."""


class Shown(NamedTuple):
    """A register and when it was shown."""

    wh: int
    at: datetime


class Count(NamedTuple):
    """What registers come to."""

    energy_wh: int
    anew_wh: int | None = None
    """Where the register went on after a 0 at the start that it never showed; None: there was none such."""
    doubted_wh: int | None = None
    """The register at the end, if it was left out because it cannot have been shown."""


def count(
    begin: Shown | None, end: Shown | None, rise: Shown | None, peaks: Iterable[Shown], *, timed: bool
) -> Count:
    """The energy from begin to end.

    Args:
        end: at the session's end, or the latest one while it runs.
        rise: the earliest above 0; the lowest, where the times are not the station's own.
        peaks: the highest that were shown; one of them stands for an end that cannot be.
        timed: are the times the station's own?
    """
    if begin is None or end is None:
        return Count(0)
    if follows(begin, end, timed=timed):
        return Count(end.wh - begin.wh)
    # A false 0 at the start: what rose from it is a lifetime's register, by which the end must be believable.
    anew = rise if rise is not None else end
    if begin.wh == 0 and follows(anew, end, timed=timed):
        return Count(end.wh - anew.wh, anew.wh)
    from_wh, since = (
        (anew.wh, anew) if begin.wh == 0 and not follows(begin, anew, timed=timed) else (0, begin)
    )
    shown = [peak.wh - since.wh for peak in peaks if follows(since, peak, timed=timed)]
    return Count(max(shown, default=0), from_wh or None, end.wh)


def with_peak(peaks: tuple[Shown, ...], shown: Shown) -> tuple[Shown, ...]:
    """The highest registers after another was shown, the highest first; of equal ones the earliest."""
    same = next((peak for peak in peaks if peak.wh == shown.wh), None)
    if same is not None:
        kept = tuple(shown if peak is same and shown.at < same.at else peak for peak in peaks)
    else:
        kept = (*peaks, shown)
    return tuple(sorted(kept, key=lambda peak: -peak.wh))[:KEPT_PEAKS]


def believable(
    energy_wh: int,
    since: datetime,
    until: datetime,
    power_w: int = MOST_POWER_W,
    slack_wh: int = SLACK_WH,
) -> bool:
    """Can a station have given so much energy in this time?"""
    seconds = max(int((until - since).total_seconds()), 0)
    return energy_wh <= slack_wh + power_w * seconds // 3600


def follows(one: Shown, other: Shown, *, timed: bool) -> bool:
    """Can the register have come from one to the other?"""
    untimed = not timed or other.at < one.at
    since = other.at - UNTIMED if untimed else one.at
    # From 0 on more doubt is due: it may be the 0 of a meter that had not been read yet.
    most = (MEGAWATT_W, COARSE_WH) if one.wh else (MOST_POWER_W, SLACK_WH)
    return one.wh <= other.wh and believable(other.wh - one.wh, since, other.at, *most)
