"""The biller: examines every CDR another party sends us, and puts it on the customer's bill.

A CDR that passes becomes one line on the contract it belongs to. One that does not is held or rejected,
with its findings, and costs the customer nothing; ``again`` examines it anew when the cause is mended, and
``decide`` does what an operator wants instead. A credit CDR takes back the line of the one it names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from elstrada.billing.checks.sessions import NOT_COME
from elstrada.billing.validate import is_refused
from elstrada.model.cdr import CdrState, checked_state
from elstrada.model.facts import (
    BillLineAdded,
    CdrChecked,
    CdrCredited,
    CdrDecided,
    CdrReceived,
    Fact,
    RoamedSessionChanged,
)
from elstrada.model.ids import PartyId, cdr_stream, contract_stream, owner_of
from elstrada.model.invoice import BillLine
from elstrada.roles.cdr_cases import Case, Records, was_accepted
from elstrada.roles.cdr_verdicts import NO_LINE, NOT_COVERED, Beside, Of, Verdict, taken_back, verdict
from elstrada.roles.findings import Findings
from elstrada.roles.missing_cdrs import look_for_missing
from elstrada.roles.side_by_side import side_by_side
from elstrada.spine import tables as t
from elstrada.spine.clock import Clock
from elstrada.spine.face import AnyOf, Append, Recorded, RowMoved, Spine, SpineDown, StreamMoved, Work
from elstrada.spine.paging import pages

NAME = "biller"
"""Of its cursor, for ever."""
RETRY_S = 86_400.0
"""What is held for want of something of ours is tried again once a day."""
_SESSION_UNKNOWN = "V37"
_NO_RIGHT = "V30 "
_LATE = frozenset({"V33", _SESSION_UNKNOWN})
"""Findings of what may have come after the CDR: its place, its session."""
_Told = dict[tuple[PartyId, PartyId], dict[str, datetime]]
"""By owner and party: ids of what came, and when."""
log = logging.getLogger(__name__)


class NotDecided(Exception):
    """A decision cannot be done; the message says why."""


class Biller:
    """A follower: ``handle`` is called with the log's facts, and says what they lead to."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine

    async def handle(self, batch: list[Recorded]) -> Work:
        """Examine the CDRs that these facts bring, and before them those that waited for what they bring."""
        records = Records(self._spine)
        waited = await self._waited(batch)
        received = [one for one in batch if isinstance(one.fact, CdrReceived)]
        cases = await side_by_side(records.received, received)
        brought = [case for case in cases if case is not None]
        return await self._judged([*waited, *brought], unless_same=frozenset(map(of_case, waited)))

    async def _waited(self, batch: Iterable[Recorded]) -> list[Case]:
        """The held CDRs of which these facts bring what they lack, the earliest first.

        That is the session of one (V37), the CDR that a credit gives back (V41), or that somebody accepted that:
        what a credit repeats holds it no more (A21). They may be in other shards than what waits for them, whose
        billers may look past each other: one finds nothing there yet, the other nothing that is held. So what was
        held for the first time is looked at once more after that is recorded.
        """
        held = {one.stream: one.at for one in batch if _waits_for_another(one.fact)}
        sessions: _Told = {}
        cdrs: _Told = {}
        accepted: _Told = {}
        for one in batch:
            match one.fact:
                case RoamedSessionChanged(session=told):
                    sessions.setdefault((owner_of(one.stream), told.party), {})[told.id] = one.at
                case CdrReceived(cdr=told) if not told.credit:
                    cdrs.setdefault((owner_of(one.stream), told.party), {})[told.id] = one.at
                case CdrDecided(state=CdrState.ACCEPTED):
                    _, owner, party, cdr_id = one.stream.split("/", 3)
                    of = PartyId.parse(owner), PartyId.parse(party)
                    accepted.setdefault(of, {})[cdr_id] = one.at
                case _:
                    pass
        found = await self._held_for(sessions, "session_id", _lacks_session)
        found |= await self._held_for(cdrs, "credits", _lacks_original)
        found |= await self._held_for(accepted, "credits", lambda _: True)
        cases = [await self._case(stream, now) for stream, now in (held | found).items()]
        waiting = [one for one in cases if one is not None and _waits(one)]
        due = [one for one in waiting if one.stream in found or len(one.standing) == 1]
        return sorted(due, key=lambda one: one.received_at)

    async def _held_for(
        self, told: _Told, column: str, lacks: Callable[[Iterable[str]], bool]
    ) -> dict[str, datetime]:
        """The streams of held CDRs that name, in this column of their rows, something that has come, and when.

        Args:
            lacks: by their findings, that is what they lack.
        """
        found: dict[str, datetime] = {}
        for (owner, party), named in told.items():
            of = {"owner": str(owner), "party": str(party), column: AnyOf(tuple(named))}
            async for rows in pages(self._spine, t.cdr, {**of, "state": CdrState.HELD.value}, (column,)):
                for row in rows:
                    if lacks(str(row["findings"] or "").split("\n")):
                        found[cdr_stream(owner, party, str(row["cdr_id"]))] = named[str(row[column])]
        return found

    async def again(
        self, owner: PartyId, party: PartyId, cdr_id: str, *, now: datetime, if_other: bool = False
    ) -> Work:
        """Examine a CDR anew; nothing if it was accepted or credited before, or never came.

        Args:
            if_other: nothing either if it is found as it was found before.
        """
        case = await self.case(owner, party, cdr_id, now=now)
        if case is None or _was_accepted(case):
            return Work()
        return await self._judged([case], unless_same=frozenset({of_case(case)} if if_other else ()))

    async def case(self, owner: PartyId, party: PartyId, cdr_id: str, *, now: datetime) -> Case | None:
        """A CDR and what the records say of it; None if it never came, or was credited."""
        return await self._case(cdr_stream(owner, party, cdr_id), now)

    async def _case(self, stream: str, now: datetime) -> Case | None:
        known = await self._spine.facts(stream)
        came = any(isinstance(one.fact, CdrReceived) for one in known)
        if not came or any(isinstance(one.fact, CdrCredited) for one in known):
            return None
        return await Records(self._spine).case(known, now)

    def judge(self, case: Case) -> Verdict:
        """What the checks find in it now."""
        return verdict(case, Beside())

    async def decided(self, case: Case, decision: CdrDecided) -> Work:
        """What an operator's decision leads to: accepted, a held CDR gets its line whatever holds it.

        Raises:
            NotDecided: what refuses it only its issuer can mend; or there is a line, or no way to one.
        """
        pen = _Pen()
        if decision.state is CdrState.ACCEPTED:
            self._accept(case, decision, pen)
            return await pen.work(self._spine)
        if decision.state is CdrState.REJECTED and case.line is not None:
            raise NotDecided("it is on a bill: dispute it, so that its issuer credits it")
        pen.write(case.stream, decision, case.version)
        return await pen.work(self._spine)

    def _accept(self, case: Case, decision: CdrDecided, pen: _Pen) -> None:
        if case.line is not None:
            pen.write(case.stream, decision, case.version)
            return
        judged = self.judge(case)
        if case.fact.cdr.credit and case.original is None:
            raise NotDecided("the CDR that it credits is not here")
        refused = [str(one) for one in judged.examined.findings if is_refused((one,))]
        if refused:
            raise NotDecided(f"only its issuer can mend it: {'; '.join(refused)}")
        missing = [one.text for one in judged.examined.findings if one.check == NO_LINE]
        if missing:
            raise NotDecided(f"it cannot be rated: {'; '.join(missing)}")
        if judged.line is None and not case.at_terminal and not case.fact.cdr.credit:
            raise NotDecided("it cannot be rated as it is")
        pen.write(case.stream, decision, case.version)
        _effects(case, judged.line, pen)

    async def _judged(self, cases: Sequence[Case], *, unless_same: frozenset[Of] = frozenset()) -> Work:
        """What is found in each CDR, and the lines of those against which nothing stands.

        Args:
            unless_same: those of which nothing is written if they are found as they were found before.
        """
        pen = _Pen()
        for case in cases:
            if of_case(case) in pen.beside.credited:
                continue  # A credit that overtook it gave it back.
            if case.fact.cdr.signed_data is not None:
                await asyncio.sleep(
                    0
                )  # To verify what is signed takes long: others have their turn in between.
            judged = verdict(case, pen.beside)
            findings = judged.examined.findings
            billed = judged.line is not None or case.at_terminal or case.fact.cdr.credit
            accepted = judged.may_be_billed and billed
            checked = CdrChecked(accepted, tuple(map(str, findings)), judged.examined.unexamined)
            is_as_before = not accepted and case.standing and case.standing[-1] == checked
            if is_as_before and of_case(case) in unless_same:
                continue
            pen.write(case.stream, checked, case.version)
            if accepted:
                _effects(case, judged.line, pen)
        return await pen.work(self._spine)

    # --- once a day ---------------------------------------------------------------------------------

    async def run(self, clock: Clock, findings: Findings, every_s: float = RETRY_S) -> None:
        """Try again what is held for want of something of ours, and look for CDRs that did not come, until cancelled.

        What fails unexpectedly at one CDR or of one owner is a finding, and the others have their turn.
        """
        while True:
            try:
                await self.retry(clock.now(), findings)
                for owner in await self._owners():
                    try:
                        await look_for_missing(self._spine, owner, clock.now())
                    except SpineDown:
                        raise
                    except Exception:
                        log.exception("party:%s: CDRs that did not come could not be looked for", owner)
                        findings.note(f"party:{owner}", "missing CDRs not looked for", "internal error")
            except SpineDown as down:
                log.warning("CDRs cannot be looked at now: %s", down)
            await asyncio.sleep(every_s)

    async def retry(self, now: datetime, findings: Findings | None = None) -> int:
        """Examine anew what is held for want of something that may have come; returns how many are accepted now.

        Args:
            findings: of CDRs whose examination failed unexpectedly, which are logged in any case.
        """
        accepted = 0
        for owner in await self._owners():
            held = {"owner": str(owner), "state": CdrState.HELD.value}
            async for rows in pages(self._spine, t.cdr, held, ("recorded_at",)):
                for row in rows:
                    if _may_be_mended(str(row["findings"] or "")):
                        party, cdr_id = PartyId.parse(str(row["party"])), str(row["cdr_id"])
                        try:
                            accepted += await self._retried(owner, party, cdr_id, now)
                        except SpineDown:
                            raise
                        except Exception:
                            log.exception(
                                "party:%s: CDR %s of %s could not be examined", owner, cdr_id, party
                            )
                            if findings is not None:
                                says = f"CDR {cdr_id} of {party}: internal error"
                                findings.note(f"party:{owner}", "CDR not examined", says)
        return accepted

    async def _retried(self, owner: PartyId, party: PartyId, cdr_id: str, now: datetime) -> bool:
        try:
            work = await self.again(owner, party, cdr_id, now=now, if_other=True)
            if work == Work():
                return False
            await self._spine.commit(work)
        except (StreamMoved, RowMoved):
            return False  # Somebody decided meanwhile, or another line came first: tomorrow again.
        checked = (fact for one in work.appends for fact in one.facts if isinstance(fact, CdrChecked))
        return any(fact.accepted for fact in checked)

    async def _owners(self) -> list[PartyId]:
        return [PartyId.parse(str(row["party"])) for row in await self._spine.find(t.party, order=("party",))]


