"""Presence: what the nodes of an installation know of one another, and whether the store takes commits.

A node renews its record every two seconds. That commit tells the others that it lives, and tells itself
that the store works (P8): whoever cannot say that it lives cannot store a session either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import msgspec

from elstrada.model.node import GONE_AFTER, NodeSeen, Part
from elstrada.spine import tables as t
from elstrada.spine.clock import Clock
from elstrada.spine.face import Between, Delete, Put, Row, RowMoved, Spine, SpineDown, Work
from elstrada.spine.patience import within

BEAT_S = 2.0
PATIENCE_S = 3.0
"""For one beat's commit: beats and patience together are the five seconds within which a node is unready (F4)."""
FORGOTTEN_AFTER = timedelta(days=1)
MOST_NODES = 10_000


class Presence:
    """One node's record, and the others'."""

    def __init__(self, spine: Spine, clock: Clock, me: NodeSeen, displaced: Callable[[], None]) -> None:
        """Not seen yet.

        Args:
            displaced: told, once, that another process serves under this node's name: this one must end.
        """
        self.me = me
        self.trouble = ""
        """Why the last beat could not be committed; empty when it was."""
        self._spine, self._clock, self._displaced = spine, clock, displaced

    async def arrive(self) -> None:
        """Begin a new life under this name, whatever became of the last.

        Raises:
            SpineDown: the store cannot commit.
        """
        await self._spine.commit(Work(writes=(Put(t.node, _row(self.me)),)))

    async def run(self, beat_s: float = BEAT_S) -> None:
        """Beat until cancelled, or displaced."""
        while True:
            if not await self.beat():
                self._displaced()
                return
            await asyncio.sleep(beat_s)

    async def beat(self) -> bool:
        """Say that this node lives; False when another lives in its name."""
        row: Row = {"id": self.me.id, "seen_at": self._clock.now(), "leaving_at": self.me.leaving_at}
        try:
            commit = self._spine.commit(Work(writes=(Put(t.node, row, self._mine()),)))
            await within(commit, PATIENCE_S, "a sign of life")
        except SpineDown as down:
            self.trouble = f"the store cannot commit: {down}"
        except RowMoved:
            return await self._missed()
        else:
            self.trouble = ""
        return True

    async def leave(self) -> None:
        """Let everybody see that this node drains; it goes on beating. A store that is down stops nobody."""
        self.me = msgspec.structs.replace(self.me, leaving_at=self._clock.now())
        await self.beat()

    async def depart(self) -> None:
        """Take leave, so that nobody waits to see whether this node comes back."""
        try:
            await self._spine.commit(Work(writes=(Delete(t.node, {"id": self.me.id}, self._mine()),)))
        except (RowMoved, SpineDown):
            return  # Another lives under this name, or the others will see for themselves.

    async def others(self) -> list[NodeSeen]:
        """The other nodes that live."""
        return [one for one in await living(self._spine, self._clock) if one.id != self.me.id]

    async def _missed(self) -> bool:
        """The record is not this life's: somebody took it away, or another process lives under the name."""
        try:
            if await self._spine.get(t.node, id=self.me.id) is None:
                await self.arrive()
                return True
        except SpineDown as down:
            self.trouble = f"the store cannot commit: {down}"
            return True
        self.trouble = f"another process serves as node {self.me.id}"
        return False

    def _mine(self) -> Row:
        return {"started_at": self.me.started_at}


async def nodes(spine: Spine) -> list[NodeSeen]:
    """Every node on record, whether it lives or not."""
    return [_node(row) for row in await spine.find(t.node, order=("id",), limit=MOST_NODES)]


async def living(spine: Spine, clock: Clock) -> list[NodeSeen]:
    """The nodes that were seen lately."""
    since = clock.now() - GONE_AFTER
    rows = await spine.find(t.node, {"seen_at": Between(since)}, order=("id",), limit=MOST_NODES)
    return [_node(row) for row in rows]


def _row(node: NodeSeen) -> Row:
    return {
        "id": node.id,
        "roles": ",".join(sorted(node.roles)),
        "started_at": node.started_at,
        "seen_at": node.seen_at,
        "version": node.version,
        "address": node.address,
        "leaving_at": node.leaving_at,
    }


def _node(row: Row) -> NodeSeen:
    # A newer version may have roles that this one does not know (F23).
    roles = [role for role in cast(str, row["roles"]).split(",") if role in list(Part)]
    return msgspec.convert({**row, "roles": roles}, NodeSeen)
