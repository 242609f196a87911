"""The rater: makes the CDR of every session that is complete, priced by our own tariffs.

Every session gets one, whoever's token began it: a roaming driver's goes to her eMSP, those of our
own drivers and of nobody (ad hoc, or a token no one knew) stay with us for whoever bills them. The
price is never guessed. Where place or tariff is missing the session is recorded as a finding that
says why, and ``again`` rates it when that is mended. What a station reckoned by itself changes no
price: where it is another, that is a finding too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import cast

import msgspec

from elstrada.billing.cdr import cdr_id_of
from elstrada.billing.reckoned import disagreement
from elstrada.model.cost import Cost
from elstrada.model.facts import CdrIssued, SessionCompleted, StationNoticed
from elstrada.model.ids import PartyId, cdr_stream, owner_of
from elstrada.model.notices import NoticeKind
from elstrada.model.terminal import InvoiceCreator, TerminalSession, key_of
from elstrada.roles.faults import FAULTS
from elstrada.roles.own_cdrs import refusals
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.roles.session_cdr import session_cdr
from elstrada.roles.settlements import DIFFERS, doubt, paid_otherwise, session_settled, settlements
from elstrada.roles.side_by_side import side_by_side
from elstrada.roles.signed_values import DOUBTED
from elstrada.roles.signed_values import doubt as signed_doubt
from elstrada.roles.spending import spending
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Cell, Delete, Put, Recorded, Row, Spine, Work
from elstrada.tariffs.policy import OCPI_2_3_0, Policy

NAME = "rater"
"""Of its cursor, for ever."""
CODE = "not-rated"
"""Of its findings; their source is ``session:<owner>/<session id>``."""
WITHHELD = "cdr-withheld"
"""Likewise, of CDRs that their receivers would refuse; see `elstrada cdr list --state WITHHELD`."""
DISAGREES = "station-cost-differs"
"""Likewise, of sessions of which the station reckoned another cost than we."""

_SAMPLE_LENGTH = 300
log = logging.getLogger(__name__)


class Rater:
    """A follower: ``handle`` is called with the log's facts, and says what they lead to."""

    def __init__(self, spine: Spine, policy: Policy = OCPI_2_3_0) -> None:
        self._spine, self._rating = spine, Rating(spine, policy)

    async def handle(self, batch: list[Recorded]) -> Work:
        """Rate the sessions that these facts complete."""
        done = {one.fact.session_id: one for one in batch if isinstance(one.fact, SessionCompleted)}
        works = await side_by_side(lambda item: self._rate_or_tell(item[1], item[0]), list(done.items()))
        works += await side_by_side(self._settled, [one for one in batch if _is_settlement(one)])
        return await self.with_spending(
            Work(
                appends=tuple(append for work in works for append in work.appends),
                writes=tuple(write for work in works for write in work.writes),
            )
        )

    async def again(self, owner: PartyId, session_id: str) -> Work:
        """Rate a session that could not be rated before; nothing if it has its CDR, or is not complete."""
        done = await self._rating.completion(owner, session_id)
        return Work() if done is None else await self.with_spending(await self._rate(done, session_id))

    async def looked_at(
        self, owner: PartyId, session_id: str, issued: CdrIssued, at: datetime
    ) -> tuple[CdrIssued, tuple[Put, ...]]:
        """A CDR of ours, withheld where its receiver would refuse it, and the finding that says so."""
        refused = refusals(issued.cdr, issued.cost, at)
        if not refused:
            return issued, ()
        finding = await self._finding(owner, session_id, WITHHELD, at, "; ".join(refused))
        return msgspec.structs.replace(issued, withheld=refused), (finding,)

    async def with_spending(self, work: Work) -> Work:
        """The work, and what its CDRs take from the prepaid credit of their tokens, or give back to it."""
        by_owner: dict[PartyId, list[CdrIssued]] = {}
        for append in work.appends:
            for fact in append.facts:
                if isinstance(fact, CdrIssued):
                    by_owner.setdefault(owner_of(append.stream), []).append(fact)
        appends, writes = list(work.appends), list(work.writes)
        for owner, issued in by_owner.items():
            told = await spending(self._spine, owner, issued, issued[-1].cdr.last_updated)
            appends = [_with_taken(append, owner, told.taken) for append in appends]
            writes += told.writes
            writes += [
                await self._finding(owner, session_id, code, issued[-1].cdr.last_updated, says)
                for session_id, code, says in told.findings
            ]
        return msgspec.structs.replace(work, appends=tuple(appends), writes=tuple(writes))

    async def _rate_or_tell(self, done: Recorded, session_id: str) -> Work:
        """Rate a session; a fault of ours that it brings to light is its finding, and stops no other's CDR."""
        try:
            return await self._rate(done, session_id)
        except FAULTS as fault:
            owner = owner_of(done.stream)
            log.exception("session %s of %s cannot be rated", session_id, owner)
            says = f"it cannot be rated, by a fault of ours that the log tells: {type(fault).__name__}"
            return Work(writes=(await self._finding(owner, session_id, CODE, done.at, says),))

    async def _rate(self, done: Recorded, session_id: str) -> Work:
        owner = owner_of(done.stream)
        stream = cdr_stream(owner, owner, cdr_id_of(session_id))
        if await self._spine.version(stream):
            return Work()  # P4: exactly one, also when the log is read again from its beginning.
        try:
            issued, reckoned, settled = await self._rating.rated(owner, done, session_id)
        except UNPRICED as refusal:
            return Work(writes=(await self._finding(owner, session_id, CODE, done.at, str(refusal)),))
        source: Row = {"source": source_of(owner, session_id), "code": CODE}
        mended = await self._spine.get(t.finding, **source) is not None
        writes: tuple[Put | Delete, ...] = (Delete(t.finding, source),) if mended else ()
        issued = await self._invoiced(owner, issued)
        issued, findings = await self.looked_at(owner, session_id, issued, done.at)
        writes += findings
        told = reckoned and reckoned.cost
        differs = told and disagreement(told, issued.cost)
        if differs:
            writes += (await self._finding(owner, session_id, DISAGREES, done.at, differs),)
        doubted = signed_doubt(issued)
        if doubted:
            writes += (await self._finding(owner, session_id, DOUBTED, done.at, doubted),)
        paid = await self._paid_otherwise(owner, session_id, done.at, issued.cost) if settled else None
        writes += (paid,) if paid else ()
        # Expecting version 0 makes it exactly one, should two raters ever work at once.
        return Work((Append(stream, 0, (issued,)),), writes)

    async def _invoiced(self, owner: PartyId, issued: CdrIssued) -> CdrIssued:
        """The CDR of a session that was paid at a provider's terminal names the invoice, if that is ours to write."""
        cdr = issued.cdr
        if cdr.token_party is None or cdr.authorization_reference is None:
            return issued
        key = {"owner": str(owner), "party": str(cdr.token_party)}
        row = await self._spine.get(t.terminal_session, **key, reference=key_of(cdr.authorization_reference))
        if row is None:
            return issued
        ordered = msgspec.json.decode(str(row["document"]), type=TerminalSession)
        if ordered.invoice_creator is not InvoiceCreator.CPO:
            return issued
        cdr = msgspec.structs.replace(cdr, invoice_reference_id=ordered.reference)
        return msgspec.structs.replace(issued, cdr=cdr)

    async def _settled(self, one: Recorded) -> Work:
        """A payment was settled: if its session has its CDR, do they agree?"""
        assert isinstance(one.fact, StationNoticed), "only such a fact tells of it"
        owner, station_id = owner_of(one.stream), one.stream.split("/", 2)[2]
        session = await session_settled(self._spine, owner, station_id, one.fact.notice)
        doubted = doubt(one.fact.notice, known=session is not None)
        writes: tuple[Put, ...] = ()
        if doubted is not None:
            code, says = doubted
            writes = (await self._found(f"station:{owner}/{station_id}", code, one.at, says),)
        if session is None:
            return Work(writes=writes)
        session_id = str(session["session_id"])
        row = await session_cdr(self._spine, owner, session_id)
        if row is None or row["cost"] is None:
            return Work(writes=writes)  # What rates it looks for payments.
        cost = msgspec.json.decode(str(row["cost"]), type=Cost)
        finding = await self._paid_otherwise(owner, session_id, one.at, cost)
        return Work(writes=(*writes, finding) if finding else writes)

    async def _paid_otherwise(self, owner: PartyId, session_id: str, at: datetime, cost: Cost) -> Put | None:
        session = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        paid = () if session is None else await settlements(self._spine, owner, session)
        says = paid_otherwise(paid, cost)
        return await self._finding(owner, session_id, DIFFERS, at, says) if says else None

    async def _finding(self, owner: PartyId, session_id: str, code: str, at: datetime, reason: str) -> Put:
        return await self._found(source_of(owner, session_id), code, at, reason)

    async def _found(self, source: str, code: str, at: datetime, reason: str) -> Put:
        key: dict[str, Cell] = {"source": source, "code": code}
        known = await self._spine.get(t.finding, **key)
        row: dict[str, Cell] = {"sample": reason[:_SAMPLE_LENGTH], "last_at": at}
        row["first_at"] = known["first_at"] if known else at
        row["count"] = 1 + (cast(int, known["count"]) if known else 0)
        return Put(t.finding, key | row)


def _with_taken(append: Append, owner: PartyId, taken: Mapping[str, Decimal]) -> Append:
    """The facts, of which those that issue this CPO's CDRs say what these took from prepaid credit."""
    if owner_of(append.stream) != owner:
        return append
    facts = (
        msgspec.structs.replace(fact, prepaid=taken[fact.cdr.id]) if isinstance(fact, CdrIssued) else fact
        for fact in append.facts
    )
    return msgspec.structs.replace(append, facts=tuple(facts))


def _is_settlement(one: Recorded) -> bool:
    return isinstance(one.fact, StationNoticed) and one.fact.notice.kind is NoticeKind.SETTLEMENT


async def withheld_no_more(spine: Spine, owner: PartyId, session_id: str | None) -> tuple[Delete, ...]:
    """What takes the finding of a withheld CDR back, if there is one."""
    source: Row = {"source": source_of(owner, session_id or ""), "code": WITHHELD}
    return () if await spine.get(t.finding, **source) is None else (Delete(t.finding, source),)


def source_of(owner: PartyId, session_id: str) -> str:
    """The source of the findings on a session."""
    return f"session:{owner}/{session_id}"
