"""Payment terminals of a payment terminal provider (PTP), and what it says of the money it took.

Source: OCPI 2.3.0 mod_payments.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.cost import Price
from elstrada.model.ids import PartyId
from elstrada.model.location import GeoLocation


class InvoiceCreator(StrEnum):
    """Who writes the driver's invoice."""

    CPO = "CPO"
    PTP = "PTP"


class TerminalState(StrEnum):
    """Does a terminal take payments? OCPI has no word for it: it is known by what was asked of its provider."""

    READY = "READY"
    """At its provider alone: it waits for the CPO to activate it."""
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    """The CPO had it deactivated."""


class Terminal(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One physical terminal, and where its drivers may charge."""

    terminal_id: str
    customer_reference: str | None = None
    """By which its provider knows the CPO as a customer."""
    party: PartyId | None = None
    """Likewise, as a market party."""
    address: str | None = None
    city: str | None = None
    postal_code: str | None = None
    state: str | None = None
    country: str | None = None
    """Alpha-3."""
    coordinates: GeoLocation | None = None
    invoice_base_url: str | None = None
    invoice_creator: InvoiceCreator | None = None
    reference: str | None = None
    """The provider's, such as a serial number."""
    location_ids: tuple[str, ...] = ()
    evse_uids: tuple[str, ...] = ()
    """Beside all EVSEs of ``location_ids``."""
    last_updated: datetime

    def serves(self, location_id: str, evse_uid: str) -> bool:
        """May drivers pay at it for this EVSE?"""
        return location_id in self.location_ids or evse_uid in self.evse_uids


class CaptureStatus(StrEnum):
    """How it went to take the money that was reserved."""

    SUCCESS = "SUCCESS"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    FAILED = "FAILED"


class Advice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A financial advice confirmation: what a provider took for one session.

    What it tells of the driver's card (``eft_data``) stands beside it, in records that can be erased.
    """

    id: str
    authorization_reference: str
    """The provider gave it with its START_SESSION."""
    total_costs: Price
    """What was taken, with taxes."""
    currency: str
    capture_status_code: CaptureStatus
    capture_status_message: str | None = None
    last_updated: datetime

    @property
    def taken(self) -> bool:
        return self.capture_status_code is not CaptureStatus.FAILED


class AdviceText(msgspec.Struct, frozen=True):
    """An advice with the lines that an invoice must bear, as they go over the wire."""

    advice: Advice
    eft_data: tuple[str, ...] = ()


class SessionPaid(StrEnum):
    """What the CPO knows of the money for a session that a provider ordered."""

    OPEN = "OPEN"
    """It has no CDR yet, and nothing was taken."""
    UNPAID = "UNPAID"
    """It has its CDR; that money was taken is not said yet, or it was not."""
    SHORT = "SHORT"
    """Less was taken than it cost."""
    PAID = "PAID"
    OVERPAID = "OVERPAID"
    DIFFERS = "DIFFERS"
    """Money was taken in another currency than the CDR's."""


class TerminalSession(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A session that a payment terminal provider ordered. Who paid, the provider knows."""

    reference: str
    """Of the authorization, as the provider writes it."""
    location_id: str
    evse_uid: str
    token_ref: str = ""
    """The pseudonym of what the provider gave for the driver's card."""
    invoice_creator: InvoiceCreator | None = None
    """By the terminals that serve the EVSE; None: they do not say, or not the same."""
    invoice_url: str | None = None
    """Where the driver finds our invoice, if it is ours to write."""
    preauthorized: Decimal | None = None
    """What the tariff told the provider to reserve."""
    currency: str | None = None
    owed: Decimal | None = None
    """What the CDR says, with taxes; None: there is none yet."""
    taken: Decimal | None = None
    """By all that the provider says; None: it has said nothing yet."""
    why: str = ""
    """What the provider says of a capture that failed, or what does not agree."""


def key_of(identifier: str) -> str:
    """A CiString as a key: the same in any case (R-22)."""
    return identifier.upper()


def invoice_url(base_url: str | None, reference: str | None) -> str | None:
    """Where a driver finds the CPO's invoice: the terminal's base address and the session's reference."""
    if not base_url or not reference:
        return None
    return f"{base_url.rstrip('/')}/{reference}"
