"""Everybody who waits for news from the log."""

from __future__ import annotations

import asyncio
from weakref import WeakSet


class Watchers:
    """Events that are all set when facts have been committed. One that nobody holds any more is forgotten."""

    def __init__(self) -> None:
        self._events: WeakSet[asyncio.Event] = WeakSet()

    def watch(self) -> asyncio.Event:
        """A new event, for one waiter, who clears it."""
        event = asyncio.Event()
        self._events.add(event)
        return event

    def wake(self) -> None:
        """Set them all."""
        for event in self._events:
            event.set()
