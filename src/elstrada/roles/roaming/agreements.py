"""Reads what is agreed with peers, for whoever serves them, tells them something, or has their tokens at a station."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

import msgspec

from elstrada.model.agreement import ALL_PARTIES, DEFAULT, Agreement
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, PeerState, Role
from elstrada.roaming.agreement import Terms
from elstrada.roaming.visibility import parties_of
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine

MOST_AGREEMENTS = 10_000
_MOST_PEERS = 10_000
_decoded = lru_cache(1024)(msgspec.json.Decoder(Agreement).decode)


async def terms_with(spine: Spine, peer: Peer, now: datetime) -> Terms:
    """What is agreed with a peer now."""
    rows = await spine.find(t.agreement, {"owner": str(peer.owner)}, limit=MOST_AGREEMENTS)
    return _terms(rows, peer.id, now)


async def terms_about(spine: Spine, owner: PartyId, party: PartyId, now: datetime) -> list[Terms]:
    """What is agreed with each peer that speaks for an eMSP; as a rule there is one. Default terms if there is none."""
    rows = await spine.find(t.agreement, {"owner": str(owner)}, limit=MOST_AGREEMENTS)
    if not rows:
        return [Terms(at=now)]
    where = {"owner": str(owner), "state": PeerState.ACTIVE.value}
    peers = [_peer(row) for row in await spine.find(t.peer, where, limit=_MOST_PEERS)]
    found = [_terms(rows, peer.id, now) for peer in peers if party in parties_of(peer, (Role.EMSP,))]
    return found or [Terms(at=now)]


def agreement_made(row: Row) -> Agreement:
    """An agreement as it was made, whether it was ended since or not; one that was never made is the default."""
    return DEFAULT if row["document"] is None else _decoded(str(row["document"]))


def agreement_in(row: Row) -> Agreement:
    """An agreement from its row; one that was ended holds no longer than to its end."""
    agreement, ended_at = agreement_made(row), row["ended_at"]
    if not isinstance(ended_at, datetime):
        return agreement
    ends = ended_at if agreement.valid_to is None else min(ended_at, agreement.valid_to)
    return msgspec.structs.replace(agreement, valid_to=ends)


def _terms(rows: Iterable[Row], peer_id: str, now: datetime) -> Terms:
    by_party: dict[PartyId, Agreement] = {}
    for_others, private = DEFAULT, set[str]()
    for row in rows:
        agreement = agreement_in(row)
        private |= {one.tariff_id for one in agreement.tariffs}
        if row["peer_id"] != peer_id:
            continue
        if row["party"] == ALL_PARTIES:
            for_others = agreement
        else:
            by_party[PartyId.parse(str(row["party"]))] = agreement
    return Terms(at=now, by_party=by_party, for_others=for_others, private=frozenset(private))


def _peer(row: Row) -> Peer:
    return msgspec.json.decode(str(row["document"]), type=Peer)
