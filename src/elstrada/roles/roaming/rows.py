"""The records that peers' objects are kept as."""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.tariff import Tariff
from elstrada.model.token import Token, TokenIdentity
from elstrada.roaming.visibility import audience_of
from elstrada.spine.face import Row


def source_of(peer_id: str) -> str:
    """The source of a location that came from a peer."""
    return f"ocpi:{peer_id}"


def location_row(owner: PartyId, location: Location, source: str) -> Row:
    return {
        "owner": str(owner),
        "party": str(location.party),
        "location_id": location.id,
        "source": source,
        "country": location.country,
        "latitude": location.coordinates.latitude,
        "longitude": location.coordinates.longitude,
        "evses": len(location.evses),
        "audience": audience_of(location).value,
        "document": _document(location),
        "last_updated": location.last_updated,
    }


def tariff_row(owner: PartyId, tariff: Tariff) -> Row:
    return {
        "owner": str(owner),
        "party": str(tariff.party),
        "tariff_id": tariff.id,
        "document": _document(tariff),
        "last_updated": tariff.last_updated,
    }


def token_row(owner: PartyId, token: Token, ref: str) -> Row:
    return {
        "owner": str(owner),
        "party": str(token.party),
        "uid": token.uid,
        "type": token.type,
        "ref": ref,
        "contract_id": token.contract_id,
        "document": _document(token),
        "last_updated": token.last_updated,
    }


def identity_row(owner: PartyId, identity: TokenIdentity, ref: str) -> Row:
    return {
        "owner": str(owner),
        "ref": ref,
        "party": str(identity.party),
        "document": _document(identity),
    }


def identity_of(token: Token) -> TokenIdentity:
    """What sessions and CDRs tell of a token."""
    return TokenIdentity(token.party, token.uid, token.type, token.contract_id)


def _document(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
