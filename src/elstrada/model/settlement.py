"""A payment that a terminal at a station settled with its own provider (OCPP 2.1 part 2, C21, C22)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

SETTLED, CANCELED = "Settled", "Canceled"


class Settlement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a payment came out. Who paid stands elsewhere, in what can be erased."""

    psp_ref: str
    """The provider's name of the payment."""
    status: str
    """Settled, Canceled, Rejected, Failed."""
    amount: Decimal | None
    """In the currency of the tariff, with taxes; None: what the station said is no amount."""
    transaction_id: str | None = None
    """The station's name of the session; None: it is of none."""
    receipt_id: str | None = None
    receipt_url: str | None = None
    detail: str = ""
