"""Commands: an eMSP wants one of our stations to do something (R-50 to R-55, R-57, R-58, R-60, P5).

The answer says only whether we took the command. What the station says comes later, once, to the
address that the command brought.
"""

from __future__ import annotations

from collections.abc import Collection

from elstrada.charging.reserve import LONGEST
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName
from elstrada.model.ids import PartyId
from elstrada.model.location import Evse, EvseStatus, Location
from elstrada.model.party import Role
from elstrada.model.reservation import ReservationWish
from elstrada.model.token import Token
from elstrada.ocpi.codes import Why
from elstrada.ocpi.nesting import find_connector, find_evse
from elstrada.ocpi.scalars import same
from elstrada.ocpi.server import Done, Found, Refusal, Result, body_of
from elstrada.ocpi.v221 import commands as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.commands import ResponseType
from elstrada.roaming.agreement import exceeded, seeing
from elstrada.roaming.visibility import PAYERS
from elstrada.roles.roaming.holders import TwoContracts, identity_puts
from elstrada.roles.roaming.line import belongs_to
from elstrada.roles.roaming.serving.at_terminal import is_terminals, ordered_puts, unpayable
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of
from elstrada.roles.roaming.stock import Seat, told_end
from elstrada.spine import tables as t
from elstrada.spine.face import Row, RowMoved, Where, Work

CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"
RESERVABLE = "RESERVABLE"
"""By this capability a CPO says at which EVSEs partners may reserve."""
_LONGEST_ID = 36
_MOST_BYTES = 16_384
"""Of a command; an honest one has a thousand."""
_MOST_ALIKE = 10
_MOST_RUNNING = 1_000
"""Sessions of one station."""
_NO_STATION = "no station is placed at this EVSE"


async def start_session(visit: Visit) -> Result:
    """Start at an EVSE. The token is already authorized by its eMSP and is not asked about again (R-50)."""
    issuer = visit.caller(Role.EMSP) or visit.caller(Role.PTP)
    if issuer is None:
        return NOT_HERE
    start = visit.words.commands.read_start(visit.body, issuer)
    token = start.token
    if token.party not in visit.parties(*PAYERS):
        return Refusal(Why.INVALID, "token: only tokens of your own may be used")
    at_terminal = is_terminals(visit, token)
    wrong = unpayable(start) if at_terminal else None
    if wrong is not None:
        return wrong
    found = await _location(visit, start.location_id, token.party)
    if isinstance(found, Refusal):
        return found
    if (bounded := await _bounded(visit, token.party)) is not None:
        return bounded
    evse = _evse(found, start.evse_uid)
    if evse is None:
        return Refusal(Why.INVALID, "evse_uid: name one EVSE of the location")
    if start.connector_id is None and _must_name_connector(visit, evse):
        return Refusal(Why.INVALID, "connector_id is required at this EVSE (R-60)")
    connector = _connector_number(evse, start.connector_id)
    if start.connector_id is not None and connector is None:
        return Refusal(Why.INVALID, "connector_id: the EVSE has no such connector")
    seat = await visit.stock.seat(visit.own.id, found.id, evse.uid)
    if seat is None:
        return _answer(visit, ResponseType.REJECTED, _NO_STATION)
    ref = visit.means.keys.token_ref(token.uid)
    # Session and CDR will name the token, even one that was never pushed to us.
    try:
        writes = await identity_puts(visit.means.spine, visit.own.id, token, ref)
    except TwoContracts as problem:
        return Refusal(Why.INVALID, f"token: {problem}")
    if at_terminal:
        ordered = await ordered_puts(visit, start, found, evse, seat, connector or 1)
        if isinstance(ordered, Refusal):
            return ordered
        if isinstance(ordered, str):
            return _answer(visit, ResponseType.REJECTED, ordered)
        writes = (*writes, *ordered)
    try:
        await visit.means.spine.commit(Work(writes=writes))
    except RowMoved:
        return Refusal(Why.BUSY, "the same was ordered at the same time")
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.START,
        asked_by=token.party,
        evse_id=seat.evse_id,
        connector_id=connector,
        token=PresentedToken(token.uid, token.type, ref, token),
        authorization_reference=start.authorization_reference,
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, seat.station_id, command, start.response_url)


async def stop_session(visit: Visit) -> Result:
    """Stop one of the caller's own sessions; any other is not known to it (T8)."""
    stop = body_of(visit.call, wire.StopSession)
    row = await visit.stock.session_row(visit.own.id, stop.session_id)
    parties = {str(party): party for party in visit.parties(*PAYERS)}
    asked_by = None if row is None else parties.get(str(row["token_party"]))
    if row is None or asked_by is None:
        return _answer(visit, ResponseType.UNKNOWN_SESSION)
    if told_end(row) is not None:
        return _answer(visit, ResponseType.REJECTED, "the session has ended")
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.STOP,
        asked_by=asked_by,
        session_id=str(row["session_id"]),
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, str(row["station_id"]), command, stop.response_url)


