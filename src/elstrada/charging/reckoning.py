"""The cost that a station reckons: the last word on a session is kept, and on the way there a word now and then."""

from __future__ import annotations

from datetime import timedelta

from elstrada.charging.state import SessionState, reckoning_key
from elstrada.model import facts as f
from elstrada.model.asks import EndSession, StartSession, UpdateSession

KEPT_EVERY = timedelta(minutes=5)
"""How often a running session's cost is kept at most; a station may tell it every few seconds."""


def reckoned(
    session: SessionState, ask: StartSession | UpdateSession | EndSession
) -> tuple[f.SessionReckoned, ...]:
    """The fact of what an ask tells of the cost; none if it says nothing new, or nothing that counts."""
    told = ask.reckoning
    if told is None:
        return ()
    final = isinstance(ask, EndSession)
    if not final:
        if session.ended_at is not None:
            return ()  # It came late: what the end said is the later word.
        same_tariffs = told.tariff_ids in ((), session.tariff_ids)
        if reckoning_key(told) == session.reckoned_key:
            return ()
        since = session.reckoned_at
        if since is not None and (ask.at <= since or (same_tariffs and ask.at < since + KEPT_EVERY)):
            return ()
    return (f.SessionReckoned(session.session_id, ask.at, told, final),)
