"""The records that peers' objects are kept as."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from elstrada.model.booking import Booking, BookingLocation
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.tariff import Tariff
from elstrada.model.terminal import key_of
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
        "id_key": key_of(location.id),
    }


def tariff_row(owner: PartyId, tariff: Tariff) -> Row:
    return {
        "owner": str(owner),
        "party": str(tariff.party),
        "tariff_id": tariff.id,
        "document": _document(tariff),
        "last_updated": tariff.last_updated,
        "id_key": key_of(tariff.id),
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


def booking_location_row(owner: PartyId, place: BookingLocation, peer_id: str = "") -> Row:
    """Args: peer_id: from whom it came; empty: it is ours."""
    return {
        "owner": str(owner),
        "party": str(place.party),
        "booking_location_id": place.id,
        "location_id": place.location_id,
        "peer_id": peer_id,
        "document": _document(place),
        "last_updated": place.last_updated,
    }


def roamed_booking_row(
    owner: PartyId,
    peer_id: str,
    booking: Booking,
    ref_of: Callable[[str], str],
    now: datetime,
    before: Row | None = None,
) -> Row:
    """A booking of ours as its CPO tells it.

    Args:
        before: what we kept of it, with the request as we sent it.
    """
    tokens, request = booking.tokens, booking.requests[-1].request if booking.requests else None
    told = "" if request is None else _document(request)
    place = "" if request is None else request.booking_location_id or ""
    return {
        "owner": str(owner),
        "party": str(booking.party),
        "request_id": booking.request_id if before is None else before["request_id"],
        "booking_id": booking.id,
        "peer_id": peer_id,
        "location_id": booking.location_id,
        "booking_location_id": place if before is None else before["booking_location_id"],
        "token_ref": ref_of(tokens[0].uid) if tokens else (before or {}).get("token_ref", ""),
        "state": booking.state.value,
        "detail": "" if before is None or before["state"] != booking.state.value else before["detail"],
        "starts_at": booking.slot.period.start,
        "ends_at": booking.slot.period.end,
        "request": told if before is None else before["request"],
        "document": _document(booking),
        "last_updated": booking.last_updated,
        "changed_at": now,
    }


def _document(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
