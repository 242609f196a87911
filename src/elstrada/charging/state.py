"""What a decider knows of a station: a fold over the facts of its stream.

``evolve`` does not care in which order a session's facts were recorded (P3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from elstrada.charging.registers import Count, Shown, count, follows, with_peak
from elstrada.model import facts as f
from elstrada.model.admission import Admission
from elstrada.model.allowance import LimitedBy, LimitKind, SessionLimit
from elstrada.model.certificates import ContractStatus
from elstrada.model.clock import WrongClock
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId
from elstrada.model.intervals import Interval, energy_of, with_interval
from elstrada.model.metering import MeterTold, RegisterTurn
from elstrada.model.needs import NeedsAnswer
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.quantity import MeterSample, place_rank
from elstrada.model.reckoning import Reckoning
from elstrada.model.reservation import LIVING, Reservation, ReservationState
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.model.unended import Presumed

KEPT_SESSIONS = 16
"""Completed sessions remembered beside the open ones; older ones are recalled from the views."""
KEPT_OPEN = 50
"""Open sessions remembered; a station that begins more has lost count, and the oldest are recalled too."""
KEPT_KEYS = 32
"""Content keys remembered per session, to know a resend."""
KEPT_GRANTS = 32
MOST_CONNECTORS = 500
"""Of one station, and so the EVSEs; whole car parks behind one controller have fewer."""
KEPT_NOTICES = 64
MOST_MISSING = 1000
"""Sequence numbers awaited per session at most: a station that skips more has lost count."""


KEPT_TEXT = 500
"""Characters kept of what a station says of a connector: ten times what OCPP has it say at most."""
Condition = tuple[ConnectorStatus, str | None, str | None]
"""A connector's status, error code and info."""


def condition(status: ConnectorStatus, error_code: str | None, info: str | None) -> Condition:
    """How a connector is, as it is remembered: the facts have what was said whole."""
    return status, error_code and error_code[:KEPT_TEXT], info and info[:KEPT_TEXT]


class Sequence(msgspec.Struct, frozen=True):
    """Which sequence numbers of a session have come. Source: OCPP 2.0.1 part 2, 1.3.2."""

    low: int
    high: int
    missing: tuple[int, ...] = ()

    def with_number(self, number: int) -> Sequence:
        if number > self.high:
            gap = tuple(range(self.high + 1, min(number, self.high + 1 + MOST_MISSING)))
            return Sequence(self.low, number, (self.missing + gap)[:MOST_MISSING])
        if number < self.low:
            gap = tuple(range(max(number + 1, self.low - MOST_MISSING), self.low))
            return Sequence(number, self.high, (gap + self.missing)[:MOST_MISSING])
        if number in self.missing:
            return Sequence(self.low, self.high, tuple(n for n in self.missing if n != number))
        return self


class SessionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is known of one session."""

    session_id: str
    told: MeterTold
    """Has no default, so that no snapshot from before it was kept is taken for the whole state."""
    transaction_id: str = ""
    start_key: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    started_at: datetime | None = None
    """None until its start is known."""
    ended_at: datetime | None = None
    ended_recorded_at: datetime | None = None
    """When we learned of the end: the wait for late news counts from here."""
    first_news_at: datetime | None = None
    heard_at: datetime | None = None
    """When the latest news of it was recorded, or its station said last that it goes on."""
    last_said_at: datetime | None = None
    """The latest time that its news told, by its station."""
    presumed: Presumed | None = None
    """Its end is presumed, by this."""
    presumed_at: datetime | None = None
    presumed_wh: int | None = None
    """The end that was presumed last, if one ever was."""
    end_key: str = ""
    """Names its end, if its station did not name it (rule 17)."""
    ended_late: bool = False
    """Its true end came after it was completed with a presumed one."""
    meter_start_wh: int | None = None
    meter_stop_wh: int | None = None
    first_wh: int | None = None
    first_wh_at: datetime | None = None
    last_wh: int | None = None
    last_wh_at: datetime | None = None
    rise_wh: int | None = None
    """The earliest register above 0."""
    rise_at: datetime | None = None
    low_wh: int | None = None
    """The lowest above 0."""
    low_at: datetime | None = None
    peaks: tuple[Shown, ...] = ()
    """The highest registers within it, the highest first."""
    intervals: tuple[Interval, ...] = ()
    """Kept until a register above 0 is told."""
    register_at: str = ""
    """Location of the registers that count: the best that was told. Empty: none was yet."""
    clock_suspect: bool = False
    """Some of its times are not its station's own, but those of receipt."""
    power_w: int | None = None
    charging: bool | None = None
    token_ref: str | None = None
    token_party: PartyId | None = None
    allowed: Allowed | None = None
    auth_method: AuthMethod | None = None
    authorization_reference: str | None = None
    sequence: Sequence | None = None
    in_queue: bool | None = None
    """Did its station say that messages of it are still to come? None: it did not say."""
    ongoing: bool | None = None
    """Likewise: that it goes on."""
    queue_told_at: datetime | None = None
    tariff_ids: tuple[str, ...] = ()
    """By which its station says that it prices it."""
    reckoned_at: datetime | None = None
    """Up to when what the station reckoned of it is kept."""
    reckoned_key: int = 0
    limit: SessionLimit | None = None
    """The most it may take, by its token."""
    told_limit: SessionLimit | None = None
    """Likewise, as its station last said."""
    limits_reached: tuple[LimitKind, ...] = ()
    keys: tuple[int, ...] = ()
    completed: bool = False

    @property
    def energy_wh(self) -> int:
        """Register at the end less register at the start, as far as known; never negative."""
        return self.energy_of(self._meter)

    @property
    def began_anew_wh(self) -> int | None:
        """Where the register went on after a 0 at the start that it never showed; None: there was none such."""
        return self._count(self._meter).anew_wh

    @property
    def doubted_wh(self) -> int | None:
        """The register at the end, if it cannot have been shown and does not count (rule 25)."""
        return self._count(self._meter).doubted_wh

    @property
    def turn(self) -> RegisterTurn | None:
        """The register fell and went on; None: it did not."""
        return self._count(self._meter).turn

    @property
    def begun_wh(self) -> int | None:
        """The register at the start, else the first that was told."""
        return self.first_wh if self.meter_start_wh is None else self.meter_start_wh

    def energy_of(self, meter: Meter) -> int:
        """The energy by these readings; the registers at start and stop go before, intervals behind."""
        return energy_of(meter.intervals) if self._by_intervals(meter) else self._count(meter).energy_wh

    @property
    def by_intervals(self) -> bool:
        """Did no register above 0 tell its energy, but intervals that can be?"""
        return self._by_intervals(self._meter)

    def _by_intervals(self, meter: Meter) -> bool:
        if not meter.intervals or meter.rise_wh or self.meter_start_wh or self.meter_stop_wh:
            return False
        begin = Shown(0, self.started_at or meter.intervals[0].at)
        end = Shown(energy_of(meter.intervals), self.ended_at or meter.intervals[-1].at)
        return follows(begin, end, timed=not meter.clock_suspect)

    def _count(self, meter: Meter) -> Count:
        began_at = self.started_at or meter.first_at
        begin = shown(meter.first_wh if self.meter_start_wh is None else self.meter_start_wh, began_at)
        end = shown(meter.last_wh, meter.last_at)
        if self.meter_stop_wh is not None:
            end = shown(self.meter_stop_wh, self.ended_at)
        return count(
            begin,
            end,
            # The first to come need not have been shown first.
            meter.low if meter.clock_suspect else shown(meter.rise_wh, meter.rise_at),
            meter.low,
            meter.peaks,
            timed=not meter.clock_suspect,
        )

    @property
    def _meter(self) -> Meter:
        return Meter(
            self.first_wh,
            self.first_wh_at,
            self.last_wh,
            self.last_wh_at,
            self.rise_wh,
            self.rise_at,
            shown(self.low_wh, self.low_at),
            None,
            self.peaks,
            self.clock_suspect,
            self.register_at,
            self.intervals,
        )

    @property
    def waiting(self) -> bool:
        """Its station told its end, and something of it may still come."""
        return self.ended_at is not None and not self.completed and self.presumed is None

    @property
    def provisional(self) -> bool:
        """Its end is presumed, and may still be told."""
        return self.presumed is not None and not self.completed

    @property
    def open(self) -> bool:
        """Its station has not told its end, and may still do so."""
        return self.ended_at is None or self.provisional


