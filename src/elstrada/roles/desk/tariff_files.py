"""Tariffs that an operator hands in as files of any version of OCPI."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.tariff import Tariff
from elstrada.ocpi.body import Object
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import LANGUAGES
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.ocpi_document import fitted, read_json

_MOST_BYTES = 1 << 20
_SINCE_221 = {
    "country_code",
    "party_id",
    "type",
    "min_price",
    "max_price",
    "start_date_time",
    "end_date_time",
}


class OcpiVersion(StrEnum):
    V211 = "2.1.1"
    V221 = "2.2.1"
    V230 = "2.3.0"


class TariffFile(msgspec.Struct, frozen=True):
    """A tariff that was read."""

    tariff: Tariff
    version: OcpiVersion
    written_country: str | None
    """``country_code`` as it stands in the file, which the model may have corrected."""


def version_of(document: Object) -> OcpiVersion:
    """The version whose fields a tariff has; those without any of a later one are of 2.1.1."""
    if "tax_included" in document:
        return OcpiVersion.V230  # Only since 2.3.0 a tariff says whether its prices hold tax, and it must.
    return OcpiVersion.V221 if _SINCE_221 & set(document) or _has_vat(document) else OcpiVersion.V211


def _has_vat(document: Object) -> bool:
    elements = document.get("elements")
    return isinstance(elements, list) and any(
        isinstance(component, dict) and "vat" in component
        for element in elements
        if isinstance(element, dict)
        for component in _components(element)
    )


def _components(element: Object) -> list[object]:
    found = element.get("price_components")
    return list(found) if isinstance(found, list) else []


async def read_tariff(
    desk: Desk, content: bytes, party: str | None, version: OcpiVersion | None = None
) -> TariffFile:
    """A tariff of anybody from a file; whose it is and when it changed need not be said.

    Args:
        party: ours, which stands in where the file names none.
        version: None: its fields tell.
    """
    document = read_json(content, _MOST_BYTES)
    if not isinstance(document, dict):
        raise Refused(
            Kind.INVALID, "expected one tariff, a JSON object, and found another kind of value", "", "/file"
        )
    version = version or version_of(document)
    written = document.get("country_code")
    written_country = written if isinstance(written, str) else None
    of = await _whose(desk, document, party)
    stamped = {"last_updated": str(Instant(desk.clock.now()))} | document
    if version is not OcpiVersion.V211:
        stamped |= {"country_code": of.country_code, "party_id": of.party_id}
    words = LANGUAGES[version.value]
    return TariffFile(fitted(stamped, words, words.tariff, "tariff", of), version, written_country)


async def _whose(desk: Desk, document: Object, party: str | None) -> PartyId:
    """As the file says, if that can be read; else the party of ours."""
    try:
        return PartyId.parse(f"{document.get('country_code')}*{document.get('party_id')}")
    except ValueError:
        return (await own_party(desk, party, Role.CPO)).id
