"""Commands and their answer, which has one form for the first and for the later. Source: OCPI 2.1.1 mod_commands.

Stopping and unlocking are asked as in 2.2.1. CANCEL_RESERVATION came later.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211.common import URL
from elstrada.ocpi.v211.tokens import Token


class ReserveNow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    response_url: str
    token: Token
    expiry_date: Instant
    reservation_id: Decimal
    location_id: str
    evse_uid: str | None = None


class StartSession(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    response_url: str
    token: Token
    location_id: str
    evse_uid: str | None = None


class CommandResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The CPO's answer, and later, posted bare to response_url (R-52), the station's."""

    result: str


RESULTS = frozenset({"NOT_SUPPORTED", "REJECTED", "ACCEPTED", "TIMEOUT", "UNKNOWN_SESSION"})
_COMMAND = {"response_url": URL, "location_id": 39, "evse_uid": 39}

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    ReserveNow: Limits(lengths=_COMMAND),
    StartSession: Limits(lengths=_COMMAND),
    CommandResponse: Limits(values={"result": RESULTS}),
}