class PendingCommand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that has no result yet, or a remote start whose session has not come yet."""

    command_id: str
    name: CommandName
    due: datetime
    evse_id: int | None = None
    token_ref: str | None = None
    token_party: PartyId | None = None
    authorization_reference: str | None = None
    remote_start_id: int | None = None
    answered: bool = False
    accepted_at: datetime | None = None
    """START: since when its session is awaited."""
    started: bool = False
    """Its session has begun, which a station may tell before it replies."""
    asked_by: PartyId | None = None
    reservation: Reservation | None = None
    """RESERVE, CANCEL_RESERVATION."""
    session_id: str | None = None
    """START: of the session that shall come of it."""


GRANT_HOLDS = timedelta(minutes=10)
"""A token judged here this lately needs no second question when its session starts."""


class Meter(NamedTuple):
    """What is kept of a session's meter: its telling registers, and the power."""

    first_wh: int | None
    first_at: datetime | None
    last_wh: int | None
    last_at: datetime | None
    rise_wh: int | None
    rise_at: datetime | None
    low: Shown | None
    power_w: int | None
    peaks: tuple[Shown, ...]
    clock_suspect: bool
    register_at: str
    intervals: tuple[Interval, ...]


def shown(wh: int | None, at: datetime | None) -> Shown | None:
    """A register, if it and its time are known."""
    return None if wh is None or at is None else Shown(wh, at)


class Grant(msgspec.Struct, frozen=True):
    """A token was judged here lately; the one session that follows need not ask again."""

    verdict: Verdict
    at: datetime

    def holds(self, now: datetime) -> bool:
        return self.verdict.allowed is Allowed.ALLOWED and now - self.at <= GRANT_HOLDS


LONGEST_VISIT = timedelta(days=1)
"""A refused contract counts for no longer, should the station never tell that the car has left."""


class RefusedContract(msgspec.Struct, frozen=True):
    """A car's contract certificate was no good: until it leaves, its eMAID alone is no better."""

    status: ContractStatus
    at: datetime
    evse_id: int | None = None
    """None: the station did not say where the car stands."""

    def holds(self, now: datetime) -> bool:
        return now - self.at <= LONGEST_VISIT


class Kept(msgspec.Struct, frozen=True):
    """A reservation that has not ended."""

    reservation: Reservation
    state: ReservationState


class StationState(msgspec.Struct, frozen=True, kw_only=True):
    """A station as its decider sees it."""

    owner: PartyId
    station_id: str
    connection_id: str | None = None
    """Of the socket that speaks for it; None while it is away."""
    connected_at: datetime | None = None
    """Since when that socket speaks for it."""
    node: str = ""
    """Which node holds that socket."""
    registered: Admission = Admission.ACCEPTED
    """What it was told when it booted last, which holds when it comes back without booting (rule 4)."""
    booted_at: datetime | None = None
    """When it told of that."""
    connectors: dict[str, Condition] = {}
    """By ``evse/connector``."""
    told_at: dict[str, datetime] = {}
    """Likewise: since when, by the station."""
    learned_at: dict[str, datetime] = {}
    """Likewise: since when we know."""
    sessions: dict[str, SessionState] = {}
    """Open ones and the latest completed ones, by session id, oldest first."""
    horizon: datetime | None = None
    """Sessions that started no later than this may have been forgotten."""
    grants: dict[str, Grant] = {}
    """By token pseudonym."""
    refused_contracts: dict[str, RefusedContract] = {}
    """Likewise: of cars that are still here."""
    commands: dict[str, PendingCommand] = {}
    reservations: dict[int, Kept] = {}
    """Those that have not ended, by number."""
    heard: dict[str, int] = {}
    """What the latest notices said, to know one that comes again; see ``notices``."""
    wrong_clock: WrongClock | None = None
    awaiting_plan: frozenset[int] = frozenset()
    """EVSEs whose car was promised a schedule once its session has begun (OCPP 2.x K15.FR.05)."""

    def session_by_transaction(self, transaction_id: str) -> SessionState | None:
        """The session the station calls so; the latest, should it have used a name twice."""
        for session in reversed(self.sessions.values()):
            if session.transaction_id == transaction_id:
                return session
        return None

    def session_by_start(self, start_key: str) -> SessionState | None:
        for session in reversed(self.sessions.values()):
            if session.start_key == start_key:
                return session
        return None

    @property
    def waits(self) -> bool:
        """Does a Tick have something to do here, now or later?"""
        open_commands = any(not command.answered for command in self.commands.values())
        return (
            open_commands
            or bool(self.reservations)
            or any(session.waiting for session in self.sessions.values())
        )

    @property
    def awaits_a_start(self) -> bool:
        """Did it accept a remote start whose session has not begun yet?"""
        return any(command.answered for command in self.commands.values())

    @property
    def has_open_sessions(self) -> bool:
        """May an end have to be presumed, or hold?"""
        return any(session.open for session in self.sessions.values())

    def recalling(self, facts: Iterable[tuple[f.StationFact, datetime]]) -> StationState:
        """Remember a session again that had been forgotten, from its facts and their times of record."""
        recalled = StationState(owner=self.owner, station_id=self.station_id)
        for fact, at in facts:
            recalled = evolve(recalled, fact, at)
        return _with(self, sessions=recalled.sessions | self.sessions)


