"""Payments on the web for one session, begun by a code on the station's display (OCPP 2.1 part 2, C25)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class PaymentState(StrEnum):
    """How far a payment is."""

    OPEN = "OPEN"
    """The driver is at the provider's page."""
    RESERVED = "RESERVED"
    """The money is reserved; the station is told to start."""
    STARTED = "STARTED"
    """The station has accepted; a session runs, or is about to."""
    SETTLED = "SETTLED"
    """What the session cost was taken."""
    RELEASED = "RELEASED"
    """Nothing was taken."""


OVER = frozenset({PaymentState.SETTLED, PaymentState.RELEASED})


class WebPayment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A record: who paid is known to the provider, by its own name of the payment."""

    payment_id: str
    station_id: str
    evse_id: int
    amount: Decimal
    """At most so much is taken, with taxes."""
    currency: str
    energy_wh: int | None = None
    """The driver wanted at most so much; None: he did not say."""
    time_s: int | None = None
    state: PaymentState = PaymentState.OPEN
    created_at: datetime
    psp_ref: str = ""
    """The provider's name of the money; the station's name of its payer."""
    command_id: str = ""
    """Of the remote start."""
    taken: Decimal | None = None
    receipt_url: str = ""
    why: str = ""
    """Why nothing was taken, or less than the session cost."""
