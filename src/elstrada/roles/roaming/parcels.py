"""Parcels: how each kind of marked object is brought to a peer, in its present state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Peer, Role
from elstrada.ocpi.client import Declined, Outcome, Received, is_peers_fault
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import language
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import (
    may_see_location,
    may_see_sessions_of,
    may_see_tariffs,
    may_see_tokens,
    parties_of,
)
from elstrada.roles.findings import Findings
from elstrada.roles.hub.copy_parcels import CopyParcels
from elstrada.roles.roaming.conduct import note_losses
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.marks import Mark
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.puller import Puller
from elstrada.roles.roaming.stock import Stock


class Withheld(msgspec.Struct, frozen=True):
    """We have not what it takes to bring it: the peer was not asked, and it is tried again."""

    why: str


_NOT_YET = Withheld("its token, place or start is not known yet")


class EvseStatusPatch(msgspec.Struct, frozen=True):
    """The smallest truth about an EVSE (R-33: with its date)."""

    status: str
    last_updated: Instant


Brought = Outcome | Withheld | None
"""None: there is nothing to bring, or the peer may not have it."""
Bring = Callable[[Peer, Mark], Awaitable[Brought]]


class Parcels:
    """Brings objects to peers."""

    def __init__(
        self,
        peers: Peers,
        stock: Stock,
        line: Line,
        puller: Puller,
        findings: Findings,
        copies: CopyParcels,
    ) -> None:
        self._peers, self._stock, self._line, self._puller = peers, stock, line, puller
        self._findings = findings
        self._ways: dict[Kind, Bring] = {
            Kind.SESSION: self._session,
            Kind.CDR: self._cdr,
            Kind.EVSE: self._evse,
            Kind.LOCATION: self._location,
            Kind.TARIFF: self._tariff,
            Kind.TOKEN: self._token,
            Kind.COPY: copies.bring,
            Kind.PULL: self._pull,
        }

    async def bring(self, peer: Peer, mark: Mark) -> Brought:
        """Bring the present state of the marked object."""
        return await self._ways[mark.kind](peer, mark)

    async def _session(self, peer: Peer, mark: Mark) -> Brought:
        own = await self._peers.party(mark.owner)
        row = await self._stock.session_row(mark.owner, mark.object_id)
        if own is None:
            return None
        if row is None:
            found = await self._stock.reserved(own, mark.object_id)
        else:
            found = await self._stock.session(own, row)
        if found is None:
            return None if row is None else _NOT_YET
        session, identity = found
        if not may_see_sessions_of(peer, identity.party):
            return None
        words = language(peer.version)
        place = await self._stock.embedded(words, mark.owner, mark.owner, session.location_id)
        written = words.session.write(session, identity, place)
        if written.misleads:
            return _misread(peer, written)
        return await self._line.tell(
            peer,
            "put_session",
            to=identity.party,
            path=_owned(mark.owner, session_id=session.id),
            body=self._noted(peer, "Session", written),
        )

    async def _cdr(self, peer: Peer, mark: Mark) -> Brought:
        found = await self._stock.cdr(mark.owner, mark.object_id)
        if found is None:
            return _NOT_YET
        cdr, identity = found
        if not may_see_sessions_of(peer, identity.party):
            return None
        words = language(peer.version)
        place = await self._stock.embedded(words, mark.owner, mark.owner, cdr.cdr_location.id)
        body = self._noted(peer, "Cdr", words.cdr.write(cdr, identity, place))
        return await self._line.tell(peer, "post_cdr", to=identity.party, body=body)

    async def _evse(self, peer: Peer, mark: Mark) -> Brought:
        """Patch the status; a patch that fails is followed by GET and PUT of the whole (R-36)."""
        location_id, uid = mark.parts
        location = await self._seen_location(peer, mark.owner, location_id)
        evse = None if location is None else next((e for e in location.evses if e.uid == uid), None)
        words = language(peer.version)
        if location is None or evse is None or words.evse.write(evse).misleads:
            return None
        if (whole := words.location.write(location)).misleads:
            return _misread(peer, whole)
        path = _owned(mark.owner, location_id=location_id)
        patch = EvseStatusPatch(evse.status.value, Instant(evse.last_updated))
        outcome = await self._line.tell(
            peer, "patch_evse", to=_emsp(peer), path=path | {"evse_uid": uid}, body=patch
        )
        if isinstance(outcome, Received) or is_peers_fault(outcome):
            return outcome
        await self._line.tell(peer, "get_location", to=_emsp(peer), path=path)
        return await self._put_location(peer, location)

    async def _location(self, peer: Peer, mark: Mark) -> Brought:
        """A location that is gone stays where it was told: nobody deletes one (R-38)."""
        location = await self._seen_location(peer, mark.owner, mark.object_id)
        return None if location is None else await self._put_location(peer, location)

    async def _tariff(self, peer: Peer, mark: Mark) -> Brought:
        """A tariff that is gone is deleted there too; one that would be misread is not sent (R-66)."""
        if not may_see_tariffs(peer):
            return None
        path = _owned(mark.owner, tariff_id=mark.object_id)
        tariff = await self._stock.tariff(mark.owner, mark.object_id)
        if tariff is None:
            gone = await self._line.tell(peer, "delete_tariff", to=_emsp(peer), path=path)
            never_had_it = isinstance(gone, Declined) and gone.http == 404
            return Received() if never_had_it else gone
        written = language(peer.version).tariff.write(tariff)
        if written.misleads:
            return _misread(peer, written)
        body = self._noted(peer, "Tariff", written)
        return await self._line.tell(peer, "put_tariff", to=_emsp(peer), path=path, body=body)

    async def _token(self, peer: Peer, mark: Mark) -> Outcome | None:
        uid, kind = mark.parts
        token = await self._stock.token(mark.owner, uid, kind)
        if token is None or not may_see_tokens(peer):
            return None
        words = language(peer.version)
        return await self._line.tell(
            peer,
            "put_token",
            to=peer.hub or _first(parties_of(peer, (Role.CPO,))),
            path=_owned(mark.owner, token_uid=uid),
            query={"type": kind} if words.typed_addresses else {},
            body=self._noted(peer, "Token", words.token.write(token)),
        )

    async def _pull(self, peer: Peer, mark: Mark) -> Outcome | None:
        return (await self._puller.pull(peer, mark.object_id)).outcome

    async def _seen_location(self, peer: Peer, owner: PartyId, location_id: str) -> Location | None:
        location = await self._stock.location(owner, location_id)
        return location if location is not None and may_see_location(peer, location) else None

    async def _put_location(self, peer: Peer, location: Location) -> Brought:
        written = language(peer.version).location.write(location)
        if written.misleads:
            return _misread(peer, written)
        return await self._line.tell(
            peer,
            "put_location",
            to=_emsp(peer),
            path=_owned(location.party, location_id=location.id),
            body=self._noted(peer, "Location", written),
        )

    def _noted(self, peer: Peer, kind: str, written: Translated[msgspec.Struct]) -> msgspec.Struct:
        """What is to be sent; what its version cannot say is counted with the peer."""
        note_losses(self._findings, peer, kind, written.losses)
        return written.value


def _misread(peer: Peer, written: Translated[msgspec.Struct]) -> Withheld:
    notes = "; ".join(loss.note for loss in written.losses if loss.misleads)
    return Withheld(f"{peer.version} would misread it: {notes}")


def _owned(owner: PartyId, **ids: str) -> dict[str, str]:
    """The path of an object of ours at a peer."""
    return {"country_code": owner.country_code, "party_id": owner.party_id, **ids}


def _emsp(peer: Peer) -> PartyId | None:
    """To whom a peer is told what all may know: a hub itself, which tells all behind it."""
    return peer.hub or _first(parties_of(peer, (Role.EMSP,)))


def _first(parties: frozenset[PartyId]) -> PartyId | None:
    return min(parties, default=None)