def of_case(case: Case) -> Of:
    """The key of a case's CDR."""
    return owner_of(case.stream), case.fact.cdr.party, case.fact.cdr.id


def state_of(case: Case) -> CdrState:
    """Where a CDR that was not credited stands."""
    if not case.standing:
        return CdrState.RECEIVED
    last = case.standing[-1]
    return last.state if isinstance(last, CdrDecided) else checked_state(last.accepted, last.findings)


def _was_accepted(case: Case) -> bool:
    """It was, and so has all its effects, whatever came later."""
    return any(map(was_accepted, case.standing))


def _waits(case: Case) -> bool:
    return state_of(case) is CdrState.HELD and not _was_accepted(case)


def _waits_for_another(fact: Fact) -> bool:
    if not isinstance(fact, CdrChecked) or fact.accepted:
        return False
    return _lacks_session(fact.findings) or _lacks_original(fact.findings)


def _lacks_session(findings: Iterable[str]) -> bool:
    return _SESSION_UNKNOWN in kinds_of(findings)


def _may_be_mended(findings: str) -> bool:
    """Was something missing, of ours or of what its party tells us, that may be there by now?"""
    told = findings.split("\n")
    not_covered = any(NOT_COVERED in one for one in told if one.startswith(_NO_RIGHT))
    return _lacks_original(told) or not_covered or not {NO_LINE, *_LATE}.isdisjoint(kinds_of(told))


