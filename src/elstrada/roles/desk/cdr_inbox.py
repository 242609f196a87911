"""Verbs on CDRs that stand in doubt: what is found how often, and what an operator decides."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.cdr import IN_DOUBT, CdrState
from elstrada.model.facts import CdrDecided, CdrTakenBack
from elstrada.model.ids import cdr_stream
from elstrada.roles.biller import Biller, NotDecided, kinds_of
from elstrada.roles.desk.cdr_found import (
    CdrLine,
    CheckNumber,
    Issuer,
    Own,
    key_of,
    received_copy,
    shown_line,
)
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.paging import owners
from elstrada.roles.rater import withheld_no_more
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Row, Work
from elstrada.spine.paging import pages

MOST_COUNTED = 20_000
"""CDRs of each state whose findings are counted, the oldest first."""
_Reason = Annotated[
    Annotated[str, Meta(min_length=1, max_length=500)], Meta(description="Why; it is kept for ever.")
]
_By = Annotated[Annotated[str, Meta(min_length=1, max_length=100)], Meta(description="Who decides.")]
_Checks = Annotated[
    tuple[CheckNumber, ...], Meta(description="The finding that it is about; repeatable; by default all.")
]


class DecideCdr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id.")]
    reason: _Reason
    by: _By = "operator"
    check: _Checks = ()
    party: Own = None
    issuer: Issuer = None


class CountFindings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Own = None


class FindingCount(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    issuer: str
    check: str
    state: str
    cdrs: int
    oldest: datetime
    """When the first of them came."""


async def accept_cdr(desk: Desk, params: DecideCdr) -> CdrLine:
    """Bill a CDR whatever holds it; what refuses it only its issuer can mend. One that we withhold may go."""
    row = await received_copy(desk, params)
    if row["state"] == CdrState.WITHHELD:
        return await _release(desk, params, row)
    return await _decide(desk, params, row, CdrState.ACCEPTED)


async def reject_cdr(desk: Desk, params: DecideCdr) -> CdrLine:
    """Do not bill a CDR; its issuer must send another."""
    return await _decide(desk, params, await received_copy(desk, params), CdrState.REJECTED)


async def dispute_cdr(desk: Desk, params: DecideCdr) -> CdrLine:
    """Note that its issuer was asked for a credit; a line that there is stays until that comes."""
    return await _decide(desk, params, await received_copy(desk, params), CdrState.DISPUTED)


async def _release(desk: Desk, params: DecideCdr, row: Row) -> CdrLine:
    owner, party, cdr_id = key_of(row)
    stream = cdr_stream(owner, party, cdr_id)
    known = await desk.spine.facts(stream)
    if row["credits"] is not None:
        says = f"CDR {cdr_id} gives back CDR {row['credits']}, which went to nobody"
        raise Refused(Kind.CONFLICT, says, pointer="/cdr")
    if any(isinstance(one.fact, CdrTakenBack) for one in known):
        says = f"CDR {cdr_id} was credited"
        raise Refused(Kind.CONFLICT, says, "price it anew with `elstrada cdr reissue`", "/cdr")
    checks = params.check or kinds_of(str(row["findings"] or "").split("\n"))
    decision = CdrDecided(CdrState.ISSUED, params.reason, params.by, checks)
    writes = await withheld_no_more(desk.spine, owner, str(row["session_id"]))
    await desk.spine.commit(Work((Append(stream, known[-1].version, (decision,)),), writes))
    return await shown_line(desk, owner, party, cdr_id)


async def _decide(desk: Desk, params: DecideCdr, row: Row, state: CdrState) -> CdrLine:
    owner, party, cdr_id = key_of(row)
    biller, now = Biller(desk.spine), desk.clock.now()
    case = await biller.case(owner, party, cdr_id, now=now)
    if case is None:
        says = f"CDR {cdr_id} of {party} was not received, or was credited: it is {row['state']}"
        raise Refused(Kind.CONFLICT, says, "see `elstrada cdr list`", "/cdr")
    if row["state"] == state:
        raise Refused(Kind.CONFLICT, f"CDR {cdr_id} of {party} is {state.value} already", pointer="/cdr")
    checks = params.check or kinds_of(str(row["findings"] or "").split("\n"))
    try:
        work = await biller.decided(case, CdrDecided(state, params.reason, params.by, checks))
    except NotDecided as problem:
        says = f"CDR {cdr_id} of {party} cannot be {state.value}: {problem}"
        raise Refused(Kind.CONFLICT, says, "see `elstrada cdr show`", "/cdr") from None
    await desk.spine.commit(work)
    return await shown_line(desk, owner, party, cdr_id)


async def count_findings(desk: Desk, params: CountFindings) -> tuple[FindingCount, ...]:
    """How often each check found something, by who issued it, of CDRs in doubt."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    oldest: dict[tuple[str, str, str, str], datetime] = {}
    for owner in await owners(desk, params.party):
        for state in IN_DOUBT:
            counted = 0
            async for rows in pages(
                desk.spine, t.cdr, {"owner": owner, "state": state.value}, ("recorded_at",)
            ):
                for row in rows:
                    for check in kinds_of(str(row["findings"] or "").split("\n")):
                        key = owner, str(row["party"]), check, state.value
                        found[key] += 1
                        came = row["recorded_at"]
                        assert isinstance(came, datetime), "a CDR was recorded once"
                        oldest.setdefault(key, came)
                counted += len(rows)
                if counted >= MOST_COUNTED:
                    break
    return tuple(
        FindingCount(owner=key[0], issuer=key[1], check=key[2], state=key[3], cdrs=count, oldest=oldest[key])
        for key, count in sorted(found.items(), key=lambda one: (one[0][:2], -one[1], one[0]))
    )


VERBS = (
    Verb("cdr accept", "Bill a held CDR all the same.", DecideCdr, CdrLine, accept_cdr),
    Verb("cdr reject", "Do not bill a CDR.", DecideCdr, CdrLine, reject_cdr),
    Verb("cdr dispute", "Note that a CDR is disputed with its issuer.", DecideCdr, CdrLine, dispute_cdr),
    Verb(
        "cdr findings",
        "Count what stands against CDRs, by check and issuer.",
        CountFindings,
        tuple[FindingCount, ...],
        count_findings,
        reads=True,
    ),
)
