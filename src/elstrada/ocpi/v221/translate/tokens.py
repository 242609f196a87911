"""Tokens, and who a token is of, to and from the model."""

from __future__ import annotations

from elstrada.model import token as m_token
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221 import cdrs, tokens
from elstrada.ocpi.v221.translate.values import closed, party_of


def token_from_wire(wire: tokens.Token) -> Translated[m_token.Token]:
    value = m_token.Token(
        party=party_of(wire.country_code, wire.party_id),
        uid=wire.uid,
        type=wire.type,
        contract_id=wire.contract_id,
        visual_number=wire.visual_number,
        issuer=wire.issuer,
        group_id=wire.group_id,
        valid=wire.valid,
        whitelist=closed(m_token.Whitelist, wire.whitelist, "/whitelist"),
        language=wire.language,
        default_profile_type=wire.default_profile_type,
        energy_contract=wire.energy_contract,
        last_updated=wire.last_updated.at,
    )
    return Translated(value)


def token_to_wire(token: m_token.Token) -> Translated[tokens.Token]:
    return Translated(
        tokens.Token(
            country_code=token.party.country_code,
            party_id=token.party.party_id,
            uid=token.uid,
            type=token.type,
            contract_id=token.contract_id,
            visual_number=token.visual_number,
            issuer=token.issuer,
            group_id=token.group_id,
            valid=token.valid,
            whitelist=token.whitelist.value,
            language=token.language,
            default_profile_type=token.default_profile_type,
            energy_contract=token.energy_contract,
            last_updated=Instant(token.last_updated),
        )
    )


def identity_from_wire(wire: cdrs.CdrToken) -> m_token.TokenIdentity:
    return m_token.TokenIdentity(
        party_of(wire.country_code, wire.party_id), wire.uid, wire.type, wire.contract_id
    )


def identity_to_wire(identity: m_token.TokenIdentity) -> cdrs.CdrToken:
    return cdrs.CdrToken(
        country_code=identity.party.country_code,
        party_id=identity.party.party_id,
        uid=identity.uid,
        type=identity.type,
        contract_id=identity.contract_id,
    )
