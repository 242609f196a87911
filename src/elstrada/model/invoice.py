"""What the electricity retailer bills: customers, contracts, plans and lines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.cost import CostLine
from elstrada.model.ids import PartyId


class RetailMode(StrEnum):
    """How a plan prices a session. Source: pricing-and-billing 3.1, modes a and b."""

    FIXED_PER_KWH = "FIXED_PER_KWH"
    COST_PLUS = "COST_PLUS"


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A product the retailer sells. Money is before tax."""

    owner: PartyId
    id: str
    name: str
    mode: RetailMode
    currency: str
    price_per_kwh: Decimal = Decimal(0)
    """FIXED_PER_KWH: the price; COST_PLUS: what is added per kWh."""
    price_per_session: Decimal = Decimal(0)
    markup_percent: Decimal = Decimal(0)
    """COST_PLUS: on the CDR's cost before taxes."""


class Customer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A customer of the retailer. An erasable record (T28)."""

    owner: PartyId
    id: str
    """The retailer's customer number."""
    name: str
    language: str = "sv"


class Contract(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A customer's agreement, tied to the electricity supply it is billed with."""

    owner: PartyId
    id: str
    """Contract id as tokens carry it (eMAID), such as SERETC00000017."""
    customer_id: str
    plan_id: str
    supply_point_id: str
    """Anläggnings-id: GSRN of 18 digits in Sweden."""
    valid_from: date
    valid_to: date | None = None
    countries: tuple[str, ...] = ()
    """Where it may be used, ISO 3166-1 alpha-3; empty, as ``locations``: everywhere."""
    locations: tuple[str, ...] = ()
    """At which of partners' locations it may be used as well, such as SE*ELS/L1."""

    @property
    def is_restricted(self) -> bool:
        """May it be used at some places alone?"""
        return bool(self.countries or self.locations)

    def is_good_at(self, cpo: PartyId, location_id: str, country: str) -> bool:
        """May it be used at this place?

        Args:
            country: ISO 3166-1 alpha-3.
        """
        if not self.is_restricted:
            return True
        # OCPI compares ids without case.
        place = f"{cpo}/{location_id}".casefold()
        return country.upper() in self.countries or any(place == one.casefold() for one in self.locations)


class BillLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line on the electricity bill: one session. Source: pricing-and-billing 3.3 point 5."""

    id: str
    contract_id: str
    customer_id: str
    supply_point_id: str
    plan_id: str
    cdr_party: PartyId
    cdr_id: str
    evse_id: str
    place: str
    start_date_time: datetime
    end_date_time: datetime
    """UTC; the bill shows them in ``time_zone``."""
    time_zone: str
    country: str
    """ISO 3166-1 alpha-3, of the charge point: VAT follows it."""
    quantity_kwh: Decimal
    net: Decimal
    vat_percent: Decimal | None
    """None: no rate is configured for the country and date; the line is then held back."""
    vat: Decimal | None
    gross: Decimal | None
    currency: str
    wholesale_net: Decimal
    wholesale_currency: str
    lines: tuple[CostLine, ...] = ()
    notes: tuple[str, ...] = ()
    credit_of: str = ""
    """Id of the line that this one takes back; empty: it takes none back."""
