"""How far followers are behind, and whether they come on: facts that wait for one that does nothing (F17)."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

import msgspec

from elstrada.roles.node import Following, Node
from elstrada.spine.face import SpineDown

LOOK_S = 5.0
STILL_AFTER = timedelta(seconds=60)
"""A follower that stays where it is for so long, though facts wait, is stuck."""


class Lag(msgspec.Struct, frozen=True):
    """One follower of one shard, as it was when last looked at."""

    following: Following
    position: int
    facts: int
    """That wait, counted up to ``spine.face.MOST_COUNTED``."""
    oldest: datetime | None
    """When the first of them was recorded."""
    since: datetime
    """Since when it has been there with facts waiting, or with none: when it was looked at."""


class Lags:
    """Looks at the followers that run on a node."""

    def __init__(self, node: Node) -> None:
        self.now: dict[str, Lag] = {}
        """By the name of the follower's lease."""
        self.node = node

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(SpineDown):
                await self.look()

    async def look(self) -> None:
        """Take every follower's measure anew."""
        self.now = {following.lease: await self._lag(following) for following in self.node.led()}

    def stuck(self) -> list[str]:
        """The followers that make no progress, in words."""
        now = self.node.hands.wall.now()
        return [
            f"follower {lag.following.name} of shard {lag.following.shard} makes no progress:"
            f" {lag.facts} facts wait behind position {lag.position} since {lag.oldest:%H:%M:%S} UTC"
            for lag in self.now.values()
            if lag.oldest is not None and now - lag.since > STILL_AFTER
        ]

    async def _lag(self, following: Following) -> Lag:
        hands, position = self.node.hands, following.progress.position
        waiting = await hands.spine.waiting(position, following.shard)
        before = self.now.get(following.lease)
        stays = before is not None and before.position == position and before.facts > 0 and waiting.count > 0
        since = before.since if before is not None and stays else hands.wall.now()
        return Lag(following, position, waiting.count, waiting.oldest, since)
