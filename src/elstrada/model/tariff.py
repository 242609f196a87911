"""Prices offered. Nouns of OCPI 2.3.0 mod_tariffs; money is Decimal, energy limits as written in kWh."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import DisplayText, EnergyMix


class Dimension(StrEnum):
    """What a price component charges for. Source: OCPI 2.3.0 TariffDimensionType."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TaxIncluded(StrEnum):
    """Do the prices contain tax? 2.2.1 has no such field and always means NO (R-66)."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class PriceComponent(msgspec.Struct, frozen=True, omit_defaults=True):
    type: Dimension
    price: Decimal
    """Per kWh for ENERGY, per hour for TIME and PARKING_TIME, once for FLAT; tax as the tariff says."""
    vat: Decimal | None = None
    """Percent. None means unknown or not applicable, which is not 0."""
    step_size: int = 1
    """Wh or seconds billed at least at a time; 0 means none. Unused for FLAT."""


class TariffRestrictions(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that are set must match. Bounds are half-open: min and start inclusive, max and end exclusive."""

    start_time: str | None = None
    """Local HH:MM."""
    end_time: str | None = None
    start_date: str | None = None
    """Local YYYY-MM-DD."""
    end_date: str | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    """kW."""
    max_power: Decimal | None = None
    min_duration: int | None = None
    """Seconds since the session's start."""
    max_duration: int | None = None
    day_of_week: tuple[str, ...] = ()
    """MONDAY to SUNDAY, local."""
    reservation: str | None = None
    """RESERVATION or RESERVATION_EXPIRES."""
    booking: str | None = None
    """BOOKING, BOOKING_EXPIRES, BOOKING_CANCELLATION_FEES or BOOKING_OVERTIME; the element is of a booking's price."""


class TariffElement(msgspec.Struct, frozen=True, omit_defaults=True):
    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


class PriceLimit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A least or greatest price of one session; both figures apply on their own (R-64)."""

    before_taxes: Decimal
    after_taxes: Decimal | None = None


class Tariff(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A price list of one party. Its id is unique only within the party (R-45)."""

    party: PartyId
    id: str
    currency: str
    """ISO 4217."""
    type: str | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: str | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Decimal | None = None
    """What a payment terminal reserves for a session, with taxes; only 2.3.0 with payments tells it."""
    elements: tuple[TariffElement, ...]
    tax_included: TaxIncluded = TaxIncluded.NO
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: datetime
