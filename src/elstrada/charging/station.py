"""A station's decider: every ask to its answer, facts and questions."""

from __future__ import annotations

from datetime import datetime

from elstrada.charging import (
    allowance,
    authorize,
    availability,
    clock,
    notices,
    remote,
    reserve,
    session,
    unended,
)
from elstrada.charging.admission import interval_s
from elstrada.charging.connectors import is_of_before, left_out
from elstrada.charging.decision import Decision
from elstrada.charging.state import StationState, condition, evolve
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.ids import Fresh


def decide(state: StationState, ask: asks.StationAsk, now: datetime, fresh: Fresh) -> Decision:
    """Decide one ask. Pure: equal arguments give an equal decision.

    Args:
        state: all facts of the station's stream, folded.
        now: the time of receipt, aware UTC.
        fresh: identifiers for what this decision may create; used at most once.
    """
    match ask:
        case asks.UpdateSession():
            return session.update(state, ask, now, fresh)
        case asks.StartSession():
            return session.start(state, ask, now, fresh)
        case asks.EndSession():
            return session.end(state, ask, now, fresh)
        case asks.Beat():
            return Decision(answers.TheTime(now))
        case asks.ReadClock():
            read = clock.judged(state.wrong_clock, ask.readings)
            return Decision(answers.Noted(), () if read is None else (read,))
        case asks.Authorize():
            return authorize.authorize(state, ask, now)
        case asks.ReportStatus():
            return _status(state, ask, now)
        case asks.QueueReport():
            return session.queue_told(state, ask)
        case asks.RecordMeter():
            return session.record_meter(state, ask, now)
        case asks.ReportEvents():
            return availability.report(state, ask, now)
        case asks.GiveNotice():
            return notices.note(state, ask)
        case asks.Boot():
            registered = answers.Registered(now, interval_s(ask.admission), ask.admission)
            return Decision(registered, (_booted(ask),))
        case asks.SignCertificate():
            asked = f.CertificateRequested(ask.kind, ask.key, ask.fault)
            return Decision(answers.CertificateJudged(ask.fault), (asked,))
        case asks.Connect():
            return Decision(answers.Noted(), (_connected(ask),))
        case asks.Disconnect():
            return _disconnect(state, ask)
        case asks.Command():
            return remote.command(state, ask, now, fresh)
        case asks.CommandReply():
            return remote.reply(state, ask, now)
        case asks.LimitReached():
            return allowance.reached(state, ask, now, fresh)
        case asks.Tick():
            due = (
                *remote.overdue(state, now),
                *remote.unfollowed(state, now, ask.start_wait_s),
                *session.complete_waiting(state, now, ask.ends),
                *unended.presume(state, now, ask.ends),
                *reserve.expired(state, now),
            )
            return Decision(answers.Noted(), due)


def forgotten(state: StationState, ask: asks.StationAsk) -> tuple[str, str] | None:
    """The session an ask may mean though the state has forgotten it.

    Returns:
        The view column to look in and the value, ``("start_key", ...)`` or ``("transaction_id", ...)``;
        None when there is nothing to recall. The caller hands the session's facts to
        ``StationState.recalling`` before it decides.
    """
    if state.horizon is None:
        return None
    match ask:
        case asks.StartSession() if ask.at <= state.horizon or ask.clock_suspect:
            key = session.start_key(ask)
            return None if state.session_by_start(key) else ("start_key", key)
        case asks.UpdateSession() | asks.EndSession():
            known = state.session_by_transaction(ask.transaction_id)
            return None if known else ("transaction_id", ask.transaction_id)
        case _:
            return None


def _connected(ask: asks.Connect) -> f.StationConnected:
    return f.StationConnected(ask.protocol, ask.connection_id, ask.node, ask.security_profile)


def _booted(ask: asks.Boot) -> f.StationBooted:
    return f.StationBooted(ask.vendor, ask.model, ask.serial, ask.firmware, ask.reason, ask.admission)


def _status(state: StationState, ask: asks.ReportStatus, now: datetime) -> Decision:
    known = state.connectors.get(f"{ask.evse_id}/{ask.connector_id}")
    if known == condition(ask.status, ask.error_code, ask.info):
        return Decision(answers.Noted())
    if ask.at is not None and is_of_before(state, ask.evse_id, ask.connector_id, ask.at, now):
        return Decision(answers.Noted())
    fact = f.ConnectorStatusChanged(
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        status=ask.status,
        at=ask.at or now,
        error_code=ask.error_code,
        info=ask.info,
        vendor_error_code=ask.vendor_error_code,
    )
    unkept = left_out(state, fact)
    if unkept:
        return Decision(answers.Noted(unkept))
    return Decision(answers.Noted(), (fact, *reserve.lost(evolve(state, fact, now), now)))


def _disconnect(state: StationState, ask: asks.Disconnect) -> Decision:
    """The late close of an old socket never unregisters a newer one (rule 1)."""
    if state.connection_id != ask.connection_id:
        return Decision(answers.Noted())
    return Decision(answers.Noted(), (f.StationDisconnected(ask.connection_id, ask.reason),))
