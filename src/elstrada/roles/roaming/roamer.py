"""The roamer: follows the log and marks what each peer no longer knows as it is (DESIGN 5.4).

It sends nothing itself; the courier does. Marks commit together with the cursor, so that none is
ever missing, and setting one twice is setting it once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Table

from elstrada.model.cdr import CdrState
from elstrada.model.device import CommandName
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Peer, PeerState, Role
from elstrada.roaming.agreement import turns
from elstrada.roaming.news import (
    MODULE_OF,
    BookingNews,
    CdrNews,
    ClientNews,
    InvoiceNews,
    Kind,
    News,
    PeerNews,
    ProfileNews,
    SessionNews,
    StartNews,
    StatusNews,
    news,
    of_its_start,
)
from elstrada.roaming.visibility import (
    PAYERS,
    hears_of_bookable,
    hears_profiles,
    listens,
    may_see_invoices_to,
    may_see_location,
    may_see_sessions_of,
    may_see_tariffs,
    may_see_tokens,
    parties_of,
)
from elstrada.roles.hub.copies import Copies
from elstrada.roles.roaming.booking_books import places_at
from elstrada.roles.roaming.clients import OURS
from elstrada.roles.roaming.lists import wanted
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.steering import steered_at
from elstrada.roles.roaming.stock import OWN, Stock, location_of
from elstrada.roles.side_by_side import side_by_side
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Put, Recorded, Row, Where, Work
from elstrada.spine.paging import pages

FOLLOWER = "roamer"


class Roamer:
    """Turns facts into marks."""

    def __init__(self, means: Means, peers: Peers, stock: Stock, copies: Copies) -> None:
        self._means, self._peers, self._stock, self._copies = means, peers, stock, copies

    async def handle(self, facts: list[Recorded]) -> Work:
        """The follower's step: the marks of a batch, and locations whose EVSEs have news (R-35)."""
        latest: dict[News, int] = {}
        for recorded in facts:
            told = news(recorded.stream, recorded.fact)
            if told is not None:
                latest[told] = recorded.position
            if (start := of_its_start(recorded.stream, recorded.fact)) is not None:
                latest[start] = recorded.position
        owners = {told.owner for told in latest}
        known = {owner: await self._peers.of(owner) for owner in owners}
        parties = await self._token_parties(latest)
        writes: dict[tuple[object, ...], Put] = {}

        async def marks(item: tuple[News, int]) -> list[Put]:
            told, position = item
            return [put async for put in self._marks(told, known[told.owner], parties, position)]

        for puts in await side_by_side(marks, list(latest.items())):
            for put in puts:
                writes[(put.table.name, *(put.row[name] for name in _KEYS[put.table.name]))] = put
        return Work(writes=tuple(writes.values()))

    async def resync(self, peer: Peer) -> None:
        """Send a peer everything anew, and fetch everything anew from it."""
        position = await self._means.spine.commit(Work())
        puts = [put async for put in self._everything(peer, position)]
        await self._means.spine.commit(Work(writes=tuple(puts)))

    # --- below --------------------------------------------------------------------------------------

    async def _token_parties(self, told: Iterable[News]) -> dict[SessionNews, PartyId | None]:
        """Whose tokens the sessions in the news were begun with."""
        sessions: dict[PartyId, list[str]] = {}
        for one in told:
            if isinstance(one, SessionNews):
                sessions.setdefault(one.owner, []).append(one.session_id)
        return {
            SessionNews(owner, str(row["session_id"])): _token_party(row)
            for owner, ids in sessions.items()
            for row in (
                *await self._stock.reservation_rows(owner, ids),
                *await self._stock.session_rows(owner, ids),
            )
        }

    async def _marks(
        self, told: News, peers: list[Peer], parties: Mapping[SessionNews, PartyId | None], position: int
    ) -> AsyncIterator[Put]:
        match told:
            case SessionNews(_, session_id):
                for put in self._of_token(peers, Kind.SESSION, session_id, parties.get(told), position):
                    yield put
            case StartNews(owner, command_id):
                row = await self._stock.start_row(owner, command_id)
                if row is not None:
                    session_id, token_party = str(row["session_id"]), _token_party(row)
                    for put in self._of_token(peers, Kind.SESSION, session_id, token_party, position):
                        yield put
            case CdrNews(_, cdr_id, token_party):
                for put in self._of_token(peers, Kind.CDR, cdr_id, token_party, position):
                    yield put
            case InvoiceNews(_, record_id, to_party):
                for put in self._of_invoice(peers, record_id, to_party, position):
                    yield put
            case StatusNews():
                async for put in self._of_status(told, peers, position):
                    yield put
            case ProfileNews():
                for put in await self._of_profiles(told, peers, position):
                    yield put
            case ClientNews(_, party, role):
                for peer in peers:
                    if _is_told(peer, party):
                        yield self._of_client(peer, str(party), role.value, position)
            case BookingNews(owner, location_id, booking_id, made_for):
                for put in self._of_token(peers, Kind.BOOKING, booking_id, made_for, position):
                    yield put
                async for put in self._of_places(owner, location_id, peers, position):
                    yield put
            case PeerNews(owner, peer_id):
                peer = await self._peers.get(owner, peer_id)
                if peer is not None and peer.state is PeerState.ACTIVE:
                    async for put in self._everything(peer, position):
                        yield put

    def _of_token(
        self, peers: Iterable[Peer], kind: Kind, object_id: str, token_party: PartyId | None, position: int
    ) -> list[Put]:
        now = self._means.clock.now()
        seeing = [
            peer
            for peer in peers
            if listens(peer, MODULE_OF[kind]) and may_see_sessions_of(peer, token_party)
        ]
        # Whoever is connected by itself is not told through a hub as well.
        told = [peer for peer in seeing if peer.hub is None] or seeing
        return [mark(peer, kind, object_id, position=position, now=now) for peer in told]

    def _of_invoice(
        self, peers: Iterable[Peer], record_id: str, to_party: PartyId, position: int
    ) -> list[Put]:
        now = self._means.clock.now()
        return [
            mark(peer, Kind.INVOICE, record_id, position=position, now=now)
            for peer in peers
            if listens(peer, MODULE_OF[Kind.INVOICE]) and may_see_invoices_to(peer, to_party)
        ]

    async def _of_status(self, told: StatusNews, peers: list[Peer], position: int) -> AsyncIterator[Put]:
        """News of an EVSE, or of all of a station's (EVSE 0)."""
        by_number = await self._stock.places_of(told.owner, told.station_id)
        places = [key for number, key in by_number.items() if told.evse_id in (0, number)]
        now = self._means.clock.now()
        for location_id in {location_id for location_id, _ in places}:
            row = await self._means.spine.get(
                t.location, owner=str(told.owner), party=str(told.owner), location_id=location_id
            )
            if row is None or row["source"] != OWN:
                continue
            location = (await self._stock.living(told.owner, [location_of(row)]))[0]
            yield _raised(location, row)
            uids = [uid for at, uid in places if at == location_id]
            for peer in peers:
                if listens(peer, "locations") and may_see_location(peer, location):
                    for uid in uids:
                        yield mark(peer, Kind.EVSE, location_id, uid, position=position, now=now)

    async def _of_profiles(self, told: ProfileNews, peers: list[Peer], position: int) -> list[Put]:
        """For whoever has a say in a session there, unless it is what it asked for itself."""
        steered = await steered_at(self._means, told.owner, told.station_id)
        if not steered:
            return []
        owner, by = str(told.owner), None
        if told.command_id is not None:
            command = await self._means.spine.get(t.command, owner=owner, command_id=told.command_id)
            if command is None or command["name"] not in _LIMITING:
                return []
            by = command["asked_by"]
        now, known = self._means.clock.now(), {peer.id: peer for peer in peers if hears_profiles(peer)}
        return [
            mark(
                known[str(row["peer_id"])],
                Kind.PROFILE,
                str(row["session_id"]),
                str(row["party"]),
                position=position,
                now=now,
            )
            for row in steered
            if row["peer_id"] in known and row["party"] != by
        ]

    def _of_client(self, peer: Peer, party: str, role: str, position: int) -> Put:
        return mark(peer, Kind.CLIENT, party, role, position=position, now=self._means.clock.now())

    async def _of_places(
        self, owner: PartyId, location_id: str, peers: list[Peer], position: int
    ) -> AsyncIterator[Put]:
        """What can be booked at a location, which is not what it was."""
        location = await self._stock.location(owner, location_id)
        now = self._means.clock.now()
        listening = [peer for peer in peers if hears_of_bookable(peer)]
        for row in await places_at(self._means.spine, owner, location_id) if listening else ():
            for peer in listening:
                if location is not None and may_see_location(peer, location):
                    name = str(row["booking_location_id"])
                    yield mark(peer, Kind.BOOKING_LOCATION, name, position=position, now=now)

    async def _everything(self, peer: Peer, position: int) -> AsyncIterator[Put]:
        """All that a peer may have, and all that we want of it."""
        now, owner = self._means.clock.now(), str(peer.owner)
        ours: Where = {"owner": owner, "party": owner}
        if listens(peer, "locations"):
            async for row in self._rows(t.location, {**ours, "source": OWN}):
                if may_see_location(peer, location_of(row)):
                    object_id = str(row["location_id"])
                    yield mark(peer, Kind.LOCATION, object_id, position=position, now=now)
        if listens(peer, "tariffs") and may_see_tariffs(peer):
            async for row in self._rows(t.tariff, ours):
                yield mark(peer, Kind.TARIFF, str(row["tariff_id"]), position=position, now=now)
        own = await self._peers.party(peer.owner)
        roles = own.roles if own else ()
        if Role.EMSP in roles and listens(peer, "tokens") and may_see_tokens(peer):
            async for row in self._rows(t.token, ours):
                yield mark(peer, Kind.TOKEN, str(row["uid"]), str(row["type"]), position=position, now=now)
        async for row in self._rows(t.client, {"owner": owner, "hub": OURS}):
            if _is_told(peer, PartyId.parse(str(row["party"]))):
                yield self._of_client(peer, str(row["party"]), str(row["role"]), position)
        if listens(peer, "payments"):
            async for row in self._rows(t.terminal, {**ours, "peer_id": peer.id}):
                yield mark(peer, Kind.TERMINAL, str(row["terminal_id"]), position=position, now=now)
        if hears_of_bookable(peer):
            async for row in self._rows(t.booking_location, ours):
                name = str(row["booking_location_id"])
                yield mark(peer, Kind.BOOKING_LOCATION, name, position=position, now=now)
        if listens(peer, "bookings"):
            living: Where = {"owner": owner, "ended_at": None}
            async for row in self._rows(t.booking, living):
                if may_see_sessions_of(peer, PartyId.parse(str(row["made_for"]))):
                    yield mark(peer, Kind.BOOKING, str(row["booking_id"]), position=position, now=now)
        if listens(peer, MODULE_OF[Kind.CDR]):
            async for row in self._owed(peer):
                yield mark(peer, Kind.CDR, str(row["cdr_id"]), position=position, now=now)
        for at in turns(await self._peers.terms(peer)):
            yield mark(peer, Kind.AGREEMENT, f"{at:%Y-%m-%dT%H:%M:%SZ}", position=position, now=at)
        if Role.HUB in roles:
            for put in await self._copies.everything(peer, position):
                yield put
        for name in wanted(roles, peer):
            yield mark(peer, Kind.PULL, name, position=position, now=now)

    async def _owed(self, peer: Peer) -> AsyncIterator[Row]:
        """Our CDRs that nobody has taken yet and that are for the peer: marks are gone with a partner that left (P4)."""
        owner, since = str(peer.owner), self._means.clock.now() - _OWED_FOR
        issued: Where = {
            "owner": owner,
            "party": owner,
            "state": CdrState.ISSUED.value,
            "recorded_at": Between(low=since),
        }
        others = frozenset[PartyId]()
        if peer.hub is None:
            theirs = sorted(map(str, parties_of(peer, PAYERS)))
            issued = {**issued, "token_party": AnyOf(tuple(theirs))}
        else:
            others = await self._peers.direct(peer)
        async for row in self._rows(t.cdr, issued, ("recorded_at",)):
            token_party = _token_party(row)
            if may_see_sessions_of(peer, token_party) and token_party not in others:
                yield row

    async def _rows(self, table: Table, where: Where, order: Sequence[str] = ()) -> AsyncIterator[Row]:
        async for rows in pages(self._means.spine, table, where, order):
            for row in rows:
                yield row


_OWED_FOR = timedelta(days=92)
"""Of what was issued before, the partner asks for a list."""
_LIMITING = frozenset(
    f"{CommandName.CALL.value} {action}"
    for action in (
        "SetChargingProfile",
        "ClearChargingProfile",
        "UpdateDynamicSchedule",
        "UsePriorityCharging",
    )
)
"""Commands, as the view names them, by which a station comes to allow other than before."""
_KEYS = {
    "mark": ("owner", "peer_id", "kind", "object_id"),
    "location": ("owner", "party", "location_id"),
}


def _is_told(peer: Peer, party: PartyId) -> bool:
    """Is a peer told how a hub of ours is connected to a party? All others are (R-72)."""
    return listens(peer, MODULE_OF[Kind.CLIENT]) and party not in parties_of(peer, Role)


def _token_party(row: Row) -> PartyId | None:
    party = row["token_party"]
    return PartyId.parse(party) if isinstance(party, str) else None


def _raised(location: Location, row: Row) -> Put:
    """The record with its EVSEs as they are now, so that a list by date finds it (R-35)."""
    raised = location_row(location.party, location, OWN)
    return Put(t.location, raised, {"document": row["document"]})
