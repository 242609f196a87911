"""Who is connected by the log, and what this node really holds: each is put right by the other (F11)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import timedelta

from elstrada.model import asks
from elstrada.model.ids import PartyId, station_stream
from elstrada.net.face import Clock
from elstrada.roles.gateway.link import Link
from elstrada.roles.gateway.seat import Seat
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine, StreamMoved

_LOOKS_PER_ROUND = 30
"""So that every socket is looked at within a minute, though its station may write nothing for hours."""
_PAUSED = timedelta(seconds=5)
"""A look that comes so late shows that the whole process stood still."""
_AT_ONCE = 100
_MOST_PER_QUESTION = 500

Links = Mapping[str, Link]
"""Sockets that speak for their stations, by stream."""
NewSeat = Callable[[PartyId, str], Seat]


class Custody:
    """Compares the log's word with the sockets of one node."""

    def __init__(
        self,
        spine: Spine,
        clock: Clock,
        node_id: str,
        parties: tuple[PartyId, ...],
        links: Links,
        arriving: Mapping[str, object],
        new_seat: NewSeat,
    ) -> None:
        self._spine, self._clock, self._node_id, self._parties = spine, clock, node_id, parties
        self._links, self._arriving, self._new_seat = links, arriving, new_seat
        self._looked_at = clock.now()
        self._unseen: list[Link] = []
        self.unsaid = False
        """May the log have it wrong who is connected here, because the store was down?"""

    async def begin(self) -> None:
        """At the start: whom the log believes connected to this node is not, until it comes again."""
        await self.say_gone_of(None)  # From when there was only one node.
        await self.say_gone_of(self._node_id)
        self._looked_at = self._clock.now()

    async def say_gone_of(self, node_id: str | None) -> int:
        """Say of every station of a node that it is gone, save those that this node holds.

        A node that lives all the same has lost these streams: its next write is refused, and its sockets
        are closed (F11).

        Returns:
            How many there were.
        Raises:
            SpineDown: not all could be said; call it again.
        """
        count = 0
        for party in self._parties:
            where = {"owner": str(party), "node": node_id, "connection_id": Between("")}
            rows = await self._spine.find(t.station_state, where, limit=1_000_000)
            for first in range(0, len(rows), _AT_ONCE):
                # Together, so that they share commits.
                said = await asyncio.gather(
                    *(self._say_gone(party, row) for row in rows[first : first + _AT_ONCE])
                )
                count += sum(said)
        return count

    async def say_what_was_not_said(self) -> None:
        """Catch up on goodbyes that the store could not take, and on connections whose commit is in doubt (F5)."""
        if self.unsaid:
            self.unsaid = False
            try:
                await self.say_gone_of(self._node_id)
            except BaseException:
                self.unsaid = True
                raise

    async def look(self) -> None:
        """Close the sockets that speak for their station no more: another node owns it now.

        A part at a time; all of them when the process stood still, for then it may have lost them all.
        """
        now = self._clock.now()
        paused, self._looked_at = now - self._looked_at > _PAUSED, now
        if paused or not self._unseen:
            self._unseen = list(self._links.values())
        count = len(self._unseen) if paused else -(-len(self._links) // _LOOKS_PER_ROUND)
        part, self._unseen = self._unseen[:count], self._unseen[count:]
        for first in range(0, len(part), _MOST_PER_QUESTION):
            await self._compare(part[first : first + _MOST_PER_QUESTION])

    async def _compare(self, links: list[Link]) -> None:
        by_key = {(str(link.seat.owner), link.seat.station_id): link for link in links}
        for owner in sorted({owner for owner, _ in by_key}):
            names = AnyOf(tuple(name for of, name in by_key if of == owner))
            where = {"owner": owner, "station_id": names}
            for row in await self._spine.find(t.station_state, where, limit=len(names.values)):
                link = by_key[owner, str(row["station_id"])]
                if self._links.get(link.stream) is link and row["connection_id"] != link.connection_id:
                    link.lost()

    async def _say_gone(self, party: PartyId, row: Row) -> bool:
        stream = station_stream(party, str(row["station_id"]))
        link = self._links.get(stream)
        if stream in self._arriving or (link is not None and link.connection_id == row["connection_id"]):
            return False
        seat = self._new_seat(party, str(row["station_id"]))
        await seat.load()
        with contextlib.suppress(StreamMoved):  # It is connected anew.
            await seat.ask(asks.Disconnect(connection_id=str(row["connection_id"]), reason="the node ended"))
            return True
        return False
