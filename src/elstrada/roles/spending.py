"""Prepaid credit goes down by what sessions cost: in the commit of their CDRs, and therefore once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.billing.credit import released, session_key, spent
from elstrada.model.allowance import Allowance
from elstrada.model.facts import CdrIssued
from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Row, Spine

OVERDRAWN, FOREIGN = "credit-overdrawn", "credit-currency"
"""Codes of findings; their source is ``session:<owner>/<session id>``."""


class Spending(msgspec.Struct, frozen=True):
    """What sessions do to the credit of their tokens."""

    writes: tuple[Put, ...] = ()
    """Each expects its record as it was read."""
    findings: tuple[tuple[str, str, str], ...] = ()
    """Session id, code, and what is to be said."""


async def spending(spine: Spine, owner: PartyId, issued: Sequence[CdrIssued], now: datetime) -> Spending:
    """Take from the credit of their tokens what sessions of one CPO cost; tokens that are not bounded have none."""
    refs = tuple({one.cdr.token_ref for one in issued if one.cdr.token_ref})
    if not refs:
        return Spending()
    rows = await spine.find(t.allowance, {"owner": str(owner), "ref": AnyOf(refs)}, limit=len(refs))
    puts, findings = list[Put](), list[tuple[str, str, str]]()
    for row in rows:
        allowance = msgspec.json.decode(str(row["document"]), type=Allowance)
        mine = [one for one in issued if one.cdr.token_ref == row["ref"]]
        for one in mine:
            allowance = await _after(spine, owner, allowance, one)
        findings += _said(allowance, mine)
        document = msgspec.json.encode(allowance).decode()
        columns: Row = {"owner": str(owner), "ref": row["ref"], "document": document, "changed_at": now}
        puts.append(Put(t.allowance, columns, expected={"document": row["document"]}))
    return Spending(tuple(puts), tuple(findings))


async def _after(spine: Spine, owner: PartyId, allowance: Allowance, issued: CdrIssued) -> Allowance:
    session_id = issued.cdr.session_id or ""
    row = await spine.get(t.session, owner=str(owner), session_id=session_id)
    if row is None:
        return allowance
    start, transaction = row["start_key"], row["transaction_id"]
    key = session_key(
        str(row["station_id"]),
        None if start is None else str(start),
        None if transaction is None else str(transaction),
    )
    if issued.cost.currency != allowance.currency:
        return released(allowance, key)
    return spent(allowance, key, _total(issued))


def _said(allowance: Allowance, issued: Iterable[CdrIssued]) -> Iterable[tuple[str, str, str]]:
    """What an operator should see of these sessions."""
    if allowance.credit is None:
        return
    for one in issued:
        session_id, total = one.cdr.session_id or "", _total(one)
        if one.cost.currency != allowance.currency:
            says = f"cost {total} {one.cost.currency}, but the token's credit is in {allowance.currency}: not taken off"
            yield session_id, FOREIGN, says
        elif allowance.credit < 0 and total > 0:
            says = f"cost {total} {one.cost.currency}; the token's credit is {allowance.credit} since"
            yield session_id, OVERDRAWN, says


def _total(issued: CdrIssued) -> Decimal:
    """With taxes, where they are known."""
    total = issued.cost.total
    return total.before_taxes if total.after_taxes is None else total.after_taxes
