"""The stock: the present state of everything a peer may get, as the model has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from elstrada.model.booking import Booking, BookingLocation
from elstrada.model.cdr import Cdr, CdrState
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus, Station
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import ClientInfo, ConnectionStatus, Party, Peer
from elstrada.model.reconciliation import InvoiceRecord
from elstrada.model.reservation import Reservation, ReservationState
from elstrada.model.session import ChargingPeriod, PeriodDimension, Session, SessionStatus
from elstrada.model.tariff import Tariff
from elstrada.model.token import AuthMethod, Token, TokenIdentity
from elstrada.ocpi.language import Language
from elstrada.roaming.places import Condition, condition, living
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.booking_books import books_of, shown
from elstrada.roles.roaming.booking_books import kept as kept_booking
from elstrada.roles.roaming.clients import OURS, away, client_of
from elstrada.roles.roaming.holders import kept_identity, token_row_of
from elstrada.roles.roaming.leaves import leaves
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.rows import identity_of
from elstrada.roles.roaming.shelf import Shelf
from elstrada.roles.roaming.taken import Takings
from elstrada.roles.roaming.totals import Totals
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row

NOT_AVAILABLE = "#NA"
"""OCPI's word for an EVSE or connector that is not chosen yet."""
OWN = "own"
"""Source of the locations that are ours."""
_STATIONS_KNOWN_FOR = timedelta(seconds=10)
"""How long an EVSE that was given another station may show the former one's status."""
_MISSED_FOR = timedelta(seconds=1)
"""How long an EVSE that was given a station may seem to have none."""
_MOST_STATIONS = 100_000
_MOST_CONNECTORS = 10_000

EvseKey = tuple[str, str]
"""Location id and EVSE uid."""
_NO_SEATS: Mapping[str, Seat] = {}


class Seat(msgspec.Struct, frozen=True):
    """Which station is behind an EVSE of a location."""

    station_id: str
    evse_id: int


class _Plan(msgspec.Struct, frozen=True):
    at: datetime
    edition: tuple[int, ...] | None
    """Of the stations' records before they were read."""
    seats: Mapping[EvseKey, Seat]
    at_location: Mapping[str, Mapping[str, Seat]]
    """The same by location id and EVSE uid."""


