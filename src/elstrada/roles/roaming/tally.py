"""What was said between us and our peers, as plain numbers since the process began."""

from __future__ import annotations

from datetime import datetime

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi.client import Declined, Garbled, Outcome, Received, Silent, Unagreed

MOST_PEERS = 1_000
"""Counted one by one; those beyond it are counted together."""
OTHERS = ("others", "others")

PeerName = tuple[str, str]
"""Our party, and the peer's id."""


class RoamingTally:
    """Counts requests in both directions by how they ended."""

    def __init__(self) -> None:
        self.sent: dict[tuple[PeerName, str], int] = {}
        """By peer and outcome: received, declined, garbled, silent, unagreed."""
        self.succeeded_at: dict[PeerName, datetime] = {}
        """When a peer last did what we asked."""
        self._peers: set[PeerName] = set()
        self.served: dict[tuple[str, str], int] = {}
        """By version and outcome: done, or why not."""

    def said(self, peer: Peer, outcome: Outcome, now: datetime) -> None:
        """Count a request of ours."""
        name = self._name(peer.owner, peer.id)
        key = (name, _OUTCOMES[type(outcome)])
        self.sent[key] = self.sent.get(key, 0) + 1
        if isinstance(outcome, Received):
            self.succeeded_at[name] = now

    def answered(self, version: str, outcome: str) -> None:
        """Count a request to us."""
        self.served[version, outcome] = self.served.get((version, outcome), 0) + 1

    def _name(self, owner: PartyId, peer_id: str) -> PeerName:
        name = (str(owner), peer_id)
        if name not in self._peers and len(self._peers) >= MOST_PEERS:
            return OTHERS
        self._peers.add(name)
        return name


_OUTCOMES: dict[type[Outcome], str] = {
    Received: "received",
    Declined: "declined",
    Garbled: "garbled",
    Silent: "silent",
    Unagreed: "unagreed",
}
