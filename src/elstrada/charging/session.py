"""Sessions at a station: begun, running, ended, complete. Resends and any order end in the same session.

A station reports what has happened; nothing here refuses it. Source: OCPP 1.6 §4.8, §4.10, §3.7;
OCPP 2.0.1 part 2 E; promises P2 and P3.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from elstrada.charging import authorize
from elstrada.charging.decision import Decision
from elstrada.charging.state import SessionState, StationState, content_key, evolve, metered
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.answers import AskParty, SessionNoted
from elstrada.model.asks import EndSession, StartSession, UpdateSession
from elstrada.model.device import CommandName
from elstrada.model.ids import Fresh
from elstrada.model.quantity import MeterSample
from elstrada.model.token import Allowed, Verdict

QUIET = timedelta(seconds=30)
"""After an end that came late, or with numbers missing: how long news may still come before pricing."""
FRESH_END = timedelta(seconds=60)
"""An end reported within this time of its happening did not wait in an offline queue."""
GRACE = timedelta(minutes=5)
"""How long missing numbers are waited for; OCPP 2.0.1 E04.FR.07 lets stations drop some for ever."""


def start(state: StationState, ask: StartSession, now: datetime, fresh: Fresh) -> Decision:
    """A station reports a session's start."""
    key = start_key(ask)
    known = state.session_by_start(key)
    if known is None and ask.transaction_id is not None:
        known = state.session_by_transaction(ask.transaction_id)
    if known is not None and known.started_at is not None:
        # P2: the first answer again, and no second effect.
        return Decision(SessionNoted(known.transaction_id, _verdict_of(known)))
    verdict = ask.token and authorize.judge(state, ask.token, ask.evse_id, now, ask.verdict)
    if isinstance(verdict, AskParty):
        return Decision(questions=(verdict,))
    session_id = known.session_id if known is not None else fresh.id
    transaction_id = ask.transaction_id or str(fresh.number)
    # A token that was refused does not take a session from one that was accepted before.
    taken = known is not None and known.allowed is Allowed.ALLOWED
    named = None if taken and (verdict is None or verdict.allowed is not Allowed.ALLOWED) else verdict
    started = _started(ask, named, _command_of(state, ask, now), session_id, transaction_id, key)
    facts: tuple[f.StationFact, ...] = (started,)
    if ask.token is not None and verdict is not None and ask.verdict is not None:
        facts = (authorize.decided(ask.token, ask.evse_id, verdict), started)
    facts += _samples(evolve(state, started, now), session_id, ask, now)
    answer = SessionNoted(transaction_id, verdict and msgspec.structs.replace(verdict, note=""))
    return _completing(state, Decision(answer, facts), session_id, now)


def update(state: StationState, ask: UpdateSession, now: datetime, fresh: Fresh) -> Decision:
    """A station reports news of a session."""
    session = state.session_by_transaction(ask.transaction_id)
    verdict = ask.token and authorize.judge(state, ask.token, ask.evse_id, now, ask.verdict)
    if isinstance(verdict, AskParty):
        return Decision(questions=(verdict,))
    facts: tuple[f.StationFact, ...] = ()
    if session is None and ask.seq_no is None:
        # 1.6: we name the transactions, so this names none of ours (rule 17).
        return Decision(SessionNoted(ask.transaction_id), (_stray(ask, now),))
    if session is None:
        seen = _seen(ask, fresh)
        facts, state = (seen,), evolve(state, seen, now)
        session = state.sessions[seen.session_id]
    facts += _news(session, ask, verdict) + _samples(state, session.session_id, ask, now)
    if facts and ask.token is not None and verdict is not None and ask.verdict is not None:
        facts = (authorize.decided(ask.token, ask.evse_id, verdict), *facts)
    return _completing(
        state, Decision(SessionNoted(ask.transaction_id, verdict), facts), session.session_id, now
    )


def end(state: StationState, ask: EndSession, now: datetime, fresh: Fresh) -> Decision:
    """A station reports a session's end."""
    session = state.session_by_transaction(ask.transaction_id) or _the_one_meant(state, ask)
    if session is None and ask.seq_no is None:
        # 1.6 and no such session: keep it for review, never touch another's (rule 17, T8).
        return Decision(SessionNoted(ask.transaction_id), (_stray(ask, now),))
    if session is not None and session.ended_at is not None:
        return Decision(SessionNoted(ask.transaction_id))  # Rule 14: acknowledged, not counted twice.
    facts: tuple[f.StationFact, ...] = ()
    if session is None:
        seen = _seen(ask, fresh)
        facts, state = (seen,), evolve(state, seen, now)
        session = state.sessions[seen.session_id]
    sampled = _samples(state, session.session_id, ask, now)
    for fact in sampled:
        state = evolve(state, fact, now)
    session = state.sessions[session.session_id]
    meter_wh = (
        ask.meter_wh if ask.meter_wh is not None else _register(ask.samples, "Transaction.End", last=True)
    )
    ended = f.SessionEnded(
        session_id=session.session_id,
        at=ask.at,
        meter_wh=meter_wh,
        energy_wh=msgspec.structs.replace(session, meter_stop_wh=meter_wh).energy_wh,
        seq_no=ask.seq_no,
        reason=ask.reason,
        token_ref=ask.token and ask.token.ref,
        offline=ask.offline,
        trigger=ask.trigger,
        clock_suspect=ask.clock_suspect,
    )
    decision = Decision(SessionNoted(ask.transaction_id), (*facts, *sampled, ended))
    return _completing(state, decision, session.session_id, now, already=len(facts) + len(sampled))


