"""The world's time: the event loop's, from an epoch on, at a speed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta


class SimClock:
    """A clock over the running loop's time.

    On a ``VirtualLoop`` it is virtual. On a real loop ``speed`` makes the world run faster than its
    observers: stations and drivers sleep in world seconds, while timeouts between processes, which are
    the loop's own, stay real seconds.
    """

    def __init__(self, epoch: datetime, speed: float = 1.0, began: float | None = None) -> None:
        """Begin at an epoch.

        Args:
            began: the loop's time at the epoch, where another process of this machine began the world;
                default: now.
        """
        if speed <= 0:
            raise ValueError(f"a world's speed is above 0, not {speed}")
        self.speed = speed
        self._epoch = epoch
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time() if began is None else began
        self._read_at, self._read = self.began, epoch
        """The loop's time when somebody last asked, and what the clock showed: at one instant many ask."""

    def now(self) -> datetime:
        """The world's wall clock, aware UTC."""
        at = self._loop.time()
        if at != self._read_at:
            self._read_at, self._read = at, self._epoch + timedelta(seconds=(at - self.began) * self.speed)
        return self._read

    async def sleep(self, seconds: float) -> None:
        """Sleep for so many of the world's seconds."""
        await asyncio.sleep(seconds / self.speed)

    async def happens_within(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for an event, but no longer than so many of the world's seconds; say whether it happened."""
        try:
            async with asyncio.timeout(max(seconds, 0.0) / self.speed):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        return True
