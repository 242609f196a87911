"""Which of a peer's lists we read, when, and from when on.

Messages of OCPI are not repeated: whoever was away asks for what it has missed. A list is read whole after a
registration; then what has changed since it was last read, now and then, and soon after either side was away.

Source: OCPI 2.2.1 and 2.3.0 transport_and_format, offline behaviour; mod_sessions and mod_cdrs, pull model.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, PeerState, Role
from elstrada.ocpi.registration import hub_or_not
from elstrada.ocpi.versions import language
from elstrada.roaming.news import MODULE_OF, Kind
from elstrada.roaming.visibility import is_hub
from elstrada.roles.roaming.marks import SEPARATOR, mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Cell, Delete, Put, Row, Work

NEWS = "news"
"""Behind a module in a mark: only what has changed of it is wanted."""
EVERY = timedelta(hours=1)
"""Between two times that a list is read."""
OVERLAP = timedelta(hours=1)
"""How far before the last reading we ask again: clocks differ, and an object may be older than its place in a list."""
FIRST = timedelta(days=31)
"""How far back we ask for sessions and CDRs the first time. Without a date nobody lists sessions (R-30)."""
_SPARED = timedelta(minutes=5)
"""A list that was read so lately is not read again because its peer was away in between."""
_AT_ONCE = 200
_CLIENTS = MODULE_OF[Kind.CLIENT]
_DATED = frozenset({"sessions", "cdrs"})
_OF_DRIVERS = ("locations", "tariffs", "sessions", "cdrs")
_WANTED = {
    Role.CPO: ("tokens", "payments"),
    Role.EMSP: (*_OF_DRIVERS, "booking_locations", "bookings"),
    Role.PTP: _OF_DRIVERS,
}
"""What a party in this role wants to have of its peers."""
_NOT_OF_ALL = frozenset({"bookings", "sessions", "cdrs"})
"""Modules of which a hub has no list of all who are behind it."""
_MODULES = {"booking_locations": "bookings"}
"""The module of a list that is not its module's only one."""


class Lists:
    """Remembers when each was read."""

    def __init__(self, means: Means, peers: Peers) -> None:
        self._means, self._peers = means, peers

    async def wants(self, peer: Peer, name: str) -> bool:
        """Do we read this list of a peer? A renewal may have taken it away, and so may a role of ours that went."""
        own = await self._peers.party(peer.owner)
        return name in wanted(own.roles if own else (), peer)

    async def since(self, peer: Peer, name: str, *, whole: bool) -> datetime | None:
        """From when on a list is asked for; None: all of it."""
        if whole and name not in _DATED:
            return None
        row = await self._means.spine.get(t.pull, **_key(peer, name))
        began_at = None if row is None else row["began_at"]
        if isinstance(began_at, datetime):
            return began_at - OVERLAP
        return self._means.clock.now() - FIRST if name in _DATED else None

    async def was_read(self, peer: Peer, name: str, began_at: datetime) -> None:
        """Note that a list was read to its end.

        Args:
            began_at: when its first page was asked for. What changed since then may be on no page.
        """
        cells: Row = {"began_at": began_at, "due_at": self._next()}
        await self._means.spine.commit(Work(writes=(Put(t.pull, _key(peer, name) | cells),)))

    def given_up(self, owner: PartyId, peer_id: str, name: str) -> Put:
        """The record of a list that cannot be had now: it is asked for again when it is due."""
        key: dict[str, Cell] = {"owner": str(owner), "peer_id": peer_id, "name": name}
        return Put(t.pull, key | {"due_at": self._next()})

    async def missed(self, peer: Peer) -> list[Put]:
        """Marks of what a peer may have told while one of us was away."""
        own, now = await self._peers.party(peer.owner), self._means.clock.now()
        where = {"owner": str(peer.owner), "peer_id": peer.id}
        known = {str(row["name"]): row["began_at"] for row in await self._means.spine.find(t.pull, where)}
        return [
            put
            for name in wanted(own.roles if own else (), peer)
            if name != _CLIENTS and not _is_after(known.get(name), now - _SPARED)
            for put in await self._marked(peer, name, now)
        ]

    async def due(self, now: datetime) -> list[Put | Delete]:
        """Marks of all lists whose time has come, and when it comes next."""
        where = {"due_at": Between(high=now)}
        writes: list[Put | Delete] = []
        for row in await self._means.spine.find(t.pull, where, order=("due_at",), limit=_AT_ONCE):
            key = {column: row[column] for column in ("owner", "peer_id", "name")}
            peer = await self._peers.get(PartyId.parse(str(row["owner"])), str(row["peer_id"]))
            name = str(row["name"])
            if peer is None or peer.state is not PeerState.ACTIVE or not await self.wants(peer, name):
                writes.append(Delete(t.pull, key))
                continue
            writes += await self._marked(peer, name, now)
            writes.append(Put(t.pull, key | {"due_at": self._next()}))
        return writes

    async def _marked(self, peer: Peer, name: str, now: datetime) -> list[Put]:
        """The mark of a list; none where one stands already, which has its own patience."""
        marked = {"owner": str(peer.owner), "peer_id": peer.id, "kind": Kind.PULL.value}
        for parts in ((name,), (name, NEWS)):
            if await self._means.spine.get(t.mark, **marked, object_id=SEPARATOR.join(parts)) is not None:
                return []
        position = await self._means.spine.commit(Work())
        return [mark(peer, Kind.PULL, name, NEWS, position=position, now=now)]

    def _next(self) -> datetime:
        """In that time or up to a quarter later, so that not all are asked at once."""
        return self._means.clock.now() + EVERY * (1 + self._means.chance.spread() / 4)


def wanted(roles: Collection[Role], peer: Peer) -> list[str]:
    """The lists that we read of a peer: those that our roles want and it offers."""
    offered = {endpoint.identifier for endpoint in peer.endpoints if endpoint.role == "SENDER"}
    names = dict.fromkeys(name for role in roles for name in _WANTED.get(role, ()))
    if is_hub(peer):
        names = {name: None for name in names if _MODULES.get(name, name) not in _NOT_OF_ALL}
        if False in hub_or_not(roles):
            names[_CLIENTS] = None
    if language(peer.version).bookings is None:
        offered.discard("bookings")
    return [name for name in names if _MODULES.get(name, name) in offered]


def _key(peer: Peer, name: str) -> dict[str, str]:
    return {"owner": str(peer.owner), "peer_id": peer.id, "name": name}


def _is_after(at: Cell, limit: datetime) -> bool:
    return isinstance(at, datetime) and at > limit
