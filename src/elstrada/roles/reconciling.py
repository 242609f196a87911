"""The reconciler: finds what an invoice reconciliation record is held against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from elstrada.billing.reconcile import HeldCdr, Report, is_between, reconcile
from elstrada.model.ids import PartyId
from elstrada.model.reconciliation import MOST_CDRS, InvoiceRecord
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine, Where

_AT_ONCE = 500
"""Ids in one question."""
_MOST_ALIKE = 20
"""Standing records, or CDRs of other parties, of one id."""


async def report_of(spine: Spine, row: Row) -> Report:
    """How a record agrees with the CDRs that we hold now."""
    record, to_party = record_of(row), PartyId.parse(str(row["to_party"]))
    ids = tuple(dict.fromkeys(record.cdrs))
    held = [cdr async for cdr in held_cdrs(spine, str(row["owner"]), ids)]
    elsewhere = await invoiced(spine, str(row["owner"]), record.party, to_party, ids, but=record.id)
    return reconcile(record, to_party, held, elsewhere)


async def not_invoiced(spine: Spine, row: Row, report: Report) -> tuple[str, ...]:
    """CDRs between the two, recorded while those of the record were, that no standing record lists."""
    if not report.covered:
        return ()
    record, to_party = record_of(row), PartyId.parse(str(row["to_party"]))
    times = [cdr.recorded_at for cdr in report.covered]
    cpo, emsp = report.covered[0].party, report.covered[0].token_party
    where: Where = {
        "owner": row["owner"],
        "token_party": str(emsp),
        "recorded_at": Between(min(times), max(times) + timedelta(microseconds=1)),
        "party": str(cpo),
    }
    rows = await spine.find(t.cdr, where, order=("recorded_at",), limit=MOST_CDRS)
    ids = tuple(str(found["cdr_id"]) for found in rows)
    known = await invoiced(spine, str(row["owner"]), record.party, to_party, ids)
    return tuple(cdr_id for cdr_id in ids if cdr_id not in known)


async def held_cdrs(spine: Spine, owner: str, ids: Collection[str]) -> AsyncIterator[HeldCdr]:
    """The CDRs that a party of ours holds by these ids, whoever issued them."""
    for some in _chunks(ids):
        rows = await spine.find(
            t.cdr, {"owner": owner, "cdr_id": AnyOf(some)}, order=("cdr_id",), limit=len(some) * _MOST_ALIKE
        )
        for row in rows:
            yield held_cdr(row)


async def invoiced(
    spine: Spine, owner: str, sender: PartyId, receiver: PartyId, ids: Collection[str], but: str | None = None
) -> dict[str, str]:
    """Which of these CDRs a standing record between two parties lists, and which record.

    Args:
        but: a record of the sender that does not count.
    """
    found: dict[str, str] = {}
    between: dict[tuple[str, str], bool] = {(str(sender), but or ""): False}
    for some in _chunks(ids):
        where: Where = {"owner": owner, "cdr_id": AnyOf(some), "ended_at": None}
        for row in await spine.find(t.invoiced_cdr, where, order=("cdr_id",), limit=len(some) * _MOST_ALIKE):
            key = str(row["party"]), str(row["record_id"])
            if key not in between:
                between[key] = await _is_between(spine, owner, key, {str(sender), str(receiver)})
            if between[key]:
                found[str(row["cdr_id"])] = key[1]
    return found


async def credited(spine: Spine, owner: str, party: str, ids: Collection[str]) -> set[str]:
    """Which of these CDRs of a CPO a credit CDR gives back."""
    found: set[str] = set()
    for some in _chunks(ids):
        where: Where = {"owner": owner, "credits": AnyOf(some), "party": party}
        found |= {
            str(row["credits"]) for row in await spine.find(t.cdr, where, limit=len(some) * _MOST_ALIKE)
        }
    return found


def record_of(row: Row) -> InvoiceRecord:
    return msgspec.json.decode(str(row["document"]), type=InvoiceRecord)


def held_cdr(row: Row) -> HeldCdr:
    """A CDR from its row."""
    after, recorded_at = row["total_after_taxes"], row["recorded_at"]
    assert isinstance(recorded_at, datetime), "a CDR was recorded once"
    return HeldCdr(
        party=PartyId.parse(str(row["party"])),
        cdr_id=str(row["cdr_id"]),
        token_party=None if row["token_party"] is None else PartyId.parse(str(row["token_party"])),
        state=None if row["state"] is None else str(row["state"]),
        currency=str(row["currency"]),
        total_energy=_amount(row, "total_energy"),
        before_taxes=_amount(row, "total_before_taxes"),
        after_taxes=after if isinstance(after, Decimal) else None,
        credits=None if row["credits"] is None else str(row["credits"]),
        recorded_at=recorded_at,
    )


def between_them(cdrs: Iterable[HeldCdr], sender: PartyId, receiver: PartyId) -> dict[str, HeldCdr]:
    """Of these CDRs those that two parties could invoice each other for, by their ids."""
    return {cdr.cdr_id: cdr for cdr in cdrs if is_between(cdr, sender, receiver)}


async def _is_between(spine: Spine, owner: str, key: tuple[str, str], parties: set[str]) -> bool:
    row = await spine.get(t.invoice_record, owner=owner, party=key[0], record_id=key[1])
    return row is not None and {str(row["party"]), str(row["to_party"])} == parties


def _amount(row: Row, column: str) -> Decimal:
    value = row[column]
    assert isinstance(value, Decimal), f"every CDR has {column}"
    return value


def _chunks(ids: Collection[str]) -> list[tuple[str, ...]]:
    wanted = tuple(ids)
    return [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
