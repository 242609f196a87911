"""Is a start one that came before? A resend has the same content; a name or a time can be used twice (rule 13, P2)."""

from __future__ import annotations

from elstrada.charging.connectors import OLDEST_QUEUE
from elstrada.charging.state import SessionState, StationState
from elstrada.model.asks import StartSession
from elstrada.model.device import ConnectorStatus

_SAME_VISIT = frozenset({ConnectorStatus.FINISHING, ConnectorStatus.FAULTED})
"""What a connector may tell when its session is over, with nothing new begun."""


def begun(state: StationState, ask: StartSession, key: str, begin_wh: int | None) -> SessionState | None:
    """The session that a start is of, if anything is known of it; None: it begins a new one.

    Args:
        begin_wh: the register at the start, as told.
    """
    named = (
        session
        for session in reversed(state.sessions.values())
        if session.start_key == key
        or (ask.transaction_id is not None and session.transaction_id == ask.transaction_id)
    )
    return next((one for one in named if not _is_another(state, one, ask, begin_wh)), None)


def _is_another(state: StationState, session: SessionState, ask: StartSession, begin_wh: int | None) -> bool:
    """Is it the start of another session than this one, whose end was told?"""
    if session.started_at is None or session.ended_at is None or session.presumed is not None:
        return False
    if ask.transaction_id is None:
        return _clock_is_wrong(state, session, ask) and _began_anew(state, session)
    return _begins_otherwise(session, ask, begin_wh)


def _begins_otherwise(session: SessionState, ask: StartSession, begin_wh: int | None) -> bool:
    """2.x: the station used a transaction's name again. The same start is of the same time and register."""
    if None not in (begin_wh, session.meter_start_wh) and begin_wh != session.meter_start_wh:
        return True
    if not (session.clock_suspect or ask.clock_suspect):
        return ask.at != session.started_at
    other_token = ask.token is not None and session.token_ref not in (None, ask.token.ref)
    return other_token or (bool(ask.evse_id) and session.evse_id not in (None, ask.evse_id))


def _clock_is_wrong(state: StationState, session: SessionState, ask: StartSession) -> bool:
    """1.6: only where the clock begins anew can two sessions have begun at the same time."""
    told_at, began_at = session.first_news_at, session.started_at
    if ask.clock_suspect or state.wrong_clock is not None or told_at is None or began_at is None:
        return True
    return abs(told_at - began_at) > OLDEST_QUEUE


def _began_anew(state: StationState, session: SessionState) -> bool:
    """Has its station booted since its end was told, or its connector told that its visit is over?"""
    ended_at = session.ended_recorded_at
    if ended_at is None:
        return False
    if state.booted_at is not None and state.booted_at > ended_at:
        return True
    key = f"{session.evse_id}/{session.connector_id}"
    known, learned_at = state.connectors.get(key), state.learned_at.get(key)
    return (
        known is not None and learned_at is not None and learned_at > ended_at and known[0] not in _SAME_VISIT
    )