_with = msgspec.structs.replace
_Evolve = Callable[[StationState, Any, datetime], StationState]


def evolve(state: StationState, fact: f.StationFact, at: datetime) -> StationState:
    """The state after a fact that was recorded ``at``."""
    handler = _EVOLVE.get(type(fact))
    return state if handler is None else handler(state, fact, at)


def _connected(state: StationState, fact: f.StationConnected, at: datetime) -> StationState:
    return _with(state, connection_id=fact.connection_id, connected_at=at, node=fact.node)


def _disconnected(state: StationState, _: f.StationDisconnected, __: datetime) -> StationState:
    return _with(state, connection_id=None, connected_at=None)


def _booted(state: StationState, fact: f.StationBooted, at: datetime) -> StationState:
    return _with(state, registered=fact.admission, booted_at=at)


def _status(state: StationState, fact: f.ConnectorStatusChanged, at: datetime) -> StationState:
    key = f"{fact.evse_id}/{fact.connector_id}"
    connectors = state.connectors | {key: condition(fact.status, fact.error_code, fact.info)}
    told_at, learned_at = state.told_at | {key: fact.at}, state.learned_at | {key: at}
    told = _with(state, connectors=connectors, told_at=told_at, learned_at=learned_at)
    return _left(told, fact) if state.refused_contracts and fact.status is ConnectorStatus.AVAILABLE else told


_NOBODY_THERE = frozenset({ConnectorStatus.AVAILABLE, ConnectorStatus.UNAVAILABLE, ConnectorStatus.RESERVED})


def _left(state: StationState, fact: f.ConnectorStatusChanged) -> StationState:
    """A connector is free: the visits at its EVSE are over; those of whom the place is unknown, if all are free."""
    empty = all(status in _NOBODY_THERE for status, _, _ in state.connectors.values())
    still = {
        ref: refused
        for ref, refused in state.refused_contracts.items()
        if (not empty if refused.evse_id is None else refused.evse_id != fact.evse_id)
    }
    return _with(state, refused_contracts=still)


def _authorized(state: StationState, fact: f.AuthorizationDecided, at: datetime) -> StationState:
    verdict = Verdict(
        allowed=fact.allowed,
        method=fact.method,
        party=fact.token_party,
        authorization_reference=fact.authorization_reference,
        note=fact.note,
    )
    grants = {ref: grant for ref, grant in state.grants.items() if ref != fact.token_ref}
    while len(grants) >= KEPT_GRANTS:
        del grants[next(iter(grants))]
    grants[fact.token_ref] = Grant(verdict, at)
    if fact.contract_status is None:
        return _with(state, grants=grants)
    return _with(state, grants=grants, refused_contracts=_refused_with(state, fact, fact.contract_status, at))