def record_meter(state: StationState, ask: asks.RecordMeter, now: datetime) -> Decision:
    """Meter values that name no session go to the one running at that connector (rule 24)."""
    running = [s for s in state.sessions.values() if s.ended_at is None and s.evse_id == ask.evse_id]
    # Only where there is no doubt: one session there, and values from its time.
    one = running[-1] if running else None
    if one is not None and all(one.started_at is None or s.at >= one.started_at for s in ask.samples):
        return Decision(answers.Noted(), _samples(state, one.session_id, ask, now))
    fact = f.MeterSampled(evse_id=ask.evse_id, connector_id=ask.connector_id, samples=ask.samples)
    return Decision(answers.Noted(), (fact,) if ask.samples else ())


def complete_waiting(state: StationState, now: datetime) -> tuple[f.StationFact, ...]:
    """The completions that have become due by the passing of time."""
    return tuple(
        _completion(session)
        for session in state.sessions.values()
        if session.waiting and _is_due(session, now)
    )


def start_key(ask: StartSession) -> str:
    """What names this start again when it is resent under a new message id (rule 13, P2)."""
    if ask.transaction_id is not None:
        return f"tx|{ask.transaction_id}"
    token = ask.token.ref if ask.token else ""
    # A time not believed became the time of receipt, which a resend does not share; what was said it does.
    at = ask.said_at or ask.at.isoformat()
    return f"{ask.connector_id}|{ask.evse_id}|{token}|{at}|{ask.meter_wh}"


# --- parts ------------------------------------------------------------------------------------------


def _started(
    ask: StartSession,
    verdict: Verdict | None,
    command_id: str | None,
    session_id: str,
    transaction_id: str,
    key: str,
) -> f.SessionStarted:
    meter_wh = (
        ask.meter_wh if ask.meter_wh is not None else _register(ask.samples, "Transaction.Begin", last=False)
    )
    return f.SessionStarted(
        session_id=session_id,
        transaction_id=transaction_id,
        start_key=key,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        at=ask.at,
        token_ref=ask.token.ref if ask.token and verdict else None,
        token_party=verdict.party if verdict else None,
        allowed=verdict.allowed if verdict else None,
        auth_method=verdict.method if verdict else None,
        authorization_reference=verdict.authorization_reference if verdict else None,
        meter_wh=meter_wh,
        seq_no=ask.seq_no,
        command_id=command_id,
        reservation_id=ask.reservation_id,
        charging=ask.charging,
        offline=ask.offline,
        trigger=ask.trigger,
        clock_suspect=ask.clock_suspect,
    )


def _command_of(state: StationState, ask: StartSession, now: datetime) -> str | None:
    """The remote start that led to this session: by its number, else by its token."""
    for command in state.commands.values():
        if command.name is CommandName.START and command.remote_start_id == ask.remote_start_id is not None:
            return command.command_id
    found = ask.token and authorize.remote_start_of(state, ask.token, ask.evse_id, now)
    return found.command_id if found else None


def _seen(ask: UpdateSession | EndSession, fresh: Fresh) -> f.SessionSeen:
    return f.SessionSeen(
        session_id=fresh.id,
        transaction_id=ask.transaction_id,
        at=ask.at,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
    )


def _news(session: SessionState, ask: UpdateSession, verdict: Verdict | None) -> tuple[f.SessionUpdated, ...]:
    """What an update says beside its samples; nothing when it says nothing new."""
    moved = bool(ask.evse_id) and ask.evse_id != session.evse_id
    # With a sequence number even an empty update is news: its number must be known to have come.
    if not (moved or ask.token or ask.charging is not None) and (ask.samples or ask.seq_no is None):
        return ()
    if ask.samples and ask.token is None and not moved and ask.charging == session.charging:
        return ()
    # The first accepted token is the session's: another card shown later neither pays nor frees (T8).
    accepted = verdict is not None and verdict.allowed is Allowed.ALLOWED
    named = verdict if accepted and session.allowed is not Allowed.ALLOWED else None
    fact = f.SessionUpdated(
        session_id=session.session_id,
        at=ask.at,
        seq_no=ask.seq_no,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        token_ref=ask.token.ref if ask.token and named else None,
        token_party=named.party if named else None,
        allowed=named.allowed if named else None,
        auth_method=named.method if named else None,
        authorization_reference=named.authorization_reference if named else None,
        charging=ask.charging,
        offline=ask.offline,
        trigger=ask.trigger,
        clock_suspect=ask.clock_suspect,
    )
    return () if content_key(fact) in session.keys else (fact,)


