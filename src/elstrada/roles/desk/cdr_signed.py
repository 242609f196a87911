"""Verbs on the signed meter values of a CDR, whoever issued it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.signed.transparency import transparency_xml
from elstrada.billing.signed.verify import MOST_VALUES, doubt_of, verify
from elstrada.model.cdr import Cdr
from elstrada.model.signed import SignatureStatus
from elstrada.roles.desk.cdr_found import Issuer, Own, own_copy
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb


class ShowSigned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id.")]
    party: Own = None
    issuer: Issuer = None


class Transparency(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver needs to check what he pays for, and what we found ourselves."""

    owner: str
    party: str
    cdr_id: str
    status: SignatureStatus
    doubt: str | None
    """What speaks against the values, as a sentence."""
    unverified: str
    """Why nobody can say whether they are genuine; empty: that was found out."""
    energy_kwh: Decimal | None
    """By the signed registers."""
    xml: str
    """The file for the transparency software."""


async def transparency(desk: Desk, params: ShowSigned) -> Transparency:
    """The signed values of a CDR as a file for the transparency software, with what our own verifier says."""
    row = await own_copy(desk, params)
    cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
    if cdr.signed_data is None or not cdr.signed_data.signed_values:
        says = f"CDR {cdr.id} of {cdr.party} carries no signed meter values"
        raise Refused(Kind.MISSING, says, "its meter signs none, or its issuer does not pass them on", "/cdr")
    check = verify(cdr.signed_data, signatures=MOST_VALUES)
    return Transparency(
        owner=str(row["owner"]),
        party=str(cdr.party),
        cdr_id=cdr.id,
        status=check.status,
        doubt=doubt_of(check, cdr.total_energy),
        unverified=check.unverified,
        energy_kwh=check.energy_kwh,
        xml=transparency_xml(cdr.signed_data),
    )


def _shown(found: Transparency) -> str:
    return found.xml


VERBS = (
    Verb(
        "cdr transparency",
        "Tell what a CDR's meter signed, for the driver's own check.",
        ShowSigned,
        Transparency,
        transparency,
        show=_shown,
        reads=True,
    ),
)
