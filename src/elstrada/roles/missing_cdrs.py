"""Sessions of our drivers at partners that ended days ago, and of which no CDR came: the other half of V37.

Each is a finding, until its CDR is there or nobody owes one any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from elstrada.model.ids import PartyId
from elstrada.model.session import SessionStatus
from elstrada.roles.cdr_terms import Senders
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Delete, Put, Row, Spine, Where, Work
from elstrada.spine.paging import PAGE, pages

CODE = "cdr-missing"
"""Of its findings; their source is ``session:<owner>/<party>/<session id>``."""
_LOOK_BACK = timedelta(days=92)
"""A session that began before that is looked at no more, and its finding ends."""
_MOST_AT_ONCE = 100
"""CDRs of one token that begin in the same instant."""


async def look_for_missing(spine: Spine, owner: PartyId, now: datetime) -> tuple[str, ...]:
    """Keep a finding for each session that lacks its CDR; returns their sources."""
    missing = {source: row async for source, row in _missing(spine, owner, now)}
    ours = await _known(spine, owner)
    ended = (Delete(t.finding, {"source": source, "code": CODE}) for source in sorted(ours - missing.keys()))
    begun = (_finding(source, missing[source], now) for source in sorted(missing.keys() - ours))
    writes = (*ended, *begun)
    for first in range(0, len(writes), PAGE):
        await spine.commit(Work(writes=writes[first : first + PAGE]))
    return tuple(missing)


async def _known(spine: Spine, owner: PartyId) -> set[str]:
    """Sources of this owner's findings."""
    # All that begins with "session:<owner>/": 0 is the character after the slash.
    where: Where = {"source": Between(f"session:{owner}/", f"session:{owner}0"), "code": CODE}
    return {str(row["source"]) async for rows in pages(spine, t.finding, where) for row in rows}


async def _missing(spine: Spine, owner: PartyId, now: datetime) -> AsyncIterator[tuple[str, Row]]:
    senders = Senders(spine)
    where = {"owner": str(owner), "started_at": Between(now - _LOOK_BACK, now)}
    async for rows in pages(spine, t.roamed_session, where, ("started_at",)):
        ended = [row for row in rows if row["status"] == SessionStatus.COMPLETED and row["kwh"]]
        with_cdr = await _with_cdr(spine, owner, ended)
        for row in ended:
            party, session_id = str(row["party"]), str(row["session_id"])
            terms = await senders.terms(owner, PartyId.parse(party))
            waited = now - cast(datetime, row["last_updated"])
            is_owed = waited > timedelta(days=terms.thresholds.missing_days)
            if not is_owed or (party, session_id) in with_cdr or await _has_unnamed(spine, owner, row):
                continue
            yield f"session:{owner}/{party}/{session_id}", row


async def _with_cdr(spine: Spine, owner: PartyId, sessions: Sequence[Row]) -> set[tuple[str, str]]:
    """Party and id of those sessions of which a CDR came, whatever became of it."""
    found: set[tuple[str, str]] = set()
    for party in sorted({str(row["party"]) for row in sessions}):
        ids = tuple(str(row["session_id"]) for row in sessions if row["party"] == party)
        where: Where = {"owner": str(owner), "party": party, "session_id": AnyOf(ids)}
        async for rows in pages(spine, t.cdr, where, ("session_id",)):
            found |= {(party, str(row["session_id"])) for row in rows}
    return found


async def _has_unnamed(spine: Spine, owner: PartyId, session: Row) -> bool:
    """Is there a CDR of the same token and start? Before OCPI 2.2 a CDR does not name its session."""
    same = {"token_ref": session["token_ref"], "started_at": session["started_at"]}
    rows = await spine.find(t.cdr, {"owner": str(owner), **same}, limit=_MOST_AT_ONCE)
    return any(row["party"] == session["party"] and row["session_id"] is None for row in rows)


def _finding(source: str, session: Row, now: datetime) -> Put:
    kwh, ended = cast(Decimal, session["kwh"]), cast(datetime, session["last_updated"])
    sample = f"{kwh} kWh at {session['party']}, completed at {ended.isoformat()}, and no CDR came (V37)"
    row: Row = {"source": source, "code": CODE, "sample": sample, "count": 1, "first_at": now, "last_at": now}
    return Put(t.finding, row)
