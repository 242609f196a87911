"""Which session an end means that names none of its station's; 1.6 stations forget their transactions (rule 17)."""

from __future__ import annotations

from elstrada.charging import unended
from elstrada.charging.registers import Shown, follows
from elstrada.charging.state import SessionState, StationState, shown
from elstrada.model.asks import EndSession


def the_one_meant(state: StationState, ask: EndSession) -> SessionState | None:
    """Rule 17: a stop for transaction -1, 0 or unknown belongs to the one open session that it fits.

    By its token, time and register; of several of one token by the register; of several still by the
    connectors' status. Sent again, it belongs to the one that it ended, whatever runs by then.
    """
    if ask.seq_no is not None:
        return None
    key = end_key(ask)
    if told := next((session for session in state.sessions.values() if session.end_key == key), None):
        return told
    if ask.token is None and ask.transaction_id not in ("-1", "0"):
        return None
    running = [session for session in state.sessions.values() if session.open and _fits(state, session, ask)]
    if len(running) > 1 and ask.meter_wh is not None:
        running = [session for session in running if _may_end_at(session, ask)]
    if len(running) > 1:
        running = [session for session in running if _looks_over(state, session)]
    return running[0] if len(running) == 1 else None


def _fits(state: StationState, session: SessionState, ask: EndSession) -> bool:
    """May a stop that names no session be the end of this one?

    A token and a time that fit outweigh a register that does not: meters fall to 0 and spike. With neither to
    go by, the register decides.
    """
    if ask.token is not None and ask.token.ref != session.token_ref:
        return False
    timed, begins = _timed(session, ask), session.started_at
    later = timed and (begins is None or begins <= ask.at)
    if ask.token is None:
        in_use = timed and unended.in_use_after(state, session, ask.at)
        return (later or not timed) and _may_end_at(session, ask) and not in_use
    # Clocks jump, too: by an hour, or by a zone.
    return later or not ask.meter_wh or _may_end_at(session, ask) or _looks_over(state, session)


def _timed(session: SessionState, ask: EndSession) -> bool:
    """Are the times of both the station's own, so that they can be compared?"""
    return not (session.clock_suspect or ask.clock_suspect)


def _may_end_at(session: SessionState, ask: EndSession) -> bool:
    """Can its register have come to this by then?"""
    if ask.meter_wh is None:
        return False
    end, timed = Shown(ask.meter_wh, ask.at), _timed(session, ask)
    begin = shown(session.meter_start_wh, session.started_at)
    last = shown(session.last_wh, session.last_wh_at) or begin
    if last is None or follows(last, end, timed=timed):
        return True
    # A latest reading that is odd itself says nothing.
    odd = begin is not None and not follows(begin, last, timed=timed)
    return odd and begin is not None and follows(begin, end, timed=timed)


def is_another_end(session: SessionState, ask: EndSession) -> bool:
    """Does it name a session that an end ended which named none, and tell of another end?"""
    if not session.end_key or ask.transaction_id != session.transaction_id:
        return False
    told_by, told = session.end_key.partition("|")[2], end_key(ask).partition("|")[2]
    return told_by != told


def _looks_over(state: StationState, session: SessionState) -> bool:
    """Does its connector say that nobody charges there any more?"""
    known = state.connectors.get(f"{session.evse_id}/{session.connector_id}")
    return known is not None and known[0] in unended.FREE


def end_key(ask: EndSession) -> str:
    """What names this end again when it is resent, where it names no session (rule 13)."""
    token = ask.token.ref if ask.token else ""
    return f"{token}|{ask.said_at or ask.at.isoformat()}|{ask.meter_wh}"
