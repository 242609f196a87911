"""Editions of one version: what was given more room later. On the wire they cannot be told apart, so a peer is marked.

Source: OCPI 2.3.0 ed2 and the amended 2.2.1, changelog of mod_locations: address 45 to 255, state 20 to 45.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from elstrada.model.location import Location
from elstrada.model.party import Peer
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.ocpi.findings import Loss

_ROOM = {"address": 45, "state": 20}
"""Characters in the first edition."""


def with_room(peer: Peer, location: Location) -> Location:
    """The location as the peer has room for it."""
    if not peer.has(PeerQuirk.EDITION_1):
        return location
    state = location.state and location.state[: _ROOM["state"]]
    return msgspec.structs.replace(location, address=location.address[: _ROOM["address"]], state=state)


def cut(before: Location, after: Location) -> Iterator[Loss]:
    """What was cut off."""
    for name, most in _ROOM.items():
        if getattr(before, name) != getattr(after, name):
            yield Loss(f"/{name}", f"cut to {most} characters, for which the peer has room")
