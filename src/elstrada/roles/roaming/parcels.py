"""Parcels: how each kind of marked object is brought to a peer, in its present state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from elstrada.model.answers import CommandDone
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import ConnectionStatus, Peer, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.ocpi.client import Declined, Outcome, Received, describe, is_peers_fault
from elstrada.ocpi.editions import cut, with_room
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.registration import PAYMENTS
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.versions import language
from elstrada.roaming.agreement import SENDER, agreeing, removed, seeing, shown, shows_tariff
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import (
    EMSP_LIKE,
    may_see_invoices_to,
    may_see_location,
    may_see_sessions_of,
    may_see_tariffs,
    may_see_tokens,
    parties_of,
    viewers_of,
)
from elstrada.roles.gateway import reach
from elstrada.roles.hub.copy_parcels import CopyParcels
from elstrada.roles.roaming.conduct import note_losses, note_quirk
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.lists import NEWS, Lists
from elstrada.roles.roaming.marks import Mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.puller import Puller
from elstrada.roles.roaming.roamer import Roamer
from elstrada.roles.roaming.shown import forget_shown, note_shown, was_shown
from elstrada.roles.roaming.stands import active_at, stand_of
from elstrada.roles.roaming.stock import Stock, invoice_record_of
from elstrada.roles.roaming.terminals import Terminals
from elstrada.spine import tables as t
from elstrada.spine.post import NobodyThere, NoReply, Post


class Withheld(msgspec.Struct, frozen=True):
    """We have not what it takes to bring it: the peer was not asked, and it is tried again."""

    why: str


class Held(msgspec.Struct, frozen=True):
    """It is for a party that its hub is not connected to now: it is brought, as it is then, when that changes."""

    party: PartyId


class _Seen(msgspec.Struct, frozen=True):
    location: Location
    by: PartyId | None
    """The peer's party that is told of it."""


_NOT_YET = Withheld("its token, place or start is not known yet")
_REFUSED = Withheld("its receiver would refuse it: see `elstrada cdr list --state WITHHELD`")


_AHEAD_S = 900
"""How far ahead an active profile is told: between 5 and 60 minutes (OCPI mod_charging_profiles, PUT)."""
_POST_SPARE_S = 3


class EvseStatusPatch(msgspec.Struct, frozen=True):
    """The smallest truth about an EVSE (R-33: with its date)."""

    status: str
    last_updated: Instant


Brought = Outcome | Withheld | Held | None
"""None: there is nothing to bring, or the peer may not have it."""
Bring = Callable[[Peer, Mark], Awaitable[Brought]]


