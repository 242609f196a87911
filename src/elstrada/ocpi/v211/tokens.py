"""Tokens and the authorization of one. Source: OCPI 2.1.1 mod_tokens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.token import Allowed, Whitelist
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211.common import DisplayText
from elstrada.ocpi.v221 import tokens as v221

RFID, OTHER = "RFID", "OTHER"
TYPE = ("type", "token_type")
"""The parameter of an authorization: the text shows it by the first name, and lists it by the second."""


class Token(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    uid: str
    type: str
    auth_id: str
    """Of the contract."""
    visual_number: str | None = None
    issuer: str
    valid: bool
    whitelist: str
    language: str | None = None
    last_updated: Instant


class LocationReferences(v221.LocationReferences, frozen=True, omit_defaults=True):
    connector_ids: tuple[str, ...] = ()


class AuthorizationInfo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    allowed: str
    location: v221.LocationReferences | None = None
    info: DisplayText | None = None


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Token: Limits(
        lengths={"uid": 36, "auth_id": 36, "visual_number": 64, "issuer": 64, "language": 2},
        values={
            "type": frozenset({RFID, OTHER}),
            "whitelist": frozenset(entry.value for entry in Whitelist),
        },
    ),
    LocationReferences: Limits(lengths={"location_id": 39, "evse_uids": 39, "connector_ids": 36}),
    AuthorizationInfo: Limits(values={"allowed": frozenset(entry.value for entry in Allowed)}),
}
