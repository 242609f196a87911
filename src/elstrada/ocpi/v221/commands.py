"""Commands and their two answers. Source: OCPI 2.2.1 mod_commands."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import URL, DisplayText
from elstrada.ocpi.v221.tokens import Token


class ResponseType(StrEnum):
    """The synchronous answer: did the CPO take the command?"""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ResultType(StrEnum):
    """The later answer, posted once to response_url: what did the station say?"""

    ACCEPTED = "ACCEPTED"
    CANCELED_RESERVATION = "CANCELED_RESERVATION"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


class CancelReservation(msgspec.Struct, frozen=True, kw_only=True):
    response_url: str
    reservation_id: str


class ReserveNow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    response_url: str
    token: Token
    expiry_date: Instant
    reservation_id: str
    location_id: str
    evse_uid: str | None = None
    authorization_reference: str | None = None


class StartSession(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    response_url: str
    token: Token
    location_id: str
    evse_uid: str | None = None
    connector_id: str | None = None
    authorization_reference: str | None = None


class StopSession(msgspec.Struct, frozen=True, kw_only=True):
    response_url: str
    session_id: str


class UnlockConnector(msgspec.Struct, frozen=True, kw_only=True):
    response_url: str
    location_id: str
    evse_uid: str
    connector_id: str


class CommandResponse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    result: str
    timeout: Decimal
    """Seconds."""
    message: tuple[DisplayText, ...] = ()


class CommandResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Posted bare, without an envelope (R-52)."""

    result: str
    message: tuple[DisplayText, ...] = ()


_COMMAND = {"response_url": URL, "location_id": 36, "evse_uid": 36, "connector_id": 36}

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    CancelReservation: Limits(lengths=_COMMAND | {"reservation_id": 36}),
    ReserveNow: Limits(lengths=_COMMAND | {"reservation_id": 36, "authorization_reference": 36}),
    StartSession: Limits(lengths=_COMMAND | {"authorization_reference": 36}),
    StopSession: Limits(lengths=_COMMAND | {"session_id": 36}),
    UnlockConnector: Limits(lengths=_COMMAND),
    CommandResponse: Limits(values={"result": frozenset(ResponseType)}),
    CommandResult: Limits(values={"result": frozenset(ResultType)}),
}
