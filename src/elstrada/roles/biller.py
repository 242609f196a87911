"""The biller: examines every CDR another party sends us, and puts it on the customer's bill.

A CDR that passes becomes one line on the contract it belongs to. One that does not is held, with
its findings, and costs the customer nothing; ``again`` examines it anew when the cause is mended.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec

from elstrada.billing.plans import NotRated, bill_line
from elstrada.billing.validate import Finding, Known, Severity, may_be_billed, validate
from elstrada.model.cdr import Cdr
from elstrada.model.facts import BillLineAdded, CdrChecked, CdrReceived, Fact
from elstrada.model.ids import PartyId, cdr_stream, contract_stream, owner_of
from elstrada.model.invoice import BillLine, Contract, Plan
from elstrada.model.location import Location
from elstrada.model.token import Token
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Append, Recorded, Row, Spine, Work
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import NotPriced, UnknownZone
from elstrada.tariffs.usage import usage_of, zone_named

NAME = "biller"
"""Of its cursor, for ever."""
NO_LINE = "RATE"
"""Check id of a finding that is no fault of the CDR: something of ours is missing to rate it."""

_T = TypeVar("_T")


class Biller:
    """A follower: ``handle`` is called with the log's facts, and says what they lead to."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine

    async def handle(self, batch: list[Recorded]) -> Work:
        """Examine the CDRs that these facts bring."""
        pen = _Pen(self._spine)
        for one in batch:
            if isinstance(one.fact, CdrReceived):
                await self._receive(one, one.fact, pen)
        return pen.work()

    async def again(self, owner: PartyId, party: PartyId, cdr_id: str, *, now: datetime) -> Work:
        """Examine a held CDR anew; nothing if it was accepted, or never came."""
        known = await self._spine.facts(cdr_stream(owner, party, cdr_id))
        received = [one for one in known if isinstance(one.fact, CdrReceived)]
        if not received or any(isinstance(one.fact, CdrChecked) and one.fact.accepted for one in known):
            return Work()
        pen = _Pen(self._spine)
        first = received[0]
        await self._examine(first.stream, cast(CdrReceived, first.fact), None, now, pen)
        return pen.work()

    async def _receive(self, one: Recorded, fact: CdrReceived, pen: _Pen) -> None:
        known = await self._spine.facts(one.stream)
        if any(isinstance(other.fact, CdrChecked) and other.version > one.version for other in known):
            return  # Examined before this reading of the log.
        earlier = next(
            (other.fact.content_hash for other in known if isinstance(other.fact, CdrReceived)), None
        )
        first = not any(isinstance(o.fact, CdrReceived) and o.version < one.version for o in known)
        if first:
            await self._examine(one.stream, fact, None, one.at, pen)
        elif earlier != fact.content_hash:
            await self._examine(one.stream, fact, earlier, one.at, pen)  # V01; same content: nothing new.

    async def _examine(
        self, stream: str, fact: CdrReceived, earlier: str | None, now: datetime, pen: _Pen
    ) -> None:
        owner, cdr = owner_of(stream), fact.cdr
        token = await self._token(owner, cdr.token_ref)
        at_terminal = await self._paid_at_terminal(owner, cdr)
        known = Known(
            token=token is not None or at_terminal,
            now=now,
            blocked_since=token.last_updated if token and not token.valid else None,
            billed_as=await self._billed_as(owner, cdr, pen),
            content_hash=fact.content_hash,
            earlier_hash=earlier,
        )
        findings, line = await self._judged(owner, cdr, known, token and token.contract_id)
        accepted = line is not None or (at_terminal and may_be_billed(findings))
        await pen.write(stream, CdrChecked(accepted, tuple(str(finding) for finding in findings)))
        if line is not None:
            await pen.write(contract_stream(owner, line.contract_id), BillLineAdded(line))

    async def _paid_at_terminal(self, owner: PartyId, cdr: Cdr) -> bool:
        """Did its driver pay at a terminal of ours? Then nobody's bill has a line of it."""
        payment_id = (cdr.authorization_reference or "").lower()
        row = await self._spine.get(t.terminal_payment, owner=str(owner), payment_id=payment_id)
        return row is not None

    async def _judged(
        self, owner: PartyId, cdr: Cdr, known: Known, contract_id: str | None
    ) -> tuple[tuple[Finding, ...], BillLine | None]:
        """What is found, and the line if nothing stands against it."""
        try:
            findings = validate(cdr, known)
            if contract_id is None or not may_be_billed(findings):
                return findings, None
            # Only now, as a CDR with impossible times or periods is none that can be priced.
            findings = validate(cdr, await self._priced(owner, cdr, known))
            if not may_be_billed(findings):
                return findings, None
            line = await self._rated(owner, cdr, contract_id)
        except ArithmeticError:  # 1E+999999 kWh in the year 9999: no peer stops the bills of the others.
            return (_held("a number or a date in the CDR is beyond reckoning"),), None
        return ((*findings, line), None) if isinstance(line, Finding) else (findings, line)

    async def _priced(self, owner: PartyId, cdr: Cdr, known: Known) -> Known:
        """With the price that the CDR's own tariffs give (V20); a CDR without any is V25's business."""
        if not cdr.tariffs:
            return known
        try:
            zone = await self._zone(owner, cdr)
            cost = price(usage_of(cdr, time_zone=zone.key), cdr.tariffs)
        except NotPriced as refusal:
            return msgspec.structs.replace(known, not_priced=str(refusal))
        return msgspec.structs.replace(known, price=cost.total.before_taxes)

    async def _billed_as(self, owner: PartyId, cdr: Cdr, pen: _Pen) -> str | None:
        """Another CDR of the session that has its line, or gets it with this work (V02)."""
        if cdr.session_id is None:
            return None
        of: Row = {"owner": str(owner), "party": str(cdr.party), "session_id": cdr.session_id}
        rows = await self._spine.find(t.cdr, of, order=("recorded_at",))
        others = tuple(cast(str, row["cdr_id"]) for row in rows if row["cdr_id"] != cdr.id)
        if not others:
            return None
        lines = {"owner": str(owner), "cdr_party": str(cdr.party), "cdr_id": AnyOf(others)}
        found = await self._spine.find(t.bill_line, lines, limit=1)
        if found:
            return cast(str, found[0]["cdr_id"])
        return next((one for one in others if (cdr.party, one) in pen.billed), None)

    async def _rated(self, owner: PartyId, cdr: Cdr, contract_id: str) -> BillLine | Finding:
        """The line, or why there is none."""
        contract = _read(
            await self._spine.get(t.contract, owner=str(owner), contract_id=contract_id), Contract
        )
        if contract is None:
            return _held(f"contract {contract_id} is not in the records: add it")
        plan = _read(await self._spine.get(t.plan, owner=str(owner), plan_id=contract.plan_id), Plan)
        if plan is None:
            return _held(f"plan {contract.plan_id} of contract {contract_id} is not in the records: add it")
        try:
            zone = await self._zone(owner, cdr)
            line = bill_line(cdr, plan, contract, zone=zone)
        except (NotRated, UnknownZone) as refusal:
            return _held(str(refusal))
        day = cdr.start_date_time.astimezone(zone).date()
        if day < contract.valid_from or (contract.valid_to is not None and day > contract.valid_to):
            return Finding("V30", Severity.HOLD, f"contract {contract_id} does not cover {day}")
        return line if line.vat_percent is not None else _held("; ".join(line.notes))

    async def _token(self, owner: PartyId, token_ref: str) -> Token | None:
        found = await self._spine.find(t.token, {"owner": str(owner), "ref": token_ref}, limit=1)
        return _read(found[0], Token) if found else None

    async def _zone(self, owner: PartyId, cdr: Cdr) -> ZoneInfo:
        """The place's zone: by our copy of the location, else by the CDR, else by its country (rule 17)."""
        row = await self._spine.get(
            t.location, owner=str(owner), party=str(cdr.party), location_id=cdr.cdr_location.id
        )
        location = _read(row, Location)
        return zone_named(usage_of(cdr, time_zone=location and location.time_zone).time_zone)


class _Pen:
    """Collects facts for streams, each expected where the one before it leaves the stream."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self._versions: dict[str, int] = {}
        self._appends: list[Append] = []
        self.billed: set[tuple[PartyId, str]] = set()
        """Party and id of the CDRs that get a line."""

    async def write(self, stream: str, fact: Fact) -> None:
        if stream not in self._versions:
            self._versions[stream] = (await self._spine.load(stream)).version
        self._appends.append(Append(stream, self._versions[stream], (fact,)))
        self._versions[stream] += 1
        if isinstance(fact, BillLineAdded):
            self.billed.add((fact.line.cdr_party, fact.line.cdr_id))

    def work(self) -> Work:
        return Work(tuple(self._appends))


def _held(text: str) -> Finding:
    return Finding(NO_LINE, Severity.HOLD, text)


def _read(row: Row | None, kind: type[_T]) -> _T | None:
    return None if row is None else msgspec.json.decode(cast(str, row["document"]), type=kind)