async def unlock_connector(visit: Visit) -> Result:
    """Free a stuck cable. Some stations end the session that runs there first, so it must be the caller's (T8)."""
    unlock = body_of(visit.call, wire.UnlockConnector)
    parties = sorted(visit.parties(*PAYERS))
    found = await _location(visit, unlock.location_id)
    if isinstance(found, Refusal):
        return found
    evse = _evse(found, unlock.evse_uid)
    connector = None if evse is None else _connector_number(evse, unlock.connector_id)
    if evse is None or connector is None or not parties:
        return Refusal(Why.INVALID, "evse_uid and connector_id: name a connector of the location")
    seat = await visit.stock.seat(visit.own.id, found.id, evse.uid)
    if seat is None:
        return _answer(visit, ResponseType.REJECTED, _NO_STATION)
    if await _is_in_use_by_others(visit, seat):
        return _answer(visit, ResponseType.REJECTED, "a session that is not yours runs there")
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.UNLOCK,
        asked_by=parties[0],
        evse_id=seat.evse_id,
        connector_id=connector,
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, seat.station_id, command, unlock.response_url)


async def _is_in_use_by_others(visit: Visit, seat: Seat) -> bool:
    """Does a session run at the EVSE that is not the caller's?"""
    where: Where = {"owner": visit.owner, "station_id": seat.station_id, "ended_at": None}
    running = await visit.means.spine.find(t.session, where, limit=_MOST_RUNNING)
    theirs = {str(party) for party in visit.parties(*PAYERS)}
    return any(row["evse_id"] == seat.evse_id and row["token_party"] not in theirs for row in running)


async def reserve_now(visit: Visit) -> Result:
    """Keep an EVSE, or one of a station's, for a token of the caller's. Its eMSP has authorized it."""
    reserve = visit.body
    if not isinstance(reserve, wire.ReserveNow):  # 2.1.1 has no command that would cancel it.
        return _answer(visit, ResponseType.NOT_SUPPORTED)
    token = translate.token_from_wire(reserve.token).value
    wrong = _unreservable(visit, reserve, token)
    if wrong is not None:
        return wrong
    found = await _location(visit, reserve.location_id, token.party)
    if isinstance(found, Refusal):
        return found
    if (bounded := await _bounded(visit, token.party)) is not None:
        return bounded
    partner_ref = reserve.reservation_id.upper()
    before = await _reservations(visit, partner_ref, frozenset({token.party}))
    seat = await _seat_to_reserve(visit, found, reserve.evse_uid, {str(row["station_id"]) for row in before})
    if isinstance(seat, Refusal | Found):
        return seat
    for row in before:
        if row["station_id"] != seat.station_id:
            says = "a reservation of this id is at another station; cancel it first"
            return _answer(visit, ResponseType.REJECTED, says)
    ref = visit.means.keys.token_ref(token.uid)
    try:
        writes = await identity_puts(visit.means.spine, visit.own.id, token, ref)
    except TwoContracts as problem:
        return Refusal(Why.INVALID, f"token: {problem}")
    await visit.means.spine.commit(Work(writes=writes))
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.RESERVE,
        asked_by=token.party,
        evse_id=seat.evse_id,
        token=PresentedToken(token.uid, token.type, ref, token),
        authorization_reference=reserve.authorization_reference,
        reservation=ReservationWish(expires_at=reserve.expiry_date.at, partner_ref=partner_ref),
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, seat.station_id, command, reserve.response_url)


def _unreservable(visit: Visit, reserve: wire.ReserveNow, token: Token) -> Refusal | None:
    """What is wrong with the wish itself."""
    if token.party not in visit.parties(Role.EMSP):
        return Refusal(Why.INVALID, "token: only tokens of your own may be used")
    if not 1 <= len(reserve.reservation_id) <= _LONGEST_ID:
        return Refusal(Why.INVALID, f"reservation_id: expected 1 to {_LONGEST_ID} characters")
    now = visit.means.clock.now()
    if not now < reserve.expiry_date.at <= now + LONGEST:
        return Refusal(Why.INVALID, f"expiry_date: expected a time within {LONGEST.days} days from now")
    return None


async def _seat_to_reserve(
    visit: Visit, location: Location, uid: str | None, before: Collection[str]
) -> Seat | Refusal | Found:
    """The EVSE named, or one that we choose, as OCPI leaves it to us then. Only where we offer it.

    Args:
        before: stations where the same reservation is kept already.
    """
    named = [evse for evse in location.evses if uid is None or same(evse.uid, uid)]
    if not named:
        return Refusal(Why.INVALID, "evse_uid: the location has no such EVSE")
    offered = [evse for evse in named if RESERVABLE in evse.capabilities]
    if not offered:
        return _answer(visit, ResponseType.NOT_SUPPORTED, f"not {RESERVABLE}")
    found = [(evse, await visit.stock.seat(visit.own.id, location.id, evse.uid)) for evse in offered]
    seats = [(evse, seat) for evse, seat in found if seat is not None]
    if not seats:
        return _answer(visit, ResponseType.REJECTED, _NO_STATION)
    if uid is not None:
        return seats[0][1]
    if len({seat.station_id for _, seat in seats}) == 1:
        return Seat(seats[0][1].station_id, 0)  # Which of its EVSEs, the station chooses.
    kept = [seat for _, seat in seats if seat.station_id in before]
    free = [seat for evse, seat in seats if evse.status is EvseStatus.AVAILABLE]
    chosen = next(iter((*kept, *free)), None)
    return chosen or _answer(visit, ResponseType.REJECTED, "no EVSE of the location is free")


