"""What a server does about a station that says nothing (rule 3)."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Watched(Protocol):
    """A socket that may fall silent."""

    def ping(self) -> bool:
        """Ask for a sign of life. True if one is due now."""
        ...

    def give_up(self) -> None:
        """No sign came, or no goodbye: cut the connection."""
        ...


class Watch:
    """Pings after silence, and gives up on whoever stays silent. One timer per socket, no task."""

    __slots__ = ("_heard", "_interval_s", "_loop", "_pinged", "_timeout_s", "_timer", "_watched")

    def __init__(
        self, watched: Watched, loop: asyncio.AbstractEventLoop, interval_s: float, timeout_s: float
    ) -> None:
        self._watched, self._loop = watched, loop
        self._interval_s, self._timeout_s = interval_s, min(timeout_s, interval_s)
        self._heard = self._pinged = loop.time()
        self._timer = loop.call_later(interval_s, self._look)

    def heard(self) -> float:
        """The station said something. Returns the loop's time."""
        self._heard = self._loop.time()
        return self._heard

    def give_up_in(self, delay_s: float) -> None:
        """A goodbye was said: only its deadline counts from now on."""
        self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._watched.give_up)

    def stop(self) -> None:
        """The socket is gone."""
        self._timer.cancel()

    def _look(self) -> None:
        silent_s = self._loop.time() - self._heard
        if self._pinged > self._heard:
            self._watched.give_up()
        elif silent_s < self._interval_s:
            self._timer = self._loop.call_later(self._interval_s - silent_s, self._look)
        elif self._watched.ping():
            self._pinged = self._loop.time()
            self._timer = self._loop.call_later(self._timeout_s, self._look)
        else:
            self._timer = self._loop.call_later(self._interval_s, self._look)
