"""What a session's registers count: its energy, without what its meter cannot have shown (rules 23 and 25)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from elstrada.model.metering import RegisterTurn, TurnKind

MOST_POWER_W, SLACK_WH = 1_000_000, 1_000
"""No station gives more than this much power; a register rose by more only if it is another register."""
MEGAWATT_W, COARSE_WH = 4_000_000, 10_000
"""The most that megawatt charging gives: the end of a true register is believed up to this. And so much more is, for
clocks are coarse: many tell the time by the minute."""
UNTIMED = timedelta(hours=1)
"""So long may have passed between two registers whose times say nothing."""
MODULI_WH = (*(10**digits for digits in range(6, 13)), 2**32)
"""Where registers begin again at 0: after the last of their digits, or bits."""
NEAR_MODULUS = 100
"""A rollover is believed if both registers lie within this part of the modulus (pricing 5.2)."""
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
    turn: RegisterTurn | None = None
    """It fell and went on."""


def count(
    begin: Shown | None,
    end: Shown | None,
    rise: Shown | None,
    low: Shown | None,
    peaks: Iterable[Shown],
    *,
    timed: bool,
) -> Count:
    """The energy from begin to end.

    Args:
        end: at the session's end, or the latest one while it runs.
        rise: the earliest above 0; the lowest, where the times are not the station's own.
        low: the lowest above 0.
        peaks: the highest that were shown; one of them stands for an end that cannot be.
        timed: are the times the station's own?
    """
    if begin is None or end is None:
        return Count(0)
    if follows(begin, end, timed=timed):
        return Count(end.wh - begin.wh)
    turned = _rolled_over(begin, end, timed=timed) or (_reset(begin, end, low, peaks) if timed else None)
    if turned is not None:
        return turned
    # A false 0 at the start: what rose from it is a lifetime's register, by which the end must be believable.
    anew = rise if rise is not None else end
    if begin.wh == 0 and follows(anew, end, timed=timed):
        return Count(end.wh - anew.wh, anew.wh)
    from_wh, since = (
        (anew.wh, anew) if begin.wh == 0 and not follows(begin, anew, timed=timed) else (0, begin)
    )
    shown = [peak.wh - since.wh for peak in peaks if follows(since, peak, timed=timed)]
    return Count(max(shown, default=0), from_wh or None, end.wh)


def _rolled_over(begin: Shown, end: Shown, *, timed: bool) -> Count | None:
    """The energy over the end of the register's digits. An end of just 0 is a meter that was not read."""
    for modulus in MODULI_WH:
        near = modulus // NEAR_MODULUS
        if modulus - near <= begin.wh < modulus and 0 < end.wh <= near:
            unrolled = Shown(end.wh + modulus, end.at)
            if follows(begin, unrolled, timed=timed):
                turn = RegisterTurn(TurnKind.ROLLOVER, modulus, 0)
                return Count(unrolled.wh - begin.wh, turn=turn)
    return None


def _reset(begin: Shown, end: Shown, low: Shown | None, peaks: Iterable[Shown]) -> Count | None:
    """The energy before a fall to about 0 and after it, if the register rose again from there.

    What was taken between the last register before and the first after it nobody knows, and none counts.
    """
    if begin.wh == 0 or low is None or not (low.wh < end.wh < begin.wh and low.at < end.at):
        return None
    before = (peak for peak in peaks if peak.at < low.at and follows(begin, peak, timed=True))
    last = max(before, default=begin)
    if last.at > low.at or not (
        follows(Shown(0, last.at), low, timed=True) and follows(low, end, timed=True)
    ):
        return None
    turn = RegisterTurn(TurnKind.RESET, last.wh, low.wh)
    return Count(last.wh - begin.wh + end.wh - low.wh, turn=turn)


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
