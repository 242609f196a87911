"""The page of one CDR, ours or a partner's: where it stands, what it led to, and how its price came about."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.cdr import Cdr, CdrState
from elstrada.model.cost import Cost
from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import Spine, Where
from elstrada.tariffs.explain import remarks, steps
from elstrada.tariffs.phrases import BOOKS, Phrases, Tongue
from elstrada.tariffs.refusals import UnknownZone
from elstrada.tariffs.usage import usage_of
from elstrada.web.operator.places import place_name
from elstrada.web.operator.rows import BillLineRow, PlaceDocument

MOST_INVOICES = 20
"""Of each CDR."""


class PricedStep(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    reasons: tuple[str, ...]


class BillOf(msgspec.Struct, frozen=True, kw_only=True):
    """The line on a customer's bill that it became."""

    contract: str
    """Its last four characters (T21)."""
    energy_kwh: Decimal
    amount: Decimal
    currency: str
    taxed: bool


class InvoiceOf(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice reconciliation record that lists it."""

    party: str
    record_id: str


class LedTo(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a CDR."""

    bill: BillOf | None
    invoices: tuple[InvoiceOf, ...]
    credit: str
    """The CDR by which its issuer gave it back; empty: none that we received."""


class CdrPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one CDR says."""

    cdr_id: str
    party: str
    """Who issued it."""
    provider: str
    """Of the driver; empty: nobody's."""
    holder: str
    """Whose copy of it this is: the issuer's own, or the party's of ours that received it."""
    state: CdrState | None
    place: str
    evse: str
    """As the issuer names it."""
    time_zone: str
    """Of the place; empty: it is not known, and neither are the steps told."""
    begins: datetime
    ends: datetime
    energy_kwh: Decimal
    price: Decimal
    currency: str
    taxed: bool
    is_credit: bool
    session_id: str = ""
    """Of ours; empty: none that we know."""
    station_id: str = ""
    """Where that was."""
    booking_id: str = ""
    """Of ours."""
    delivered_to: str = ""
    """Our name of the peer that took it."""
    findings: tuple[str, ...] = ()
    """What its examination found."""
    bill: BillOf | None = None
    invoices: tuple[InvoiceOf, ...] = ()
    steps: tuple[PricedStep, ...] | None
    """None: we did not price it."""
    sums: tuple[str, ...] = ()
    """The total, taxes, and what is to be noted."""
    gives_back: str = ""
    """The CDR that this one credits; empty: it is no credit."""
    given_back_by: str = ""
    """The credit CDR; empty: this one stands."""
    replaced_by: str = ""
    """The CDR that took its place after that."""


async def read_cdr(spine: Spine, holder: str, party: str, cdr_id: str, language: str) -> CdrPage | None:
    """A CDR as a party of ours holds it; None where it holds none of that issuer and id."""
    row = await spine.get(t.cdr, owner=holder, party=party, cdr_id=cdr_id)
    if row is None or row["document"] is None:
        return None
    cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
    cost = None if row["cost"] is None else msgspec.json.decode(str(row["cost"]), type=Cost)
    own, led = party == holder, await led_to(spine, holder, cdr.party, cdr.token_party, cdr_id)
    session_id = str(row["session_id"] or "") if own else ""
    session = await spine.get(t.session, owner=holder, session_id=session_id) if session_id else None
    return msgspec.structs.replace(
        page_of(cdr, cost, language),
        holder=holder,
        state=None if row["state"] is None else CdrState(str(row["state"])),
        session_id=session_id,
        station_id="" if session is None else str(session["station_id"]),
        booking_id=(cdr.booking_id or "") if own else "",
        delivered_to=str(row["delivered_to"] or ""),
        findings=tuple(str(row["findings"] or "").splitlines()),
        bill=led.bill,
        invoices=led.invoices,
        gives_back=str(row["credits"] or ""),
        given_back_by=str(row["credited_by"] or "") or led.credit,
        replaced_by=str(row["replaced_by"] or ""),
    )


async def led_to(spine: Spine, holder: str, party: PartyId, provider: PartyId | None, cdr_id: str) -> LedTo:
    """What came of a CDR that a party of ours holds."""
    return LedTo(
        bill=await _bill(spine, holder, str(party), cdr_id),
        invoices=tuple(await _invoices(spine, holder, cdr_id, {str(party), str(provider)})),
        credit=await _credit(spine, holder, str(party), cdr_id),
    )


async def _bill(spine: Spine, holder: str, party: str, cdr_id: str) -> BillOf | None:
    rows = await spine.find(t.bill_line, {"owner": holder, "cdr_party": party, "cdr_id": cdr_id}, limit=1)
    if not rows:
        return None
    line = msgspec.convert({name: rows[0][name] for name in BillLineRow.__struct_fields__}, BillLineRow)
    return BillOf(
        contract=line.contract_id[-4:],
        energy_kwh=line.quantity_kwh,
        amount=line.net if line.gross is None else line.gross,
        currency=line.currency,
        taxed=line.gross is not None,
    )


async def _invoices(spine: Spine, holder: str, cdr_id: str, sides: Container[str]) -> list[InvoiceOf]:
    """Standing records that list its id, sent by one of the two between whom it is."""
    where: Where = {"owner": holder, "cdr_id": cdr_id, "ended_at": None}
    rows = await spine.find(t.invoiced_cdr, where, order=("party", "record_id"), limit=MOST_INVOICES)
    return [
        InvoiceOf(party=str(row["party"]), record_id=str(row["record_id"]))
        for row in rows
        if str(row["party"]) in sides
    ]


async def _credit(spine: Spine, holder: str, party: str, cdr_id: str) -> str:
    """The CDR by which its issuer gave back one that we received."""
    rows = await spine.find(t.cdr, {"owner": holder, "credits": cdr_id, "party": party}, limit=1)
    return str(rows[0]["cdr_id"]) if rows else ""


def page_of(cdr: Cdr, cost: Cost | None, language: str) -> CdrPage:
    """The page of a CDR with what stands in itself, and its price if we made it."""
    try:
        zone = usage_of(cdr).time_zone
    except UnknownZone:
        zone = ""
    steps, sums = (None, ()) if cost is None else _explained(cdr, cost, zone, BOOKS[Tongue(language)])
    place = cdr.cdr_location
    total = cdr.total_cost
    return CdrPage(
        cdr_id=cdr.id,
        party=str(cdr.party),
        provider="" if cdr.token_party is None else str(cdr.token_party),
        holder=str(cdr.party),
        state=None,
        place=place_name(PlaceDocument(place.city, place.name or place.address)),
        evse=place.evse_id,
        time_zone=zone,
        begins=cdr.start_date_time,
        ends=cdr.end_date_time,
        energy_kwh=cdr.total_energy,
        price=total.before_taxes if total.after_taxes is None else total.after_taxes,
        currency=cdr.currency,
        taxed=total.after_taxes is not None,
        is_credit=cdr.credit,
        steps=steps,
        sums=sums,
    )


def _explained(
    cdr: Cdr, cost: Cost, zone: str, phrases: Phrases
) -> tuple[tuple[PricedStep, ...], tuple[str, ...]]:
    """How the price came about; nothing where the times of its prices are not known."""
    told = [
        phrases[remark.phrase].format_map(remark.values)
        for remark in (remarks(cost, zone, phrases, cdr.tariffs) if zone else ())
    ]
    whys = [step.reasons for step in steps(cost, phrases, cdr.tariffs)] if zone else []
    split = 2 * len(whys)  # Each step is a line, and another one that names its tariff.
    lines = [
        f"{what} · {source.strip()}" for what, source in zip(told[:split:2], told[1:split:2], strict=True)
    ]
    return tuple(PricedStep(text=text, reasons=why) for text, why in zip(lines, whys, strict=True)), tuple(
        told[split:]
    )
