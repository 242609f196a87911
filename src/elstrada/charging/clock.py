"""Is a station's clock wrong? By the times in its messages, of which the old ones prove nothing.

A message that waited in a station's queue tells an old time by a good clock. So a clock is behind only by messages
that are not queued, and only when several agree; a time ahead of ours nobody can have waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from elstrada.model import facts as f
from elstrada.model.clock import ClockReading, WrongClock

WRONG_S = 3_600
RIGHT_S = 600
"""Nearer than this it is right again; between the two nothing is said."""
AGREE_S = 120
"""Readings of one offset differ by no more: it is what a message takes, and what a clock drifts."""
APART = timedelta(seconds=30)
"""Readings are counted when so much time lies between them: what was said in one breath is one."""
_AHEAD, _OTHERS = 2, 3
"""How many must agree."""


def with_reading(
    readings: tuple[ClockReading, ...], new: ClockReading, *, live: bool
) -> tuple[ClockReading, ...]:
    """The latest readings that agree, with one more.

    Args:
        live: its message never waits in a queue.
    """
    if not live and new.ahead_s < WRONG_S:
        return readings
    if readings and abs(readings[-1].ahead_s - new.ahead_s) > AGREE_S:
        return (new,)
    if readings and new.at - readings[-1].at < APART:
        return readings
    return (*readings, new)[-_OTHERS:]


def judged(known: WrongClock | None, readings: Sequence[ClockReading]) -> f.StationClockJudged | None:
    """The fact that these readings make; None: they say nothing that is new."""
    if not readings:
        return None
    ahead_s = readings[-1].ahead_s
    if len(readings) < (_AHEAD if ahead_s >= WRONG_S else _OTHERS):
        return None
    if known is not None and abs(ahead_s) < RIGHT_S:
        return f.StationClockJudged(ahead_s=ahead_s)
    if abs(ahead_s) < WRONG_S or (known is not None and abs(known.ahead_s - ahead_s) < WRONG_S):
        return None
    since: datetime = readings[0].at if known is None else known.since
    return f.StationClockJudged(ahead_s=ahead_s, wrong_since=since)
