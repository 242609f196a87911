"""Commands and authorizations to and from the model, in 2.1.1."""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import DisplayText
from elstrada.ocpi.body import Json, shape
from elstrada.ocpi.language import Authorized, Authorizing, Commands, Responded, Resulted, Start
from elstrada.ocpi.v211 import commands, tokens
from elstrada.ocpi.v211.tokens import TYPE
from elstrada.ocpi.v211.translate.tokens import token_from_wire, token_to_wire, type_to_wire
from elstrada.ocpi.v221.tokens import LocationReferences

_REJECTED = "REJECTED"


def _one(data: Json) -> Json:
    """The one object of an answer; a library in wide use puts it into a list of one (R-19)."""
    return data[0] if isinstance(data, list) and len(data) == 1 else data


def _read_start(wire: msgspec.Struct, of: PartyId) -> Start:
    assert isinstance(wire, commands.StartSession)
    return Start(
        response_url=wire.response_url,
        token=token_from_wire(wire.token, of).value,
        location_id=wire.location_id,
        evse_uid=wire.evse_uid,
        connector_id=None,
        authorization_reference=None,
    )


def _write_start(start: Start) -> msgspec.Struct:
    return commands.StartSession(
        response_url=start.response_url,
        token=token_to_wire(start.token).value,
        location_id=start.location_id,
        evse_uid=start.evse_uid,
    )


def _read_response(data: Json) -> Responded:
    return Responded(shape(_one(data), commands.CommandResponse).result)


def _write_response(result: str, _timeout_s: int, _says: str) -> msgspec.Struct:
    return commands.CommandResponse(result=result)


def _read_result(wire: msgspec.Struct) -> Resulted:
    assert isinstance(wire, commands.CommandResponse)
    return Resulted(wire.result)


def _write_result(result: str, _message: tuple[DisplayText, ...]) -> msgspec.Struct:
    """How it ended: all that was not done, and is no timeout, is REJECTED here."""
    return commands.CommandResponse(result=result if result in commands.RESULTS else _REJECTED)


def _read_authorization(data: Json) -> Authorized:
    return Authorized(shape(_one(data), tokens.AuthorizationInfo).allowed)


def _write_authorization(authorized: Authorized, place: msgspec.Struct | None) -> msgspec.Struct:
    where = place if isinstance(place, LocationReferences) else None
    return tokens.AuthorizationInfo(allowed=authorized.allowed, location=where)


COMMANDS = Commands(
    read_start=_read_start,
    write_start=_write_start,
    read_response=_read_response,
    write_response=_write_response,
    read_result=_read_result,
    write_result=_write_result,
    names_connector=False,
    cancels_reservations=False,
)
AUTHORIZING = Authorizing(
    read=_read_authorization,
    write=_write_authorization,
    type_of=type_to_wire,
    parameters=TYPE,
    knows_no_token=False,
)