async def cancel_reservation(visit: Visit) -> Result:
    """Cancel a reservation of the caller's own; any other is not known to it (R-57)."""
    cancel = body_of(visit.call, wire.CancelReservation)
    rows = await _reservations(visit, cancel.reservation_id.upper(), visit.parties(Role.EMSP))
    if not rows:
        return _answer(visit, ResponseType.REJECTED, "no such reservation")
    number = rows[0]["number"]
    assert isinstance(number, int), "a reservation has a number"
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.CANCEL_RESERVATION,
        asked_by=PartyId.parse(str(rows[0]["made_for"])),
        reservation_id=number,
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, str(rows[0]["station_id"]), command, cancel.response_url)


async def _reservations(visit: Visit, partner_ref: str, parties: frozenset[PartyId]) -> list[Row]:
    """The living reservations that partners know by this id."""
    key: Where = {
        "owner": visit.owner,
        "made_for": any_of(parties),
        "partner_ref": partner_ref,
        "ended_at": None,
    }
    return await visit.means.spine.find(t.reservation, key, order=("-reserved_at",), limit=_MOST_ALIKE)


async def command_result(visit: Visit) -> Result:
    """The result of a command we gave, at the address we made for it (R-53)."""
    result = visit.words.commands.read_result(visit.body)
    known = await visit.commander.heard(visit.peer, visit.call.path["command_id"], result)
    return Done() if known else NOT_HERE


async def _take(visit: Visit, station_id: str, command: Command, response_url: str) -> Result:
    """Take the command, and answer before the station does."""
    if not belongs_to(visit.peer, response_url):
        return Refusal(Why.INVALID, "response_url: not at a host you registered with (T16)")
    await visit.callbacks.take(visit.peer, station_id, command, response_url)
    return _answer(visit, ResponseType.ACCEPTED)


def _answer(visit: Visit, result: ResponseType, says: str = "") -> Found:
    return Found(visit.words.commands.write_response(result.value, visit.callbacks.result_s, says))


async def _location(visit: Visit, location_id: str, party: PartyId | None = None) -> Location | Refusal:
    """The location, if it is there for the caller.

    Args:
        party: for whom of the caller's it must be there, where a token says so.
    """
    location = await visit.stock.location(visit.own.id, location_id)
    seen = None if location is None else visit.seen(location)
    if seen is None or (party is not None and not seeing(visit.terms, (party,), seen)):
        return Refusal(Why.UNKNOWN_LOCATION, "no such location")
    return seen


async def _bounded(visit: Visit, party: PartyId) -> Found | None:
    """The answer to a wish for more than is agreed with the token's party; None: there is room."""
    bounds = visit.terms.of(party).bounds
    taken = await visit.stock.takings.of(visit.own.id, party, bounds, visit.terms.at)
    why = exceeded(bounds, taken)
    return _answer(visit, ResponseType.REJECTED, why) if why else None


def _evse(location: Location, uid: str | None) -> Evse | None:
    """The EVSE named, or the only one there is: we do not choose among several."""
    if uid is None:
        return location.evses[0] if len(location.evses) == 1 else None
    return find_evse(location, uid)


def _must_name_connector(visit: Visit, evse: Evse) -> bool:
    """Is a start without a connector no start here? In 2.1.1, which cannot name one, only if there are several."""
    is_plain = not visit.words.commands.names_connector and len(evse.connectors) == 1
    return CONNECTOR_REQUIRED in evse.capabilities and not is_plain


def _connector_number(evse: Evse, connector_id: str | None) -> int | None:
    """The number by which OCPP counts a connector of the EVSE, from 1."""
    named = None if connector_id is None else find_connector(evse, connector_id)
    return None if named is None else evse.connectors.index(named) + 1


def _short(handler: Handler) -> Handler:
    """A command's handler, for commands that may stand in facts for ever."""

    async def handle(visit: Visit) -> Result:
        if len(visit.call.raw) > _MOST_BYTES:
            return Refusal(
                Why.INVALID, f"a command of {len(visit.call.raw)} bytes; at most {_MOST_BYTES} are taken"
            )
        return await handler(visit)

    return handle


HANDLERS: dict[str, Handler] = {
    "start_session": _short(start_session),
    "stop_session": _short(stop_session),
    "unlock_connector": _short(unlock_connector),
    "reserve_now": _short(reserve_now),
    "cancel_reservation": _short(cancel_reservation),
    "command_result": command_result,
}
