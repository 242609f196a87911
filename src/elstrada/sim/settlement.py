"""What must hold between the parties after every world: P4, the sums, and views that agree with the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar, cast

from sqlalchemy import Table

from elstrada.model import facts as f
from elstrada.sim.clock import SimClock
from elstrada.sim.stations import VirtualStation
from elstrada.spine.face import Cell, Recorded, Row
from elstrada.spine.memory import MemorySpine, MemoryStore
from elstrada.spine.rules import key_names
from elstrada.spine.tables import VIEWS, session_quarter

_Fact = TypeVar("_Fact")


def of_parties(cpo: MemoryStore, emsp: MemoryStore, stations: Sequence[VirtualStation]) -> list[str]:
    """All that must hold of the CDRs and bills."""
    return [
        *one_cdr_per_session(cpo.log),
        *each_applied_once(cpo.log, emsp.log),
        *a_line_per_accepted_cdr(emsp.log),
        *sums_are_equal(cpo.log, emsp.log, stations),
        *quarters_are_the_sessions(cpo),
    ]


def one_cdr_per_session(log: Sequence[Recorded]) -> list[str]:
    """P4: every completed session has exactly one CDR."""
    completed = Counter(fact.session_id for fact in _of(log, f.SessionCompleted))
    issued = Counter(fact.cdr.session_id or fact.cdr.id for fact in _of(log, f.CdrIssued))
    return [
        f"P4 session {session_id}: {completed[session_id]} completions and {issued[session_id]} CDRs"
        for session_id in completed | issued
        if (completed[session_id], issued[session_id]) != (1, 1)
    ]


def each_applied_once(cpo: Sequence[Recorded], emsp: Sequence[Recorded]) -> list[str]:
    """P4: every CDR for a driver of the eMSP was accepted by it once, is applied there once, and no other is."""
    owed = {fact.cdr.id: fact.cdr for fact in _of(cpo, f.CdrIssued) if fact.cdr.token_party is not None}
    delivered = Counter(r.stream.rsplit("/", 1)[1] for r in cpo if isinstance(r.fact, f.CdrDelivered))
    received = Counter(fact.cdr.id for fact in _of(emsp, f.CdrReceived))
    return [
        f"P4 CDR {cdr_id}: owed {int(cdr_id in owed)}, delivered {delivered[cdr_id]}, received {received[cdr_id]}"
        for cdr_id in dict.fromkeys((*owed, *delivered, *received))
        if (cdr_id in owed, delivered[cdr_id], received[cdr_id]) != (True, 1, 1)
    ]


def a_line_per_accepted_cdr(emsp: Sequence[Recorded]) -> list[str]:
    """Every CDR that was accepted is one line on a bill; one that was held is none, and none is held for long."""
    accepted = Counter(
        r.stream.rsplit("/", 1)[1] for r in emsp if isinstance(r.fact, f.CdrChecked) and r.fact.accepted
    )
    lines = Counter(fact.line.cdr_id for fact in _of(emsp, f.BillLineAdded))
    received = {fact.cdr.id: None for fact in _of(emsp, f.CdrReceived)}
    return [
        f"bill of CDR {cdr_id}: accepted {accepted[cdr_id]} times, {lines[cdr_id]} lines"
        for cdr_id in dict.fromkeys((*received, *accepted, *lines))
        if (accepted[cdr_id], lines[cdr_id]) != (1, 1)
    ]


def sums_are_equal(
    cpo: Sequence[Recorded], emsp: Sequence[Recorded], stations: Sequence[VirtualStation]
) -> list[str]:
    """The energy that left the sockets is the sessions', is the CDRs', and is the bills' where it is billed."""
    truths = [(station, truth) for station in stations for truth in station.book.sessions]
    truth_wh = sum(truth.energy_wh for _, truth in truths)
    # What a station forgot before it told it, or told wrong, nobody can bill.
    told_wh = sum(station.billable(truth)[0] for station, truth in truths)
    sessions_wh = sum(fact.energy_wh for fact in _of(cpo, f.SessionCompleted))
    issued = [fact.cdr for fact in _of(cpo, f.CdrIssued)]
    cdrs_wh = _wh(cdr.total_energy for cdr in issued)
    owed_wh = _wh(cdr.total_energy for cdr in issued if cdr.token_party is not None)
    billed_wh = _wh(fact.line.quantity_kwh for fact in _of(emsp, f.BillLineAdded))
    problems: list[str] = []
    if not (told_wh <= sessions_wh <= truth_wh and sessions_wh == cdrs_wh):
        problems.append(f"sums: meters {truth_wh} Wh, sessions {sessions_wh} Wh, CDRs {cdrs_wh} Wh")
    if owed_wh != billed_wh:
        problems.append(f"sums: CDRs for the eMSP {owed_wh} Wh, its bills {billed_wh} Wh")
    return problems


def quarters_are_the_sessions(cpo: MemoryStore) -> list[str]:
    """The quarter-hours of every completed session sum to its energy, and there are none of any other."""
    metered: Counter[str] = Counter()
    for row in cpo.tables.rows(session_quarter):
        metered[str(row["session_id"])] += cast(int, row["energy_wh"])
    completed = {fact.session_id: fact.energy_wh for fact in _of(cpo.log, f.SessionCompleted)}
    return [
        f"sums: session {session_id} took {completed.get(session_id)} Wh, its quarter-hours {metered.get(session_id)} Wh"
        for session_id in dict.fromkeys((*completed, *metered))
        if completed.get(session_id) != metered.get(session_id)
    ]


def _wh(energies_kwh: Iterable[Decimal]) -> Decimal:
    return sum(energies_kwh, Decimal()) * 1000


def _of(log: Sequence[Recorded], kind: type[_Fact]) -> list[_Fact]:
    return [recorded.fact for recorded in log if isinstance(recorded.fact, kind)]


async def views_agree(clock: SimClock, name: str, store: MemoryStore) -> list[str]:
    """Every view, made again from the log alone, is the view there was."""
    before = {table: _rows(store, table) for table in VIEWS}
    await MemorySpine(clock, store).rebuild()
    return [
        f"views of {name}: {table.name} differs from what its log says"
        for table in VIEWS
        if _rows(store, table) != before[table]
    ]


def _rows(store: MemoryStore, table: Table) -> dict[tuple[Cell, ...], Row]:
    return {tuple(row[key] for key in key_names(table)): row for row in store.tables.rows(table)}
