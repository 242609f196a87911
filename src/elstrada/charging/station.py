"""A station's decider: every ask to its answer, facts and questions."""

from __future__ import annotations

from datetime import datetime

from elstrada.charging import authorize, remote, session
from elstrada.charging.decision import Decision
from elstrada.charging.state import StationState
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.ids import Fresh

HEARTBEAT_S = 300
"""Interval a booting station is given."""


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
        case asks.Authorize():
            return authorize.authorize(state, ask, now)
        case asks.ReportStatus():
            return _status(state, ask, now)
        case asks.RecordMeter():
            return session.record_meter(state, ask, now)
        case asks.ReportEvents():
            return Decision(answers.Noted(), tuple(f.StationEventReported(event) for event in ask.events))
        case asks.Boot():
            return Decision(answers.Registered(now, HEARTBEAT_S), (_booted(ask),))
        case asks.Connect():
            return Decision(answers.Noted(), (_connected(ask),))
        case asks.Disconnect():
            return _disconnect(state, ask)
        case asks.Command():
            return remote.command(state, ask, now, fresh)
        case asks.CommandReply():
            return remote.reply(state, ask)
        case asks.Tick():
            due = (*remote.overdue(state, now), *session.complete_waiting(state, now))
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
    return f.StationBooted(ask.vendor, ask.model, ask.serial, ask.firmware, ask.reason)


def _status(state: StationState, ask: asks.ReportStatus, now: datetime) -> Decision:
    known = state.connectors.get(f"{ask.evse_id}/{ask.connector_id}")
    if known == (ask.status, ask.error_code, ask.info):
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
    return Decision(answers.Noted(), (fact,))


def _disconnect(state: StationState, ask: asks.Disconnect) -> Decision:
    """The late close of an old socket never unregisters a newer one (rule 1)."""
    if state.connection_id != ask.connection_id:
        return Decision(answers.Noted())
    return Decision(answers.Noted(), (f.StationDisconnected(ask.connection_id, ask.reason),))
