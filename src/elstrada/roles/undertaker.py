"""The undertaker: says of the stations of a node that died that they are gone, and forgets dead nodes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from elstrada.model.node import GONE_AFTER
from elstrada.roles.presence import FORGOTTEN_AFTER, nodes
from elstrada.spine import tables as t
from elstrada.spine.clock import Clock
from elstrada.spine.face import Between, Delete, RowMoved, Spine, SpineDown, Work

log = logging.getLogger(__name__)

LOOK_S = 10.0

SayGoneOf = Callable[[str], Awaitable[int]]
"""Says of every station of a node that it is gone (``Gateway.say_gone_of``)."""


class Undertaker:
    """Looks after the stations of nodes that do not do it themselves. One of an installation at a time."""

    def __init__(self, spine: Spine, clock: Clock, node: str, say_gone_of: SayGoneOf) -> None:
        self._spine, self._clock, self._node, self._say_gone_of = spine, clock, node, say_gone_of
        self._suspected: set[str] = set()
        """Nodes that hold stations by the log and lived not at the last look."""
        self._seen: dict[str, datetime] = {}
        """When each node said that it lives, by its own clock, as of the last look."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except SpineDown as down:
                log.warning("dead nodes cannot be looked after now: %s", down)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Bury whom two looks in a row found dead, and who has not said in between that it lives.

        A node whose clock is wrong, or that looks by a wrong one, seems to be dead, and beats all the same.
        """
        known, now = await nodes(self._spine), self._clock.now()
        before, self._seen = self._seen, {node.id: node.seen_at for node in known}
        still = {node for node in before.keys() | self._suspected if before.get(node) == self._seen.get(node)}
        alive = {node.id for node in known if abs(now - node.seen_at) <= GONE_AFTER} | {self._node}
        dead = await self._holders() - alive
        for node in sorted(dead & self._suspected & still):
            count = await self._say_gone_of(node)
            log.warning("node %s is gone, and with it the connections of %d stations", node, count)
        self._suspected = dead
        for node in known:
            if now - node.seen_at > FORGOTTEN_AFTER and node.id in still:
                await self._forget(node.id)

    async def _holders(self) -> set[str]:
        """Nodes that hold stations' sockets, as far as the log knows."""
        connected = {"connection_id": Between("")}
        rows = await self._spine.count(t.station_state, connected, by=("node",))
        return {str(row["node"]) for row in rows if row["node"] is not None}

    async def _forget(self, node: str) -> None:
        row = await self._spine.get(t.node, id=node)
        if row is not None:
            try:
                await self._spine.commit(
                    Work(writes=(Delete(t.node, {"id": node}, {"seen_at": row["seen_at"]}),))
                )
            except RowMoved:
                return  # It lives after all.
