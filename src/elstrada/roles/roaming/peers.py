"""The book of peers: who they are, by which token they show themselves, and which one we show them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache, partial

import msgspec

from elstrada.model.facts import PeerChanged
from elstrada.model.ids import PartyId, peer_stream
from elstrada.model.party import Party, Peer, PeerState, Role
from elstrada.roaming.agreement import Terms
from elstrada.roles.roaming.agreements import terms_with
from elstrada.roles.roaming.clients import of_party
from elstrada.roles.roaming.kept import Kept
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Append, Cell, Put, Row, RowMoved, Work

INVITATION_LASTS = timedelta(days=30)
"""How long token A can be used (T17)."""
_MOST_PEERS = 10_000
_MOST_KEPT = 1_000


class Caller(msgspec.Struct, frozen=True):
    """Whoever showed a token: which of our parties it deals with, and who it is."""

    own: Party
    peer: Peer


class Secrets(msgspec.Struct, frozen=True):
    """New tokens for a peer's record; None forgets, UNSET leaves as it is."""

    token_in: str | msgspec.UnsetType | None = msgspec.UNSET
    """What the peer must show us."""
    token_out: str | msgspec.UnsetType | None = msgspec.UNSET
    """What we must show the peer."""
    overlap: bool = False
    """The former token_in holds until the new one is first shown (R-07)."""

    def __repr__(self) -> str:
        return "Secrets(***)"


