"""Tariffs. Source: OCPI 2.3.0 mod_tariffs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model.tariff import TaxIncluded
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221 import tariffs as v221
from elstrada.ocpi.v230.common import PriceLimit


class Tariff(v221.TariffOf[PriceLimit], frozen=True, omit_defaults=True, kw_only=True):
    tax_included: str | None = None
    """Demanded; a sample of the standard leaves it out."""
    preauthorize_amount: Decimal | None = None
    """Of the payments extension."""


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Tariff: v221.LIMITS[v221.Tariff].also(
        "tax_included", values={"tax_included": frozenset(entry.value for entry in TaxIncluded)}
    ),
}
