"""The book of who is behind the hub: parties, by the platforms that registered for them."""

from __future__ import annotations

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi.codes import Why
from elstrada.ocpi.registration import endpoint_url
from elstrada.ocpi.server import Refusal
from elstrada.roaming.routing import servers
from elstrada.roles.roaming.clients import is_connected
from elstrada.roles.roaming.line import same_host
from elstrada.roles.roaming.peers import Peers
from elstrada.spine.face import Spine


class Book:
    """Knows the platforms of parties."""

    def __init__(self, spine: Spine, peers: Peers, public_url: str) -> None:
        self._spine, self._peers, self._public_url = spine, peers, public_url

    async def platforms(self, hub: PartyId) -> list[Peer]:
        """All platforms that are registered with a hub."""
        return await self._peers.of(hub)

    async def platform(self, hub: PartyId, party: PartyId) -> Peer | None:
        """The one that speaks for a party; of several connections of one platform the newest."""
        speaking = [
            peer for peer in await self._peers.of(hub) if any(entry.party == party for entry in peer.roles)
        ]
        return max(speaking, key=lambda peer: (peer.changed_at, peer.id), default=None)

    async def receiver(
        self, hub: PartyId, party: PartyId, module: str, interface: str
    ) -> tuple[Peer, str] | Refusal:
        """The platform of a party, and there the address of a module's interface (R-68)."""
        peer = await self.platform(hub, party)
        if peer is None:
            return Refusal(Why.UNKNOWN_RECEIVER, f"OCPI-to: {party} is not known here")
        if not await is_connected(self._spine, peer, party):
            return Refusal(Why.NOT_CONNECTED, f"{party} is not connected")
        held = {entry.role for entry in peer.roles if entry.party == party}
        base = endpoint_url(peer.endpoints, module, interface)
        if base is None or not held & servers(module, interface):
            return Refusal(Why.HUB, f"{party} has no {module} {interface.lower()} interface")
        if same_host(base, self._public_url):
            return Refusal(Why.HUB, f"{party} is said to be at the hub itself")
        return peer, base
