"""What a decider knows of a station: a fold over the facts of its stream.

``evolve`` does not care in which order a session's facts were recorded (P3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId
from elstrada.model.token import Allowed, AuthMethod, Verdict

KEPT_SESSIONS = 16
"""Completed sessions remembered beside the open ones; older ones are recalled from the views."""
KEPT_OPEN = 50
"""Open sessions remembered; a station that begins more has lost count, and the oldest are recalled too."""
KEPT_KEYS = 32
"""Content keys remembered per session, to know a resend."""
KEPT_GRANTS = 32
MOST_MISSING = 1000
"""Sequence numbers awaited per session at most: a station that skips more has lost count."""


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
    meter_start_wh: int | None = None
    meter_stop_wh: int | None = None
    first_wh: int | None = None
    first_wh_at: datetime | None = None
    last_wh: int | None = None
    last_wh_at: datetime | None = None
    power_w: int | None = None
    charging: bool | None = None
    token_ref: str | None = None
    token_party: PartyId | None = None
    allowed: Allowed | None = None
    auth_method: AuthMethod | None = None
    authorization_reference: str | None = None
    sequence: Sequence | None = None
    keys: tuple[int, ...] = ()
    completed: bool = False

    @property
    def energy_wh(self) -> int:
        """Register at the end less register at the start, as far as known; never negative."""
        return self.energy_between(self.first_wh, self.last_wh)

    def energy_between(self, first_wh: int | None, last_wh: int | None) -> int:
        """The energy if these were the first and the last reading; the registers at start and stop go before."""
        begin = self.meter_start_wh if self.meter_start_wh is not None else first_wh
        end = self.meter_stop_wh if self.meter_stop_wh is not None else last_wh
        return max(end - begin, 0) if begin is not None and end is not None else 0

    @property
    def waiting(self) -> bool:
        """It has ended, and something of it may still come."""
        return self.ended_at is not None and not self.completed


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
    started: bool = False
    """Its session has begun, which a station may tell before it replies."""


GRANT_HOLDS = timedelta(minutes=10)
"""A token judged here this lately needs no second question when its session starts."""


class Grant(msgspec.Struct, frozen=True):
    """A token was judged here lately; the one session that follows need not ask again."""

    verdict: Verdict
    at: datetime

    def holds(self, now: datetime) -> bool:
        return self.verdict.allowed is Allowed.ALLOWED and now - self.at <= GRANT_HOLDS


class StationState(msgspec.Struct, frozen=True, kw_only=True):
    """A station as its decider sees it."""

    owner: PartyId
    station_id: str
    connection_id: str | None = None
    """Of the socket that speaks for it; None while it is away."""
    node: str = ""
    """Which node holds that socket."""
    connectors: dict[str, tuple[ConnectorStatus, str | None, str | None]] = {}
    """By ``evse/connector``: status, error code, info."""
    sessions: dict[str, SessionState] = {}
    """Open ones and the latest completed ones, by session id, oldest first."""
    horizon: datetime | None = None
    """Sessions that started no later than this may have been forgotten."""
    grants: dict[str, Grant] = {}
    """By token pseudonym."""
    commands: dict[str, PendingCommand] = {}

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
        return open_commands or any(session.waiting for session in self.sessions.values())

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


def _connected(state: StationState, fact: f.StationConnected, _: datetime) -> StationState:
    return _with(state, connection_id=fact.connection_id, node=fact.node)


def _disconnected(state: StationState, _: f.StationDisconnected, __: datetime) -> StationState:
    return _with(state, connection_id=None)


def _status(state: StationState, fact: f.ConnectorStatusChanged, _: datetime) -> StationState:
    key = f"{fact.evse_id}/{fact.connector_id}"
    return _with(state, connectors=state.connectors | {key: (fact.status, fact.error_code, fact.info)})


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
    return _with(state, grants=grants | {fact.token_ref: Grant(verdict, at)})


def _started(state: StationState, fact: f.SessionStarted, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    session = _with(
        session,
        transaction_id=fact.transaction_id,
        start_key=fact.start_key,
        evse_id=fact.evse_id or session.evse_id,
        connector_id=fact.connector_id or session.connector_id,
        started_at=fact.at,
        meter_start_wh=fact.meter_wh,
        charging=fact.charging if session.charging is None else session.charging,
    )
    # What was granted before is used up: the next session is judged anew.
    grants = {ref: grant for ref, grant in state.grants.items() if ref != fact.token_ref}
    commands = state.commands
    begun_by = commands.get(fact.command_id or "")
    if begun_by is not None:
        commands = {cid: command for cid, command in commands.items() if command is not begun_by}
        if not begun_by.answered:
            commands[begun_by.command_id] = _with(begun_by, started=True)
    session = _sequenced(_belonging(session, fact), fact.seq_no)
    return _forget_old(_keep(_with(state, commands=commands, grants=grants), session))


def _seen(state: StationState, fact: f.SessionSeen, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    seen = _with(
        session,
        transaction_id=fact.transaction_id,
        evse_id=fact.evse_id,
        connector_id=fact.connector_id,
    )
    return _forget_old(_keep(state, seen))


def _updated(state: StationState, fact: f.SessionUpdated, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
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
    meter = metered(session, fact)
    session = _with(
        session,
        first_wh=meter.first_wh,
        first_wh_at=meter.first_at,
        last_wh=meter.last_wh,
        last_wh_at=meter.last_at,
        power_w=meter.power_w,
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


def _keyed(session: SessionState, key: int) -> SessionState:
    return _with(session, keys=(*session.keys[-KEPT_KEYS + 1 :], key))


class Meter(NamedTuple):
    """What is kept of a session's meter: the earliest and the latest register, and the latest power."""

    first_wh: int | None
    first_at: datetime | None
    last_wh: int | None
    last_at: datetime | None
    power_w: int | None


