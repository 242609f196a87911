"""Which of a session's CDRs counts: it may have been credited, and another have taken its place."""

from __future__ import annotations

from elstrada.billing.cdr import cdr_id_of
from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Row, Spine

MOST_REPLACED = 100
"""CDRs of one session that took each other's place; rows that lead further are none that we wrote."""


async def session_cdr(spine: Spine, owner: PartyId, session_id: str) -> Row | None:
    """The row of the CDR of a session of ours that is neither a credit nor credited; None: there is none now.

    Each CDR that was credited names the one in its place, so nothing is searched. Rows in a circle name none.
    """
    cdr_id: Cell = cdr_id_of(session_id)
    for _ in range(MOST_REPLACED):
        if cdr_id is None:
            break
        row = await spine.get(t.cdr, owner=str(owner), party=str(owner), cdr_id=cdr_id)
        if row is None or row["credited_by"] is None:
            return row
        cdr_id = row["replaced_by"]
    return None
