"""Sessions at a station: begun, running, ended, complete. Resends and any order end in the same session.

A station reports what has happened; nothing here refuses it. Source: OCPP 1.6 §4.8, §4.10, §3.7;
OCPP 2.0.1 part 2 E; promises P2 and P3.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from elstrada.charging import again, authorize, metering, misnamed, reserve, unended
from elstrada.charging.allowance import limit_of, limited
from elstrada.charging.decision import Decision
from elstrada.charging.reckoning import reckoned
from elstrada.charging.state import (
    PendingCommand,
    SessionState,
    StationState,
    content_key,
    evolve,
    late_end_key,
    metered,
)
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.answers import AskParty, SessionNoted
from elstrada.model.asks import EndSession, StartSession, UpdateSession
from elstrada.model.device import CommandName
from elstrada.model.ids import Fresh
from elstrada.model.quantity import MeterSample, of_best_place
from elstrada.model.reservation import Reservation
from elstrada.model.token import Allowed, Verdict
from elstrada.model.unended import EndRules

QUIET = timedelta(seconds=30)
"""After an end that came late, or with numbers missing: how long news may still come before pricing."""
FRESH_END = timedelta(seconds=60)
"""An end reported within this time of its happening did not wait in an offline queue."""
GRACE = timedelta(minutes=5)
"""How long a connected station's missing messages are waited for; OCPP 2.0.1 E04.FR.07 lets it drop some for ever."""
LONGEST = timedelta(days=1)
"""How long they are waited for at most, while the station is away or says that it has them in its queue (rule 19)."""


def start(state: StationState, ask: StartSession, now: datetime, fresh: Fresh) -> Decision:
    """A station reports a session's start."""
    key = start_key(ask)
    known = begun_before(state, ask)
    if known is not None and known.started_at is not None:
        # P2: the first answer again, and no second effect.
        verdict = _verdict_again(state, known, ask, now)
        if isinstance(verdict, AskParty):
            return Decision(questions=(verdict,))
        told = _told(verdict, ask.token)
        return Decision(SessionNoted(known.transaction_id, told, limit=known.limit))
    taken = known is not None and known.allowed is Allowed.ALLOWED
    verdict = ask.token and _judged(state, ask, ask.token, ask.evse_id, now, first=not taken)
    if isinstance(verdict, AskParty):
        return Decision(questions=(verdict,))
    reserved = _reserved(state, ask, verdict, ask.evse_id, now)
    verdict = _referring(verdict, reserved)
    command = _command_of(state, ask, now)
    session_id = _awaited(state, command) or fresh.id if reserved is None else reserved.session_id
    session_id = session_id if known is None else known.session_id
    transaction_id = ask.transaction_id or str(fresh.number)
    # A token that was refused does not take a session from one that was accepted before.
    named = None if taken and (verdict is None or verdict.allowed is not Allowed.ALLOWED) else verdict
    started = _started(ask, named, command and command.command_id, session_id, transaction_id, key)
    facts: tuple[f.StationFact, ...] = (*(unended.reopened(known, now) if known else ()), started)
    facts += reserve.used(reserved, session_id, ask.at)
    if ask.token is not None and verdict is not None and ask.verdict is not None:
        facts = (authorize.decided(ask.token, ask.evse_id, verdict), *facts)
    begun = _after(state, facts, now)
    session = begun.sessions[session_id]
    facts += _samples(begun, session_id, ask, now) + reckoned(session, ask) + limited(session, ask, verdict)
    told = verdict and msgspec.structs.replace(verdict, note="")
    answer = SessionNoted(transaction_id, _told(told, ask.token), limit=limit_of(facts))
    return _completing(state, Decision(answer, facts), session_id, now)


