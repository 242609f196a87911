"""What the records say of a CDR that is to be examined: read for many side by side, and what they share once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar, cast

import msgspec
from sqlalchemy import Table

from elstrada.model.cdr import Cdr, CdrState
from elstrada.model.examination import Examination
from elstrada.model.facts import CdrChecked, CdrCredited, CdrDecided, CdrReceived, Fact
from elstrada.model.ids import PartyId, cdr_stream, owner_of
from elstrada.model.invoice import BillLine, Contract, Plan
from elstrada.model.location import Location
from elstrada.model.session import Session
from elstrada.model.tariff import Tariff
from elstrada.model.token import Token
from elstrada.roles.cdr_terms import Senders
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Cell, Recorded, Row, Spine

_T = TypeVar("_T")
_MOST_OF_TOKEN = 100
_MOST_AT_EVSE = 20
"""Other CDRs that are looked at."""
_MOST_A_MONTH = 1_000
_MOST_TARIFFS = 10
_MOST_OTHERS = 100
_DAYS_AROUND = timedelta(days=2)
_LAST_YEAR = 9999
_LONGEST_MONTH = timedelta(days=31)


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """The CDR that a credit CDR names."""

    cdr: Cdr
    stream: str
    version: int
    by: str | None
    """Another credit CDR that gave it back."""
    line: BillLine | None
    """Where it is billed."""
    accepted: bool
    """By our examination, or by somebody's decision."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR that is to be examined, and everything that the records say of it."""

    stream: str
    version: int
    """Of its stream now."""
    now: datetime
    received_at: datetime
    fact: CdrReceived
    earlier: str | None
    """Hash of what came before under its id, if that was another."""
    standing: tuple[CdrChecked | CdrDecided, ...]
    """What was found and decided of it so far."""
    terms: Examination
    """What is agreed of its party's CDRs."""
    sender_may: bool | None
    sender_speaks: str | None
    """The version of OCPI in which it came; None: that is not known."""
    token: Token | None
    at_terminal: bool
    """Its driver paid at a terminal of ours, so that nobody's bill has a line of it."""
    others: tuple[Row, ...]
    """The other CDRs of its session that are no credits."""
    billed_as: str | None
    """The one among those that were not credited that has a line (V02)."""
    line: str | None
    """Id of its own line."""
    place: Location | None
    """Our copy."""
    places: bool
    """We have locations of its party."""
    session: Session | None
    sessions: bool
    """Its party tells us of sessions."""
    tariffs_then: tuple[Tariff, ...]
    of_token: tuple[Row, ...]
    """Other CDRs of its token in the days around it, of other sessions."""
    at_evse: tuple[Row, ...]
    """Likewise of its EVSE, up to its end; the latest first."""
    month_kwh: Decimal | None
    reserved: bool | None
    original: Original | None
    contract: Contract | None
    plans: dict[str, Plan]
    """Of its contract, by id: all that are in the records."""


