"""Prepaid credit goes down by what sessions cost: in the commit of their CDRs, and therefore once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.billing.credit import session_key, spent
from elstrada.model.allowance import Allowance
from elstrada.model.facts import CdrIssued
from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Row, Spine

OVERDRAWN, FOREIGN = "credit-overdrawn", "credit-currency"
"""Codes of findings; their source is ``session:<owner>/<session id>``."""
_NOTHING = Decimal(0)


class Spending(msgspec.Struct, frozen=True):
    """What sessions do to the credit of their tokens."""

    taken: Mapping[str, Decimal]
    """By id of the CDR; below zero: given back."""
    writes: tuple[Put, ...] = ()
    """Each expects its record as it was read."""
    findings: tuple[tuple[str, str, str], ...] = ()
    """Session id, code, and what is to be said."""


async def spending(spine: Spine, owner: PartyId, issued: Sequence[CdrIssued], now: datetime) -> Spending:
    """Take from the credit of their tokens what sessions of one CPO cost; tokens that are not bounded have none.

    Args:
        issued: of which ``prepaid`` says what is to be taken where that is settled; None: what they cost.
    """
    taken = {one.cdr.id: _NOTHING for one in issued}
    refs = tuple({one.cdr.token_ref for one in issued if one.cdr.token_ref})
    if not refs:
        return Spending(taken)
    rows = await spine.find(t.allowance, {"owner": str(owner), "ref": AnyOf(refs)}, limit=len(refs))
    puts, findings = list[Put](), list[tuple[str, str, str]]()
    for row in rows:
        allowance = msgspec.json.decode(str(row["document"]), type=Allowance)
        mine = [one for one in issued if one.cdr.token_ref == row["ref"]]
        for one in mine:
            taken[one.cdr.id] = _taken(allowance, one)
            hold = await _hold_of(spine, owner, one.cdr.session_id or "")
            allowance = spent(allowance, hold, taken[one.cdr.id])
        findings += _said(allowance, mine)
        document = msgspec.json.encode(allowance).decode()
        columns: Row = {"owner": str(owner), "ref": row["ref"], "document": document, "changed_at": now}
        puts.append(Put(t.allowance, columns, expected={"document": row["document"]}))
    return Spending(taken, tuple(puts), tuple(findings))


def given_back(original: CdrIssued) -> Decimal | None:
    """What the credit of a CDR is to take: what that took, the other way round.

    Of one from before that was kept nobody knows; it gives back what it cost.
    """
    return None if original.prepaid is None else -original.prepaid


def taken_anew(original: CdrIssued) -> Decimal | None:
    """What the CDR in place of a credited one is to take: nothing, where that cost something and took nothing."""
    return _NOTHING if original.prepaid == _NOTHING and _total(original) else None


def _taken(allowance: Allowance, issued: CdrIssued) -> Decimal:
    if allowance.credit is None or issued.cost.currency != allowance.currency:
        return _NOTHING
    return _wanted(issued)


def _wanted(issued: CdrIssued) -> Decimal:
    return _total(issued) if issued.prepaid is None else issued.prepaid


async def _hold_of(spine: Spine, owner: PartyId, session_id: str) -> str:
    """The name of what a session holds; of one that is not known that of none."""
    row = await spine.get(t.session, owner=str(owner), session_id=session_id)
    if row is None:
        return ""
    start, transaction = row["start_key"], row["transaction_id"]
    return session_key(
        str(row["station_id"]),
        None if start is None else str(start),
        None if transaction is None else str(transaction),
    )


def _said(allowance: Allowance, issued: Iterable[CdrIssued]) -> Iterable[tuple[str, str, str]]:
    """What an operator should see of these sessions."""
    if allowance.credit is None:
        return
    for one in issued:
        session_id, amount = one.cdr.session_id or "", _wanted(one)
        if one.cost.currency != allowance.currency and amount:
            says = f"cost {amount} {one.cost.currency}, but the token's credit is in {allowance.currency}: not taken off"
            yield session_id, FOREIGN, says
        elif allowance.credit < 0 and amount > 0:
            says = f"cost {amount} {one.cost.currency}; the token's credit is {allowance.credit} since"
            yield session_id, OVERDRAWN, says


def _total(issued: CdrIssued) -> Decimal:
    """With taxes, where they are known."""
    total = issued.cost.total
    return total.before_taxes if total.after_taxes is None else total.after_taxes
