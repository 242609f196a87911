"""Tariffs. Source: OCPI 2.1.1 mod_tariffs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model.tariff import Dimension
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211.common import URL, DisplayText, EnergyMix
from elstrada.ocpi.v221.tariffs import DAYS


class PriceComponent(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    price: Decimal
    """Without VAT. A sample of the standard writes it as text."""
    step_size: Decimal


class TariffRestrictions(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: Decimal | None = None
    max_duration: Decimal | None = None
    day_of_week: tuple[str, ...] = ()


class TariffElement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


class Tariff(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Prices are without VAT, which is told nowhere."""

    id: str
    currency: str
    tariff_alt_text: tuple[DisplayText, ...] = ()
    tariff_alt_url: str | None = None
    elements: tuple[TariffElement, ...]
    energy_mix: EnergyMix | None = None
    last_updated: Instant


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Tariff: Limits(lengths={"id": 36, "currency": 3, "tariff_alt_url": URL}, filled=frozenset({"elements"})),
    TariffElement: Limits(filled=frozenset({"price_components"})),
    PriceComponent: Limits(values={"type": frozenset(dimension.value for dimension in Dimension)}),
    TariffRestrictions: Limits(
        lengths={"start_time": 5, "end_time": 5, "start_date": 10, "end_date": 10},
        values={"day_of_week": DAYS},
    ),
}