def update(state: StationState, ask: UpdateSession, now: datetime, fresh: Fresh) -> Decision:
    """A station reports news of a session."""
    session = state.session_by_transaction(ask.transaction_id)
    taken = session is not None and session.allowed is Allowed.ALLOWED
    evse_id = ask.evse_id or (session.evse_id if session is not None else None)
    verdict = ask.token and _judged(state, ask, ask.token, evse_id, now, first=not taken)
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
    opened = unended.reopened(session, now)
    news = _news(session, ask, verdict) + _samples(_after(state, opened, now), session.session_id, ask, now)
    news += reckoned(session, ask) + limited(session, ask, verdict)
    if not taken or ask.reservation_id is not None:
        reserved = _reserved(state, ask, verdict, evse_id, now)
        news += reserve.used(reserved, session.session_id, ask.at)
    facts += (*opened, *news) if news else ()
    if facts and ask.token is not None and verdict is not None and ask.verdict is not None:
        facts = (authorize.decided(ask.token, ask.evse_id, verdict), *facts)
    answer = SessionNoted(ask.transaction_id, _told(verdict, ask.token), limit=limit_of(facts))
    return _completing(state, Decision(answer, facts), session.session_id, now)


def end(state: StationState, ask: EndSession, now: datetime, fresh: Fresh) -> Decision:
    """A station reports a session's end, and is told of the token that ended it, if one did."""
    decision = _end(state, ask, now, fresh)
    if ask.token is None:
        return decision
    verdict = _verdict_at_the_end(state, ask, ask.token, now)
    answer = SessionNoted(ask.transaction_id, _told(verdict, ask.token))
    return msgspec.structs.replace(decision, answer=answer)


def _end(state: StationState, ask: EndSession, now: datetime, fresh: Fresh) -> Decision:
    session = state.session_by_transaction(ask.transaction_id) or misnamed.the_one_meant(state, ask)
    if session is None and ask.seq_no is None:
        # 1.6 and no such session: keep it for review, never touch another's (rule 17, T8).
        return Decision(SessionNoted(ask.transaction_id), (_stray(ask, now),))
    if session is not None and not session.open and not _replaces(session, ask):
        # Rule 14: acknowledged, not counted twice.
        return Decision(SessionNoted(ask.transaction_id), _too_late(session, ask, now))
    facts: tuple[f.StationFact, ...] = ()
    if session is None:
        seen = _seen(ask, fresh)
        facts, state = (seen,), evolve(state, seen, now)
        session = state.sessions[seen.session_id]
    sampled = _samples(state, session.session_id, ask, now)
    session = _after(state, sampled, now).sessions[session.session_id]
    more = reckoned(session, ask) + limited(session, ask)
    meter_wh = _stop_wh(ask)
    ended = f.SessionEnded(
        session_id=session.session_id,
        at=ask.at,
        meter_wh=meter_wh,
        energy_wh=_ended_with(session, ask).energy_wh,
        seq_no=ask.seq_no,
        reason=ask.reason,
        token_ref=ask.token and ask.token.ref,
        offline=ask.offline,
        trigger=ask.trigger,
        clock_suspect=ask.clock_suspect,
        end_key=misnamed.end_key(ask) if ask.transaction_id != session.transaction_id else "",
    )
    decision = Decision(SessionNoted(ask.transaction_id), (*facts, *sampled, *more, ended))
    return _completing(state, decision, session.session_id, now, already=len(facts))


def record_meter(state: StationState, ask: asks.RecordMeter, now: datetime) -> Decision:
    """Meter values that name no session go to the one running at that connector (rule 24)."""
    running = [s for s in state.sessions.values() if s.ended_at is None and s.evse_id == ask.evse_id]
    # Only where there is no doubt: one session there, and values from its time.
    one = running[-1] if running else None
    if one is not None and _are_of(state, one, ask.samples):
        return Decision(answers.Noted(), _samples(state, one.session_id, ask, now))
    fact = f.MeterSampled(evse_id=ask.evse_id, connector_id=ask.connector_id, samples=ask.samples)
    return Decision(answers.Noted(), (fact,) if ask.samples else ())


def _are_of(state: StationState, session: SessionState, samples: tuple[MeterSample, ...]) -> bool:
    """Are they from its time? What a free connector shows is of nobody, and no sign that a session goes on."""
    began_at, free_at = session.started_at, unended.free_at(state, session)
    return all(
        (began_at is None or began_at <= sample.at) and (free_at is None or sample.at <= free_at)
        for sample in samples
    )


