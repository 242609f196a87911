"""Holds back what we ask of a station by ourselves until it has settled (rule 5).

What operators ask is not held back, nor what answers a station or a car.
"""

from __future__ import annotations

import asyncio

from elstrada.charging.settling import come
from elstrada.model.settling import SettleRules
from elstrada.net.face import Clock


class Settling:
    """One connection of a station: whether it may be asked. Nothing is held back before ``begin``."""

    __slots__ = ("_asked", "_clock", "_coming", "_rules", "_stirred", "booted")

    def __init__(self, rules: SettleRules, clock: Clock) -> None:
        self._rules, self._clock = rules, clock
        self._coming = come(clock.now())
        self._stirred: asyncio.Event | None = None
        """Set when those who wait should look again."""
        self._asked: set[str] | None = None
        self.booted = False
        """Did it boot on this connection?"""

    def begin(self, *, booted: bool = False) -> None:
        """The station came, or boots: what is not asked yet waits (again)."""
        self._coming = come(self._clock.now())
        self.booted = self.booted or booted

    def heard(self, action: str) -> None:
        """The station called."""
        if not self.done:
            self._coming = self._coming.heard(action, self._clock.now())

    def end(self) -> None:
        """The socket is gone: nobody waits any more."""
        if self._stirred is not None:
            self._stirred.set()

    @property
    def done(self) -> bool:
        """Has it settled?"""
        return self._wait_s <= 0

    @property
    def _wait_s(self) -> float:
        return (self._coming.settles_at(self._rules) - self._clock.now()).total_seconds()

    async def wait(self, unless: asyncio.Event | None = None) -> None:
        """Wait until it has settled, its socket is gone, or ``unless`` is set."""
        stirred = unless if unless is not None else self._stirring()
        while not self.done and not stirred.is_set():
            try:
                async with asyncio.timeout(max(self._wait_s, 0.01)):
                    await stirred.wait()
            except TimeoutError:
                continue  # It may have told something meanwhile.

    def once(self, what: str) -> bool:
        """May this be asked? Not if it was on this connection."""
        self._asked = self._asked or set()
        if what in self._asked:
            return False
        self._asked.add(what)
        return True

    def renew(self, what: str) -> None:
        """There is a new reason to ask this."""
        if self._asked is not None:
            self._asked.discard(what)

    def _stirring(self) -> asyncio.Event:
        self._stirred = self._stirred or asyncio.Event()
        return self._stirred