def _refused_with(
    state: StationState, fact: f.AuthorizationDecided, status: ContractStatus, at: datetime
) -> dict[str, RefusedContract]:
    """The refused contracts after one was shown: a good one of the same eMAID ends its refusal."""
    refused = _without(state.refused_contracts, fact.token_ref)
    if status is ContractStatus.ACCEPTED:
        return refused
    while len(refused) >= KEPT_GRANTS:
        del refused[next(iter(refused))]
    return refused | {fact.token_ref: RefusedContract(status, at, fact.evse_id)}


def _started(state: StationState, fact: f.SessionStarted, at: datetime) -> StationState:
    session = _heard(_session(state, fact.session_id, at), at, fact.at)
    session = _with(
        session,
        transaction_id=fact.transaction_id,
        start_key=fact.start_key,
        evse_id=fact.evse_id or session.evse_id,
        connector_id=fact.connector_id or session.connector_id,
        started_at=fact.at,
        meter_start_wh=fact.meter_wh,
        clock_suspect=session.clock_suspect or fact.clock_suspect,
        charging=fact.charging if session.charging is None else session.charging,
    )
    # What was granted before is used up: the next session is judged anew.
    grants = {ref: grant for ref, grant in state.grants.items() if ref != fact.token_ref}
    commands, refused = state.commands, state.refused_contracts
    begun_by = commands.get(fact.command_id or "")
    if begun_by is not None:
        # Somebody answers for it who did not go by the certificate.
        refused = _without(refused, fact.token_ref)
        commands = {cid: command for cid, command in commands.items() if command is not begun_by}
        if not begun_by.answered:
            commands[begun_by.command_id] = _with(begun_by, started=True)
    session = _sequenced(_belonging(session, fact), fact.seq_no)
    begun = _with(state, commands=commands, grants=grants, refused_contracts=refused)
    return _forget_old(_keep(begun, session))


def _without(refused: dict[str, RefusedContract], token_ref: str | None) -> dict[str, RefusedContract]:
    return {ref: contract for ref, contract in refused.items() if ref != token_ref}


def _seen(state: StationState, fact: f.SessionSeen, at: datetime) -> StationState:
    session = _heard(_session(state, fact.session_id, at), at, fact.at)
    seen = _with(
        session,
        transaction_id=fact.transaction_id,
        evse_id=fact.evse_id,
        connector_id=fact.connector_id,
    )
    return _forget_old(_keep(state, seen))


def _updated(state: StationState, fact: f.SessionUpdated, at: datetime) -> StationState:
    session = _heard(_session(state, fact.session_id, at), at, fact.at)
    session = _with(
        session,
        evse_id=fact.evse_id or session.evse_id,
        connector_id=fact.connector_id or session.connector_id,
        charging=session.charging if fact.charging is None else fact.charging,
    )
    session = _belonging(session, fact)
    return _keep(state, _keyed(_sequenced(session, fact.seq_no), content_key(fact)))


def _belonging(session: SessionState, fact: f.SessionStarted | f.SessionUpdated) -> SessionState:
    """A session after a fact that may name its token."""
    if fact.token_ref is None:
        return session
    return _with(
        session,
        token_ref=fact.token_ref,
        token_party=fact.token_party,
        allowed=fact.allowed,
        auth_method=fact.auth_method,
        authorization_reference=fact.authorization_reference,
    )


def _sampled(state: StationState, fact: f.MeterSampled, at: datetime) -> StationState:
    if fact.session_id is None:
        return state
    session = _session(state, fact.session_id, at)
    if fact.samples:
        session = _heard(session, at, max(sample.at for sample in fact.samples))
    meter = metered(session, fact)
    session = _with(
        session,
        first_wh=meter.first_wh,
        first_wh_at=meter.first_at,
        last_wh=meter.last_wh,
        last_wh_at=meter.last_at,
        rise_wh=meter.rise_wh,
        rise_at=meter.rise_at,
        low_wh=meter.low.wh if meter.low else None,
        low_at=meter.low.at if meter.low else None,
        peaks=meter.peaks,
        register_at=meter.register_at,
        intervals=meter.intervals,
        clock_suspect=meter.clock_suspect,
        power_w=meter.power_w,
        told=_told(session.told, fact.samples),
        keys=(*session.keys[-KEPT_KEYS + 1 :], content_key(fact)),
    )
    return _keep(state, _sequenced(session, fact.seq_no))