class Peers:
    """Reads and writes the records of peers, and tells the log when one changes."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._callers: Kept[Caller | None] = Kept(
            means.spine, (t.peer, t.party), _MOST_KEPT, worth=lambda caller: caller is not None
        )
        self._agreed: Kept[Terms] = Kept(means.spine, (t.agreement,), _MOST_KEPT)

    async def party(self, owner: PartyId) -> Party | None:
        """One of our own parties."""
        row = await self._means.spine.get(t.party, party=str(owner))
        return None if row is None else _party_told(str(row["document"]))

    async def among_own(self, parties: Iterable[PartyId]) -> frozenset[PartyId]:
        """Those of some parties that are our own."""
        named = tuple(sorted(map(str, parties)))
        rows = await self._means.spine.find(t.party, {"party": AnyOf(named)}, limit=len(named))
        return frozenset(PartyId.parse(str(row["party"])) for row in rows)

    async def get(self, owner: PartyId, peer_id: str) -> Peer | None:
        row = await self._row(owner, peer_id)
        return None if row is None else _peer(row)

    async def of(self, owner: PartyId) -> list[Peer]:
        """The peers registered with one of our parties."""
        where = {"owner": str(owner), "state": PeerState.ACTIVE.value}
        rows = await self._means.spine.find(t.peer, where, limit=_MOST_PEERS)
        return [_peer(row) for row in rows]

    async def direct(self, hub: Peer) -> frozenset[PartyId]:
        """The parties that are connected to us by themselves, and so do not come through a hub."""
        others = await self.of(hub.owner)
        return frozenset(
            entry.party for peer in others if peer.id != hub.id and peer.hub is None for entry in peer.roles
        )

    async def told_roles(self, hub: Peer, party: PartyId) -> tuple[Role, ...]:
        """The roles of a party behind a hub, as the hub has told us of it; none if it has not."""
        known = await of_party(self._means.spine, hub.owner, party, hub.id)
        return tuple(sorted(one.client.role for one in known))

    async def terms(self, peer: Peer) -> Terms:
        """What is agreed with a peer now."""
        now = self._means.clock.now()
        read = partial(terms_with, self._means.spine, peer, now)
        return msgspec.structs.replace(await self._agreed.of((peer.owner, peer.id), read), at=now)

    async def by_token(self, token: str | None) -> Caller | None:
        """Who shows this token (R-10: identity is the token, never an address).

        The work is the same whether the token is unknown or missing: two look-ups by keyed hash. One that is
        known is kept until any record of a peer or party is written, which is sooner for none than for others.
        """
        shown = self._means.keys.token_hash(token or "")
        caller = await self._callers.of(shown, partial(self._shown_by, shown, bool(token)))
        if caller is not None and caller.peer.state is PeerState.INVITED:
            expired = self._means.clock.now() - caller.peer.changed_at > INVITATION_LASTS
            return None if expired else caller
        return caller

    async def _shown_by(self, shown: bytes, is_token: bool) -> Caller | None:
        current = await self._means.spine.find(t.peer, {"token_in_hash": shown}, limit=1)
        former = await self._means.spine.find(t.peer, {"token_in_old_hash": shown}, limit=1)
        rows = (current or former) if is_token else []
        if not rows:
            return None
        row, peer = rows[0], _peer(rows[0])
        if current and row["token_in_old_hash"] is not None:
            await self._forget_former(row)
        own = await self.party(peer.owner)
        return None if own is None else Caller(own, peer)

    async def token_out(self, peer: Peer) -> str | None:
        """The token we must show a peer.

        Args:
            peer: as it was when its addresses were read. If it has moved since there is none: its token is not
                for a former host (T16).
        """
        row = await self._row(peer.owner, peer.id)
        if row is None or _peer(row).versions_url != peer.versions_url:
            return None
        sealed = row["token_out_sealed"]
        return self._means.keys.unseal(sealed, _seal(peer, "out")) if isinstance(sealed, bytes) else None

    async def token_in(self, peer: Peer) -> str | None:
        """The token the peer must show us (R-11)."""
        row = await self._row(peer.owner, peer.id)
        sealed = None if row is None else row["token_in_sealed"]
        return self._means.keys.unseal(sealed, _seal(peer, "in")) if isinstance(sealed, bytes) else None

    async def write(self, peer: Peer, secrets: Secrets, *, before: Peer | None, note: str = "") -> None:
        """Store a peer's new state, and say so in the log, at once.

        Args:
            before: the state this one follows; None demands that there is none yet.
        Raises:
            RowMoved: somebody else changed the peer meanwhile.
            StreamMoved: likewise.
        """
        spine = self._means.spine
        row: dict[str, Cell] = {
            "owner": str(peer.owner),
            "peer_id": peer.id,
            "state": peer.state.value,
            "document": msgspec.json.encode(peer).decode(),
            "changed_at": peer.changed_at,
        }
        stored = await self._row(peer.owner, peer.id)
        row |= self._sealed(peer, secrets, stored)
        expected = _as_stored(before, stored)
        stream = peer_stream(peer.owner, peer.id)
        version = await spine.version(stream)
        fact = PeerChanged(
            peer.id, peer.state, peer.version, tuple(sorted({role.party for role in peer.roles})), note
        )
        await spine.commit(
            Work(appends=(Append(stream, version, (fact,)),), writes=(Put(t.peer, row, expected),))
        )

    def _sealed(self, peer: Peer, secrets: Secrets, stored: Row | None) -> dict[str, Cell]:
        keys, columns = self._means.keys, dict[str, Cell]()
        if secrets.token_in is None:
            columns |= {"token_in_hash": None, "token_in_sealed": None, "token_in_old_hash": None}
        elif isinstance(secrets.token_in, str):
            former = stored["token_in_hash"] if secrets.overlap and stored is not None else None
            columns["token_in_old_hash"] = former
            columns["token_in_hash"] = keys.token_hash(secrets.token_in)
            columns["token_in_sealed"] = keys.seal(secrets.token_in, _seal(peer, "in"))
        if secrets.token_out is None:
            columns["token_out_sealed"] = None
        elif isinstance(secrets.token_out, str):
            columns["token_out_sealed"] = keys.seal(secrets.token_out, _seal(peer, "out"))
        return columns

    async def _forget_former(self, row: Row) -> None:
        """The new token has arrived at the peer: the former one is refused from now (R-07)."""
        key = {"owner": row["owner"], "peer_id": row["peer_id"]}
        expected = {"token_in_hash": row["token_in_hash"]}
        put = Put(t.peer, {**key, "token_in_old_hash": None}, expected)
        # Renewed again meanwhile? Then that writer has said what holds.
        with contextlib.suppress(RowMoved):
            await self._means.spine.commit(Work(writes=(put,)))

    async def _row(self, owner: PartyId, peer_id: str) -> Row | None:
        return await self._means.spine.get(t.peer, owner=str(owner), peer_id=peer_id)


def _as_stored(before: Peer | None, stored: Row | None) -> Row:
    """What the record must hold: the same peer, in whichever release's words it was written."""
    if before is None:
        return {}
    if stored is not None and _peer(stored) == before:
        return {"document": stored["document"]}
    return {"document": msgspec.json.encode(before).decode()}


def _peer(row: Row) -> Peer:
    return _peer_told(str(row["document"]))


# Rows are read anew for each request, so that whoever is sent away is away at once; what stands in one is
# understood once.
@lru_cache(_MOST_KEPT)
def _peer_told(document: str) -> Peer:
    return msgspec.json.decode(document, type=Peer)


@lru_cache(_MOST_KEPT)
def _party_told(document: str) -> Party:
    return msgspec.json.decode(document, type=Party)


def _seal(peer: Peer, direction: str) -> str:
    """The name under which a token is sealed: it can be read again only for the same record."""
    return f"peer/{peer.owner}/{peer.id}/{direction}"