def _lacks_original(findings: Iterable[str]) -> bool:
    """Is it a credit that overtook what it gives back?"""
    return any(one.endswith(NOT_COME) for one in findings)


def _effects(case: Case, line: BillLine | None, pen: _Pen) -> None:
    """What an accepted CDR leads to."""
    cdr, owner = case.fact.cdr, owner_of(case.stream)
    pen.beside.accepted.add(of_case(case))
    if line is not None:
        pen.line(owner, line)
        pen.lined.append(case)
    if cdr.credit:
        _give_back(case, pen)


def _give_back(case: Case, pen: _Pen) -> None:
    """Take the line of the CDR that a credit names from the bill; one that has none only bears the mark."""
    original, cdr = case.original, case.fact.cdr
    assert original is not None, "a credit of a CDR that is not here is held (V41)"
    of = owner_of(case.stream), original.cdr.party, original.cdr.id
    pen.write(original.stream, CdrCredited(cdr.id), original.version)
    pen.beside.credited[of] = cdr.id
    line = original.line or pen.beside.lines.get(of)
    if line is not None:
        pen.line(owner_of(case.stream), taken_back(line, cdr))


class _Pen:
    """Collects facts for streams, each expected where the one before it leaves the stream."""

    def __init__(self) -> None:
        self._facts: list[tuple[str, Fact]] = []
        self._versions: dict[str, int] = {}
        self.beside = Beside()
        """What this work does, for the CDRs that come later in it."""
        self.lined: list[Case] = []
        """Cases that get a line."""

    def write(self, stream: str, fact: Fact, version: int) -> None:
        """Add a fact to a stream that was at this version when it was read."""
        self._versions.setdefault(stream, version)
        self._facts.append((stream, fact))

    def line(self, owner: PartyId, line: BillLine) -> None:
        """Add a line to the bill of its contract."""
        self._facts.append((contract_stream(owner, line.contract_id), BillLineAdded(line)))
        self.beside.lines[owner, line.cdr_party, line.cdr_id] = line

    async def work(self, spine: Spine) -> Work:
        """All that was written.

        Where the contracts' streams end is read late: bills of other shards are written to them, too. Whether
        a session got a line from another CDR meanwhile is read after that, so what comes later still is met there.

        Raises:
            RowMoved: one did (V02).
        """
        contracts = sorted({stream for stream, _ in self._facts} - self._versions.keys())
        ends = await side_by_side(spine.version, contracts)
        records = Records(spine)
        for case in await records.contested(self.lined):
            billed = await records.billed_as(case)
            if billed != case.billed_as:
                raise RowMoved(t.bill_line.name, {"session_id": case.fact.cdr.session_id, "cdr_id": billed})
        versions = self._versions | dict(zip(contracts, ends, strict=True))
        appends: list[Append] = []
        for stream, fact in self._facts:
            appends.append(Append(stream, versions[stream], (fact,)))
            versions[stream] += 1
        return Work(tuple(appends))


def kinds_of(findings: Iterable[str]) -> tuple[str, ...]:
    """The numbers of findings as facts and rows have them."""
    return tuple(dict.fromkeys(line.split(" ", 1)[0] for line in findings if line))
