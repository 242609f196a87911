"""Classes that several modules share. Source: OCPI 2.2.1 types, mod_locations.

Nouns of the model that are the wire's own, field by field, are used as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model.location import (
    AdditionalGeoLocation,
    DisplayText,
    EnergyMix,
    GeoLocation,
    Image,
    PublishToken,
)
from elstrada.ocpi.findings import Limits

__all__ = [
    "AdditionalGeoLocation",
    "BusinessDetails",
    "DisplayText",
    "EnergyMix",
    "GeoLocation",
    "Image",
    "Price",
    "PublishToken",
]

URL = 255


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """An amount of money. 2.3.0 knows tax lines instead."""

    excl_vat: Decimal
    incl_vat: Decimal | None = None


class BusinessDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    website: str | None = None
    logo: Image | None = None


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    GeoLocation: Limits(lengths={"latitude": 10, "longitude": 11}),
    AdditionalGeoLocation: Limits(lengths={"latitude": 10, "longitude": 11}),
    DisplayText: Limits(lengths={"language": 2, "text": 512}),
    Image: Limits(lengths={"url": URL, "thumbnail": URL, "type": 4}),
    BusinessDetails: Limits(lengths={"name": 100, "website": URL}),
    EnergyMix: Limits(lengths={"supplier_name": 64, "energy_product_name": 64}),
    PublishToken: Limits(
        lengths={"uid": 36, "visual_number": 64, "issuer": 64, "group_id": 36},
    ),
}
OWNER = {"country_code": 2, "party_id": 3}
"""The two fields that name an object's owner."""