def doubtful(state: StationState) -> tuple[SessionState, ...]:
    """Ended sessions of which messages are missing; only sequence numbers tell that, so these are of 2.x."""
    return tuple(
        session
        for session in state.sessions.values()
        if session.waiting and session.sequence is not None and _is_missing(session)
    )


def queue_told(state: StationState, ask: asks.QueueReport) -> Decision:
    """A station said whether messages of a session are still to come; news only if it said otherwise before."""
    session = state.sessions.get(ask.session_id)
    if session is not None and session.ended_at is None and ask.ongoing is not None:
        told = f.SessionQueueReported(ask.session_id, ask.in_queue, ask.ongoing)
        return Decision(answers.Noted(), (told,))
    if session is None or not session.waiting or session.in_queue is ask.in_queue:
        return Decision(answers.Noted())
    return Decision(answers.Noted(), (f.SessionQueueReported(ask.session_id, ask.in_queue),))


def _is_missing(session: SessionState) -> bool:
    return session.started_at is None or (session.sequence is not None and bool(session.sequence.missing))


def complete_waiting(state: StationState, now: datetime, ends: EndRules) -> tuple[f.StationFact, ...]:
    """The completions that have become due by the passing of time."""
    due = (session for session in state.sessions.values() if session.waiting and _is_due(state, session, now))
    return tuple(_completion(session) for session in (*due, *unended.lapsed(state, now, ends)))


def begun_before(state: StationState, ask: StartSession) -> SessionState | None:
    """The session that a start is of, if anything is known of it."""
    return again.begun(state, ask, start_key(ask), _begin_wh(ask))


def start_key(ask: StartSession) -> str:
    """What names this start again when it is resent under a new message id (rule 13, P2)."""
    if ask.transaction_id is not None:
        return f"tx|{ask.transaction_id}"
    token = ask.token.ref if ask.token else ""
    # A time not believed became the time of receipt, which a resend does not share; what was said it does.
    at = ask.said_at or ask.at.isoformat()
    return f"{ask.connector_id}|{ask.evse_id}|{token}|{at}|{ask.meter_wh}"


# --- parts ------------------------------------------------------------------------------------------


def _judged(
    state: StationState,
    ask: StartSession | UpdateSession,
    token: asks.PresentedToken,
    evse_id: int | None,
    now: datetime,
    *,
    first: bool,
) -> Verdict | AskParty:
    """The judgement of a token.

    Args:
        first: no accepted one was shown for the session before, so this one would begin it.
    """
    kept_away = reserve.barred(state, token, evse_id, ask.at, now) if first else None
    return kept_away or authorize.judge(state, token, ask.evse_id, now, ask.verdict)


def _reserved(
    state: StationState,
    ask: StartSession | UpdateSession,
    verdict: Verdict | None,
    evse_id: int | None,
    now: datetime,
) -> Reservation | None:
    """The reservation that a session uses whose token was judged so."""
    if verdict is not None and verdict.allowed is not Allowed.ALLOWED:
        return None
    return reserve.using(state, ask.token, ask.reservation_id, evse_id, now)


def _referring(verdict: Verdict | None, reserved: Reservation | None) -> Verdict | None:
    """A judgement with the reference under which was reserved, if it has none of its own (R-51)."""
    if verdict is None or reserved is None or verdict.authorization_reference is not None:
        return verdict
    return msgspec.structs.replace(verdict, authorization_reference=reserved.authorization_reference)


def _started(
    ask: StartSession,
    verdict: Verdict | None,
    command_id: str | None,
    session_id: str,
    transaction_id: str,
    key: str,
) -> f.SessionStarted:
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
        meter_wh=_begin_wh(ask),
        seq_no=ask.seq_no,
        command_id=command_id,
        reservation_id=ask.reservation_id,
        charging=ask.charging,
        offline=ask.offline,
        trigger=ask.trigger,
        tariff_id=_tariff_of(ask.token, verdict),
        clock_suspect=ask.clock_suspect,
    )


