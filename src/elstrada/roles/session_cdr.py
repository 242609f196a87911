"""Which of a session's CDRs counts: it may have been credited, and another have taken its place."""

from __future__ import annotations

from elstrada.billing.cdr import cdr_id_of
from elstrada.billing.reissue import credit_id_of, reissue_id_of
from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine


async def session_cdr(spine: Spine, owner: PartyId, session_id: str) -> Row | None:
    """The row of the CDR of a session of ours that is neither a credit nor credited; None: there is none now.

    Each CDR's id says what its credit and the one in its place would be called, so nothing is searched.
    """
    cdr_id = cdr_id_of(session_id)
    while (row := await _row(spine, owner, cdr_id)) is not None:
        if await _row(spine, owner, credit_id_of(cdr_id)) is None:
            return row
        cdr_id = reissue_id_of(owner, cdr_id)
    return None


async def _row(spine: Spine, owner: PartyId, cdr_id: str) -> Row | None:
    return await spine.get(t.cdr, owner=str(owner), party=str(owner), cdr_id=cdr_id)
