"""Marks: "peer P lacks the present state of object O". The log is the outbox; this is what is left to do."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.roaming.news import Kind
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Delete, Put, Row

SEPARATOR = "\n"
"""Between the parts of an object's id. No identifier of OCPI holds it: it cannot be printed."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When what is held falls due by itself."""


class Mark(msgspec.Struct, frozen=True):
    owner: PartyId
    peer_id: str
    kind: Kind
    object_id: str
    position: int
    attempts: int
    next_at: datetime

    @property
    def parts(self) -> list[str]:
        """EVSE: location id and uid; token: uid and type; profile: session and party; client: party and role; pull: the
        list, and ``lists.NEWS`` if only what changed is wanted; else the id."""
        return self.object_id.split(SEPARATOR)

    @property
    def key(self) -> dict[str, Cell]:
        owner, kind = str(self.owner), self.kind.value
        return {"owner": owner, "peer_id": self.peer_id, "kind": kind, "object_id": self.object_id}

    def done(self) -> Delete:
        """Remove the mark, unless it has been set anew meanwhile."""
        return Delete(t.mark, self.key, {"position": self.position, "next_at": self.next_at})

    def held(self, party: PartyId) -> Put:
        """Wait until a hub is connected to a party again, unless it has been set anew meanwhile."""
        row: dict[str, Cell] = {"next_at": _NEVER, "held_for": str(party)}
        return Put(t.mark, self.key | row, {"position": self.position, "next_at": self.next_at})

    def released(self, now: datetime) -> Put:
        """Due at once, unless it has been set anew meanwhile."""
        row: dict[str, Cell] = {"next_at": now, "held_for": None}
        return Put(t.mark, self.key | row, {"position": self.position, "next_at": self.next_at})

    def later(self, at: datetime, error: str) -> Put:
        """Try again at a later time, unless it has been set anew meanwhile."""
        row: dict[str, Cell] = {"attempts": self.attempts + 1, "next_at": at, "error": error[:500]}
        return Put(t.mark, self.key | row, {"position": self.position, "next_at": self.next_at})


def mark(peer: Peer, kind: Kind, *parts: str, position: int, now: datetime) -> Put:
    """Set a mark, due at once."""
    return Put(
        t.mark,
        {
            "owner": str(peer.owner),
            "peer_id": peer.id,
            "kind": kind.value,
            "object_id": SEPARATOR.join(parts),
            "position": position,
            "attempts": 0,
            "next_at": now,
            "error": None,
            "held_for": None,
        },
    )


def read_mark(row: Row) -> Mark:
    position, attempts, next_at = row["position"], row["attempts"], row["next_at"]
    assert isinstance(position, int)
    assert isinstance(attempts, int)
    assert isinstance(next_at, datetime)
    return Mark(
        PartyId.parse(str(row["owner"])),
        str(row["peer_id"]),
        Kind(str(row["kind"])),
        str(row["object_id"]),
        position,
        attempts,
        next_at,
    )
