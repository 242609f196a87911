"""Tokens and contracts' identities. Source: OCPI 2.3.0 mod_tokens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId


class Whitelist(StrEnum):
    """May the CPO decide by itself? R-49: NEVER always asks; ALWAYS never asks."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


NO_AUTHORIZATION = "NoAuthorization"
"""A type of token of OCPP 2.x: none is needed."""


_OF_OCPP_ALONE = frozenset({"EVCCID", "NEMA", "VIN"})


def roamed_type(kind: str) -> str:
    """What other parties are told of a token's type; for those that only OCPP knows OCPI has OTHER."""
    return kind if kind.isupper() and kind not in _OF_OCPP_ALONE else "OTHER"


class AdditionalInfo(msgspec.Struct, frozen=True):
    """What is presented together with a token. Source: OCPP 2.1 part 2, AdditionalInfoType."""

    uid: str
    type: str
    """Free text that both sides have agreed on, at most 50 characters."""


class Allowed(StrEnum):
    """The answer to an authorization. Source: OCPI 2.3.0 AllowedType."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class AuthMethod(StrEnum):
    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class EnergyContract(msgspec.Struct, frozen=True, omit_defaults=True):
    """Source: OCPI 2.3.0 mod_tokens."""

    supplier_name: str
    contract_id: str | None = None


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time in which a token of ours might not charge."""

    since: datetime
    until: datetime | None = None
    """None: it still may not."""


class Token(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a driver presents: a card, an app, a car. An erasable record, never part of a fact (T28)."""

    party: PartyId
    """The eMSP that issued it."""
    uid: str
    type: str = "RFID"
    """TokenType: RFID, APP_USER, AD_HOC_USER, EMAID, OTHER or one we do not know."""
    contract_id: str
    visual_number: str | None = None
    issuer: str
    group_id: str | None = None
    valid: bool
    whitelist: Whitelist
    language: str | None = None
    default_profile_type: str | None = None
    energy_contract: EnergyContract | None = None
    """For the energy itself, where the driver has another supplier than the eMSP."""
    blocks: tuple[Block, ...] = ()
    """Of a token of ours, in order: a CDR may come long after a block was lifted (V30). Nobody else is told."""
    last_updated: datetime

    def blocked_since(self, at: datetime) -> datetime | None:
        """Since when it might not charge at a moment; None: it might, as far as was kept."""
        for one in self.blocks:
            if one.since <= at and (one.until is None or at < one.until):
                return one.since
        is_older = not self.valid and not self.blocks
        return self.last_updated if is_older and self.last_updated <= at else None


class TokenIdentity(msgspec.Struct, frozen=True):
    """What a session or CDR tells another party of its token. Source: OCPI 2.3.0 CdrToken."""

    party: PartyId
    uid: str
    type: str
    contract_id: str


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """May this token charge here, who says so, and under which reference?"""

    allowed: Allowed
    method: AuthMethod
    party: PartyId | None = None
    """The token's eMSP; None when nobody knows the token."""
    authorization_reference: str | None = None
    contract_ref: str | None = None
    """Pseudonym of the group (OCPP parentIdTag), if any."""
    note: str = ""
    """Why, for the operator: ``whitelist``, ``peer SE*RET answered``, ``peer unreachable, ALLOWED_OFFLINE``."""
    expires_at: datetime | None = None
    """Until when the station may remember it; None: as long as it likes."""
