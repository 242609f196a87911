"""Tokens to and from the model."""

from __future__ import annotations

from elstrada.model import token as m_token
from elstrada.model.ids import PartyId
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211 import tokens
from elstrada.ocpi.v211.translate.values import missing
from elstrada.ocpi.v221.translate.values import closed


def token_from_wire(wire: tokens.Token, of: PartyId) -> Translated[m_token.Token]:
    value = m_token.Token(
        party=of,
        uid=wire.uid,
        type=wire.type,
        contract_id=wire.auth_id,
        visual_number=wire.visual_number,
        issuer=wire.issuer,
        valid=wire.valid,
        whitelist=closed(m_token.Whitelist, wire.whitelist, "/whitelist"),
        language=wire.language,
        last_updated=wire.last_updated.at,
    )
    return Translated(value)


def token_to_wire(token: m_token.Token) -> Translated[tokens.Token]:
    value = tokens.Token(
        uid=token.uid,
        type=type_to_wire(token.type),
        auth_id=token.contract_id,
        visual_number=token.visual_number,
        issuer=token.issuer,
        valid=token.valid,
        whitelist=token.whitelist.value,
        language=token.language,
        last_updated=Instant(token.last_updated),
    )
    losses = missing(token, ("group_id", "default_profile_type", "energy_contract"))
    if value.type != token.type:
        return Translated(value, (*losses, Loss("/type", f"{token.type[:40]!r} is written as OTHER")))
    return Translated(value, tuple(losses))


def type_to_wire(kind: str) -> str:
    """2.1.1 knows cards, and all else."""
    return kind if kind == tokens.RFID else tokens.OTHER