class Records:
    """Reads for many CDRs side by side, and what several of them name once."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self._senders = Senders(spine)
        self._documents: dict[tuple[object, ...], asyncio.Task[object]] = {}
        self._there: dict[tuple[str, ...], asyncio.Task[bool]] = {}
        self._of_tokens: dict[tuple[str, str, Between], asyncio.Task[list[Row]]] = {}

    async def received(self, one: Recorded) -> Case | None:
        """The case that a fact of the log brings; None if there is nothing to examine."""
        known = await self._spine.facts(one.stream)
        if any(_settles(other, one) for other in known):
            return None  # Examined before this reading of the log, or given back meanwhile.
        fact, first = cast(CdrReceived, one.fact), next(o for o in known if isinstance(o.fact, CdrReceived))
        if first.version == one.version:
            return await self.case(known, one.at)
        earlier = cast(CdrReceived, first.fact).content_hash
        if earlier == fact.content_hash:
            return None  # The same content again: nothing new.
        return await self.case(known, one.at, one, earlier)  # V01

    async def case(
        self, known: list[Recorded], now: datetime, one: Recorded | None = None, earlier: str | None = None
    ) -> Case:
        """A CDR with what the records say of it.

        Args:
            known: all facts of its stream, one of which at least is its arrival.
            one: the arrival that is meant; None: the first.
            earlier: hash of the one before it.
        """
        one = one or next(other for other in known if isinstance(other.fact, CdrReceived))
        owner_id = owner_of(one.stream)
        fact, owner = cast(CdrReceived, one.fact), str(owner_id)
        cdr = fact.cdr
        terms = await self._senders.terms(owner_id, cdr.party)
        token = await self._token(owner, cdr)
        contract, plans = await self._contract(owner_id, token)
        others = await self._others(owner, cdr)
        place = await self._document(
            t.location, Location, owner=owner, party=str(cdr.party), location_id=cdr.cdr_location.id
        )
        session = await self._session(owner, cdr)
        lines = await self._lines(owner, cdr, others)
        return Case(
            stream=one.stream,
            version=known[-1].version,
            now=now,
            received_at=one.at,
            fact=fact,
            earlier=earlier,
            standing=tuple(o.fact for o in known if isinstance(o.fact, CdrChecked | CdrDecided)),
            terms=terms,
            sender_may=await self._senders.may(owner_id, fact.peer_id, cdr.party),
            sender_speaks=await self._senders.version(owner_id, fact.peer_id),
            token=token,
            at_terminal=await self._paid_at_terminal(owner, cdr),
            others=others,
            billed_as=_other(lines, cdr),
            line=lines.get(cdr.id),
            place=place,
            places=place is not None or await self._any(t.location, owner, cdr.party),
            session=session,
            sessions=session is not None or await self._any(t.roamed_session, owner, cdr.party),
            tariffs_then=await self._tariffs_then(owner, cdr),
            of_token=await self._of_token(owner, cdr),
            at_evse=await self._at_evse(owner, cdr),
            month_kwh=await self._month_kwh(owner, cdr) if terms.thresholds.month_kwh is not None else None,
            reserved=await self._reserved(owner, cdr),
            original=await self._original(owner_id, cdr) if cdr.credit else None,
            contract=contract,
            plans=plans,
        )

    async def _token(self, owner: str, cdr: Cdr) -> Token | None:
        """The token of its issuer: another's may have the same uid (R-44)."""
        if cdr.token_party is None:
            return None
        where = {"owner": owner, "party": str(cdr.token_party), "ref": cdr.token_ref}
        found = await self._spine.find(t.token, where, order=("type", "uid"), limit=1)
        return _read(found[0], Token) if found else None

    async def _contract(self, owner: PartyId, token: Token | None) -> tuple[Contract | None, dict[str, Plan]]:
        if token is None:
            return None, {}
        key = {"owner": str(owner), "contract_id": token.contract_id}
        contract = await self._document(t.contract, Contract, **key)
        if contract is None:
            return None, {}
        found = [
            await self._document(t.plan, Plan, owner=str(owner), plan_id=plan_id)
            for plan_id in contract.plan_ids
        ]
        return contract, {plan.id: plan for plan in found if plan is not None}

    async def _paid_at_terminal(self, owner: str, cdr: Cdr) -> bool:
        payment_id = (cdr.authorization_reference or "").lower()
        if not payment_id:
            return False
        return await self._spine.get(t.terminal_payment, owner=owner, payment_id=payment_id) is not None

    async def _others(self, owner: str, cdr: Cdr) -> tuple[Row, ...]:
        if cdr.session_id is None:
            return ()
        of: Row = {"owner": owner, "party": str(cdr.party), "session_id": cdr.session_id}
        rows = await self._spine.find(t.cdr, of, order=("recorded_at",), limit=_MOST_OTHERS)
        return tuple(row for row in rows if row["cdr_id"] != cdr.id and row["credits"] is None)

    async def contested(self, cases: Sequence[Case]) -> list[Case]:
        """Those of whose session another CDR is here by now; one question for all of a party."""
        by_party: dict[tuple[str, str], dict[str, list[Case]]] = {}
        for case in cases:
            cdr = case.fact.cdr
            if cdr.session_id is not None:
                of = str(owner_of(case.stream)), str(cdr.party)
                by_party.setdefault(of, {}).setdefault(cdr.session_id, []).append(case)
        found: list[Case] = []
        for (owner, party), sessions in by_party.items():
            where = {"owner": owner, "party": party, "session_id": AnyOf(tuple(sessions))}
            for row in await self._spine.count(t.cdr, where, by=("session_id",)):
                if cast(int, row["count"]) > 1:
                    found += sessions[str(row["session_id"])]
        return found

    async def billed_as(self, case: Case) -> str | None:
        """Another CDR of the case's session that has a line by now (V02)."""
        cdr, owner = case.fact.cdr, str(owner_of(case.stream))
        return _other(await self._lines(owner, cdr, await self._others(owner, cdr)), cdr)

    async def _lines(self, owner: str, cdr: Cdr, others: tuple[Row, ...]) -> dict[str, str]:
        """Ids of the bill lines of a CDR and of those others that were not credited, by CDR."""
        cdr_ids = (cdr.id, *_standing_ids(others))
        where = {"owner": owner, "cdr_party": str(cdr.party), "cdr_id": AnyOf(cdr_ids)}
        rows = await self._spine.find(t.bill_line, where, limit=len(cdr_ids))
        return {str(row["cdr_id"]): str(row["line_id"]) for row in rows}

    async def _session(self, owner: str, cdr: Cdr) -> Session | None:
        if cdr.session_id is None:
            return None
        key = {"owner": owner, "party": str(cdr.party), "session_id": cdr.session_id}
        return _read(await self._spine.get(t.roamed_session, **key), Session)

    async def _tariffs_then(self, owner: str, cdr: Cdr) -> tuple[Tariff, ...]:
        """Our copies of the CDR's tariffs, as far as they did not change since the session's start."""
        copies: list[Tariff] = []
        for tariff_id in dict.fromkeys(one.id for one in cdr.tariffs[:_MOST_TARIFFS]):
            copy = await self._document(
                t.tariff, Tariff, owner=owner, party=str(cdr.party), tariff_id=tariff_id
            )
            if copy is not None and copy.last_updated <= cdr.start_date_time:
                copies.append(copy)
        return tuple(copies)

    async def _of_token(self, owner: str, cdr: Cdr) -> tuple[Row, ...]:
        """Read once for all CDRs of a token on the same days."""
        around = _around(cdr.start_date_time, cdr.end_date_time)
        days = _whole_days(around)
        named = owner, cdr.token_ref, days
        if named not in self._of_tokens:
            self._of_tokens[named] = asyncio.create_task(self._token_days(owner, cdr.token_ref, days))
        return _near((row for row in await self._of_tokens[named] if _within(row, around)), cdr)

    async def _token_days(self, owner: str, token_ref: str, days: Between) -> list[Row]:
        where = {"owner": owner, "token_ref": token_ref, "started_at": days}
        return await self._spine.find(t.cdr, where, order=("-started_at",), limit=_MOST_OF_TOKEN)

    async def _at_evse(self, owner: str, cdr: Cdr) -> tuple[Row, ...]:
        where = {
            "owner": owner,
            "party": str(cdr.party),
            "evse_uid": cdr.cdr_location.evse_uid,
            "started_at": Between(high=max(cdr.start_date_time, cdr.end_date_time)),
        }
        rows = await self._spine.find(t.cdr, where, order=("-started_at",), limit=_MOST_AT_EVSE)
        return _near(rows, cdr)

    async def _month_kwh(self, owner: str, cdr: Cdr) -> Decimal:
        begin = cdr.start_date_time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if begin.year == _LAST_YEAR:
            return Decimal(0)  # The calendar has no month after it.
        where = {
            "owner": owner,
            "token_ref": cdr.token_ref,
            "started_at": Between(begin, (begin + _LONGEST_MONTH).replace(day=1)),
            "state": CdrState.ACCEPTED.value,
        }
        rows = await self._spine.find(t.cdr, where, order=("started_at",), limit=_MOST_A_MONTH)
        others = (row for row in rows if (row["party"], row["cdr_id"]) != (str(cdr.party), cdr.id))
        # A credit says the energy of the CDR that it gives back (A21): it was taken no second time.
        return sum(
            (cast(Decimal, row["total_energy"]) for row in others if row["credits"] is None), Decimal(0)
        )

    async def _reserved(self, owner: str, cdr: Cdr) -> bool | None:
        """Was something reserved there for the token? None: the CDR bills no reservation, so nobody has looked."""
        if cdr.total_reservation_cost is None:
            return None
        around = _around(cdr.start_date_time, cdr.end_date_time)
        where = {"owner": owner, "token_ref": cdr.token_ref, "expires_at": around}
        rows = await self._spine.find(
            t.roamed_reservation, where, order=("expires_at",), limit=_MOST_OF_TOKEN
        )
        place = cdr.cdr_location.id.casefold()
        return any(
            row["party"] == str(cdr.party) and str(row["location_id"]).casefold() == place for row in rows
        )

    async def _original(self, owner: PartyId, cdr: Cdr) -> Original | None:
        if cdr.credit_reference_id is None:
            return None
        key = {"owner": str(owner), "party": str(cdr.party)}
        # First: whoever writes to it after this is met as StreamMoved, and it is looked at again.
        stream = cdr_stream(owner, cdr.party, cdr.credit_reference_id)
        known = await self._spine.facts(stream)
        row = await self._spine.get(t.cdr, **key, cdr_id=cdr.credit_reference_id)
        if row is None or not known:
            return None
        credits_ = (one.fact.by for one in known if isinstance(one.fact, CdrCredited))
        billed = {"owner": str(owner), "cdr_party": str(cdr.party), "cdr_id": cdr.credit_reference_id}
        lines = await self._spine.find(t.bill_line, billed, limit=1)
        line = _read(lines[0], BillLine) if lines else None
        return Original(
            cdr=msgspec.json.decode(str(row["document"]), type=Cdr),
            stream=stream,
            version=known[-1].version,
            by=next((one for one in credits_ if one != cdr.id), None),
            line=line,
            accepted=any(was_accepted(one.fact) for one in known),
        )

    async def _any(self, table: Table, owner: str, party: PartyId) -> bool:
        async def look() -> bool:
            return bool(await self._spine.find(table, {"owner": owner, "party": str(party)}, limit=1))

        key = table.name, owner, str(party)
        if key not in self._there:
            self._there[key] = asyncio.create_task(look())
        return await self._there[key]

    async def _document(self, table: Table, kind: type[_T], **key: Cell) -> _T | None:
        """The noun in this row; read once, however many CDRs name it."""

        async def read() -> object:
            return _read(await self._spine.get(table, **key), kind)

        named = (table.name, *key.values())
        if named not in self._documents:
            self._documents[named] = asyncio.create_task(read())
        return cast("_T | None", await self._documents[named])


