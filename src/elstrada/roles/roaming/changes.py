"""Changes of our own records, which are no facts: whoever writes one commits these marks with it.

Locations, tariffs and tokens are put by operators; without the marks, peers would learn of it only
when they next pull.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, PeerState
from elstrada.roaming.news import MODULE_OF, Kind
from elstrada.roaming.visibility import listens
from elstrada.roles.roaming.marks import mark
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Spine, Work

_MOST_PEERS = 10_000


async def marks_of_change(
    spine: Spine, now: datetime, owner: PartyId, kind: Kind, *parts: str
) -> tuple[Put, ...]:
    """The marks for a record of ours that is being changed or removed.

    Args:
        kind: LOCATION, TARIFF or TOKEN.
        parts: the object's id; of a token, uid and type.
    """
    where = {"owner": str(owner), "state": PeerState.ACTIVE.value}
    rows = await spine.find(t.peer, where, limit=_MOST_PEERS)
    peers = [msgspec.json.decode(str(row["document"]), type=Peer) for row in rows]
    position = await spine.commit(Work())
    return tuple(
        mark(peer, kind, *parts, position=position, now=now)
        for peer in peers
        if listens(peer, MODULE_OF[kind])
    )