def _tariff_of(token: asks.PresentedToken | None, verdict: Verdict | None) -> str | None:
    """The tariff of an accepted token's own, or agreed with its party, if there is one."""
    if token is None or verdict is None or verdict.allowed is not Allowed.ALLOWED:
        return None
    own = token.allowance.tariff_id if token.allowance is not None else ""
    return own or (token.standing.tariff_id if token.standing is not None else "") or None


def _command_of(state: StationState, ask: StartSession, now: datetime) -> PendingCommand | None:
    """The remote start that led to this session: by its number, else by its token."""
    for command in state.commands.values():
        if command.name is CommandName.START and command.remote_start_id == ask.remote_start_id is not None:
            return command
    return authorize.remote_start_of(state, ask.token, ask.evse_id, now) if ask.token else None


def _awaited(state: StationState, command: PendingCommand | None) -> str | None:
    """The id that partners know already for the session of a remote start; a second session has its own."""
    if command is None or command.started or command.session_id in state.sessions:
        return None
    return command.session_id


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
        tariff_id=_tariff_of(ask.token, named),
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
    energy_wh = session.energy_of(meter)
    power_w = 0 if session.ended_at is not None else meter.power_w
    return (msgspec.structs.replace(fact, energy_wh=energy_wh, power_w=power_w),)


def _register(samples: tuple[MeterSample, ...], context: str, *, last: bool) -> int | None:
    """The register a station marked as the session's first or last; else the first or last it gave."""
    registers = of_best_place(samples)
    marked = [sample for sample in registers if sample.context == context] or registers
    return marked[-1 if last else 0].energy_wh if marked else None


def _ended_with(session: SessionState, ask: EndSession) -> SessionState:
    """A session as this end makes it."""
    suspect = session.clock_suspect or ask.clock_suspect
    return msgspec.structs.replace(
        session, meter_stop_wh=_stop_wh(ask), ended_at=ask.at, clock_suspect=suspect
    )


def _begin_wh(ask: StartSession) -> int | None:
    """The register at the start."""
    return (
        ask.meter_wh if ask.meter_wh is not None else _register(ask.samples, "Transaction.Begin", last=False)
    )


def _stop_wh(ask: EndSession) -> int | None:
    """The register at the end."""
    return ask.meter_wh if ask.meter_wh is not None else _register(ask.samples, "Transaction.End", last=True)


def _replaces(session: SessionState, ask: EndSession) -> bool:
    """Is it the true end of a session that is not complete yet, which another end that named none was taken for?"""
    return not session.completed and misnamed.is_another_end(session, ask)


def _too_late(session: SessionState, ask: EndSession, now: datetime) -> tuple[f.StrayReported, ...]:
    """An end that tells otherwise than the one a session has: kept once, and changes no CDR.

    The one it has was presumed, or named no session and was taken for its end; or its station used its
    name again.
    """
    by_this = _ended_with(session, ask)
    others = session.presumed is not None or misnamed.is_another_end(session, ask)
    if not others and _stop_wh(ask) in (None, session.meter_stop_wh):
        return ()
    if late_end_key(by_this.energy_wh) in session.keys:
        return ()
    return (
        msgspec.structs.replace(
            _stray(ask, now),
            session_id=session.session_id,
            energy_wh=by_this.energy_wh,
            completed_wh=session.energy_wh,
        ),
    )


def _after(state: StationState, facts: Iterable[f.StationFact], now: datetime) -> StationState:
    for fact in facts:
        state = evolve(state, fact, now)
    return state


def _stray(ask: EndSession | UpdateSession, now: datetime) -> f.StrayReported:
    told = msgspec.structs.replace(ask, token=None)
    return f.StrayReported(
        kind=type(ask).__name__,
        transaction_id=ask.transaction_id,
        at=now,
        body=msgspec.json.encode(told).decode(),
    )


def _verdict_at_the_end(
    state: StationState, ask: EndSession, token: asks.PresentedToken, now: datetime
) -> Verdict:
    """The session's own judgement if its own token ended it, else one of the token that did."""
    session = state.session_by_transaction(ask.transaction_id)
    own = _verdict_of(session) if session is not None and session.token_ref == token.ref else None
    return own or authorize.judge_at_the_end(state, token, ask.evse_id, now)