class Parcels:
    """Brings objects to peers."""

    def __init__(
        self,
        means: Means,
        peers: Peers,
        stock: Stock,
        line: Line,
        puller: Puller,
        post: Post,
        terminals: Terminals,
        copies: CopyParcels,
        roamer: Roamer,
        lists: Lists,
    ) -> None:
        self._peers, self._stock, self._line, self._puller = peers, stock, line, puller
        self._means, self._post, self._findings = means, post, means.findings
        self._terminals, self._roamer, self._lists = terminals, roamer, lists
        self._ways: dict[Kind, Bring] = {
            Kind.SESSION: self._session,
            Kind.CDR: self._cdr,
            Kind.EVSE: self._evse,
            Kind.LOCATION: self._location,
            Kind.TARIFF: self._tariff,
            Kind.TOKEN: self._token,
            Kind.COPY: copies.bring,
            Kind.PROFILE: self._profile,
            Kind.CLIENT: self._client,
            Kind.INVOICE: self._invoice,
            Kind.TERMINAL: self._terminal,
            Kind.ADVICE: self._advice,
            Kind.BOOKING_LOCATION: self._booking_location,
            Kind.BOOKING: self._booking,
            Kind.PULL: self._pull,
            Kind.AGREEMENT: self._agreement,
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
            found = found or await self._stock.awaited(own, mark.object_id)
        else:
            found = await self._stock.session(own, row)
        if found is None:
            return None if row is None else _NOT_YET
        session, identity = found
        if not may_see_sessions_of(peer, identity.party):
            return None
        if (status := await self._stock.away(peer, identity.party)) is not None:
            return Held(identity.party) if status is ConnectionStatus.OFFLINE else None
        words = language(peer.version)
        place = await self._place(peer, mark.owner, identity.party, session.location_id)
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

    async def _profile(self, peer: Peer, mark: Mark) -> Brought:
        """What a session's station allows it now, for a party whose profile it has taken; the station is asked."""
        session_id, party = mark.parts
        owner = str(mark.owner)
        row = await self._stock.session_row(mark.owner, session_id)
        say = await self._means.spine.get(t.steering, owner=owner, session_id=session_id, party=party)
        stand = None if row is None else await stand_of(self._means, mark.owner, row)
        if stand is None or say is None or say["set_at"] is None or say["peer_id"] != peer.id:
            return None
        question = stand.question(self._means.chance.uuid(), mark.owner, _AHEAD_S)
        question = msgspec.structs.replace(question, asked_at=self._means.clock.now())
        try:
            done = await reach.command(
                self._means.spine,
                self._post,
                mark.owner,
                stand.station_id,
                question,
                timeout_s=question.deadline_s + _POST_SPARE_S,
            )
        except (NobodyThere, NoReply) as problem:
            return Withheld(f"the station does not tell what it allows: {problem}")
        response = done.response if isinstance(done, CommandDone) else None
        active = await active_at(self._means, stand, response)
        if active is None:
            return Withheld("the station does not tell what it allows")
        return await self._line.tell(
            peer,
            "put_active_profile",
            to=PartyId.parse(party),
            path={"session_id": session_id},
            body=translate.active_to_wire(active),
        )

    async def _cdr(self, peer: Peer, mark: Mark) -> Brought:
        found = await self._stock.cdr(mark.owner, mark.object_id)
        if found is None:
            return _REFUSED if await self._stock.is_withheld(mark.owner, mark.object_id) else _NOT_YET
        cdr, identity = found
        if not may_see_sessions_of(peer, identity.party):
            return None
        if await self._stock.away(peer, identity.party) is not None:
            return Held(identity.party)  # Until it is accepted, it is owed (P4).
        words = language(peer.version)
        place = await self._place(peer, mark.owner, identity.party, cdr.cdr_location.id)
        body = self._noted(peer, "Cdr", words.cdr.write(cdr, identity, place))
        return await self._line.tell(peer, "post_cdr", to=identity.party, body=body)

    async def _evse(self, peer: Peer, mark: Mark) -> Brought:
        """Patch the status; a patch that fails is followed by GET and PUT of the whole (R-36)."""
        location_id, uid = mark.parts
        seen = await self._seen_location(peer, mark.owner, location_id)
        evse = None if seen is None else next((e for e in seen.location.evses if e.uid == uid), None)
        words = language(peer.version)
        if seen is None or evse is None or words.evse.write(evse).misleads:
            return None
        location = seen.location
        if (whole := words.location.write(location)).misleads:
            return _misread(peer, whole)
        if peer.has(PeerQuirk.PUT_WHOLE):
            return await self._put_location(peer, seen)
        path = _owned(mark.owner, location_id=location_id)
        patch = EvseStatusPatch(evse.status.value, Instant(evse.last_updated))
        outcome = await self._line.tell(
            peer, "patch_evse", to=seen.by, path=path | {"evse_uid": uid}, body=patch
        )
        if isinstance(outcome, Received) or is_peers_fault(outcome):
            return outcome
        known = await self._line.tell(peer, "get_location", to=seen.by, path=path)
        put = await self._put_location(peer, seen)
        if isinstance(put, Received) and _has_evse(known, uid):
            note_quirk(
                self._findings, peer, PeerQuirk.PUT_WHOLE, f"takes a PUT, but no PATCH: {describe(outcome)}"
            )
        return put

    async def _location(self, peer: Peer, mark: Mark) -> Brought:
        """A location that is gone stays where it was told: nobody deletes one (R-38).

        One that is no longer for the peer is told to be removed, if the peer was ever told of it.
        """
        seen = await self._seen_location(peer, mark.owner, mark.object_id)
        if seen is not None:
            return await self._put_location(peer, seen)
        location = await self._stock.location(mark.owner, mark.object_id)
        if location is None or not await was_shown(self._means.spine, peer, Kind.LOCATION, location.id):
            return None
        return await self._withdraw(peer, location)

    async def _withdraw(self, peer: Peer, location: Location) -> Outcome:
        gone = removed(location, self._means.clock.now())
        body = language(peer.version).location.write(with_room(peer, gone)).value
        path = _owned(location.party, location_id=location.id)
        outcome = await self._line.tell(
            peer, "put_location", to=_emsp(peer), path=path, body=body, withdrawing=True
        )
        if isinstance(outcome, Received):
            await forget_shown(self._means.spine, peer, Kind.LOCATION, location.id)
        return outcome

    async def _tariff(self, peer: Peer, mark: Mark) -> Brought:
        """A tariff that is gone is deleted there too; one that would be misread is not sent (R-66)."""
        if not may_see_tariffs(peer):
            return None
        path = _owned(mark.owner, tariff_id=mark.object_id)
        tariff = await self._stock.tariff(mark.owner, mark.object_id)
        terms = await self._peers.terms(peer)
        parties = agreeing(terms, viewers_of(peer), "tariffs", SENDER)
        is_shown = bool(parties) and shows_tariff(terms, parties, mark.object_id)
        if tariff is not None and not is_shown:
            known = await was_shown(self._means.spine, peer, Kind.TARIFF, mark.object_id)
            return await self._delete_tariff(peer, mark.object_id, path) if known else None
        if tariff is None:
            return await self._delete_tariff(peer, mark.object_id, path)
        written = language(peer.version).tariff.write(tariff)
        if written.misleads:
            return _misread(peer, written)
        body = self._noted(peer, "Tariff", written)
        await note_shown(self._means.spine, peer, Kind.TARIFF, (tariff.id,), terms.at)
        return await self._line.tell(peer, "put_tariff", to=_among(peer, parties), path=path, body=body)

    async def _delete_tariff(self, peer: Peer, tariff_id: str, path: Mapping[str, str]) -> Outcome:
        known = await was_shown(self._means.spine, peer, Kind.TARIFF, tariff_id)
        gone = await self._line.tell(peer, "delete_tariff", to=_emsp(peer), path=path, withdrawing=known)
        never_had_it = isinstance(gone, Declined) and gone.http == 404
        if isinstance(gone, Received) or never_had_it:
            await forget_shown(self._means.spine, peer, Kind.TARIFF, tariff_id)
        return Received() if never_had_it else gone

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

    async def _client(self, peer: Peer, mark: Mark) -> Outcome | None:
        """How we, the hub, are connected to a party."""
        party, role = mark.parts
        client = await self._stock.client(mark.owner, party, role)
        words = language(peer.version).client
        if client is None or words is None:
            return None
        path = _owned(client.party)
        return await self._line.tell(peer, "put_client", path=path, body=words.write(client).value)

    async def stands(self, mark: Mark) -> bool:
        """Is this record of ours not withdrawn?"""
        row = await self._stock.invoice_row(mark.owner, mark.object_id)
        return row is not None and row["ended_at"] is None

    async def _invoice(self, peer: Peer, mark: Mark) -> Brought:
        """A new record is posted, a changed one put, and one that was an error deleted."""
        row = await self._stock.invoice_row(mark.owner, mark.object_id)
        noun = language(peer.version).invoice
        if row is None or noun is None:
            return None
        to = PartyId.parse(str(row["to_party"]))
        if not may_see_invoices_to(peer, to):
            return None
        path = _owned(mark.owner, record_id=mark.object_id)
        if row["ended_at"] is not None:
            gone = await self._line.tell(peer, "delete_invoice_record", to=to, path=path)
            never_had_it = isinstance(gone, Declined) and gone.http == 404
            return Received() if never_had_it else gone
        body = self._noted(peer, "InvoiceReconciliationRecord", noun.write(invoice_record_of(row)))
        if row["peer_id"] is None:
            posted = await self._line.tell(peer, "post_invoice_record", to=to, body=body)
            if isinstance(posted, Received) or is_peers_fault(posted):
                return posted
            # It may have taken an earlier state, of which its answer was lost.
        return await self._line.tell(peer, "put_invoice_record", to=to, path=path, body=body)

    async def _terminal(self, peer: Peer, mark: Mark) -> Brought:
        """A terminal of ours that works, to the CPO that it is meant for."""
        return await self._terminals.bring(peer, mark.owner, mark.object_id)

    async def _advice(self, peer: Peer, mark: Mark) -> Brought:
        """What we took for a session, to its CPO."""
        return await self._terminals.bring_advice(peer, mark.owner, mark.object_id)

    async def _booking_location(self, peer: Peer, mark: Mark) -> Brought:
        """What can be booked, with its calendar as it is now. One that is gone is told as one without slots."""
        words = language(peer.version).bookings
        place = await self._stock.booking_location(mark.owner, mark.object_id)
        if words is None or place is None:
            return None
        if await self._seen_location(peer, mark.owner, place.location_id) is None:
            return None
        return await self._line.tell(
            peer,
            "put_booking_location",
            to=_emsp(peer),
            path=_owned(mark.owner, booking_location_id=place.id),
            body=words.location.write(place).value,
        )

    async def _booking(self, peer: Peer, mark: Mark) -> Brought:
        words = language(peer.version).bookings
        found = await self._stock.booking(mark.owner, mark.object_id)
        if words is None or found is None or not may_see_sessions_of(peer, found[0]):
            return None
        made_for, booking = found
        return await self._line.tell(
            peer,
            "put_booking",
            to=made_for,
            path=_owned(mark.owner, booking_id=booking.id),
            body=words.booking.write(booking).value,
        )

    async def _pull(self, peer: Peer, mark: Mark) -> Outcome | None:
        name, began_at = mark.parts[0], self._means.clock.now()
        if not await self._lists.wants(peer, name):
            return None
        since = await self._lists.since(peer, name, whole=NEWS not in mark.parts[1:])
        if name == PAYMENTS:
            outcome = await self._terminals.pull(peer)
        else:
            outcome = (await self._puller.pull(peer, name, since)).outcome
        if isinstance(outcome, Received):
            await self._lists.was_read(peer, name, began_at)
        return outcome

    async def _agreement(self, peer: Peer, mark: Mark) -> None:
        """Something begins or ceases to be agreed: the peer shall have what is for it now."""
        await self._roamer.resync(peer)

    async def _place(self, peer: Peer, owner: PartyId, party: PartyId, location_id: str) -> Location | None:
        """Where a driver of a party was, for a version that embeds it, at the tariffs of that party."""
        found = await self._stock.embedded(language(peer.version), owner, owner, location_id)
        return None if found is None else shown(await self._peers.terms(peer), (party,), found)

    async def _seen_location(self, peer: Peer, owner: PartyId, location_id: str) -> _Seen | None:
        """A location as the peer is shown it; None: for the peer there is no such."""
        location = await self._stock.location(owner, location_id)
        if location is None or not may_see_location(peer, location):
            return None
        terms = await self._peers.terms(peer)
        agreed = agreeing(terms, viewers_of(peer), "locations", SENDER)
        parties = seeing(terms, agreed, location)
        return _Seen(shown(terms, parties, location), _among(peer, parties)) if parties else None

    async def _put_location(self, peer: Peer, seen: _Seen) -> Brought:
        location = seen.location
        fitting = with_room(peer, location)
        written = language(peer.version).location.write(fitting)
        if written.misleads:
            return _misread(peer, written)
        note_losses(self._findings, peer, "Location", cut(location, fitting))
        now = self._means.clock.now()
        await note_shown(self._means.spine, peer, Kind.LOCATION, (location.id,), now)
        return await self._line.tell(
            peer,
            "put_location",
            to=seen.by,
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


def _among(peer: Peer, parties: frozenset[PartyId]) -> PartyId | None:
    """Whom to tell of what several parties may know: a hub itself, which tells all behind it; else an eMSP."""
    return peer.hub or _first(parties & parties_of(peer, (Role.EMSP,))) or _first(parties)


def _emsp(peer: Peer) -> PartyId | None:
    """To whom a peer is told what all may know: a hub itself, which tells all behind it; else what is for eMSPs."""
    return peer.hub or _first(parties_of(peer, (Role.EMSP,)) or parties_of(peer, EMSP_LIKE))


def _first(parties: frozenset[PartyId]) -> PartyId | None:
    return min(parties, default=None)


def _has_evse(answer: Outcome, uid: str) -> bool:
    """Does a peer's answer to GET of a location tell of this EVSE?"""
    data = answer.data if isinstance(answer, Received) else None
    evses = data.get("evses") if isinstance(data, dict) else None
    return isinstance(evses, list) and any(
        isinstance(one, dict) and str(one.get("uid")).casefold() == uid.casefold() for one in evses
    )