class Stock:
    """Reads records and views into the model's objects."""

    def __init__(self, means: Means) -> None:
        self._spine, self._clock, self._keys = means.spine, means.clock, means.keys
        self._plans: dict[PartyId, _Plan] = {}
        self._shelf = Shelf()
        self.leaves = leaves(means.spine)
        self.totals = Totals(means)
        self.takings = Takings(means.spine)

    # --- where stations stand -----------------------------------------------------------------------

    async def seat(self, owner: PartyId, location_id: str, evse_uid: str) -> Seat | None:
        """The station behind an EVSE."""
        key = (location_id, evse_uid)
        seat = (await self._plan(owner)).seats.get(key)
        # Perhaps it was placed since; but whoever asks for what is nowhere has not all stations read each time.
        return seat or (await self._plan(owner, _MISSED_FOR)).seats.get(key)

    async def place(self, owner: PartyId, station_id: str, evse_id: int) -> EvseKey | None:
        """Where one of a station's EVSEs stands."""
        return (await self.places_of(owner, station_id)).get(evse_id)

    async def places_of(self, owner: PartyId, station_id: str) -> dict[int, EvseKey]:
        """Where all EVSEs of a station stand, by their numbers."""
        row = await self._spine.get(t.station, owner=str(owner), station_id=station_id)
        places = () if row is None else msgspec.json.decode(str(row["document"]), type=Station).places
        keys = {place.evse_id: (place.location_id, place.evse_uid) for place in places}
        known = self._plans.get(owner)
        if known is not None and not known.seats.keys() >= set(keys.values()):
            del self._plans[owner]  # The station was placed after the plan was drawn.
        return keys

    # --- objects ------------------------------------------------------------------------------------

    async def location(self, owner: PartyId, location_id: str) -> Location | None:
        """One of our own locations, with its EVSEs as they are now."""
        row = await row_of(self._spine, t.location, owner, owner, location_id)
        if row is None or row["source"] != OWN:
            return None
        return (await self.living(owner, [location_of(row)]))[0]

    async def embedded(
        self, words: Language, owner: PartyId, party: PartyId, location_id: str
    ) -> Location | None:
        """The location of a session or CDR, if the version embeds it."""
        if not words.embeds:
            return None
        if party == owner:
            return await self.location(owner, location_id)
        row = await row_of(self._spine, t.location, owner, party, location_id)
        return None if row is None else location_of(row)

    async def living(self, owner: PartyId, locations: Iterable[Location]) -> list[Location]:
        """Our locations with the present condition of their EVSEs."""
        wanted = list(locations)
        conditions = await self._conditions(owner, [location.id for location in wanted])
        return [living(location, conditions[location.id]) for location in wanted]

    async def told(self, words: Language, owner: PartyId, rows: Sequence[Row]) -> list[msgspec.Raw]:
        """The same of their rows, as a version tells them; one that it would misread is left out."""
        conditions = await self._conditions(owner, [str(row["location_id"]) for row in rows])
        told = (
            self._shelf.location(words, str(row["document"]), conditions[str(row["location_id"])])
            for row in rows
        )
        return [one for one in told if one is not None]

    async def _conditions(self, owner: PartyId, ids: Sequence[str]) -> dict[str, dict[str, Condition]]:
        """The present conditions of the EVSEs of each location, as far as their stations have said."""
        plan = await self._plan(owner)
        found = {location_id: dict[str, Condition]() for location_id in ids}
        seats = [
            (location_id, uid, seat)
            for location_id in found
            for uid, seat in plan.at_location.get(location_id, _NO_SEATS).items()
        ]
        if not seats:
            return found
        said = await self._said(owner, {seat.station_id for _, _, seat in seats})
        for location_id, uid, seat in seats:
            own, whole = said.get((seat.station_id, seat.evse_id), ()), said.get((seat.station_id, 0), ())
            now = condition(own, whole)
            if now is not None:
                found[location_id][uid] = now
        return found

    async def tariff(self, owner: PartyId, tariff_id: str) -> Tariff | None:
        """One of our own tariffs."""
        row = await row_of(self._spine, t.tariff, owner, owner, tariff_id)
        return None if row is None else tariff_of(row)

    async def token(self, owner: PartyId, uid: str, kind: str) -> Token | None:
        """One of the tokens we issued (R-44: its key is party, uid and type), in any case of its uid (R-22)."""
        row = await self._spine.get(t.token, owner=str(owner), party=str(owner), uid=uid, type=kind)
        if row is None:
            row = await token_row_of(self._spine, owner, owner, self._keys.token_ref(uid), kind)
        return None if row is None else token_of(row)

    async def client(self, owner: PartyId, party: str, role: str) -> ClientInfo | None:
        """How we, a hub, are connected to a party in one of its roles."""
        row = await self._spine.get(t.client, owner=str(owner), hub=OURS, party=party, role=role)
        return None if row is None else client_of(row)

    async def away(self, peer: Peer, party: PartyId) -> ConnectionStatus | None:
        """Why a party cannot be reached by way of a peer now; None: it can, as far as we know."""
        return await away(self._spine, peer, party)

    async def identity(self, owner: PartyId, row: Row) -> TokenIdentity | None:
        """Whose token a session or CDR names by its pseudonym, as long as we may know it.

        Two issuers may have given out the same uid: only a token of the row's party is meant.
        """
        ref, party = _text(row, "token_ref"), _text(row, "token_party")
        if ref is None or party is None:
            return None
        kept = await kept_identity(self._spine, owner, ref, party)
        if kept is not None:
            return kept
        where = {"owner": str(owner), "ref": ref, "party": party}
        tokens = await self._spine.find(t.token, where, limit=1)
        return identity_of(token_of(tokens[0])) if tokens else None

    async def session(self, own: Party, row: Row) -> tuple[Session, TokenIdentity] | None:
        """A session of ours from its row of the view.

        Returns:
            None while something another party must know is not known: its start, its place, its token.
        """
        identity = await self.identity(own.id, row)
        evse_id, started_at, updated_at = row["evse_id"], row["started_at"], row["updated_at"]
        if identity is None or not isinstance(started_at, datetime) or not isinstance(evse_id, int):
            return None
        key = await self.place(own.id, str(row["station_id"]), evse_id)
        if key is None:
            return None
        assert isinstance(updated_at, datetime)
        kwh = _kwh(row)
        ended_at = told_end(row)
        session = Session(
            party=own.id,
            id=str(row["session_id"]),
            start_date_time=started_at,
            end_date_time=ended_at,
            kwh=kwh,
            token_ref=str(row["token_ref"]),
            token_party=identity.party,
            auth_method=AuthMethod(_text(row, "auth_method") or AuthMethod.AUTH_REQUEST),
            authorization_reference=_text(row, "authorization_reference"),
            location_id=key[0],
            evse_uid=key[1],
            connector_id=await self._connector(own.id, key, row["connector_id"]),
            currency=own.currency,
            charging_periods=(ChargingPeriod(started_at, (PeriodDimension("ENERGY", kwh),)),),
            status=SessionStatus.ACTIVE if ended_at is None else SessionStatus.COMPLETED,
            last_updated=updated_at,
        )
        return session, identity

    async def reserved(self, own: Party, session_id: str) -> tuple[Session, TokenIdentity] | None:
        """The reservation that becomes this session, or would have; None: as ``reservation``, or there is none."""
        rows = await self.reservation_rows(own.id, (session_id,))
        return await self.reservation(own, rows[0]) if rows else None

    async def reservation(self, own: Party, row: Row) -> tuple[Session, TokenIdentity] | None:
        """A reservation of ours as a session (OCPI mod_sessions, Reservation).

        Returns:
            None: it is uncertain, or its place or token is not known.
        """
        if row["state"] == ReservationState.UNCERTAIN.value:
            return None
        one = msgspec.json.decode(str(row["document"]), type=Reservation)
        identity = await self.identity(own.id, row)
        places = await self.places_of(own.id, str(row["station_id"]))
        key = places.get(one.evse_id) if one.evse_id else next(iter(places.values()), None)
        if identity is None or key is None:
            return None
        ended_at, changed_at = row["ended_at"], row["changed_at"]
        assert isinstance(changed_at, datetime)
        session = Session(
            party=own.id,
            id=one.session_id,
            start_date_time=one.reserved_at,
            end_date_time=ended_at if isinstance(ended_at, datetime) else None,
            kwh=Decimal(0),
            token_ref=one.token_ref,
            token_party=identity.party,
            auth_method=AuthMethod.COMMAND,
            authorization_reference=one.authorization_reference,
            location_id=key[0],
            evse_uid=key[1] if one.evse_id else NOT_AVAILABLE,
            connector_id=await self._connector(own.id, key, None) if one.evse_id else NOT_AVAILABLE,
            currency=own.currency,
            status=SessionStatus.RESERVATION if ended_at is None else SessionStatus.COMPLETED,
            last_updated=changed_at,
        )
        return session, identity

    async def start_row(self, owner: PartyId, command_id: str) -> Row | None:
        """The row of a remote start by whose session an eMSP is told of it before it begins (R-56)."""
        row = await self._spine.get(t.command, owner=str(owner), command_id=command_id)
        is_awaited = (
            row is not None and row["name"] == CommandName.START.value and row["session_id"] is not None
        )
        return row if is_awaited and row is not None and row["led_to"] != row["session_id"] else None

    async def awaited(self, own: Party, session_id: str) -> tuple[Session, TokenIdentity] | None:
        """The session that shall come of a remote start: PENDING, or INVALID once it is clear that none will (R-56).

        It is there as soon as the station has accepted: until then nothing was created there.

        Returns:
            None: there is no such, or its place or token is not known.
        """
        where = {"owner": str(own.id), "session_id": session_id, "name": CommandName.START.value}
        rows = await self._spine.find(t.command, where, limit=1)
        accepted = [row for row in rows if row["result"] == CommandResult.ACCEPTED.value]
        return await self._awaited(own, accepted[0]) if accepted else None

    async def _awaited(self, own: Party, row: Row) -> tuple[Session, TokenIdentity] | None:
        identity, evse_id, answered_at = await self.identity(own.id, row), row["evse_id"], row["answered_at"]
        if identity is None or not isinstance(evse_id, int) or not isinstance(answered_at, datetime):
            return None
        key = await self.place(own.id, str(row["station_id"]), evse_id)
        if key is None:
            return None
        awaited_until = row["awaited_until"]
        session = Session(
            party=own.id,
            id=str(row["session_id"]),
            start_date_time=answered_at,
            kwh=Decimal(0),
            token_ref=str(row["token_ref"]),
            token_party=identity.party,
            auth_method=AuthMethod.COMMAND,
            authorization_reference=_text(row, "authorization_reference"),
            location_id=key[0],
            evse_uid=key[1],
            connector_id=await self._connector(own.id, key, row["connector_id"]),
            currency=own.currency,
            status=SessionStatus.PENDING if awaited_until is None else SessionStatus.INVALID,
            last_updated=awaited_until if isinstance(awaited_until, datetime) else answered_at,
        )
        return session, identity

    async def reservation_rows(self, owner: PartyId, session_ids: Sequence[str]) -> list[Row]:
        """The rows of reservations that become these sessions."""
        where = {"owner": str(owner), "session_id": AnyOf(tuple(session_ids))}
        return await self._spine.find(t.reservation, where, limit=len(session_ids))

    async def booking_location(self, owner: PartyId, name: str) -> BookingLocation | None:
        """One of our own booking locations, with its calendar as it is now."""
        key = {"owner": str(owner), "party": str(owner), "booking_location_id": name}
        row = await self._spine.get(t.booking_location, **key)
        if row is None:
            return None
        _, books = await books_of(self._spine, owner, str(row["location_id"]))
        return shown(row, books, self._clock.now())

    async def booking(self, owner: PartyId, booking_id: str) -> tuple[PartyId, Booking] | None:
        """A booking at a location of ours, and whose it is."""
        found = await kept_booking(self._spine, owner, booking_id)
        return None if found is None else (found.booked.made_for, found.booking)

    async def session_row(self, owner: PartyId, session_id: str) -> Row | None:
        """The row of a session of ours. We write ids in lower case; others may not (R-22)."""
        for told in dict.fromkeys((session_id, session_id.lower())):
            row = await self._spine.get(t.session, owner=str(owner), session_id=told)
            if row is not None:
                return row
        return None

    async def session_rows(self, owner: PartyId, session_ids: Sequence[str]) -> list[Row]:
        """The rows of those sessions that there are."""
        where = {"owner": str(owner), "session_id": AnyOf(tuple(session_ids))}
        return await self._spine.find(t.session, where, limit=len(session_ids))

    async def cdr(self, owner: PartyId, cdr_id: str) -> tuple[Cdr, TokenIdentity] | None:
        """A CDR we issued, or None while its token's identity is not known."""
        row = await self._spine.get(t.cdr, owner=str(owner), party=str(owner), cdr_id=cdr_id)
        return None if row is None else await self.cdr_of(owner, row)

    async def is_withheld(self, owner: PartyId, cdr_id: str) -> bool:
        """Does a CDR of ours wait until somebody has looked at it?"""
        row = await self._spine.get(t.cdr, owner=str(owner), party=str(owner), cdr_id=cdr_id)
        return row is not None and row["state"] == CdrState.WITHHELD

    async def cdr_of(self, owner: PartyId, row: Row) -> tuple[Cdr, TokenIdentity] | None:
        """The same from its row; None also while we withhold it.

        On the wire a CDR is dated by when it was recorded, because that is what a peer's date filter
        is held against (R-26): it could otherwise be dated into a window the peer has already read.
        """
        identity = await self.identity(owner, row)
        recorded_at = row["recorded_at"]
        if identity is None or not isinstance(recorded_at, datetime) or row["state"] == CdrState.WITHHELD:
            return None
        cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
        return msgspec.structs.replace(cdr, last_updated=recorded_at), identity

    async def invoice_row(self, owner: PartyId, record_id: str) -> Row | None:
        """The row of one of our records of what an invoice covers, withdrawn ones too."""
        key = {"owner": str(owner), "party": str(owner), "record_id": record_id}
        return await self._spine.get(t.invoice_record, **key)

    # --- below --------------------------------------------------------------------------------------

    async def _connector(self, owner: PartyId, key: EvseKey, number: object) -> str:
        """The location's name for the connector that the station counts as ``number``.

        OCPP counts an EVSE's connectors from 1; the location lists them in that order.
        """
        row = await self._spine.get(t.location, owner=str(owner), party=str(owner), location_id=key[0])
        evses = () if row is None else location_of(row).evses
        connectors = next((evse.connectors for evse in evses if evse.uid == key[1]), ())
        index = number - 1 if isinstance(number, int) and 0 < number <= len(connectors) else 0
        return connectors[index].id if connectors else "1"

    async def _said(
        self, owner: PartyId, stations: Iterable[str]
    ) -> dict[tuple[str, int], list[tuple[ConnectorStatus, datetime]]]:
        """What the connectors of stations say, by station and EVSE."""
        where = {"owner": str(owner), "station_id": AnyOf(tuple(stations))}
        rows = await self._spine.find(t.connector_state, where, limit=_MOST_CONNECTORS)
        said: dict[tuple[str, int], list[tuple[ConnectorStatus, datetime]]] = {}
        for row in rows:
            evse_id, changed_at = row["evse_id"], row["changed_at"]
            assert isinstance(evse_id, int)
            assert isinstance(changed_at, datetime)
            key = (str(row["station_id"]), evse_id)
            said.setdefault(key, []).append((ConnectorStatus(str(row["status"])), changed_at))
        return said

    async def _plan(self, owner: PartyId, known_for: timedelta = _STATIONS_KNOWN_FOR) -> _Plan:
        """Where stations stand: as long as none was written, or for a while where nobody can tell."""
        now, edition = self._clock.now(), self._spine.edition((t.station,))
        known = self._plans.get(owner)
        is_old = known is None or (
            now - known.at > known_for if edition is None else edition != known.edition
        )
        if known is None or is_old:
            known = self._plans[owner] = await self._read_plan(owner, now, edition)
        return known

    async def _read_plan(self, owner: PartyId, now: datetime, edition: tuple[int, ...] | None) -> _Plan:
        rows = await self._spine.find(t.station, {"owner": str(owner)}, limit=_MOST_STATIONS)
        stations = [msgspec.json.decode(str(row["document"]), type=Station) for row in rows]
        seats = {
            (place.location_id, place.evse_uid): Seat(station.id, place.evse_id)
            for station in stations
            for place in station.places
        }
        at_location: dict[str, dict[str, Seat]] = {}
        for (location_id, uid), seat in seats.items():
            at_location.setdefault(location_id, {})[uid] = seat
        return _Plan(now, edition, seats, at_location)


