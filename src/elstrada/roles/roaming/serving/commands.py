"""Commands: an eMSP wants one of our stations to do something (R-50 to R-55, R-60, P5).

The answer says only whether we took the command. What the station says comes later, once, to the
address that the command brought.
"""

from __future__ import annotations

from decimal import Decimal

from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName
from elstrada.model.location import Evse, Location
from elstrada.model.party import Role
from elstrada.ocpi.codes import Why
from elstrada.ocpi.server import Done, Found, Refusal, Result, body_of
from elstrada.ocpi.v221 import commands as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.commands import ResponseType
from elstrada.roaming.visibility import may_see_location
from elstrada.roles.roaming.holders import TwoContracts, identity_puts
from elstrada.roles.roaming.line import belongs_to
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit
from elstrada.spine.face import Work

CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"


async def start_session(visit: Visit) -> Result:
    """Start at an EVSE. The token is already authorized by its eMSP and is not asked about again (R-50)."""
    start = body_of(visit.call, wire.StartSession)
    token = translate.token_from_wire(start.token).value
    if token.party not in visit.parties(Role.EMSP):
        return Refusal(Why.INVALID, "token: only tokens of your own may be used")
    found = await _location(visit, start.location_id)
    if isinstance(found, Refusal):
        return found
    evse = _evse(found, start.evse_uid)
    if evse is None:
        return Refusal(Why.INVALID, "evse_uid: name one EVSE of the location")
    if start.connector_id is None and CONNECTOR_REQUIRED in evse.capabilities:
        return Refusal(Why.INVALID, "connector_id is required at this EVSE (R-60)")
    connector = _connector_number(evse, start.connector_id)
    if start.connector_id is not None and connector is None:
        return Refusal(Why.INVALID, "connector_id: the EVSE has no such connector")
    seat = await visit.stock.seat(visit.own.id, found.id, evse.uid)
    if seat is None:
        return _answer(visit, ResponseType.REJECTED)
    ref = visit.means.keys.token_ref(token.uid)
    # Session and CDR will name the token, even one that was never pushed to us.
    try:
        writes = await identity_puts(visit.means.spine, visit.own.id, token, ref)
    except TwoContracts as problem:
        return Refusal(Why.INVALID, f"token: {problem}")
    await visit.means.spine.commit(Work(writes=writes))
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
    parties = {str(party): party for party in visit.parties(Role.EMSP)}
    asked_by = None if row is None else parties.get(str(row["token_party"]))
    if row is None or asked_by is None:
        return _answer(visit, ResponseType.UNKNOWN_SESSION)
    if row["ended_at"] is not None:
        return _answer(visit, ResponseType.REJECTED)
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.STOP,
        asked_by=asked_by,
        session_id=stop.session_id,
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, str(row["station_id"]), command, stop.response_url)


async def unlock_connector(visit: Visit) -> Result:
    unlock = body_of(visit.call, wire.UnlockConnector)
    parties = sorted(visit.parties(Role.EMSP))
    found = await _location(visit, unlock.location_id)
    if isinstance(found, Refusal):
        return found
    evse = _evse(found, unlock.evse_uid)
    connector = None if evse is None else _connector_number(evse, unlock.connector_id)
    if evse is None or connector is None or not parties:
        return Refusal(Why.INVALID, "evse_uid and connector_id: name a connector of the location")
    seat = await visit.stock.seat(visit.own.id, found.id, evse.uid)
    if seat is None:
        return _answer(visit, ResponseType.REJECTED)
    command = Command(
        command_id=visit.means.chance.uuid(),
        name=CommandName.UNLOCK,
        asked_by=parties[0],
        evse_id=seat.evse_id,
        connector_id=connector,
        deadline_s=visit.callbacks.station_s,
    )
    return await _take(visit, seat.station_id, command, unlock.response_url)


async def not_supported(visit: Visit) -> Result:
    """Reservations are not offered yet: said in the protocol's own words."""
    return _answer(visit, ResponseType.NOT_SUPPORTED)


async def command_result(visit: Visit) -> Result:
    """The result of a command we gave, at the address we made for it (R-53)."""
    result = body_of(visit.call, wire.CommandResult)
    known = await visit.commander.heard(visit.peer, visit.call.path["command_id"], result)
    return Done() if known else NOT_HERE


async def _take(visit: Visit, station_id: str, command: Command, response_url: str) -> Result:
    """Take the command, and answer before the station does."""
    if not belongs_to(visit.peer, response_url):
        return Refusal(Why.INVALID, "response_url: not at a host you registered with (T16)")
    await visit.callbacks.take(visit.peer, station_id, command, response_url)
    return _answer(visit, ResponseType.ACCEPTED)


def _answer(visit: Visit, result: ResponseType) -> Found:
    timeout = Decimal(visit.callbacks.result_s)
    return Found(wire.CommandResponse(result=result.value, timeout=timeout))


async def _location(visit: Visit, location_id: str) -> Location | Refusal:
    location = await visit.stock.location(visit.own.id, location_id)
    if location is None or not may_see_location(visit.peer, location):
        return Refusal(Why.UNKNOWN_LOCATION, "no such location")
    return location


def _evse(location: Location, uid: str | None) -> Evse | None:
    """The EVSE named, or the only one there is: we do not choose among several."""
    if uid is None:
        return location.evses[0] if len(location.evses) == 1 else None
    return next((evse for evse in location.evses if evse.uid == uid), None)


def _connector_number(evse: Evse, connector_id: str | None) -> int | None:
    """The number by which OCPP counts a connector of the EVSE, from 1."""
    ids = [connector.id for connector in evse.connectors]
    return ids.index(connector_id) + 1 if connector_id in ids else None


HANDLERS: dict[str, Handler] = {
    "start_session": start_session,
    "stop_session": stop_session,
    "unlock_connector": unlock_connector,
    "reserve_now": not_supported,
    "cancel_reservation": not_supported,
    "command_result": command_result,
}
