"""Commands and authorizations to and from the model, as all versions from 2.2.1 on have them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import DisplayText
from elstrada.ocpi.body import Json, shape
from elstrada.ocpi.language import Authorized, Authorizing, Commands, Responded, Resulted, Start
from elstrada.ocpi.v221 import commands, tokens
from elstrada.ocpi.v221.translate import token_from_wire, token_to_wire


def _read_start(wire: msgspec.Struct, _of: PartyId) -> Start:
    assert isinstance(wire, commands.StartSession)
    return Start(
        response_url=wire.response_url,
        token=token_from_wire(wire.token).value,
        location_id=wire.location_id,
        evse_uid=wire.evse_uid,
        connector_id=wire.connector_id,
        authorization_reference=wire.authorization_reference,
    )


def _write_start(start: Start) -> msgspec.Struct:
    return commands.StartSession(
        response_url=start.response_url,
        token=token_to_wire(start.token).value,
        location_id=start.location_id,
        evse_uid=start.evse_uid,
        connector_id=start.connector_id,
        authorization_reference=start.authorization_reference,
    )


def _read_response(data: Json) -> Responded:
    wire = shape(data, commands.CommandResponse)
    return Responded(wire.result, wire.timeout, wire.message[0].text if wire.message else "")


def _write_response(result: str, timeout_s: int, says: str) -> msgspec.Struct:
    message = (DisplayText("en", says),) if says else ()
    return commands.CommandResponse(result=result, timeout=Decimal(timeout_s), message=message)


def _read_result(wire: msgspec.Struct) -> Resulted:
    assert isinstance(wire, commands.CommandResult)
    return Resulted(wire.result, wire.message[0].text if wire.message else "")


def _write_result(result: str, message: tuple[DisplayText, ...]) -> msgspec.Struct:
    return commands.CommandResult(result=result, message=message)


def _read_authorization(data: Json) -> Authorized:
    info = shape(data, tokens.AuthorizationInfo)
    return Authorized(info.allowed, token_from_wire(info.token).value, info.authorization_reference)


def _write_authorization(authorized: Authorized, place: msgspec.Struct | None) -> msgspec.Struct:
    assert authorized.token is not None, "the answer holds the token"
    return tokens.AuthorizationInfo(
        allowed=authorized.allowed,
        token=token_to_wire(authorized.token).value,
        location=place if isinstance(place, tokens.LocationReferences) else None,
        authorization_reference=authorized.authorization_reference,
    )


COMMANDS = Commands(
    read_start=_read_start,
    write_start=_write_start,
    read_response=_read_response,
    write_response=_write_response,
    read_result=_read_result,
    write_result=_write_result,
)
AUTHORIZING = Authorizing(read=_read_authorization, write=_write_authorization, type_of=lambda kind: kind)
