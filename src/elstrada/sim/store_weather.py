"""A store that is slow, or cannot commit, or commits without saying so (F4, F5)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator
from contextlib import contextmanager

from elstrada.spine.face import SpineDown, Work


class StoreWeather:
    """How committing goes at present. Its methods are the gates of a ``MemorySpine``."""

    def __init__(self, chance: random.Random) -> None:
        self.slow = self.down = self.doubtful = False
        self._chance = chance

    @contextmanager
    def turned(self, name: str) -> Generator[None]:
        """For a while the store is ``slow``, ``down`` or ``doubtful``."""
        setattr(self, name, True)
        try:
            yield
        finally:
            setattr(self, name, False)

    async def before(self, _: Work) -> None:
        """What happens before a work is durable."""
        await asyncio.sleep(
            self._chance.uniform(0.2, 2.5) if self.slow else self._chance.uniform(0.001, 0.006)
        )
        if self.down:
            raise SpineDown("the disk is full")

    async def after(self, _: Work) -> None:
        """What happens when it is durable and nobody has been told."""
        if self.doubtful and self._chance.random() < 0.5:
            raise SpineDown("the connection to the store broke")
