"""The charge detail record: what is owed for one session, for ever. Source: OCPI 2.3.0 mod_cdrs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.cost import Price
from elstrada.model.examination import Severity
from elstrada.model.ids import PartyId
from elstrada.model.location import GeoLocation
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Tariff
from elstrada.model.token import AuthMethod


class CdrState(StrEnum):
    """Where a CDR stands with us."""

    ISSUED = "ISSUED"
    """We made it."""
    WITHHELD = "WITHHELD"
    """We made it, and send it to nobody until somebody has looked."""
    DELIVERED = "DELIVERED"
    """A peer took it."""
    RECEIVED = "RECEIVED"
    """It came, and was not examined yet."""
    ACCEPTED = "ACCEPTED"
    HELD = "HELD"
    """It is billed only when somebody has looked, or when what is missing is there."""
    REJECTED = "REJECTED"
    """It is not billed; its issuer must correct it."""
    DISPUTED = "DISPUTED"
    """We asked its issuer for a credit."""
    CREDITED = "CREDITED"
    """A credit CDR gave it back."""


IN_DOUBT = (CdrState.HELD, CdrState.REJECTED, CdrState.DISPUTED)
"""States of a received CDR against which something stands."""


def checked_state(accepted: bool, findings: Iterable[str]) -> CdrState:
    """Where an examination leaves a CDR.

    Args:
        findings: as facts have them: number, severity, text.
    """
    if accepted:
        return CdrState.ACCEPTED
    refused = any(finding.split(":", 1)[0].endswith(f" {Severity.REJECT}") for finding in findings)
    return CdrState.REJECTED if refused else CdrState.HELD


class SignedValue(msgspec.Struct, frozen=True):
    nature: str
    plain_data: str
    signed_data: str


class SignedData(msgspec.Struct, frozen=True, omit_defaults=True):
    encoding_method: str
    signed_values: tuple[SignedValue, ...]
    encoding_method_version: int | None = None
    public_key: str | None = None
    url: str | None = None


class CdrLocation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The place as it was at the session's start (R-43)."""

    id: str
    name: str | None = None
    address: str
    city: str
    postal_code: str | None = None
    state: str | None = None
    country: str
    """ISO 3166-1 alpha-3."""
    coordinates: GeoLocation
    evse_uid: str
    evse_id: str
    connector_id: str
    connector_standard: str
    connector_format: str
    connector_power_type: str


class Cdr(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A finished session with its price. Immutable; corrected only by a credit CDR (P4)."""

    party: PartyId
    """The CPO."""
    id: str
    start_date_time: datetime
    end_date_time: datetime
    session_id: str | None = None
    token_ref: str
    token_party: PartyId | None
    auth_method: AuthMethod
    authorization_reference: str | None = None
    cdr_location: CdrLocation
    time_zone: str | None = None
    """Of the location at session start; OCPI's CdrLocation lacks it (pricing rule 17)."""
    meter_id: str | None = None
    currency: str
    tariffs: tuple[Tariff, ...] = ()
    """As they were at the session's start."""
    charging_periods: tuple[ChargingPeriod, ...]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: Decimal
    """kWh."""
    total_energy_cost: Price | None = None
    total_time: Decimal
    """Hours."""
    total_time_cost: Price | None = None
    total_parking_time: Decimal | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: str | None = None
    invoice_reference_id: str | None = None
    credit: bool = False
    credit_reference_id: str | None = None
    home_charging_compensation: bool = False
    booking_id: str | None = None
    """Of the booking that the session fulfilled."""
    last_updated: datetime
