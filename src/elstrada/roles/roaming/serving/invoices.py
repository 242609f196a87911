"""Which CDRs an invoice covers: ours for who got the invoice, theirs for us to hold against the CDRs we have.

The CPO invoices (direct billing) or the eMSP does (reverse billing): whose record it is, the caller's token says.
"""

from __future__ import annotations

import hashlib

import msgspec

from elstrada.billing.reconcile import Report
from elstrada.model.facts import InvoiceRecordReceived, InvoiceRecordRemoved
from elstrada.model.ids import PartyId, invoice_record_stream
from elstrada.model.reconciliation import (
    LONGEST_CDR_ID,
    LONGEST_INVOICE_ID,
    LONGEST_RECORD_ID,
    MOST_CDRS,
    InvoiceRecord,
)
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Noun
from elstrada.ocpi.patch import is_older
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.roaming.visibility import INVOICED
from elstrada.roles.reconciling import record_of, report_of
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of, misplaced, owner_in_path
from elstrada.roles.roaming.stock import invoice_record_of
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Row, StreamMoved, Where, Work
from elstrada.spine.paging import EVER

_TRIES = 5
_BUSY = Refusal(Why.BUSY, "the record changes too often; try again")


async def list_invoice_records(visit: Visit) -> Result:
    """A page of what invoices of ours to the caller cover, in the order we recorded them."""
    where: Where = {
        "owner": visit.owner,
        "party": visit.owner,
        "to_party": any_of(_theirs(visit)),
        "ended_at": None,
        "updated_at": visit.between(),
        "recorded_at": EVER,
    }
    found = await page(visit, t.invoice_record, where, "to_party", ("recorded_at",))
    if isinstance(found, Refusal):
        return found
    items = tuple(_noun(visit).write(invoice_record_of(row)).value for row in found.rows)
    return Listing(items, visit.list_url, found.total, found.place)


async def get_invoice_record(visit: Visit) -> Result:
    """The record just as it was sent."""
    row = await _standing(visit, owner_in_path(visit), visit.call.path["record_id"])
    document = None if row is None else await visit.means.spine.get(t.document, hash=str(row["content_hash"]))
    body = None if document is None else document["body"]
    return Found(msgspec.Raw(body)) if isinstance(body, bytes) else NOT_HERE


async def post_invoice_record(visit: Visit) -> Result:
    """Record what an invoice covers. The same again is a success; another of the same id is refused."""
    record = _noun(visit).read(visit.body).value
    return _unfit(record) or await _store(visit, record, replaces=False)


async def put_invoice_record(visit: Visit) -> Result:
    """Record what it covers now; one that never came, or was taken back, is recorded as new."""
    record = _noun(visit).read(visit.body).value
    owner = record.party
    wrong = misplaced(visit, country_code=owner.country_code, party_id=owner.party_id, record_id=record.id)
    return wrong or _unfit(record) or await _store(visit, record, replaces=True)


async def delete_invoice_record(visit: Visit) -> Result:
    """Their record was an error: it stands no more, and its CDRs are free for another."""
    party, record_id = owner_in_path(visit), visit.call.path["record_id"]
    stream = invoice_record_stream(visit.own.id, party, record_id)
    for _ in range(_TRIES):
        version = await visit.means.spine.version(stream)
        row = await _standing(visit, party, record_id)
        if row is None:
            return NOT_HERE
        fact = InvoiceRecordRemoved(visit.peer.id, record_of(row).cdrs)
        try:
            await visit.means.spine.commit(Work(appends=(Append(stream, version, (fact,)),)))
        except StreamMoved:
            continue
        return Done()
    return _BUSY


