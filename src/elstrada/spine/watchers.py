"""Everybody who waits for news from the log."""

from __future__ import annotations

import asyncio
from itertools import count
from weakref import WeakValueDictionary


class Watchers:
    """Events that are all set when facts have been committed. One that nobody holds any more is forgotten."""

    def __init__(self) -> None:
        # Not a WeakSet: whoever came first is woken first, in every run of a seed.
        self._events: WeakValueDictionary[int, asyncio.Event] = WeakValueDictionary()
        self._numbers = count()

    def watch(self) -> asyncio.Event:
        """A new event, for one waiter, who clears it."""
        event = asyncio.Event()
        self._events[next(self._numbers)] = event
        return event

    def wake(self) -> None:
        """Set them all."""
        for event in self._events.values():
            event.set()
