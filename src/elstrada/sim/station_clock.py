"""Clocks of stations: right, wrong, or without a battery (rule 22, F12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from elstrada.sim.clock import SimClock

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class ClockHabit(StrEnum):
    RIGHT = "right"
    AHEAD = "two hours ahead, and deaf to the time it is told"
    DRIFTING = "five seconds an hour slow"
    UNSET = "1970 until it is told the time"
    BROKEN = "1970 for ever"
    BEHIND = "five hours behind"
    JUMPING = "right, or three hours off, from one message to the next"
    ZONELESS = "right, but without saying of which zone"


class StationClock:
    """What a station believes the time to be."""

    def __init__(self, clock: SimClock, habit: ClockHabit) -> None:
        self._clock, self.habit = clock, habit
        self._began = clock.now()
        self._told = False
        self._asked = 0

    def power_on(self) -> None:
        """Start again; a clock without a battery has forgotten the time."""
        self._began, self._told = self._clock.now(), False

    def told(self) -> None:
        """The operator said what time it is (BootNotification, Heartbeat)."""
        self._told = True

    def now(self) -> datetime:
        """The time it would write into a message now."""
        return self.at(self._clock.now())

    def at(self, instant: datetime) -> datetime:
        """The time it would have written then."""
        match self.habit:
            case ClockHabit.AHEAD:
                return instant + timedelta(hours=2)
            case ClockHabit.BEHIND:
                return instant - timedelta(hours=5)
            case ClockHabit.JUMPING:
                self._asked += 1
                return instant + timedelta(hours=(0, 3, -3)[self._asked % 3])
            case ClockHabit.DRIFTING:
                return instant - (instant - self._began) * 5 / 3600
            case ClockHabit.UNSET if not self._told:
                return _BEGINNING + (instant - self._began)
            case ClockHabit.BROKEN:
                return _BEGINNING + (instant - self._began)
            case _:
                return instant


def said(clock: StationClock, at: datetime) -> str:
    """A time of a station's clock as it writes it."""
    return written(at).removesuffix("Z") if clock.habit is ClockHabit.ZONELESS else written(at)


def written(at: datetime) -> str:
    """A time as stations write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
