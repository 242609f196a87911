"""What must hold after every world: the promises P1 to P4 and the sums, from the stations' own books and the log.

Each check returns sentences that say what differs; none means that it holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from elstrada.model import facts as f
from elstrada.model.ids import PartyId, station_stream
from elstrada.sim.station_book import Charged, Entry, Kind, number
from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.stations import VirtualStation
from elstrada.spine.face import Recorded


class _SessionLog(msgspec.Struct):
    """What the log says of one session."""

    session_id: str
    transaction_id: str = ""
    starts: int = 0
    ends: int = 0
    presumed: int = 0
    completions: list[f.SessionCompleted] = []
    seq_nos: dict[int, None] = {}
    registers: dict[int, None] = {}


class StationLog:
    """What the log says of one station, read without any help of the code under test."""

    def __init__(self, facts: Iterable[Recorded]) -> None:
        self.sessions: dict[str, _SessionLog] = {}
        self.loose_registers: dict[int, None] = {}
        self.strays = 0
        self.requested: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        for recorded in facts:
            self._read(recorded.fact)

    def by_transaction(self, transaction_id: str | None) -> list[_SessionLog]:
        return [log for log in self.sessions.values() if log.transaction_id == transaction_id]

    def _read(self, fact: f.Fact) -> None:
        match fact:
            case f.SessionStarted():
                log = self._session(fact.session_id, fact.transaction_id)
                log.starts += 1
                self._numbered(log, fact.seq_no, fact.meter_wh)
            case f.SessionSeen():
                self._session(fact.session_id, fact.transaction_id)
            case f.SessionUpdated():
                self._numbered(self._session(fact.session_id), fact.seq_no, None)
            case f.MeterSampled():
                self._sampled(fact)
            case f.SessionEnded():
                log = self._session(fact.session_id)
                log.ends += fact.presumed is None
                log.presumed += fact.presumed is not None
                self._numbered(log, fact.seq_no, fact.meter_wh)
            case f.SessionCompleted():
                self._session(fact.session_id).completions.append(fact)
            case f.StrayReported():
                self.strays += 1
            case f.CommandRequested():
                self.requested[fact.command_id] += 1
            case f.CommandAnswered():
                self.answered[fact.command_id] += 1
            case _:
                pass

    def _session(self, session_id: str, transaction_id: str = "") -> _SessionLog:
        log = self.sessions.setdefault(session_id, _SessionLog(session_id))
        log.transaction_id = log.transaction_id or transaction_id
        return log

    def _sampled(self, fact: f.MeterSampled) -> None:
        registers = [sample.energy_wh for sample in fact.samples if sample.energy_wh is not None]
        self.loose_registers.update(dict.fromkeys(registers))
        if fact.session_id is not None:
            log = self._session(fact.session_id)
            log.registers.update(dict.fromkeys(registers))
            self._numbered(log, fact.seq_no, None)

    def _numbered(self, log: _SessionLog, seq_no: int | None, register_wh: int | None) -> None:
        if seq_no is not None:
            log.seq_nos[seq_no] = None
        if register_wh is not None:
            log.registers[register_wh] = None


def station_logs(
    log: Sequence[Recorded], stations: Sequence[VirtualStation], owner: PartyId
) -> dict[str, StationLog]:
    """The log, station by station."""
    by_stream: defaultdict[str, list[Recorded]] = defaultdict(list)
    for recorded in log:
        by_stream[recorded.stream].append(recorded)
    return {
        station.station_id: StationLog(by_stream[station_stream(owner, station.station_id)])
        for station in stations
    }


def of_station(station: VirtualStation, log: StationLog) -> list[str]:
    """All that must hold of one station."""
    return [
        *all_delivered(station),
        *nothing_acknowledged_is_lost(station, log),
        *one_session_per_start(station, log),
        *same_answer_to_resends(station),
        *sessions_are_true(station, log),
        *one_result_per_command(station, log),
    ]


def nothing_acknowledged_is_lost(station: VirtualStation, log: StationLog) -> list[str]:
    """P1: every transaction message that was acknowledged is in the log."""
    return [
        f"P1 {station.station_id}: {entry.message.action} {entry.message_id} was acknowledged, "
        f"but {what} of transaction {entry.message.of.transaction_id} is not in the log"
        for entry in station.book.acknowledged()
        for what in _missing(entry, log)
    ]


def _missing(entry: Entry, log: StationLog) -> Iterable[str]:
    message = entry.message
    sessions = log.by_transaction(message.of.transaction_id)
    if message.kind is Kind.START and not any(session.starts for session in sessions):
        yield "the start"
    if message.kind is Kind.STOP and not any(session.ends for session in sessions):
        yield "the end"
    if message.seq_no is not None and not any(message.seq_no in session.seq_nos for session in sessions):
        yield f"event {message.seq_no}"
    known = [session.registers for session in sessions] + [log.loose_registers]
    for register_wh in message.registers:
        if not any(register_wh in registers for registers in known):
            yield f"register {register_wh} Wh"


def one_session_per_start(station: VirtualStation, log: StationLog) -> list[str]:
    """P2: as many sessions as really began, each begun, ended and completed once."""
    name = station.station_id
    lasting = [truth for truth in station.book.sessions if not truth.forgotten]
    problems = [
        f"P2 {name}: transaction {truth.transaction_id} is {len(found)} sessions in the log, not one"
        for truth in lasting
        if len(found := log.by_transaction(truth.transaction_id)) != 1
    ]
    # Of a session that its station forgot nothing may have been told.
    if not len(lasting) <= len(log.sessions) <= len(station.book.sessions):
        problems.append(
            f"P2 {name}: {len(log.sessions)} sessions in the log, {len(station.book.sessions)} in truth"
        )
    told_whole = {truth.transaction_id for truth in lasting}
    for session in log.sessions.values():
        counts = (session.starts, session.ends, len(session.completions))
        if session.transaction_id not in told_whole:
            if not session.presumed or counts[2] != 1:
                problems.append(
                    f"P2 {name}: transaction {session.transaction_id} was forgotten by its station and has "
                    f"{session.presumed} presumed ends and {counts[2]} completions"
                )
            continue
        if counts != (1, 1, 1):
            problems.append(
                f"P2 {name}: transaction {session.transaction_id} has {counts[0]} starts, {counts[1]} ends "
                f"and {counts[2]} completions, not one of each"
            )
    unnamed = station.habits.forgets_transaction or station.habits.vices.misnames_stops is not None
    if log.strays and not unnamed:
        problems.append(f"P2 {name}: {log.strays} messages fit no session, though the station named each")
    return problems


def same_answer_to_resends(station: VirtualStation) -> list[str]:
    """P2: a start that is sent again is given the same transaction."""
    given: defaultdict[int, dict[int | None, None]] = defaultdict(dict)
    for entry in station.book.acknowledged():
        if entry.message.action == "StartTransaction":
            given[id(entry.message.of)][number(entry.answer, "transactionId")] = None
    return [
        f"P2 {station.station_id}: one start was given the transactions {list(answers)}"
        for answers in given.values()
        if len(answers) > 1
    ]


def sessions_are_true(station: VirtualStation, log: StationLog) -> list[str]:
    """P3: whatever the order, each session has the energy that left the socket, and its times."""
    return [
        f"P3 {station.station_id}: transaction {truth.transaction_id} {problem}"
        for truth in station.book.sessions
        for session in log.by_transaction(truth.transaction_id)
        for completed in session.completions
        for problem in _untrue(truth, completed, station)
    ]


def _untrue(truth: Charged, completed: f.SessionCompleted, station: VirtualStation) -> Iterable[str]:
    least, most = station.billable(truth)
    if not least <= completed.energy_wh <= most:
        told = f"{least} to {most} Wh of {truth.energy_wh} can be known"
        yield f"is completed with {completed.energy_wh} Wh; {told}"
    if truth.forgotten or station.habits.clock is not ClockHabit.RIGHT:
        return
    assert truth.ended_at is not None
    for told, true in ((completed.started_at, truth.started_at), (completed.ended_at, truth.ended_at)):
        if abs(told - true) > timedelta(seconds=1):
            yield f"is completed with {told:%H:%M:%S}; in truth it was {true:%H:%M:%S}"


def one_result_per_command(station: VirtualStation, log: StationLog) -> list[str]:
    """P5: every command asked for has exactly one result."""
    return [
        f"P5 {station.station_id}: command {command_id} was asked for {log.requested[command_id]} times "
        f"and has {log.answered[command_id]} results"
        for command_id in log.requested | log.answered
        if (log.requested[command_id], log.answered[command_id]) != (1, 1)
    ]


def all_delivered(station: VirtualStation) -> list[str]:
    """P6: once all is well, every station is connected and has nothing more to tell."""
    problems: list[str] = []
    if not station.online and not station.gone:
        problems.append(f"P6 {station.station_id}: is not connected")
    if not station.drained:
        problems.append(
            f"P6 {station.station_id}: {len(station.queue)} messages wait, {station.queue[0].action} first"
        )
    return problems
