"""Which of a session's CDRs counts: it may have been credited, and another have taken its place."""

from __future__ import annotations

from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine

_MOST = 1_000
"""CDRs of one session, its credits among them."""


async def session_cdr(spine: Spine, owner: PartyId, session_id: str) -> Row | None:
    """The row of the CDR of a session of ours that is neither a credit nor credited; None: there is none now.

    There is one at most: a session is reissued only in place of a CDR that was credited.
    """
    where = {"owner": str(owner), "party": str(owner), "session_id": session_id}
    rows = await spine.find(t.cdr, where, limit=_MOST)
    given_back = {row["credits"] for row in rows}
    counting = (row for row in rows if row["credits"] is None and row["cdr_id"] not in given_back)
    return next(counting, None)
