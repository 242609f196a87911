"""The biller: examines every CDR another party sends us, and puts it on the customer's bill.

A CDR that passes becomes one line on the contract it belongs to. One that does not is held, with
its findings, and costs the customer nothing; ``again`` examines it anew when the cause is mended.
"""

from __future__ import annotations

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
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Recorded, Row, Spine, Work
from elstrada.tariffs.refusals import UnknownZone
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

    async def again(self, owner: PartyId, party: PartyId, cdr_id: str) -> Work:
        """Examine a held CDR anew; nothing if it was accepted, or never came."""
        known = await self._spine.facts(cdr_stream(owner, party, cdr_id))
        received = [one for one in known if isinstance(one.fact, CdrReceived)]
        if not received or any(isinstance(one.fact, CdrChecked) and one.fact.accepted for one in known):
            return Work()
        pen = _Pen(self._spine)
        first = received[0]
        await self._examine(first.stream, cast(CdrReceived, first.fact), None, pen)
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
            await self._examine(one.stream, fact, None, pen)
        elif earlier != fact.content_hash:
            await self._examine(one.stream, fact, earlier, pen)  # V01; the same content again is nothing new.

    async def _examine(self, stream: str, fact: CdrReceived, earlier: str | None, pen: _Pen) -> None:
        owner, cdr = owner_of(stream), fact.cdr
        contract_id = await self._contract_of(owner, cdr.token_ref)
        known = Known(token=contract_id is not None, content_hash=fact.content_hash, earlier_hash=earlier)
        findings, line = await self._judged(owner, cdr, known, contract_id)
        await pen.write(stream, CdrChecked(line is not None, tuple(str(finding) for finding in findings)))
        if line is not None:
            await pen.write(contract_stream(owner, line.contract_id), BillLineAdded(line))

    async def _judged(
        self, owner: PartyId, cdr: Cdr, known: Known, contract_id: str | None
    ) -> tuple[tuple[Finding, ...], BillLine | None]:
        """What is found, and the line if nothing stands against it."""
        try:
            findings = validate(cdr, known)
            if contract_id is None or not may_be_billed(findings):
                return findings, None
            line = await self._rated(owner, cdr, contract_id)
        except ArithmeticError:  # 1E+999999 kWh in the year 9999: no peer stops the bills of the others.
            return (_held("a number or a date in the CDR is beyond reckoning"),), None
        return ((*findings, line), None) if isinstance(line, Finding) else (findings, line)

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

    async def _contract_of(self, owner: PartyId, token_ref: str) -> str | None:
        found = await self._spine.find(t.token, {"owner": str(owner), "ref": token_ref}, limit=1)
        return cast(str, found[0]["contract_id"]) if found else None

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

    async def write(self, stream: str, fact: Fact) -> None:
        if stream not in self._versions:
            self._versions[stream] = (await self._spine.load(stream)).version
        self._appends.append(Append(stream, self._versions[stream], (fact,)))
        self._versions[stream] += 1

    def work(self) -> Work:
        return Work(tuple(self._appends))


def _held(text: str) -> Finding:
    return Finding(NO_LINE, Severity.HOLD, text)


def _read(row: Row | None, kind: type[_T]) -> _T | None:
    return None if row is None else msgspec.json.decode(cast(str, row["document"]), type=kind)