def _samples(
    state: StationState,
    session_id: str,
    ask: StartSession | UpdateSession | EndSession | asks.RecordMeter,
    now: datetime,
) -> tuple[f.MeterSampled, ...]:
    """The fact of an ask's samples, unless the very same were recorded already."""
    if not ask.samples:
        return ()
    session = state.sessions[session_id]
    fact = f.MeterSampled(
        evse_id=ask.evse_id or session.evse_id or 0,
        connector_id=ask.connector_id or session.connector_id or 0,
        samples=ask.samples,
        session_id=session_id,
        seq_no=None if isinstance(ask, asks.RecordMeter) else ask.seq_no,
    )
    if content_key(fact) in session.keys:
        return ()
    if session.completed:
        # It was priced without this: kept and seen, but what was told to others stays as it is.
        return (fact,)
    meter = metered(session, fact)
    energy_wh = session.energy_between(meter.first_wh, meter.last_wh)
    power_w = 0 if session.ended_at is not None else meter.power_w
    return (msgspec.structs.replace(fact, energy_wh=energy_wh, power_w=power_w),)


def _register(samples: tuple[MeterSample, ...], context: str, *, last: bool) -> int | None:
    """The register a station marked as the session's first or last; else the first or last it gave."""
    registers = [sample for sample in samples if sample.energy_wh is not None]
    marked = [sample for sample in registers if sample.context == context] or registers
    return marked[-1 if last else 0].energy_wh if marked else None


def _the_one_meant(state: StationState, ask: EndSession) -> SessionState | None:
    """Rule 17: a stop for transaction -1, 0 or unknown belongs to the station's one open session of that token."""
    if ask.seq_no is not None:
        return None
    running = [session for session in state.sessions.values() if session.ended_at is None]
    if ask.token is not None:
        running = [session for session in running if session.token_ref == ask.token.ref]
    elif ask.transaction_id not in ("-1", "0"):
        return None
    return running[0] if len(running) == 1 else None


def _stray(ask: EndSession | UpdateSession, now: datetime) -> f.StrayReported:
    told = msgspec.structs.replace(ask, token=None)
    return f.StrayReported(
        kind=type(ask).__name__,
        transaction_id=ask.transaction_id,
        at=now,
        body=msgspec.json.encode(told).decode(),
    )


def _verdict_of(session: SessionState) -> Verdict | None:
    """The judgement a start was answered with, for its resend."""
    if session.allowed is None or session.auth_method is None:
        return None
    return Verdict(
        allowed=session.allowed,
        method=session.auth_method,
        party=session.token_party,
        authorization_reference=session.authorization_reference,
    )


def _completing(
    state: StationState, decision: Decision, session_id: str, now: datetime, already: int = 0
) -> Decision:
    """The decision, with the session's completion added if these facts make it complete."""
    known = state.sessions.get(session_id)
    ends = bool(decision.facts) and isinstance(decision.facts[-1], f.SessionEnded)
    if not decision.facts or not (ends or (known is not None and known.waiting)):
        return decision
    for fact in decision.facts[already:]:
        state = evolve(state, fact, now)
    session = state.sessions[session_id]
    if not (session.waiting and _is_due(session, now)):
        return decision
    return msgspec.structs.replace(decision, facts=(*decision.facts, _completion(session)))


def _is_due(session: SessionState, now: datetime) -> bool:
    """Is all known, or the wait over?"""
    assert session.ended_at is not None
    assert session.ended_recorded_at is not None
    waited = now - session.ended_recorded_at
    missing = session.started_at is None or (session.sequence is not None and session.sequence.missing)
    if missing:
        return waited >= GRACE
    came_late = session.ended_recorded_at - session.ended_at > FRESH_END
    # Without sequence numbers nobody can tell that a queue has run empty: wait until it is quiet.
    return not (came_late and session.sequence is None) or waited >= QUIET


def _completion(session: SessionState) -> f.SessionCompleted:
    assert session.ended_at is not None
    notes: list[str] = []
    started_at = session.started_at
    if started_at is None:
        started_at = session.first_wh_at or session.ended_at
        notes.append("The start never came; the first reading stands for it.")
    missing = session.sequence.missing if session.sequence else ()
    if missing:
        notes.append(f"{len(missing)} messages never came.")
    return f.SessionCompleted(
        session_id=session.session_id,
        started_at=started_at,
        ended_at=max(session.ended_at, started_at),
        energy_wh=session.energy_wh,
        gaps=missing[:100],
        notes=tuple(notes),
    )
