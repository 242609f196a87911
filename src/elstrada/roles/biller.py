"""The biller: examines every CDR another party sends us, and puts it on the customer's bill.

A CDR that passes becomes one line on the contract it belongs to. One that does not is held, with
its findings, and costs the customer nothing; ``again`` examines it anew when the cause is mended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Table

from elstrada.billing.plans import NotRated, bill_line
from elstrada.billing.validate import Finding, Known, Severity, may_be_billed, validate
from elstrada.model.cdr import Cdr
from elstrada.model.facts import BillLineAdded, CdrChecked, CdrReceived, Fact
from elstrada.model.ids import PartyId, cdr_stream, contract_stream, owner_of
from elstrada.model.invoice import BillLine, Contract, Plan
from elstrada.model.location import Location
from elstrada.model.token import Token
from elstrada.roles.side_by_side import side_by_side
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Append, Cell, Recorded, Row, Spine, Work
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
        records = _Records(self._spine)
        received = [one for one in batch if isinstance(one.fact, CdrReceived)]
        cases = await side_by_side(records.received, received)
        return await self._work([case for case in cases if case is not None])

    async def again(self, owner: PartyId, party: PartyId, cdr_id: str, *, now: datetime) -> Work:
        """Examine a held CDR anew; nothing if it was accepted, or never came."""
        known = await self._spine.facts(cdr_stream(owner, party, cdr_id))
        received = [one for one in known if isinstance(one.fact, CdrReceived)]
        if not received or any(isinstance(one.fact, CdrChecked) and one.fact.accepted for one in known):
            return Work()
        return await self._work([await _Records(self._spine).case(received[0], None, now, known[-1].version)])

    async def _work(self, cases: Sequence[_Case]) -> Work:
        """What is found in each CDR, and the lines of those against which nothing stands.

        Where the contracts' streams end is read last: bills of other shards are written to them, too.
        """
        verdicts = _verdicts(cases)
        contracts = sorted({one.contract for one in verdicts if one.contract})
        ends = await side_by_side(self._spine.version, contracts)
        pen = _Pen(dict(zip(contracts, ends, strict=True)) | {case.stream: case.version for case in cases})
        for case, one in zip(cases, verdicts, strict=True):
            pen.write(case.stream, one.checked)
            if one.line is not None:
                pen.write(one.contract, BillLineAdded(one.line))
        return pen.work()


# --- what the records say ---------------------------------------------------------------------------


class _Case(msgspec.Struct, frozen=True):
    """A CDR that is to be examined, and everything that the records say of it."""

    stream: str
    version: int
    """Of its stream now."""
    now: datetime
    fact: CdrReceived
    earlier: str | None
    """Hash of what came before under its id, if that was another."""
    token: Token | None
    at_terminal: bool
    """Its driver paid at a terminal of ours, so that nobody's bill has a line of it."""
    others: tuple[str, ...]
    """Ids of the other CDRs of its session."""
    billed_as: str | None
    """The one among them that has a line (V02)."""
    place: Location | None
    """Our copy."""
    contract: Contract | None
    plan: Plan | None