def metered(session: SessionState, fact: f.MeterSampled) -> Meter:
    """A session's meter after samples of it."""
    first, first_at = session.first_wh, session.first_wh_at
    last, last_at = session.last_wh, session.last_wh_at
    power = session.power_w
    for sample in fact.samples:
        if sample.energy_wh is not None:
            if first_at is None or sample.at < first_at:
                first, first_at = sample.energy_wh, sample.at
            if last_at is None or sample.at >= last_at:
                last, last_at = sample.energy_wh, sample.at
        if sample.power_w is not None and (last_at is None or sample.at >= last_at):
            power = sample.power_w
    return Meter(first, first_at, last, last_at, power)


def _ended(state: StationState, fact: f.SessionEnded, at: datetime) -> StationState:
    session = _session(state, fact.session_id, at)
    session = _with(
        session,
        ended_at=fact.at,
        ended_recorded_at=at,
        meter_stop_wh=fact.meter_wh,
        charging=False,
        power_w=0,
    )
    return _keep(state, _sequenced(session, fact.seq_no))


def _completed(state: StationState, fact: f.SessionCompleted, at: datetime) -> StationState:
    return _forget_old(_keep(state, _with(_session(state, fact.session_id, at), completed=True)))


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
    )
    # Accepted remote starts that nobody followed up are forgotten here.
    awaited = {cid: known for cid, known in state.commands.items() if not known.answered or known.due > at}
    return _with(state, commands=awaited | {fact.command_id: command})


REMOTE_START_WAIT = timedelta(minutes=10)
"""How long an accepted remote start explains a session that begins with its token."""


def _answered(state: StationState, fact: f.CommandAnswered, at: datetime) -> StationState:
    commands = dict(state.commands)
    command = commands.pop(fact.command_id, None)
    expected = command is not None and command.name is CommandName.START and not command.started
    if command is not None and expected and fact.result is CommandResult.ACCEPTED:
        commands[fact.command_id] = _with(command, answered=True, due=at + REMOTE_START_WAIT)
    return _with(state, commands=commands)


def _session(state: StationState, session_id: str, at: datetime) -> SessionState:
    known = state.sessions.get(session_id)
    return known if known is not None else SessionState(session_id=session_id, first_news_at=at)


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
    running = [session for session in state.sessions.values() if session.ended_at is None]
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
    f.ConnectorStatusChanged: _status,
    f.AuthorizationDecided: _authorized,
    f.SessionStarted: _started,
    f.SessionSeen: _seen,
    f.SessionUpdated: _updated,
    f.MeterSampled: _sampled,
    f.SessionEnded: _ended,
    f.SessionCompleted: _completed,
    f.CommandRequested: _requested,
    f.CommandAnswered: _answered,
}