async def _store(visit: Visit, record: InvoiceRecord, *, replaces: bool) -> Result:
    if record.party not in _theirs(visit):
        return NOT_HERE
    stream = invoice_record_stream(visit.own.id, record.party, record.id)
    raw, spine = visit.call.raw, visit.means.spine
    content_hash = hashlib.sha256(raw).hexdigest()
    document: Row = {"hash": content_hash, "body": raw, "recorded_at": visit.means.clock.now()}
    for _ in range(_TRIES):
        version = await spine.version(stream)
        row = await _standing(visit, record.party, record.id)
        known = None if row is None else record_of(row)
        if row is not None and (known == record or row["content_hash"] == content_hash):
            return Done()
        if known is not None and not replaces:
            return Refusal(Why.REFUSED, "another record of this id is known; a record is changed by PUT")
        if known is not None and is_older(record.last_updated, known.last_updated, visit.means.clock.now()):
            return Done()  # We know better already.
        fact = InvoiceRecordReceived(record, visit.peer.id, content_hash, _dropped(known, record))
        try:
            await spine.commit(
                Work(appends=(Append(stream, version, (fact,)),), writes=(Put(t.document, document),))
            )
        except StreamMoved:
            continue
        await _note(visit, record)
        return Done(created=known is None)
    return _BUSY


async def _note(visit: Visit, record: InvoiceRecord) -> None:
    """Count what is wrong with a record; all of it is in the report, which is made when it is asked for."""
    row = await _standing(visit, record.party, record.id)
    if row is None:
        return
    for name, ids in problems_of(await report_of(visit.means.spine, row)):
        says = f"invoice record {record.id}: {len(ids)} of {len(record.cdrs)}, such as {ids[0]}"
        visit.means.findings.note(source(visit.own.id, visit.peer.id), f"INVOICED {name}", says)


def problems_of(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    """What is wrong with a record, by name, with the CDRs concerned."""
    named = {
        "UNKNOWN": report.unknown,
        "FOREIGN": report.foreign,
        "REPEATED": report.repeated,
        "TWICE": report.invoiced_twice,
        "DISPUTED": report.disputed,
    }
    return [(name, ids) for name, ids in named.items() if ids]


def _unfit(record: InvoiceRecord) -> Refusal | None:
    """What cannot be kept, or means nothing."""
    if not 1 <= len(record.cdrs) <= MOST_CDRS:
        return Refusal(Why.INVALID, f"cdrs: expected 1 to {MOST_CDRS} ids - at `$.cdrs`")
    for name, text, most in (
        ("id", record.id, LONGEST_RECORD_ID),
        ("invoice_id", record.invoice_id, LONGEST_INVOICE_ID),
        *(("cdrs", cdr_id, LONGEST_CDR_ID) for cdr_id in record.cdrs),
    ):
        if not (1 <= len(text) <= most and text.isprintable()):
            return Refusal(Why.INVALID, f"{name}: expected 1 to {most} printable characters - at `$.{name}`")
    return None


def _dropped(known: InvoiceRecord | None, record: InvoiceRecord) -> tuple[str, ...]:
    """What a record listed before and does no more."""
    listed = frozenset(record.cdrs)
    return () if known is None else tuple(one for one in dict.fromkeys(known.cdrs) if one not in listed)


def _theirs(visit: Visit) -> frozenset[PartyId]:
    """The caller's parties that invoice, and get invoices."""
    return frozenset(party for role in INVOICED for party in visit.parties(role))


def _noun(visit: Visit) -> Noun[InvoiceRecord]:
    assert visit.words.invoice is not None, "only versions with such records have these endpoints"
    return visit.words.invoice


async def _standing(visit: Visit, party: PartyId, record_id: str) -> Row | None:
    """A record of the caller's that was not taken back."""
    key = {"owner": visit.owner, "party": str(party), "record_id": record_id}
    row = await visit.means.spine.get(t.invoice_record, **key)
    return row if row is not None and row["ended_at"] is None and party in _theirs(visit) else None


HANDLERS: dict[str, Handler] = {
    "list_invoice_records": list_invoice_records,
    "get_invoice_record": get_invoice_record,
    "post_invoice_record": post_invoice_record,
    "put_invoice_record": put_invoice_record,
    "delete_invoice_record": delete_invoice_record,
}
