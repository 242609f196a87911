"""How a station's clock stands to ours."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ClockReading(msgspec.Struct, frozen=True):
    """A time that a station told, beside the time of its receipt."""

    at: datetime
    """Of receipt."""
    ahead_s: int
    """By how much the station's time is ahead; negative: behind."""


class WrongClock(msgspec.Struct, frozen=True):
    """A station's clock is wrong by more than an hour."""

    ahead_s: int
    since: datetime
    """When we first saw it so."""

    def __str__(self) -> str:
        minutes = (abs(self.ahead_s) + 30) // 60
        way = "ahead of" if self.ahead_s > 0 else "behind"
        days, hours = divmod(minutes // 60, 24)
        told = f"{days} d {hours} h" if days else f"{hours} h {minutes % 60:02} min"
        return f"{told} {way} ours, since {self.since:%Y-%m-%d %H:%M}Z"
