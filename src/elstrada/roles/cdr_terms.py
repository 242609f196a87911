"""What is agreed of a party's CDRs, and who may bring them."""

from __future__ import annotations

import asyncio

import msgspec

from elstrada.model.agreement import ALL_PARTIES
from elstrada.model.examination import Examination
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, Role
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.agreements import MOST_AGREEMENTS, agreement_made
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine

_MOST_PEERS = 10_000
_peer = msgspec.json.Decoder(Peer).decode


class Senders:
    """Who sends us CDRs, and by which rules; read once for many."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self._agreements: dict[PartyId, asyncio.Task[list[Row]]] = {}
        self._peers: dict[PartyId, asyncio.Task[dict[str, Peer]]] = {}

    async def terms(self, owner: PartyId, party: PartyId) -> Examination:
        """What is agreed of a CPO's CDRs; the default where nothing is.

        An agreement that has ended counts on: its CDRs are settled all the same.
        """
        rows = await self._agreed(owner)
        if not rows:
            return Examination()
        speaking = [
            peer for peer in (await self._known(owner)).values() if party in parties_of(peer, (Role.CPO,))
        ]
        by_key = {(str(row["peer_id"]), str(row["party"])): row for row in rows}
        for name in (str(party), ALL_PARTIES):
            for peer in speaking:
                row = by_key.get((peer.id, name))
                if row is not None:
                    return agreement_made(row).cdrs
        return Examination()

    async def may(self, owner: PartyId, peer_id: str, party: PartyId) -> bool | None:
        """Does a peer speak for a CPO? None: it is not known who it was, or the connection is no more."""
        if not peer_id:
            return None
        peer = (await self._known(owner)).get(peer_id)
        return None if peer is None else party in parties_of(peer, (Role.CPO,))

    async def version(self, owner: PartyId, peer_id: str) -> str | None:
        """The version of OCPI that a peer speaks; None: it is not known who it was, or the connection is no more."""
        peer = (await self._known(owner)).get(peer_id) if peer_id else None
        return peer and peer.version

    async def _agreed(self, owner: PartyId) -> list[Row]:
        async def read() -> list[Row]:
            return await self._spine.find(t.agreement, {"owner": str(owner)}, limit=MOST_AGREEMENTS)

        if owner not in self._agreements:
            self._agreements[owner] = asyncio.create_task(read())
        return await self._agreements[owner]

    async def _known(self, owner: PartyId) -> dict[str, Peer]:
        async def read() -> dict[str, Peer]:
            rows = await self._spine.find(t.peer, {"owner": str(owner)}, limit=_MOST_PEERS)
            return {peer.id: peer for peer in (_peer(str(row["document"])) for row in rows)}

        if owner not in self._peers:
            self._peers[owner] = asyncio.create_task(read())
        return await self._peers[owner]
