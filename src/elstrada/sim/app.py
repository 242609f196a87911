"""A driver's app: it asks its eMSP to start a session at a station it sees on the map."""

from __future__ import annotations

from typing import cast

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Peer
from elstrada.model.token import Token
from elstrada.roles.node import Node
from elstrada.spine import tables as t


async def start_session(node: Node, emsp: PartyId, cpo: PartyId, token_uid: str, evse_uid: str) -> str:
    """Ask the CPO, by OCPI's START_SESSION, to let a car charge; says in words how it ended.

    Everything is taken from what the eMSP knows: its copy of the location, its own token.
    """
    spine, owner = node.hands.spine, str(emsp)
    tokens = await spine.find(t.token, {"owner": owner, "uid": token_uid}, limit=1)
    locations = await spine.find(t.location, {"owner": owner, "party": str(cpo)})
    peers = await spine.find(t.peer, {"owner": owner})
    places = [
        (location, evse)
        for row in locations
        for location in [msgspec.json.decode(cast(str, row["document"]), type=Location)]
        for evse in location.evses
        if evse.uid == evse_uid
    ]
    known = [msgspec.json.decode(cast(str, row["document"]), type=Peer) for row in peers]
    peer = next((one for one in known if any(role.party == cpo for role in one.roles)), None)
    if not (tokens and places and peer):
        return "the eMSP does not know the place yet"
    token = msgspec.json.decode(cast(str, tokens[0]["document"]), type=Token)
    location, evse = places[0]
    ended = await node.roaming.commander.start(peer, cpo, token, location.id, evse, evse.connectors[0].id)
    return f"{ended.result} {ended.detail}".strip()
