"""What a server does about a station that says nothing (rule 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Watched(Protocol):
    """A socket that may fall silent."""

    def ping(self) -> bool:
        """Ask for a sign of life. True if one is due now."""
        ...

    def give_up(self) -> None:
        """No sign came, or no goodbye: cut the connection."""
        ...


class Probe:
    """Somebody waits for a sign of life, and is told once whether it came in time."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, answered: Callable[[bool], None], within_s: float
    ) -> None:
        self._loop, self._answered = loop, answered
        self._over = False
        self._timer = loop.call_later(within_s, self.end, False)

    def end(self, alive: bool) -> None:
        """Something was heard, or the time is up, or nothing ever will be heard. The first counts."""
        if not self._over:
            self._over = True
            self._timer.cancel()
            self._loop.call_soon(self._answered, alive)


class Watch:
    """Pings after silence, and gives up on whoever stays silent. One timer per socket, no task."""

    __slots__ = ("_heard", "_interval_s", "_loop", "_pinged", "_probes", "_timeout_s", "_timer", "_watched")

    def __init__(
        self, watched: Watched, loop: asyncio.AbstractEventLoop, interval_s: float, timeout_s: float
    ) -> None:
        self._watched, self._loop = watched, loop
        self._interval_s, self._timeout_s = interval_s, min(timeout_s, interval_s)
        self._heard = self._pinged = loop.time()
        self._probes: list[Probe] | None = None
        self._timer = loop.call_later(interval_s, self._look)

    def heard(self) -> float:
        """The station said something. Returns the loop's time."""
        self._heard = self._loop.time()
        if self._probes is not None:
            self._end_probes(True)
        return self._heard

    def expect(self, answered: Callable[[bool], None], within_s: float) -> None:
        """Tell whether anything is heard from now on; the caller has pinged (``StationSocket.probe``)."""
        self._probes = self._probes or []
        self._probes.append(Probe(self._loop, answered, within_s))

    def give_up_in(self, delay_s: float) -> None:
        """A goodbye was said: only its deadline counts from now on."""
        self._end_probes(False)
        self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._watched.give_up)

    def stop(self) -> None:
        """The socket is gone."""
        self._end_probes(False)
        self._timer.cancel()

    def _end_probes(self, alive: bool) -> None:
        probes, self._probes = self._probes or [], None
        for probe in probes:
            probe.end(alive)

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