_packed = msgspec.msgpack.Encoder(enc_hook=str).encode


def content_key(fact: f.MeterSampled | f.SessionUpdated) -> int:
    """What a station said in 64 bits, to know the same news again (P2); 2**-59 that two of 32 collide."""
    if isinstance(fact, f.MeterSampled):
        said = _packed((fact.seq_no, fact.samples))
    else:
        said = _packed((fact.seq_no, fact.at, fact.charging, fact.token_ref, fact.trigger))
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")


def late_end_key(energy_wh: int | None) -> int:
    """An end that came too late in 64 bits, by what the session's energy is by it."""
    return int.from_bytes(hashlib.blake2b(_packed(("late", energy_wh)), digest_size=8).digest(), "big")


def reckoning_key(told: Reckoning) -> int:
    """What a station reckoned in 64 bits, to know the same again."""
    return int.from_bytes(hashlib.blake2b(_packed(told), digest_size=8).digest(), "big")


def _keyed(session: SessionState, key: int) -> SessionState:
    return _with(session, keys=(*session.keys[-KEPT_KEYS + 1 :], key))


def metered(session: SessionState, fact: f.MeterSampled) -> Meter:
    """A session's meter after samples of it."""
    first, first_at = session.first_wh, session.first_wh_at
    last, last_at = session.last_wh, session.last_wh_at
    rise, rise_at = session.rise_wh, session.rise_at
    power, peaks, low = session.power_w, session.peaks, shown(session.low_wh, session.low_at)
    place, intervals = session.register_at, session.intervals
    for sample in fact.samples:
        if sample.energy_wh is not None and place != sample.register_at:
            if not place:
                place = sample.register_at
            elif place_rank(sample.register_at) < place_rank(place):
                # Another meter, and a better one: of the former's registers none counts.
                place, peaks = sample.register_at, ()
                first = first_at = last = last_at = rise = rise_at = low = None
        if sample.energy_wh is not None and place == sample.register_at:
            if first_at is None or sample.at < first_at:
                first, first_at = sample.energy_wh, sample.at
            if last_at is None or sample.at >= last_at:
                last, last_at = sample.energy_wh, sample.at
            if sample.energy_wh > 0 and (rise_at is None or sample.at < rise_at):
                rise, rise_at = sample.energy_wh, sample.at
            if sample.energy_wh > 0 and (low is None or (sample.energy_wh, sample.at) < low):
                low = Shown(sample.energy_wh, sample.at)
            peaks = with_peak(peaks, Shown(sample.energy_wh, sample.at))
        if rise is None and sample.readings:
            intervals = with_interval(intervals, sample)
        if sample.power_w is not None and (last_at is None or sample.at >= last_at):
            power = sample.power_w
    suspect = session.clock_suspect or any(sample.clock_suspect for sample in fact.samples)
    told = intervals if rise is None else ()
    return Meter(first, first_at, last, last_at, rise, rise_at, low, power, peaks, suspect, place, told)


def _told(known: MeterTold, samples: Iterable[MeterSample]) -> MeterTold:
    """What is known to have been told, with these samples."""
    within, power = known.within, known.power
    for sample in samples:
        within = within or (sample.energy_wh is not None and not sample.context.startswith("Transaction."))
        power = power or bool(sample.power_w)
    return known if (within, power) == (known.within, known.power) else MeterTold(within, power)


