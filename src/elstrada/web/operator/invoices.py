"""Which CDRs invoices cover, as parties tell each other: the list, and the page of one record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from elstrada.billing.reconcile import Report
from elstrada.model.reconciliation import InvoiceRecord
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine
from elstrada.spine.paging import EVER
from elstrada.web.operator.listing import Part, part_of
from elstrada.web.operator.reading import owners_in

SHOWN = 200
"""CDRs, of each sort, on a record's page."""
_ORDER = ("-recorded_at",)

Reckon = Callable[[Row], Awaitable[Report]]
"""Holds a record against the CDRs that we hold now."""


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    """Our party, which sent the invoice or got it."""
    party: str
    """Who sent it."""
    to_party: str
    record_id: str
    invoice_id: str
    state: str
    """ISSUED, DELIVERED, WITHDRAWN; RECEIVED, REMOVED."""
    cdrs: int
    recorded_at: datetime


class Invoices(msgspec.Struct, frozen=True):
    """A part of the list."""

    part: Part[InvoiceLine]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """CDRs of a record of one sort."""

    ids: tuple[str, ...]
    """At most ``SHOWN``."""
    count: int


class InvoicePage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one record says."""

    line: InvoiceLine
    peer_id: str
    """Who took the record, or sent it; empty: it was not brought to anybody yet."""
    updated_at: datetime
    ended_at: datetime | None
    report: Report | None
    """How it agrees with the CDRs that we hold; None: nobody here can tell."""
    wrong: tuple[tuple[str, Listed], ...]
    """What is wrong with it, by the name of the report's list; sorts of which there are none are left out."""
    covered: tuple[tuple[str, str], ...]
    """Issuer and id of CDRs it covers; at most ``SHOWN``."""


async def read_invoices(spine: Spine, after: str) -> Invoices:
    """The records, the latest first.

    Raises:
        NoPlace: ``after`` is no place in this list.
    """
    wheres = [{"owner": owner, "recorded_at": EVER} for owner in await owners_in(spine, t.invoice_record)]
    part = await part_of(spine, t.invoice_record, wheres, _ORDER, after)
    return Invoices(part.of(_line))


async def read_invoice(
    spine: Spine, owner: str, party: str, record_id: str, reckon: Reckon | None
) -> InvoicePage | None:
    """One record as our party holds it; None if it holds none of that sender and id."""
    row = await spine.get(t.invoice_record, owner=owner, party=party, record_id=record_id)
    if row is None or row["document"] is None:
        return None
    report = None if reckon is None else await reckon(row)
    return InvoicePage(
        line=_line(row),
        peer_id=str(row["peer_id"] or ""),
        updated_at=msgspec.convert(row["updated_at"], datetime),
        ended_at=msgspec.convert(row["ended_at"], datetime | None),
        report=report,
        wrong=() if report is None else wrong(report),
        covered=()
        if report is None
        else tuple((str(cdr.party), cdr.cdr_id) for cdr in report.covered[:SHOWN]),
    )


def wrong(report: Report) -> tuple[tuple[str, Listed], ...]:
    """The lists of a report that are not empty."""
    lists = {
        "unknown": report.unknown,
        "foreign": report.foreign,
        "repeated": report.repeated,
        "invoiced_twice": report.invoiced_twice,
        "disputed": report.disputed,
    }
    return tuple((name, Listed(ids=ids[:SHOWN], count=len(ids))) for name, ids in lists.items() if ids)


def _line(row: Row) -> InvoiceLine:
    record = msgspec.json.decode(str(row["document"]), type=InvoiceRecord)
    return InvoiceLine(
        owner=str(row["owner"]),
        party=str(row["party"]),
        to_party=str(row["to_party"]),
        record_id=str(row["record_id"]),
        invoice_id=record.invoice_id,
        state=str(row["state"]),
        cdrs=len(record.cdrs),
        recorded_at=msgspec.convert(row["recorded_at"], datetime),
    )
