"""Verbs on which CDRs invoices cover: those we send, and those that partners send us."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.reconcile import HeldCdr, Sum
from elstrada.model.cdr import IN_DOUBT, CdrState
from elstrada.model.facts import InvoiceRecordIssued, InvoiceRecordWithdrawn
from elstrada.model.ids import PartyId, invoice_record_stream
from elstrada.model.party import Party, Role
from elstrada.model.reconciliation import LONGEST_INVOICE_ID, MOST_CDRS, InvoiceRecord
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_parties, own_party, party_id, sane_moment
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Moment, Text36
from elstrada.roles.reconciling import (
    between_them,
    credited,
    held_cdr,
    held_cdrs,
    invoiced,
    not_invoiced,
    record_of,
    report_of,
)
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Append, Between, Put, Row, Where, Work
from elstrada.spine.paging import EVER, pages

_HINT = "see `elstrada reconciliation list`"
_IN_DOUBT = frozenset({*IN_DOUBT, CdrState.WITHHELD})
_MOST_NAMED = 5

_Own = Annotated[str | None, Meta(description="Our party; needed only if there are several.")]
_Invoice = Annotated[
    Annotated[str, Meta(min_length=1, max_length=LONGEST_INVOICE_ID, pattern=r"^[^\x00-\x1f\x7f]+$")],
    Meta(description="The invoice's number or id, as it stands on the invoice."),
]
_Cdr = Annotated[str, Meta(min_length=1, max_length=255)]
_Cdrs = Annotated[
    Annotated[tuple[_Cdr, ...], Meta(max_length=MOST_CDRS)],
    Meta(description="Id of a CDR that it covers; may be repeated."),
]
_Since = Annotated[
    Moment | None, Meta(description="All CDRs recorded at or after, that no invoice covers yet.")
]
_Until = Annotated[Moment | None, Meta(description="Recorded before.")]
_Record = Annotated[Text36, Meta(description="Its id; see `elstrada reconciliation list`.")]


class ListRecords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Whose copy, one of our parties; all by default.")] = None
    state: Annotated[str | None, Meta(description="ISSUED, DELIVERED or WITHDRAWN; RECEIVED or REMOVED.")] = (
        None
    )
    invoice: Annotated[_Invoice | None, Meta(description="Only those of this invoice.")] = None
    since: Annotated[Moment | None, Meta(description="Recorded at or after.")] = None
    until: _Until = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Most lines, the newest first.")] = 20
    after: After = None


class ShowRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    record: Annotated[str, Meta(description="Its id; see `elstrada reconciliation list`.")]
    party: _Own = None
    issuer: Annotated[str | None, Meta(description="Who sent the invoice; needed only if two did.")] = None


class IssueRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    invoice: _Invoice
    to: Annotated[str, Meta(description="The partner's party that gets the invoice.")]
    cdr: _Cdrs = ()
    since: _Since = None
    until: _Until = None
    reverse: Annotated[
        bool, Meta(description="We, the eMSP, invoice for the CPO's CDRs, if we are a CPO too.")
    ] = False
    party: _Own = None


class AmendRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    record: _Record
    invoice: Annotated[
        _Invoice | None, Meta(description="As it stands on the invoice, if that was wrong.")
    ] = None
    cdr: _Cdrs = ()
    party: _Own = None


class WithdrawRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    record: _Record
    party: _Own = None


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    record_id: str
    party: str
    """Who sent the invoice."""
    to_party: str
    invoice_id: str
    state: str
    cdrs: int
    """Listed."""
    agrees: bool
    """With the CDRs that we hold, as far as it lists them."""
    unknown: int
    foreign: int
    repeated: int
    invoiced_twice: int
    disputed: int
    sums: tuple[Sum, ...]
    """What the CDRs come to that it rightly lists, by currency: to be compared with the invoice."""
    peer_id: str | None
    recorded_at: datetime
    updated_at: datetime


class RecordCard(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    record_id: str
    party: str
    to_party: str
    invoice_id: str
    state: str
    agrees: bool
    sums: tuple[Sum, ...]
    cdrs: tuple[str, ...]
    """As they were listed."""
    unknown: tuple[str, ...]
    """Listed, and not held by us."""
    foreign: tuple[str, ...]
    """Listed, and between others."""
    repeated: tuple[str, ...]
    """Listed more than once."""
    invoiced_twice: tuple[str, ...]
    """Another record between the two lists them too."""
    disputed: tuple[str, ...]
    """Held back by our examination; see `elstrada cdr list --state HELD`."""
    not_invoiced: tuple[str, ...]
    """Recorded between the first and the last of them, and in no record."""
    recorded_at: datetime
    updated_at: datetime


async def list_records(desk: Desk, params: ListRecords) -> Page[RecordLine]:
    since, until = sane_moment(params.since, "/since"), sane_moment(params.until, "/until")
    where: Where = {"recorded_at": Between(since or EVER.low, until)}
    if params.state is not None:
        where = {**where, "state": params.state.upper()}
    if params.invoice is not None:
        where = {**where, "invoice_id": params.invoice}
    wheres = [{**where, "owner": owner} for owner in await owners(desk, params.party)]
    rows = await page_of(
        desk, t.invoice_record, wheres, ("-recorded_at",), limit=params.limit, after=params.after
    )
    return Page.of([await _line(desk, row) for row in rows], rows.next)


async def show_record(desk: Desk, params: ShowRecord) -> RecordCard:
    row = await _named(desk, params)
    report = await report_of(desk.spine, row)
    stands = row["ended_at"] is None
    return RecordCard(
        owner=str(row["owner"]),
        record_id=str(row["record_id"]),
        party=str(row["party"]),
        to_party=str(row["to_party"]),
        invoice_id=str(row["invoice_id"]),
        state=str(row["state"]),
        agrees=report.agrees,
        sums=report.sums,
        cdrs=record_of(row).cdrs,
        unknown=report.unknown,
        foreign=report.foreign,
        repeated=report.repeated,
        invoiced_twice=report.invoiced_twice,
        disputed=report.disputed,
        not_invoiced=await not_invoiced(desk.spine, row, report) if stands else (),
        recorded_at=_moment(row, "recorded_at"),
        updated_at=_moment(row, "updated_at"),
    )


async def issue_record(desk: Desk, params: IssueRecord) -> RecordLine:
    """Say which CDRs an invoice of ours covers; its partner is told until it knows."""
    own, to = await own_party(desk, params.party), party_id(params.to, pointer="/to")
    cpo, emsp = _sides(own, to, reverse=params.reverse)
    turn = await _turn(desk, own.id)
    if bool(params.cdr) == (params.since is not None):
        raise Refused(Kind.USAGE, "expected either --cdr, or --since and perhaps --until", "", "/cdr")
    cdrs = (
        await _named_cdrs(desk, own.id, to, params.cdr)
        if params.cdr
        else await _cdrs_of_period(desk, own.id, cpo, emsp, params)
    )
    record = InvoiceRecord(
        party=own.id,
        id=desk.chance.uuid(),
        invoice_id=params.invoice,
        cdrs=cdrs,
        last_updated=desk.clock.now(),
    )
    fact = InvoiceRecordIssued(record, to)
    stream = invoice_record_stream(own.id, own.id, record.id)
    await desk.spine.commit(Work(appends=(Append(stream, 0, (fact,)),), writes=(turn,)))
    return await _line(desk, await _own_row(desk, own.id, record.id))


async def amend_record(desk: Desk, params: AmendRecord) -> RecordLine:
    """Say anew which CDRs an invoice of ours covers."""
    own = await own_party(desk, params.party)
    turn = await _turn(desk, own.id)
    row, version = await _standing(desk, own.id, params.record)
    known, to = record_of(row), PartyId.parse(str(row["to_party"]))
    if params.invoice is None and not params.cdr:
        raise Refused(Kind.USAGE, "expected --invoice or --cdr: else nothing is amended", "", "/cdr")
    cdrs = await _named_cdrs(desk, own.id, to, params.cdr, but=known.id) if params.cdr else known.cdrs
    record = msgspec.structs.replace(
        known, invoice_id=params.invoice or known.invoice_id, cdrs=cdrs, last_updated=desk.clock.now()
    )
    listed = frozenset(cdrs)
    dropped = tuple(cdr_id for cdr_id in known.cdrs if cdr_id not in listed)
    fact = InvoiceRecordIssued(record, to, dropped)
    stream = invoice_record_stream(own.id, own.id, known.id)
    await desk.spine.commit(Work(appends=(Append(stream, version, (fact,)),), writes=(turn,)))
    return await _line(desk, await _own_row(desk, own.id, known.id))


async def withdraw_record(desk: Desk, params: WithdrawRecord) -> RecordLine:
    """Take a record of ours back, because it was an error: the partner deletes it, and its CDRs are free again."""
    own = await own_party(desk, params.party)
    turn = await _turn(desk, own.id)
    row, version = await _standing(desk, own.id, params.record)
    fact = InvoiceRecordWithdrawn(PartyId.parse(str(row["to_party"])), record_of(row).cdrs)
    stream = invoice_record_stream(own.id, own.id, params.record)
    await desk.spine.commit(Work(appends=(Append(stream, version, (fact,)),), writes=(turn,)))
    return await _line(desk, await _own_row(desk, own.id, params.record))


# --- which CDRs -------------------------------------------------------------------------------------


def _sides(own: Party, to: PartyId, *, reverse: bool) -> tuple[PartyId, PartyId]:
    """The CPO and the eMSP of the CDRs: direct billing where we are the CPO, else reverse billing."""
    is_cpo, is_emsp = Role.CPO in own.roles, Role.EMSP in own.roles
    if not (is_cpo or is_emsp) or (reverse and not is_emsp):
        says = f"{own.id} is no {'eMSP' if reverse else 'CPO or eMSP'}, so that it has no CDRs to invoice"
        raise Refused(Kind.CONFLICT, says, "see `elstrada party list`", "/party")
    return (own.id, to) if is_cpo and not reverse else (to, own.id)


async def _named_cdrs(
    desk: Desk, own: PartyId, to: PartyId, ids: Collection[str], but: str | None = None
) -> tuple[str, ...]:
    """CDRs that an operator names: every one must be between the two, undisputed, and in no other record."""
    wanted = tuple(dict.fromkeys(ids))
    found = between_them([cdr async for cdr in held_cdrs(desk.spine, str(own), wanted)], own, to)
    _refuse([one for one in wanted if one not in found], f"no CDR between {own} and {to}", Kind.MISSING)
    _refuse([one for one in wanted if found[one].state in _IN_DOUBT], "held, for we dispute it")
    known = await invoiced(desk.spine, str(own), own, to, wanted, but)
    by_cpo: dict[str, list[str]] = {}
    for cdr_id in known:
        by_cpo.setdefault(str(found[cdr_id].party), []).append(cdr_id)
    free: set[str] = set()
    for cpo, some in by_cpo.items():
        free |= await credited(desk.spine, str(own), cpo, some)
    _refuse([one for one in known if one not in free], "in another record already, and not credited")
    return wanted


def _refuse(ids: Collection[str], says: str, kind: Kind = Kind.CONFLICT) -> None:
    if not ids:
        return
    named = ", ".join(sorted(ids)[:_MOST_NAMED]) + (" and more" if len(ids) > _MOST_NAMED else "")
    raise Refused(kind, f"{len(ids)} of the CDRs: {says}: {named[:300]}", "see `elstrada cdr list`", "/cdr")


async def _cdrs_of_period(
    desk: Desk, own: PartyId, cpo: PartyId, emsp: PartyId, params: IssueRecord
) -> tuple[str, ...]:
    """All CDRs of a period between the two that can be invoiced, in the order we recorded them."""
    since, until = sane_moment(params.since, "/since"), sane_moment(params.until, "/until")
    where: Where = {
        "owner": str(own),
        "token_party": str(emsp),
        "party": str(cpo),
        "recorded_at": Between(since, until),
    }
    found: list[HeldCdr] = []
    async for rows in pages(desk.spine, t.cdr, where, ("recorded_at",)):
        candidates = [held_cdr(row) for row in rows if row["state"] not in _IN_DOUBT]
        ids = [cdr.cdr_id for cdr in candidates]
        known = await invoiced(desk.spine, str(own), own, cpo if own == emsp else emsp, ids)
        found += [cdr for cdr in candidates if cdr.cdr_id not in known]
        if len(found) > MOST_CDRS:
            says = f"there are more than {MOST_CDRS} such CDRs; a record has that many at most"
            raise Refused(Kind.CONFLICT, says, "take a shorter period", "/since")
    if not found:
        says = f"there is no CDR between {cpo} and {emsp} in this period that no invoice covers"
        raise Refused(Kind.MISSING, says, "see `elstrada cdr list`", "/since")
    return tuple(cdr.cdr_id for cdr in found)


async def _turn(desk: Desk, owner: PartyId) -> Put:
    """What commits with a change of our records, so that of two at once one is refused: no CDR is put into two."""
    row = await desk.spine.get(t.invoicing, owner=str(owner))
    if row is None:
        return Put(t.invoicing, {"owner": str(owner), "turn": 1}, {})
    turn = row["turn"]
    assert isinstance(turn, int)
    return Put(t.invoicing, {"owner": str(owner), "turn": turn + 1}, {"turn": turn})


# --- rows -------------------------------------------------------------------------------------------


async def _own_row(desk: Desk, owner: PartyId, record_id: str) -> Row:
    key = {"owner": str(owner), "party": str(owner), "record_id": record_id}
    return await needed(desk, t.invoice_record, f"record {record_id!r} of {owner}", _HINT, **key)


async def _standing(desk: Desk, owner: PartyId, record_id: str) -> tuple[Row, int]:
    """A record of ours that is not withdrawn, and the version of its stream."""
    version = await desk.spine.version(invoice_record_stream(owner, owner, record_id))
    row = await _own_row(desk, owner, record_id)
    if row["ended_at"] is not None:
        raise Refused(Kind.CONFLICT, f"record {record_id} is withdrawn", _HINT, "/record")
    return row, version


async def _named(desk: Desk, params: ShowRecord) -> Row:
    """The record meant, of whichever of our parties; its sender says which, if two have one of that id."""
    own = [await own_party(desk, params.party)] if params.party else await own_parties(desk.spine)
    senders: list[str] | None = None
    if params.issuer is not None:
        senders = [str(party_id(params.issuer, pointer="/issuer"))]
    where: Where = {"owner": AnyOf(tuple(str(party.id) for party in own)), "record_id": params.record}
    rows = await desk.spine.find(t.invoice_record, where, limit=20)
    rows = [row for row in rows if senders is None or row["party"] in senders]
    if not rows:
        raise Refused(Kind.MISSING, f"there is no record {params.record[:40]!r}", _HINT, "/record")
    found = sorted({str(row["party"]) for row in rows})
    if len(found) > 1:
        says = f"several parties sent a record {params.record}: {', '.join(found)}"
        raise Refused(Kind.USAGE, says, "say which with --issuer", "/issuer")
    # Where sender and receiver are both of this installation, the receiver's copy says more.
    return next((row for row in rows if row["owner"] != row["party"]), rows[0])


async def _line(desk: Desk, row: Row) -> RecordLine:
    report = await report_of(desk.spine, row)
    return RecordLine(
        owner=str(row["owner"]),
        record_id=str(row["record_id"]),
        party=str(row["party"]),
        to_party=str(row["to_party"]),
        invoice_id=str(row["invoice_id"]),
        state=str(row["state"]),
        cdrs=len(record_of(row).cdrs),
        agrees=report.agrees,
        unknown=len(report.unknown),
        foreign=len(report.foreign),
        repeated=len(report.repeated),
        invoiced_twice=len(report.invoiced_twice),
        disputed=len(report.disputed),
        sums=report.sums,
        peer_id=None if row["peer_id"] is None else str(row["peer_id"]),
        recorded_at=_moment(row, "recorded_at"),
        updated_at=_moment(row, "updated_at"),
    )


def _moment(row: Row, column: str) -> datetime:
    value = row[column]
    assert isinstance(value, datetime), f"every record has {column}"
    return value


VERBS = (
    Verb(
        "reconciliation list",
        "List which CDRs invoices cover, and whether that agrees with those we hold.",
        ListRecords,
        tuple[RecordLine, ...],
        list_records,
        reads=True,
    ),
    Verb(
        "reconciliation show",
        "Hold one record against the CDRs we hold.",
        ShowRecord,
        RecordCard,
        show_record,
        reads=True,
    ),
    Verb(
        "reconciliation issue",
        "Tell a partner which CDRs an invoice of ours covers.",
        IssueRecord,
        RecordLine,
        issue_record,
        look="reconciliation list",
    ),
    Verb(
        "reconciliation amend",
        "Tell it anew, because it was wrong.",
        AmendRecord,
        RecordLine,
        amend_record,
    ),
    Verb(
        "reconciliation withdraw",
        "Take a record back that was an error.",
        WithdrawRecord,
        RecordLine,
        withdraw_record,
    ),
)
