"""A driver's payment at a terminal of ours, from the card to what is taken. Source: OCPI 2.3.0 mod_payments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId


class TapState(StrEnum):
    """How far a payment at a terminal is."""

    OPEN = "OPEN"
    """The provider is asked to reserve the money."""
    RESERVED = "RESERVED"
    """It has; the CPO is told to start."""
    STARTED = "STARTED"
    """The CPO's station starts, or may: its CDR is waited for."""
    DUE = "DUE"
    """The CDR is here."""
    SETTLED = "SETTLED"
    """What could be taken was, and the CPO hears of it."""
    RELEASING = "RELEASING"
    """Nothing will be taken; the provider is to be told."""
    RELEASED = "RELEASED"
    """Nothing was taken, and no session is known."""


class TerminalPayment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A record: who paid is known to the payment provider, by its own name of the payment."""

    payment_id: str
    """The authorization_reference of its session."""
    terminal_id: str
    peer_id: str
    cpo: PartyId
    location_id: str
    evse_uid: str
    connector_id: str
    amount: Decimal
    """Reserved: no more is taken."""
    currency: str
    state: TapState = TapState.OPEN
    created_at: datetime
    psp_ref: str = ""
    """The payment provider's name of the money."""
    session_id: str = ""
    cdr_id: str = ""
    owed: Decimal | None = None
    taken: Decimal | None = None
    receipt_url: str = ""
    """The payment provider's."""
    invoice_url: str = ""
    """The CPO's, if it makes the invoice."""
    why: str = ""
    """Why nothing was taken, or less than was owed."""
