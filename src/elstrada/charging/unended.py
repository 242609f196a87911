"""Sessions whose end never comes are taken to be over by their station's own evidence (rule 18).

A presumed end is provisional: news of the session opens it again, and its true end replaces it. Only after a
grace is the session complete with it. It is never dated later than the session's last news, and counts no
energy beyond the last register.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from elstrada.charging.state import SessionState, StationState
from elstrada.model import facts as f
from elstrada.model.device import ConnectorStatus
from elstrada.model.unended import EndRules, Presumed

QUIET = timedelta(seconds=30)
"""After a station said that it knows a session no more: what came just before may not be recorded yet."""
FREE = frozenset(
    {
        ConnectorStatus.AVAILABLE,
        ConnectorStatus.PREPARING,
        ConnectorStatus.FINISHING,
        ConnectorStatus.RESERVED,
    }
)
"""Nobody charges there, by OCPP 1.6 §4.9; of these 2.x knows Available and Reserved."""
_IN_USE = frozenset(
    {
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
        ConnectorStatus.OCCUPIED,
    }
)


def presume(state: StationState, now: datetime, rules: EndRules) -> tuple[f.SessionEnded, ...]:
    """The ends that are to be presumed by now."""
    found = ((session, _by(state, session, now, rules)) for session in state.sessions.values())
    return tuple(_ended(session, by) for session, by in found if by is not None)


def lapsed(state: StationState, now: datetime, rules: EndRules) -> tuple[SessionState, ...]:
    """Sessions whose presumed end holds: the grace for the true one is over."""
    return tuple(
        session
        for session in state.sessions.values()
        if session.provisional and now >= _recorded_at(session) + _grace(session, rules)
    )


def doubted(state: StationState, now: datetime, rules: EndRules) -> tuple[SessionState, ...]:
    """Open sessions whose connected 2.x station is worth asking whether they go on (E14)."""
    wait = timedelta(seconds=rules.contradicted_s) / 2
    return tuple(
        session
        for session in state.sessions.values()
        if session.ended_at is None
        and session.sequence is not None
        and state.connected_at is not None
        and now - max(_heard_at(session), state.connected_at) >= wait
    )


def reopened(session: SessionState, at: datetime) -> tuple[f.SessionReopened, ...]:
    """What news of a session changes, if its end was but presumed."""
    return (f.SessionReopened(session.session_id, at),) if session.provisional else ()


def notes(session: SessionState) -> list[str]:
    """What a completion says of a presumed end, each a sentence."""
    if session.presumed is not None:
        why = _WHY[session.presumed]
        return [f"Its end never came; {why}, so its last news stands for it."]
    if session.presumed_at is not None:
        told = f"{session.presumed_at:%Y-%m-%dT%H:%M:%SZ} with {session.presumed_wh} Wh"
        return [f"Its end had been presumed at {told} before its station told it."]
    return []


_WHY = {
    Presumed.CONNECTOR_FREE: "its connector is free again",
    Presumed.NEXT_SESSION: "the next session began there",
    Presumed.NOT_ONGOING: "its station knows it no more",
    Presumed.SILENCE: "nothing was heard of it for long",
}


def _by(state: StationState, session: SessionState, now: datetime, rules: EndRules) -> Presumed | None:
    """By what a session's end is presumed now; None: it is not."""
    if session.ended_at is not None:
        return None
    heard = _heard_at(session)
    told = session.queue_told_at
    if told is not None and told >= heard and session.ongoing is False and session.in_queue is False:
        return Presumed.NOT_ONGOING
    contradicted = timedelta(seconds=rules.contradicted_s)
    for by, since in (
        (Presumed.CONNECTOR_FREE, _free_since(state, session)),
        (Presumed.NEXT_SESSION, _followed_since(state, session)),
    ):
        # A station that was away has its queue to tell first.
        if since is None or state.connection_id is None or state.connected_at is None:
            continue
        if now - max(since, heard, state.connected_at) >= contradicted:
            return by
    silent = now - heard >= timedelta(seconds=rules.silent_s)
    return Presumed.SILENCE if silent and not _in_use(state, session) else None


def free_at(state: StationState, session: SessionState) -> datetime | None:
    """When its connector became free again, by its station; None: it is not, or was so before its start."""
    key = f"{session.evse_id}/{session.connector_id}"
    known = state.connectors.get(key)
    if known is None or known[0] not in FREE or session.started_at is None:
        return None
    return told_at if (told_at := state.told_at[key]) > session.started_at else None


def _free_since(state: StationState, session: SessionState) -> datetime | None:
    """Since when we know that."""
    key = f"{session.evse_id}/{session.connector_id}"
    return None if free_at(state, session) is None else state.learned_at.get(key)


def _followed_since(state: StationState, session: SessionState) -> datetime | None:
    """Since when we know of a later session at its EVSE."""
    if not session.evse_id or session.started_at is None:
        return None
    later = (
        other.first_news_at
        for other in state.sessions.values()
        if other.evse_id == session.evse_id
        and other.started_at is not None
        and other.started_at > session.started_at
    )
    return min((at for at in later if at is not None), default=None)


def _in_use(state: StationState, session: SessionState) -> bool:
    """Does its connector say, on a living line, that it is in use?"""
    known = state.connectors.get(f"{session.evse_id}/{session.connector_id}")
    return state.connection_id is not None and known is not None and known[0] in _IN_USE


def in_use_after(state: StationState, session: SessionState, at: datetime) -> bool:
    """Did its connector say, of a later time, that it is in use?"""
    key = f"{session.evse_id}/{session.connector_id}"
    known = state.connectors.get(key)
    return known is not None and known[0] in _IN_USE and state.told_at[key] > at


def _ended(session: SessionState, by: Presumed) -> f.SessionEnded:
    at = session.last_said_at or session.started_at or _heard_at(session)
    return f.SessionEnded(session.session_id, at, energy_wh=session.energy_wh, presumed=by)


def _heard_at(session: SessionState) -> datetime:
    heard = session.heard_at or session.first_news_at
    assert heard is not None, "a session is known by its first news"
    return heard


def _recorded_at(session: SessionState) -> datetime:
    assert session.ended_recorded_at is not None, "its end was presumed"
    return session.ended_recorded_at


def _grace(session: SessionState, rules: EndRules) -> timedelta:
    """A station that knows a session no more will not tell its end; of any other it may still be in a queue."""
    return QUIET if session.presumed is Presumed.NOT_ONGOING else timedelta(seconds=rules.grace_s)