class _Records:
    """Reads for many CDRs side by side, and what several of them name once."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self._documents: dict[tuple[object, ...], asyncio.Task[object]] = {}

    async def received(self, one: Recorded) -> _Case | None:
        """The case that a fact of the log brings; None if there is nothing to examine."""
        known = await self._spine.facts(one.stream)
        if any(isinstance(other.fact, CdrChecked) and other.version > one.version for other in known):
            return None  # Examined before this reading of the log.
        fact, first = cast(CdrReceived, one.fact), next(o for o in known if isinstance(o.fact, CdrReceived))
        if first.version == one.version:
            return await self.case(one, None, one.at, known[-1].version)
        earlier = cast(CdrReceived, first.fact).content_hash
        if earlier == fact.content_hash:
            return None  # The same content again: nothing new.
        return await self.case(one, earlier, one.at, known[-1].version)  # V01

    async def case(self, one: Recorded, earlier: str | None, now: datetime, version: int) -> _Case:
        """A CDR with what the records say of it."""
        fact, owner = cast(CdrReceived, one.fact), str(owner_of(one.stream))
        cdr = fact.cdr
        found = await self._spine.find(t.token, {"owner": owner, "ref": cdr.token_ref}, limit=1)
        token = _read(found[0], Token) if found else None
        contract = plan = None
        if token is not None:
            contract = await self._document(t.contract, Contract, owner=owner, contract_id=token.contract_id)
        if contract is not None:
            plan = await self._document(t.plan, Plan, owner=owner, plan_id=contract.plan_id)
        others = await self._others(owner, cdr)
        return _Case(
            stream=one.stream,
            version=version,
            now=now,
            fact=fact,
            earlier=earlier,
            token=token,
            at_terminal=await self._paid_at_terminal(owner, cdr),
            others=others,
            billed_as=await self._billed(owner, cdr, others),
            place=await self._document(
                t.location, Location, owner=owner, party=str(cdr.party), location_id=cdr.cdr_location.id
            ),
            contract=contract,
            plan=plan,
        )

    async def _paid_at_terminal(self, owner: str, cdr: Cdr) -> bool:
        payment_id = (cdr.authorization_reference or "").lower()
        if not payment_id:
            return False
        return await self._spine.get(t.terminal_payment, owner=owner, payment_id=payment_id) is not None

    async def _others(self, owner: str, cdr: Cdr) -> tuple[str, ...]:
        if cdr.session_id is None:
            return ()
        of: Row = {"owner": owner, "party": str(cdr.party), "session_id": cdr.session_id}
        rows = await self._spine.find(t.cdr, of, order=("recorded_at",))
        return tuple(cast(str, row["cdr_id"]) for row in rows if row["cdr_id"] != cdr.id)

    async def _billed(self, owner: str, cdr: Cdr, others: tuple[str, ...]) -> str | None:
        if not others:
            return None
        lines = {"owner": owner, "cdr_party": str(cdr.party), "cdr_id": AnyOf(others)}
        found = await self._spine.find(t.bill_line, lines, limit=1)
        return cast(str, found[0]["cdr_id"]) if found else None

    async def _document(self, table: Table, kind: type[_T], **key: Cell) -> _T | None:
        """The noun in this row; read once, however many CDRs name it."""

        async def read() -> object:
            return _read(await self._spine.get(table, **key), kind)

        named = (table.name, *key.values())
        if named not in self._documents:
            self._documents[named] = asyncio.create_task(read())
        return cast("_T | None", await self._documents[named])


def _read(row: Row | None, kind: type[_T]) -> _T | None:
    return None if row is None else msgspec.json.decode(cast(str, row["document"]), type=kind)


# --- what follows from it ---------------------------------------------------------------------------


class _Verdict(msgspec.Struct, frozen=True):
    """What is written of a CDR."""

    checked: CdrChecked
    line: BillLine | None
    contract: str
    """Stream of the contract to which the line goes; empty without a line."""


def _verdicts(cases: Sequence[_Case]) -> list[_Verdict]:
    """One for each case, in their order; a session gets one line among them, too (V02)."""
    verdicts, billed = list[_Verdict](), set[tuple[PartyId, str]]()
    for case in cases:
        findings, line = _found(case, _known(case, billed))
        accepted = line is not None or (case.at_terminal and may_be_billed(findings))
        checked = CdrChecked(accepted, tuple(str(finding) for finding in findings))
        contract = contract_stream(owner_of(case.stream), line.contract_id) if line else ""
        verdicts.append(_Verdict(checked, line, contract))
        if line is not None:
            billed.add((line.cdr_party, line.cdr_id))
    return verdicts


def _known(case: _Case, billed: Collection[tuple[PartyId, str]]) -> Known:
    token, party = case.token, case.fact.cdr.party
    with_this_work = (other for other in case.others if (party, other) in billed)
    return Known(
        token=token is not None or case.at_terminal,
        now=case.now,
        blocked_since=token.last_updated if token and not token.valid else None,
        billed_as=case.billed_as or next(with_this_work, None),
        content_hash=case.fact.content_hash,
        earlier_hash=case.earlier,
    )


def _found(case: _Case, known: Known) -> tuple[tuple[Finding, ...], BillLine | None]:
    """What is found, and the line if nothing stands against it."""
    cdr = case.fact.cdr
    try:
        findings = validate(cdr, known)
        if case.token is None or not may_be_billed(findings):
            return findings, None
        # Only now, as a CDR with impossible times or periods is none that can be priced.
        findings = validate(cdr, _priced(case, known))
        if not may_be_billed(findings):
            return findings, None
        line = _rated(case, case.token.contract_id)
    except ArithmeticError:  # 1E+999999 kWh in the year 9999: no peer stops the bills of the others.
        return (_held("a number or a date in the CDR is beyond reckoning"),), None
    return ((*findings, line), None) if isinstance(line, Finding) else (findings, line)


def _priced(case: _Case, known: Known) -> Known:
    """With the price that the CDR's own tariffs give (V20); a CDR without any is V25's business."""
    cdr = case.fact.cdr
    if not cdr.tariffs:
        return known
    try:
        cost = price(usage_of(cdr, time_zone=_zone(case).key), cdr.tariffs)
    except NotPriced as refusal:
        return msgspec.structs.replace(known, not_priced=str(refusal))
    return msgspec.structs.replace(known, price=cost.total.before_taxes)


def _rated(case: _Case, contract_id: str) -> BillLine | Finding:
    """The line, or why there is none."""
    cdr, contract, plan = case.fact.cdr, case.contract, case.plan
    if contract is None:
        return _held(f"contract {contract_id} is not in the records: add it")
    if plan is None:
        return _held(f"plan {contract.plan_id} of contract {contract_id} is not in the records: add it")
    try:
        zone = _zone(case)
        line = bill_line(cdr, plan, contract, zone=zone)
    except (NotRated, UnknownZone) as refusal:
        return _held(str(refusal))
    day = cdr.start_date_time.astimezone(zone).date()
    if day < contract.valid_from or (contract.valid_to is not None and day > contract.valid_to):
        return Finding("V30", Severity.HOLD, f"contract {contract_id} does not cover {day}")
    return line if line.vat_percent is not None else _held("; ".join(line.notes))


def _zone(case: _Case) -> ZoneInfo:
    """The place's zone: by our copy of the location, else by the CDR, else by its country (rule 17)."""
    return zone_named(usage_of(case.fact.cdr, time_zone=case.place and case.place.time_zone).time_zone)


def _held(text: str) -> Finding:
    return Finding(NO_LINE, Severity.HOLD, text)


class _Pen:
    """Collects facts for streams, each expected where the one before it leaves the stream."""

    def __init__(self, versions: dict[str, int]) -> None:
        self._versions = versions
        self._appends: list[Append] = []

    def write(self, stream: str, fact: Fact) -> None:
        """Add a fact behind those that are there, and those that this work adds."""
        expected = self._versions[stream]
        self._appends.append(Append(stream, expected, (fact,)))
        self._versions[stream] = expected + 1

    def work(self) -> Work:
        return Work(tuple(self._appends))
