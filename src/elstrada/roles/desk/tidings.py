"""What the desk changes, peers must hear of: marks, set in the commit of the change itself."""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, PeerState
from elstrada.roaming.news import MODULE_OF, Kind
from elstrada.roaming.visibility import listens
from elstrada.roles.desk.face import Desk
from elstrada.roles.roaming.marks import mark
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

MOST_PEERS = 10_000


async def tidings(desk: Desk, owner: PartyId, kind: Kind, *parts: str) -> tuple[Put, ...]:
    """The marks for a changed record of ours, one per peer that takes such objects.

    A node that serves sends what is due; without one, it is sent when the next node starts.

    Args:
        parts: the object's id; of a token, uid and type.
    """
    where = {"owner": str(owner), "state": PeerState.ACTIVE.value}
    rows = await desk.spine.find(t.peer, where, limit=MOST_PEERS)
    peers = (msgspec.json.decode(str(row["document"]), type=Peer) for row in rows)
    now, position = desk.clock.now(), await desk.spine.commit(Work())
    return tuple(
        mark(peer, kind, *parts, position=position, now=now)
        for peer in peers
        if listens(peer, MODULE_OF[kind])
    )
