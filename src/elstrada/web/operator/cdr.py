"""The page of one CDR that we issued: how its price came about, in the reader's language."""

from __future__ import annotations

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.spine import tables as t
from elstrada.spine.face import Spine
from elstrada.tariffs.explain import remarks, steps
from elstrada.tariffs.phrases import BOOKS, Tongue
from elstrada.tariffs.refusals import UnknownZone
from elstrada.tariffs.usage import usage_of


class PricedStep(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    reasons: tuple[str, ...]


class CdrPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one CDR says."""

    cdr_id: str
    party: str
    place: str
    time_zone: str
    """Of the place; empty: it is not known, and neither are the steps told."""
    steps: tuple[PricedStep, ...]
    sums: tuple[str, ...]
    """The total, taxes, and what is to be noted."""
    gives_back: str = ""
    """The CDR that this one credits; empty: it is no credit."""
    given_back_by: str = ""
    """The credit CDR; empty: this one stands."""
    replaced_by: str = ""
    """The CDR that took its place after that."""


async def read_cdr(spine: Spine, party: str, cdr_id: str, language: str) -> CdrPage | None:
    """A CDR of ours with its price; None where there is none that we priced."""
    row = await spine.get(t.cdr, owner=party, party=party, cdr_id=cdr_id)
    if row is None or row["cost"] is None:
        return None
    cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
    page = page_of(cdr, msgspec.json.decode(str(row["cost"]), type=Cost), language)
    return msgspec.structs.replace(
        page,
        gives_back=str(row["credits"] or ""),
        given_back_by=str(row["credited_by"] or ""),
        replaced_by=str(row["replaced_by"] or ""),
    )


def page_of(cdr: Cdr, cost: Cost, language: str) -> CdrPage:
    """The page of a CDR and its price."""
    phrases = BOOKS[Tongue(language)]
    try:
        zone = usage_of(cdr).time_zone
    except UnknownZone:
        zone = ""
    told = [
        phrases[remark.phrase].format_map(remark.values)
        for remark in (remarks(cost, zone, phrases, cdr.tariffs) if zone else ())
    ]
    whys = [step.reasons for step in steps(cost, phrases, cdr.tariffs)] if zone else []
    split = 2 * len(whys)  # Each step is a line, and another one that names its tariff.
    lines = [
        f"{what} · {source.strip()}" for what, source in zip(told[:split:2], told[1:split:2], strict=True)
    ]
    return CdrPage(
        cdr_id=cdr.id,
        party=str(cdr.party),
        place=cdr.cdr_location.name or cdr.cdr_location.address,
        time_zone=zone,
        steps=tuple(PricedStep(text=text, reasons=why) for text, why in zip(lines, whys, strict=True)),
        sums=tuple(told[split:]),
    )
