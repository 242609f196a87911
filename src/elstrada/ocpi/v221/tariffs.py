"""Tariffs. Source: OCPI 2.2.1 mod_tariffs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from elstrada.model.tariff import Dimension
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import OWNER, URL, DisplayText, EnergyMix, Price

L = TypeVar("L")


class PriceComponent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    type: str
    price: Decimal
    vat: Decimal | None = None
    step_size: Decimal


class TariffRestrictions(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: Decimal | None = None
    max_duration: Decimal | None = None
    day_of_week: tuple[str, ...] = ()
    reservation: str | None = None
    booking: str | None = None
    """Of 2.3.0 with bookings alone; nothing is written of it elsewhere."""


class TariffElement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


class TariffOf(msgspec.Struct, Generic[L], frozen=True, omit_defaults=True, kw_only=True):
    """A tariff with the version's own kind of limit on a session's price."""

    country_code: str
    party_id: str
    id: str
    currency: str
    type: str | None = None
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: str | None = None
    min_price: L | None = None
    max_price: L | None = None
    elements: tuple[TariffElement, ...]
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None
    energy_mix: EnergyMix | None = None
    last_updated: Instant


class Tariff(TariffOf[Price], frozen=True, omit_defaults=True, kw_only=True):
    """Prices are without VAT; there is no field to say otherwise (R-66)."""


DAYS = frozenset({"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"})
TYPES = frozenset({"AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"})
BOOKING_PRICES = frozenset({"BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME"})

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Tariff: Limits(
        lengths=OWNER | {"id": 36, "currency": 3, "tariff_alt_url": URL},
        values={"type": TYPES},
        filled=frozenset({"elements"}),
    ),
    TariffElement: Limits(filled=frozenset({"price_components"})),
    PriceComponent: Limits(values={"type": frozenset(dimension.value for dimension in Dimension)}),
    TariffRestrictions: Limits(
        lengths={"start_time": 5, "end_time": 5, "start_date": 10, "end_date": 10},
        values={
            "day_of_week": DAYS,
            "reservation": frozenset({"RESERVATION", "RESERVATION_EXPIRES"}),
            "booking": BOOKING_PRICES,
        },
    ),
}
