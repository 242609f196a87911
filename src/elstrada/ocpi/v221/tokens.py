"""Tokens and the authorization of one. Source: OCPI 2.2.1 mod_tokens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.token import Allowed, EnergyContract, Whitelist
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import OWNER, DisplayText

DEFAULT_TYPE = "RFID"
"""Of a token whose type a URL leaves out (R-44)."""


class Token(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str
    visual_number: str | None = None
    issuer: str
    group_id: str | None = None
    valid: bool
    whitelist: str
    language: str | None = None
    default_profile_type: str | None = None
    energy_contract: EnergyContract | None = None
    last_updated: Instant


class LocationReferences(msgspec.Struct, frozen=True, omit_defaults=True):
    location_id: str
    evse_uids: tuple[str, ...] = ()


class AuthorizationInfo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    allowed: str
    token: Token
    location: LocationReferences | None = None
    authorization_reference: str | None = None
    info: DisplayText | None = None


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    # Types are closed in 2.2.1, but 2.3.0 opened them: any is read.
    Token: Limits(
        lengths=OWNER
        | {"uid": 36, "contract_id": 36, "visual_number": 64, "issuer": 64, "group_id": 36, "language": 2},
        values={"whitelist": frozenset(entry.value for entry in Whitelist)},
    ),
    EnergyContract: Limits(lengths={"supplier_name": 64, "contract_id": 64}),
    LocationReferences: Limits(lengths={"location_id": 36, "evse_uids": 36}),
    AuthorizationInfo: Limits(
        lengths={"authorization_reference": 36},
        values={"allowed": frozenset(entry.value for entry in Allowed)},
    ),
}
