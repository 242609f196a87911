"""Who speaks through a hub: one peer, behind which are parties that it does not all name (R-09).

A request is judged as if its party had come by itself. The hub speaks for no party of ours, and for none that
is connected to us without it.
"""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, PartyRole, Peer, Role
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.headers import Routing
from elstrada.ocpi.scalars import party
from elstrada.ocpi.server import Call, Refusal
from elstrada.roles.roaming.peers import Peers

_OPEN_MODULES = frozenset({"locations", "tariffs"})
"""Of these a party whose role is not known gets what everybody may have."""


async def speaking(peers: Peers, hub: Peer, call: Call) -> Peer | Refusal:
    """The hub's peer as the one party that speaks in a request."""
    said = call.routing.from_party
    owner = _owner(call)
    one = owner if said in (None, hub.hub) else said
    if one is None or one == hub.hub:
        # What the hub wants for itself is what it shows to all.
        assert hub.hub is not None, "the peer is a hub"
        return _as(hub, hub.hub, (Role.OTHER,))
    if one == hub.owner or one in await peers.direct(hub):
        return Refusal(Why.INVALID, f"OCPI-from: {one} does not come through a hub (R-09)")
    known = tuple(entry.role for entry in hub.roles if entry.party == one)
    return _as(hub, one, known or await peers.told_roles(hub, one) or (_faced(call),))


def without_sender(call: Call) -> Call:
    """A request that a hub tells to all in its own name: whose it is stands in its address."""
    return msgspec.structs.replace(call, routing=Routing(call.routing.to_party))


def _as(hub: Peer, one: PartyId, roles: tuple[Role, ...]) -> Peer:
    return msgspec.structs.replace(hub, roles=tuple(_role(hub, one, role) for role in roles), hub=None)


def _role(hub: Peer, one: PartyId, role: Role) -> PartyRole:
    business = next((entry.business for entry in hub.roles if entry.party == one), None)
    return PartyRole(one, role, business or BusinessDetails(str(one)))


def _faced(call: Call) -> Role:
    """The role in which a party must speak at the endpoint, if it is not known."""
    if call.endpoint.side in (Side.EMSP, Side.PTP):
        return Role.CPO
    return Role.OTHER if call.endpoint.module in _OPEN_MODULES else Role.EMSP


def _owner(call: Call) -> PartyId | None:
    """Whose the object is, as the address says."""
    try:
        return party(call.path["country_code"], call.path["party_id"])
    except (KeyError, ValueError):
        return None