def _ended(state: StationState, fact: f.SessionEnded, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    session = _with(
        session,
        ended_at=fact.at,
        ended_recorded_at=at,
        meter_stop_wh=fact.meter_wh,
        clock_suspect=session.clock_suspect or fact.clock_suspect,
        charging=False,
        power_w=0,
        presumed=fact.presumed,
        end_key=fact.end_key,
    )
    if fact.presumed is not None:
        session = _with(session, presumed_at=fact.at, presumed_wh=fact.energy_wh)
    awaiting_plan = state.awaiting_plan - {session.evse_id}
    return _keep(_with(state, awaiting_plan=awaiting_plan), _sequenced(session, fact.seq_no))


def _reopened(state: StationState, fact: f.SessionReopened, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    return _keep(state, _with(session, ended_at=None, ended_recorded_at=None, presumed=None))


def _strayed(state: StationState, fact: f.StrayReported, at: datetime) -> StationState:
    if fact.session_id is None:
        return state
    late = _with(_session(state, fact.session_id, at), ended_late=True)
    return _keep(state, _keyed(late, late_end_key(fact.energy_wh)))


def _completed(state: StationState, fact: f.SessionCompleted, at: datetime) -> StationState:
    return _forget_old(_keep(state, _with(_session(state, fact.session_id, at), completed=True)))


def _reckoned(state: StationState, fact: f.SessionReckoned, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    told = fact.reckoning.tariff_ids or session.tariff_ids
    key = reckoning_key(fact.reckoning)
    return _keep(state, _with(session, tariff_ids=told, reckoned_at=fact.at, reckoned_key=key))


def _limited(state: StationState, fact: f.SessionLimited, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    if fact.by is LimitedBy.US:
        return _keep(state, _with(session, limit=fact.limit))
    return _keep(state, _with(session, told_limit=fact.limit))


def _limit_reached(state: StationState, fact: f.SessionLimitReached, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    return _keep(state, _with(session, limits_reached=(*session.limits_reached, fact.kind)))


def _queue_told(state: StationState, fact: f.SessionQueueReported, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    heard_at = at if fact.ongoing else session.heard_at
    told = _with(session, in_queue=fact.in_queue, ongoing=fact.ongoing, queue_told_at=at, heard_at=heard_at)
    return _keep(state, told)


def _clock_judged(state: StationState, fact: f.StationClockJudged, _: datetime) -> StationState:
    since = fact.wrong_since
    return _with(state, wrong_clock=None if since is None else WrongClock(fact.ahead_s, since))


def _noticed(state: StationState, fact: f.StationNoticed, _: datetime) -> StationState:
    name, key = notice_key(fact.notice)
    heard = {told: said for told, said in state.heard.items() if told != name}
    while len(heard) >= KEPT_NOTICES:
        del heard[next(iter(heard))]
    return _with(state, heard=heard | {name: key}, awaiting_plan=_awaiting(state, fact.notice))


def _awaiting(state: StationState, notice: Notice) -> frozenset[int]:
    if notice.kind is not NoticeKind.EV_NEEDS or notice.evse_id is None:
        return state.awaiting_plan
    here = frozenset({notice.evse_id})
    if notice.answer != NeedsAnswer.LATER:
        return state.awaiting_plan - here
    # A car beyond these gets its schedule when it asks again.
    return state.awaiting_plan | here if len(state.awaiting_plan) < MOST_CONNECTORS else state.awaiting_plan


def notice_key(notice: Notice) -> tuple[str, int]:
    """What a notice is about, and what it says of it in 64 bits.

    A notice with a time of its own is about what happened then, so it is known again whenever it comes (P2).
    Without one it is about how something goes on: it is news unless it says what the last one said.
    """
    about = (notice.kind, notice.subject, notice.request_id, notice.evse_id)
    told = (*about, notice.status, notice.text, notice.document, notice.at if notice.timed else None)
    said = _packed((*told, notice.answer) if notice.answer else told)
    key = int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")
    return (f"{key:x}" if notice.timed else "/".join(str(part) for part in about)), key


def _requested(state: StationState, fact: f.CommandRequested, at: datetime) -> StationState:
    command = PendingCommand(
        command_id=fact.command_id,
        name=fact.name,
        due=at + timedelta(seconds=fact.deadline_s),
        evse_id=fact.evse_id,
        token_ref=fact.token_ref,
        token_party=fact.token_party,
        authorization_reference=fact.authorization_reference,
        remote_start_id=fact.remote_start_id,
        asked_by=fact.asked_by if fact.reservation is not None else None,
        reservation=fact.reservation,
        session_id=fact.session_id if fact.name is CommandName.START else None,
    )
    # Accepted remote starts whose lapse nobody recorded, as before it was, are forgotten here.
    old = at - REMOTE_START_KEPT
    awaited = {cid: known for cid, known in state.commands.items() if not known.answered or known.due > old}
    return _with(state, commands=awaited | {fact.command_id: command})


REMOTE_START_WAIT = timedelta(minutes=10)
"""How long an accepted remote start explains a session that begins with its token."""
REMOTE_START_KEPT = timedelta(hours=1)
"""How long after that it is remembered at most."""


def _answered(state: StationState, fact: f.CommandAnswered, at: datetime) -> StationState:
    commands = dict(state.commands)
    command = commands.pop(fact.command_id, None)
    expected = command is not None and command.name is CommandName.START and not command.started
    if command is not None and expected and fact.result is CommandResult.ACCEPTED:
        due = at + REMOTE_START_WAIT
        commands[fact.command_id] = _with(command, answered=True, accepted_at=at, due=due)
    return _with(state, commands=commands)


def _start_lapsed(state: StationState, fact: f.RemoteStartLapsed, _: datetime) -> StationState:
    return _with(state, commands={cid: one for cid, one in state.commands.items() if cid != fact.command_id})


def _reserved(state: StationState, fact: f.ReservationChanged, _: datetime) -> StationState:
    number = fact.reservation.id
    kept = {other: one for other, one in state.reservations.items() if other != number}
    if fact.state in LIVING:
        kept[number] = Kept(fact.reservation, fact.state)
    return _with(state, reservations=kept)


def _session(state: StationState, session_id: str, at: datetime) -> SessionState:
    known = state.sessions.get(session_id)
    return known or SessionState(session_id=session_id, told=MeterTold(), first_news_at=at)


def _heard(session: SessionState, at: datetime, said_at: datetime) -> SessionState:
    """A session after news of it that tells of this time."""
    last = session.last_said_at
    return _with(session, heard_at=at, last_said_at=said_at if last is None else max(last, said_at))


def _keep(state: StationState, session: SessionState) -> StationState:
    return _with(state, sessions=state.sessions | {session.session_id: session})


def _sequenced(session: SessionState, number: int | None) -> SessionState:
    if number is None:
        return session
    sequence = session.sequence
    return _with(
        session, sequence=Sequence(number, number) if sequence is None else sequence.with_number(number)
    )


def _forget_old(state: StationState) -> StationState:
    """Drop the oldest sessions beyond those kept, completed and open, and remember up to when."""
    if len(state.sessions) <= KEPT_SESSIONS:
        return state
    completed = [session for session in state.sessions.values() if session.completed]
    running = [session for session in state.sessions.values() if session.open]
    surplus = completed[: max(len(completed) - KEPT_SESSIONS, 0)]
    surplus += running[: max(len(running) - KEPT_OPEN, 0)]
    if not surplus:
        return state
    gone = {session.session_id for session in surplus}
    news = (session.started_at or session.first_news_at for session in surplus)
    starts = [at for at in (*news, state.horizon) if at is not None]
    sessions = {sid: session for sid, session in state.sessions.items() if sid not in gone}
    return _with(state, sessions=sessions, horizon=max(starts, default=None))


_EVOLVE: dict[type, _Evolve] = {
    f.StationConnected: _connected,
    f.StationDisconnected: _disconnected,
    f.StationBooted: _booted,
    f.StationClockJudged: _clock_judged,
    f.StationNoticed: _noticed,
    f.ConnectorStatusChanged: _status,
    f.AuthorizationDecided: _authorized,
    f.SessionStarted: _started,
    f.SessionSeen: _seen,
    f.SessionUpdated: _updated,
    f.MeterSampled: _sampled,
    f.SessionEnded: _ended,
    f.SessionReopened: _reopened,
    f.StrayReported: _strayed,
    f.SessionCompleted: _completed,
    f.SessionReckoned: _reckoned,
    f.SessionLimited: _limited,
    f.SessionLimitReached: _limit_reached,
    f.SessionQueueReported: _queue_told,
    f.CommandRequested: _requested,
    f.CommandAnswered: _answered,
    f.RemoteStartLapsed: _start_lapsed,
    f.ReservationChanged: _reserved,
}
