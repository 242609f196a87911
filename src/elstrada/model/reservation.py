"""Reservations: an EVSE, or any of a station's, is kept for one token and its group until a time.

Source: OCPP 1.6 §5.13, OCPP 2.1 part 2 H; OCPI 2.3.0 mod_commands.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId


class ReservationState(StrEnum):
    """What has become of a reservation."""

    HELD = "HELD"
    """The station keeps it."""
    UNCERTAIN = "UNCERTAIN"
    """The station was told and did not say whether it keeps it: it bars nobody here, and can be cancelled."""
    USED = "USED"
    """Its token or one of the token's group charges."""
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    REMOVED = "REMOVED"
    """The station says that it keeps it no longer."""
    LOST = "LOST"
    """What was reserved is out of order."""


LIVING = frozenset({ReservationState.HELD, ReservationState.UNCERTAIN})
"""The others are ends."""


class ReservationWish(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is asked for beside station, EVSE and token."""

    expires_at: datetime
    connector_type: str | None = None
    """In the words of OCPP 2.x; only where no EVSE is named."""
    partner_ref: str | None = None
    """By which the partner who asks knows it, upper case: OCPI's reservation_id, a CiString."""
    replaces: int | None = None
    """The number of the reservation that this one shall replace."""
    booking_id: str | None = None
    """Of the booking for whose period it is."""


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A reservation as it was made. Its token is a pseudonym (T28)."""

    id: int
    """From 1; of no other living reservation of its station."""
    evse_id: int = 0
    """0: any of the station's."""
    connector_type: str | None = None
    token_ref: str
    token_party: PartyId | None = None
    group_ref: str | None = None
    """Whoever shows a token of this group may use it as well."""
    made_for: PartyId
    """Who asked for it: a partner, or the station's owner."""
    partner_ref: str | None = None
    authorization_reference: str | None = None
    command_id: str
    """By which it was made, or replaced last."""
    session_id: str
    """Of the session that uses it, once there is one; until then partners know the reservation by it."""
    reserved_at: datetime
    expires_at: datetime
    booking_id: str | None = None
    """Of the booking for whose period it is."""
