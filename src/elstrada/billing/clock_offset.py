"""By how much a station's clock is ahead of ours, as the news of one session show it (pricing 5.2).

OCPP's heartbeat carries no time of the station, so the times of its messages are compared with those of their
record. What waited in a queue says an old time by a good clock; but then messages were late by different times.
So a clock is corrected only if all news of a session were off by the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from elstrada.model.facts import Fact, MeterSampled, SessionEnded, SessionStarted, SessionUpdated

WRONG = timedelta(seconds=60)
"""A clock that is off by no more is right."""
AGREE = timedelta(seconds=60)
"""Readings of one clock differ by no more: it is what messages take, and what a clock drifts."""
APART = timedelta(seconds=30)
"""Readings are counted when so much time lies between them: what was said in one breath is one."""
ENOUGH = 3
"""So many readings prove it."""
_NONE = timedelta(0)


class ClockOffset(msgspec.Struct, frozen=True):
    """What the news of a session told so far, in the order of their record."""

    first: timedelta | None = None
    """How much ahead the first news was; negative: behind."""
    readings: int = 0
    counted_at: datetime | None = None
    agree: bool = True

    @property
    def ahead(self) -> timedelta:
        """By how much times are to be moved back; 0 if nothing is proven."""
        proven = self.first is not None and self.agree and self.readings >= ENOUGH
        return self.first if proven and self.first and abs(self.first) > WRONG else _NONE

    def after(self, fact: Fact, recorded_at: datetime) -> ClockOffset:
        """With one more fact of the session."""
        said = _said(fact)
        if said is None:
            return self
        ahead = said - recorded_at
        first = ahead if self.first is None else self.first
        agree = self.agree and abs(ahead - first) <= AGREE
        if self.counted_at is not None and recorded_at - self.counted_at < APART:
            return msgspec.structs.replace(self, agree=agree)
        return ClockOffset(first, self.readings + 1, recorded_at, agree)


def clock_offset(news: Iterable[tuple[Fact, datetime]]) -> ClockOffset:
    """What facts with their times of record tell together."""
    offset = ClockOffset()
    for fact, recorded_at in news:
        offset = offset.after(fact, recorded_at)
    return offset


def _said(fact: Fact) -> datetime | None:
    """The latest time that a station told of itself in a message; None: none, or not its own."""
    match fact:
        case MeterSampled():
            told = [sample.at for sample in fact.samples if not sample.clock_suspect]
            return max(told, default=None)
        case SessionStarted() | SessionUpdated():
            return None if fact.clock_suspect else fact.at
        case SessionEnded(presumed=None):
            return None if fact.clock_suspect else fact.at
        case _:
            return None