def _told(verdict: Verdict | None, token: asks.PresentedToken | None) -> Verdict | None:
    """A judgement as the station is told of it."""
    return authorize.with_group(verdict, token) if verdict is not None and token is not None else verdict


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


def _verdict_again(
    state: StationState, session: SessionState, ask: StartSession, now: datetime
) -> Verdict | AskParty | None:
    """What a resent start is answered: the session's judgement, of another token one of its own."""
    if ask.token is None or ask.token.ref == session.token_ref:
        return _verdict_of(session)
    return _judged(state, ask, ask.token, ask.evse_id, now, first=False)


def _completing(
    state: StationState, decision: Decision, session_id: str, now: datetime, already: int = 0
) -> Decision:
    """The decision, with the session's completion added if these facts make it complete."""
    known = state.sessions.get(session_id)
    ends = bool(decision.facts) and isinstance(decision.facts[-1], f.SessionEnded)
    if not decision.facts or not (ends or (known is not None and known.waiting)):
        return decision
    session = _after(state, decision.facts[already:], now).sessions[session_id]
    if not (session.waiting and _is_due(state, session, now)):
        return decision
    return msgspec.structs.replace(decision, facts=(*decision.facts, _completion(session)))


def _is_due(state: StationState, session: SessionState, now: datetime) -> bool:
    """Is all known, or the wait over?"""
    assert session.ended_at is not None
    assert session.ended_recorded_at is not None
    waited = now - session.ended_recorded_at
    missing = _is_missing(session)
    if missing and session.in_queue:
        return waited >= LONGEST
    if missing and session.queue_told_at is not None:
        # Its queue is empty; what came just before it said so may not be recorded yet.
        return now - session.queue_told_at >= QUIET
    if missing:
        since = state.connected_at
        return waited >= LONGEST if since is None else min(waited, now - since) >= GRACE
    came_late = session.ended_recorded_at - session.ended_at > FRESH_END
    # Without sequence numbers nobody can tell that a queue has run empty: wait until it is quiet.
    return not (came_late and session.sequence is None) or waited >= QUIET


def _completion(session: SessionState) -> f.SessionCompleted:
    assert session.ended_at is not None
    meter_lacks = metering.lacks(session)
    notes = [*unended.notes(session), *metering.notes(meter_lacks)]
    started_at, ended_at = session.started_at, session.ended_at
    if started_at is None:
        started_at = session.first_wh_at or ended_at
        notes.append("The start never came; the first reading stands for it.")
    if started_at > ended_at:
        started_at, ended_at = _as_learned(session)
        notes.append("By its station's clock it ended before it began; it counts by when its news came.")
    if session.began_anew_wh is not None:
        notes.append(
            f"The register began at 0 and went on at {session.began_anew_wh} Wh; it counts from there."
        )
    if session.doubted_wh is not None:
        notes.append(f"Its last register, {session.doubted_wh} Wh, cannot be and does not count.")
    turn = session.turn
    if turn is not None:
        notes.append(metering.note_on(turn))
    missing = session.sequence.missing if session.sequence else ()
    if missing:
        notes.append(f"{len(missing)} messages never came.")
    return f.SessionCompleted(
        session_id=session.session_id,
        started_at=started_at,
        ended_at=ended_at,
        energy_wh=session.energy_wh,
        gaps=missing[:100],
        notes=tuple(notes),
        meter_lacks=meter_lacks,
        doubted_wh=session.doubted_wh,
        begun_wh=session.begun_wh if session.doubted_wh is not None else None,
        turn=turn,
    )


def _as_learned(session: SessionState) -> tuple[datetime, datetime]:
    """When the first news of a session and its end were recorded: what its station says of both contradicts itself."""
    assert session.first_news_at is not None, "a session is known by its first news"
    assert session.ended_recorded_at is not None, "it has ended"
    return min(session.first_news_at, session.ended_recorded_at), session.ended_recorded_at