def was_accepted(fact: Fact) -> bool:
    """Did a CDR get all its effects by this, whatever came later?"""
    if isinstance(fact, CdrChecked):
        return fact.accepted
    return isinstance(fact, CdrDecided) and fact.state is CdrState.ACCEPTED


def _settles(other: Recorded, one: Recorded) -> bool:
    """Does a fact of the stream make an arrival old news?"""
    return isinstance(other.fact, CdrCredited) or (
        isinstance(other.fact, CdrChecked | CdrDecided) and other.version > one.version
    )


def _other(lines: dict[str, str], cdr: Cdr) -> str | None:
    return next((billed for billed in lines if billed != cdr.id), None)


def _standing_ids(others: Iterable[Row]) -> tuple[str, ...]:
    return tuple(str(row["cdr_id"]) for row in others if row["state"] != CdrState.CREDITED)


def _around(start: datetime, end: datetime) -> Between:
    """Within two days of a session, as far as the calendar goes."""
    low, high = min(start, end), max(start, end)
    low = low - _DAYS_AROUND if low.year > 1 else low
    return Between(low, high + _DAYS_AROUND if high.year < _LAST_YEAR else high)


def _whole_days(around: Between) -> Between:
    """From midnight to midnight (UTC)."""
    low, high = cast(datetime, around.low), cast(datetime, around.high)
    begin = low.replace(hour=0, minute=0, second=0, microsecond=0)
    end = high.replace(hour=0, minute=0, second=0, microsecond=0)
    return Between(begin, end + timedelta(days=1) if end.date() < date.max else high)


def _within(row: Row, around: Between) -> bool:
    low, high, at = cast(datetime, around.low), cast(datetime, around.high), cast(datetime, row["started_at"])
    return low <= at < high


def _near(rows: Iterable[Row], cdr: Cdr) -> tuple[Row, ...]:
    """Those of other sessions that give nothing back."""
    return tuple(
        row
        for row in rows
        if row["credits"] is None
        and (row["party"], row["cdr_id"]) != (str(cdr.party), cdr.id)
        and (
            row["session_id"] is None or (row["party"], row["session_id"]) != (str(cdr.party), cdr.session_id)
        )
    )


def _read(row: Row | None, kind: type[_T]) -> _T | None:
    return None if row is None else msgspec.json.decode(cast(str, row["document"]), type=kind)
