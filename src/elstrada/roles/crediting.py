"""Crediting CDRs of ours, and reissuing them when what was wrong is mended: each once, whoever tries.

What is written waits on the streams of both CDRs, so of two nodes at the same work one is too late.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.billing.reissue import (
    credit_cost,
    credit_id_of,
    credit_of,
    reissue_id_of,
    reissued,
    says_the_same,
)
from elstrada.model.cdr import Cdr
from elstrada.model.facts import CdrDecided, CdrIssued, CdrReissued, CdrTakenBack, Fact
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.terminal import key_of
from elstrada.roles.cdr_verdicts import NO_LINE
from elstrada.roles.rater import Rater, withheld_no_more
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.roles.spending import given_back, taken_anew
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Spine, Work


class NotDone(Exception):
    """A CDR cannot be credited or reissued now; the message says why, and ``hint`` what to do."""

    def __init__(self, says: str, hint: str = "", *, is_missing: bool = False) -> None:
        super().__init__(says)
        self.hint, self.is_missing = hint, is_missing


class _Issued(msgspec.Struct, frozen=True):
    """A CDR of ours, and what became of it."""

    stream: str
    version: int
    fact: CdrIssued
    taken_back: CdrTakenBack | None
    reissued: CdrReissued | None
    is_withheld: bool


async def credit(
    spine: Spine, owner: PartyId, cdr_id: str, *, reason: str, by: str, now: datetime
) -> tuple[str, Work]:
    """Credit a CDR as a whole: the id of the credit, and what is to be written.

    Of one that we withhold the credit goes to nobody either, for nobody has what it gives back.

    Raises:
        NotDone: there is no such CDR of ours, it was credited, or the driver paid for it on the spot.
    """
    known = await _issued(spine, owner, cdr_id)
    cdr = known.fact.cdr
    if cdr.credit:
        raise NotDone(f"CDR {cdr.id} is a credit itself", f"reissue CDR {cdr.credit_reference_id}")
    if known.taken_back is not None:
        raise NotDone(f"CDR {cdr.id} was credited by {known.taken_back.credit_id}")
    await _not_paid_on_the_spot(spine, owner, cdr)
    id = credit_id_of(cdr.id)
    cost = credit_cost(known.fact.cost, cdr.id, reason)
    anew = CdrIssued(credit_of(cdr, now), cost, signed=known.fact.signed, prepaid=given_back(known.fact))
    writes: tuple[Delete, ...] = ()
    if known.is_withheld:
        anew = msgspec.structs.replace(anew, withheld=(f"{NO_LINE} R: CDR {cdr.id} went to nobody",))
        writes = await withheld_no_more(spine, owner, cdr.session_id)
    work = await _work(spine, owner, known, CdrTakenBack(id, reason, by), anew)
    return id, msgspec.structs.replace(work, writes=(*work.writes, *writes))


async def reissue(
    spine: Spine, owner: PartyId, cdr_id: str, *, by: str, now: datetime, mended_tariff: bool = False
) -> tuple[str, Work]:
    """Price the session of a credited CDR anew: the id of the CDR that takes its place, and what is to be written.

    Args:
        mended_tariff: by the tariff as it is now, for it was wrong; else by what it was when the session began.
    Raises:
        NotDone: it was not credited, was reissued already, has no price, or would come out the same.
    """
    known = await _issued(spine, owner, cdr_id)
    cdr = known.fact.cdr
    if known.taken_back is None:
        raise NotDone(f"CDR {cdr.id} stands: it was not credited", "credit it with `elstrada cdr credit`")
    if known.reissued is not None:
        raise NotDone(f"CDR {known.reissued.cdr_id} took the place of CDR {cdr.id} already")
    session_id = cdr.session_id or ""
    rating = Rating(spine, mended=mended_tariff)
    done = await rating.completion(owner, session_id)
    if done is None:
        raise NotDone(f"session {session_id} of CDR {cdr.id} is not in the log")
    try:
        found = (await rating.rated(owner, done, session_id)).issued
    except UNPRICED as problem:
        raise NotDone(f"session {session_id} has no price: {problem}", "mend that, then repeat it") from None
    if says_the_same(found.cdr, cdr):
        says = f"CDR {cdr.id} would come out just the same"
        raise NotDone(says, "mend what was wrong first; a tariff that was wrong counts with --mended-tariff")
    anew = msgspec.structs.replace(found, cdr=reissued(found.cdr, cdr, now), prepaid=taken_anew(known.fact))
    anew, findings = await Rater(spine).looked_at(owner, session_id, anew, now)
    id = reissue_id_of(owner, cdr.id)
    work = await _work(spine, owner, known, CdrReissued(id, by), anew)
    return id, msgspec.structs.replace(work, writes=(*work.writes, *findings))


async def _issued(spine: Spine, owner: PartyId, cdr_id: str) -> _Issued:
    stream = cdr_stream(owner, owner, cdr_id)
    recorded = await spine.facts(stream)
    facts = [one.fact for one in recorded]
    if not facts or not isinstance(facts[0], CdrIssued):
        raise NotDone(f"{owner} issued no CDR {cdr_id[:40]!r}", "see `elstrada cdr list`", is_missing=True)
    return _Issued(
        stream,
        recorded[-1].version,
        facts[0],
        next((fact for fact in facts if isinstance(fact, CdrTakenBack)), None),
        next((fact for fact in facts if isinstance(fact, CdrReissued)), None),
        bool(facts[0].withheld) and not any(isinstance(fact, CdrDecided) for fact in facts),
    )


async def _work(spine: Spine, owner: PartyId, known: _Issued, done: Fact, anew: CdrIssued) -> Work:
    """Both facts in one commit, with what the new CDR does to a prepaid token."""
    appends = (
        Append(known.stream, known.version, (done,)),
        Append(cdr_stream(owner, owner, anew.cdr.id), 0, (anew,)),
    )
    return await Rater(spine).with_spending(Work(appends))


async def _not_paid_on_the_spot(spine: Spine, owner: PartyId, cdr: Cdr) -> None:
    """What a driver paid on the web or at a terminal is given back where it was taken, not by a CDR."""
    reference = cdr.authorization_reference
    if reference is None:
        return
    on_the_web = await spine.get(t.web_payment, owner=str(owner), payment_id=reference)
    key = {"owner": str(owner), "party": str(cdr.token_party or owner)}
    at_terminal = await spine.get(t.terminal_session, **key, reference=key_of(reference))
    if on_the_web is not None or at_terminal is not None:
        says = f"CDR {cdr.id} was paid on the spot, by payment {reference}"
        raise NotDone(says, "give the money back at the payment provider")
