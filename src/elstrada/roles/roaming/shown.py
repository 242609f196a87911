"""What of ours a peer has been told of: locations and tariffs, so that it can be told when they are no longer for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from elstrada.model.party import Peer
from elstrada.roaming.news import Kind
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Cell, Delete, Put, Spine, Work

_AT_ONCE = 500


async def note_shown(spine: Spine, peer: Peer, kind: Kind, ids: Sequence[str], now: datetime) -> None:
    """Remember that a peer is being told of these, before it is: it is never asked to forget what it was not told."""
    for begin in range(0, len(ids), _AT_ONCE):
        some = ids[begin : begin + _AT_ONCE]
        where = {
            "owner": str(peer.owner),
            "peer_id": peer.id,
            "kind": kind.value,
            "object_id": AnyOf(tuple(some)),
        }
        known = {row["object_id"] for row in await spine.find(t.shown, where, limit=_AT_ONCE)}
        news = tuple(
            Put(t.shown, {**_key(peer, kind, one), "shown_at": now}) for one in some if one not in known
        )
        if news:
            await spine.commit(Work(writes=news))


async def was_shown(spine: Spine, peer: Peer, kind: Kind, object_id: str) -> bool:
    return await spine.get(t.shown, **_key(peer, kind, object_id)) is not None


async def forget_shown(spine: Spine, peer: Peer, kind: Kind, object_id: str) -> None:
    """The peer has been told that it is no longer for it."""
    await spine.commit(Work(writes=(Delete(t.shown, _key(peer, kind, object_id)),)))


def _key(peer: Peer, kind: Kind, object_id: str) -> dict[str, Cell]:
    return {"owner": str(peer.owner), "peer_id": peer.id, "kind": kind.value, "object_id": object_id}
