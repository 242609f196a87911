"""Payment terminals and financial advice confirmations. Source: OCPI 2.3.0 mod_payments.

Read more leniently than the text demands, for its own samples leave out ``terminal_id``,
``last_updated`` and ``eft_data``, and have prices as 2.2.1 had them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model.location import GeoLocation
from elstrada.model.terminal import CaptureStatus, InvoiceCreator
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import OWNER, URL
from elstrada.ocpi.v230.common import TaxAmount


class Terminal(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    terminal_id: str | None = None
    customer_reference: str | None = None
    party_id: str | None = None
    country_code: str | None = None
    address: str | None = None
    city: str | None = None
    postal_code: str | None = None
    state: str | None = None
    country: str | None = None
    coordinates: GeoLocation | None = None
    invoice_base_url: str | None = None
    invoice_creator: str | None = None
    reference: str | None = None
    location_ids: tuple[str, ...] = ()
    evse_uids: tuple[str, ...] = ()
    last_updated: Instant | None = None


class TerminalActivation(Terminal, frozen=True, omit_defaults=True, kw_only=True):
    """Its provider sets the id."""


class TerminalPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Where a terminal's drivers may charge. Written whole: an empty list takes all away."""

    location_ids: tuple[str, ...]
    evse_uids: tuple[str, ...]
    last_updated: Instant


class AdvicePrice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A price of 2.3.0; those of 2.2.1 are read as well."""

    before_taxes: Decimal | None = None
    taxes: tuple[TaxAmount, ...] = ()
    excl_vat: Decimal | None = None
    incl_vat: Decimal | None = None


class FinancialAdviceConfirmation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    id: str
    authorization_reference: str
    total_costs: AdvicePrice
    currency: str
    eft_data: tuple[str, ...] = ()
    capture_status_code: str
    capture_status_message: str | None = None
    last_updated: Instant

    def __repr__(self) -> str:
        return f"FinancialAdviceConfirmation(id={self.id!r}, eft_data=***)"


EFT = 255
_TERMINAL = Limits(
    lengths=OWNER
    | {"terminal_id": 36, "customer_reference": 36, "reference": 36, "location_ids": 36, "evse_uids": 36}
    | {"address": 45, "city": 45, "postal_code": 10, "state": 20, "country": 3, "invoice_base_url": URL},
    values={"invoice_creator": frozenset(entry.value for entry in InvoiceCreator)},
)
LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Terminal: _TERMINAL.also("terminal_id", "last_updated"),
    TerminalActivation: _TERMINAL.also("last_updated"),
    AdvicePrice: Limits(filled=frozenset({"before_taxes"})),
    FinancialAdviceConfirmation: Limits(
        lengths={"id": 36, "authorization_reference": 36, "currency": 3}
        | {"eft_data": EFT, "capture_status_message": EFT},
        values={"capture_status_code": frozenset(entry.value for entry in CaptureStatus)},
        filled=frozenset({"eft_data"}),
    ),
}