def told_end(row: Row) -> datetime | None:
    """When a session ended as peers know it: a presumed end may still be replaced, and COMPLETED is for ever."""
    ended_at = row["ended_at"]
    provisional = row["presumed"] is not None and row["completed_at"] is None
    return ended_at if isinstance(ended_at, datetime) and not provisional else None


def dated(row: Row) -> datetime:
    """When what a record holds was last changed, as its document says too."""
    at = row["last_updated"]
    assert isinstance(at, datetime)
    return at


def invoice_record_of(row: Row) -> InvoiceRecord:
    """A record, dated by when it was recorded: that is what a peer's date filter is held against (R-26)."""
    record = msgspec.json.decode(str(row["document"]), type=InvoiceRecord)
    updated_at = row["updated_at"]
    assert isinstance(updated_at, datetime)
    return msgspec.structs.replace(record, last_updated=updated_at)


def location_of(row: Row) -> Location:
    return msgspec.json.decode(str(row["document"]), type=Location)


def tariff_of(row: Row) -> Tariff:
    return msgspec.json.decode(str(row["document"]), type=Tariff)


def token_of(row: Row) -> Token:
    return msgspec.json.decode(str(row["document"]), type=Token)


def _kwh(row: Row) -> Decimal:
    energy_wh = row["energy_wh"]
    return Decimal(energy_wh if isinstance(energy_wh, int) else 0).scaleb(-3)


def _text(row: Row, column: str) -> str | None:
    value = row[column]
    return None if value is None else str(value)
