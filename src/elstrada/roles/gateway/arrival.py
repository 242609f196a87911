"""From a station's open socket to its only writer.

Two sockets may claim to be one station: a thief's and the station's, or both the station's own, one of
them dead without a word. So a newcomer, authenticated though it is, waits until the station has been
asked for a sign of life on the socket before it (T2). What it sends meanwhile is held.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from elstrada.model import asks
from elstrada.model.answers import Presence
from elstrada.model.ids import station_address
from elstrada.roles.gateway.link import (
    INTERNAL_ERROR,
    POLICY_VIOLATION,
    PROBE_S,
    SERVICE_RESTART,
    TRY_AGAIN_LATER,
    Link,
)
from elstrada.spine.face import SpineDown, StreamMoved
from elstrada.spine.post import NobodyThere, NoReply

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway

ASK_S = PROBE_S + 1.5
"""How long another node has to say whether the station answers there: it pings for ``PROBE_S`` itself."""
MOST_TURNS = 10
"""How often a newcomer looks again because the stream moved meanwhile."""


class Arrival:
    """What goes on between a station's sockets until one of them speaks for it. One per station and node."""

    def __init__(self, gateway: Gateway, link: Link) -> None:
        self._gateway = gateway
        self.link = link
        """The socket whose turn it is."""
        self._next: Link | None = None
        self._silent: set[str] = set()
        """Connections on which the station gave no sign of life."""
        self._asking: asyncio.Future[bool] | None = None

    def wait_behind(self, link: Link) -> None:
        """A still newer socket has its turn once it is known what becomes of the one before.

        If that one left by itself, the newer need not wait as long again. One can wait so, the newest.
        """
        if self._next is not None:
            self._next.close(SERVICE_RESTART, "a newer connection of this station waits in its place")
        self._next = link

    def end(self) -> None:
        """The node is leaving: nobody gets in any more."""
        self._close(SERVICE_RESTART, "service restart")
        if self._asking is not None:
            self._asking.cancel()

    def give_up(self) -> None:
        """It cannot be decided, for a bug of ours."""
        self._close(INTERNAL_ERROR, "internal error")

    async def run(self) -> None:
        """Let each socket speak for the station, or close it, until none waits."""
        while True:
            await self._let_in(self.link)
            if self._next is None:
                return
            self.link, self._next = self._next, None

    async def _let_in(self, link: Link) -> None:
        try:
            for _ in range(MOST_TURNS):
                if await self._turn(link):
                    return
            link.close(SERVICE_RESTART, "served elsewhere")
        except SpineDown as down:
            self._gateway.spine_is_down(down)
            link.close(TRY_AGAIN_LATER, "try again later")

    async def _turn(self, link: Link) -> bool:
        """Try once to become the stream's owner. True when it is over, one way or the other."""
        seat, before = link.seat, len(self._silent)
        await seat.load()
        if seat.state.connection_id is not None and await self._speaks(link):
            self._refuse(link)
            return True
        if len(self._silent) > before:
            return False  # Time has passed: look at the log again.
        if link.ending:
            return True
        link.treat(await self._gateway.treating.of_returning(seat))
        try:
            await seat.ask(self._gateway.connect(link))
        except StreamMoved:
            return False
        await self._gateway.settle(link)
        return True

    def _close(self, code: int, reason: str) -> None:
        for link in (self.link, self._next):
            if link is not None:
                link.close(code, reason)

    async def _speaks(self, link: Link) -> bool:
        """Does the station answer on the connection that the log names?"""
        connection_id = link.seat.state.connection_id
        assert connection_id is not None, "the caller looked"
        if connection_id in self._silent:
            return False
        self._asking = asyncio.ensure_future(self._ask(link, connection_id))
        await asyncio.wait({self._asking})
        asked, self._asking = self._asking, None
        if asked.cancelled():
            return False
        if not asked.result():
            self._silent.add(connection_id)
        return asked.result()

    async def _ask(self, link: Link, connection_id: str) -> bool:
        held = self._gateway.held(link.stream)
        if held is not None and held.connection_id == connection_id:
            return await held.answers_a_ping()
        seat = link.seat
        if not seat.state.node:
            return False  # From when there was only one node, which has been started anew since.
        address = station_address(seat.state.node, seat.owner, seat.station_id, connection_id)
        try:
            answer = await self._gateway.post.ask(address, asks.AreYouThere(), timeout_s=ASK_S)
        except NobodyThere:
            return False
        except NoReply as silence:
            self._gateway.findings.note(link.source, "node of a connection is silent", str(silence))
            return False
        return isinstance(answer, Presence) and answer.answers

    def _refuse(self, link: Link) -> None:
        sample = f"from {link.remote}: the station answers on the connection it has"
        self._gateway.findings.note(link.source, "duplicate identity", sample)
        link.close(POLICY_VIOLATION, "duplicate identity: the station answers on its other connection")
