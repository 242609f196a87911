"""Limits of sessions: what its token may take, what the station says that holds, and that one was reached.

A session that has reached a limit of its token is told to stop, once, unless its station said that it saw to
it itself. Source: OCPP 2.1 part 2, C17, E16; promise P5 for the stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from elstrada.charging import remote
from elstrada.charging.decision import Decision
from elstrada.charging.state import SessionState, StationState
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.allowance import LimitedBy, LimitKind, SessionLimit
from elstrada.model.asks import EndSession, LimitReached, PresentedToken, StartSession, UpdateSession
from elstrada.model.device import CommandName
from elstrada.model.ids import Fresh
from elstrada.model.token import Allowed, AuthMethod, Verdict

NO_CREDIT = "its prepaid credit is spent or on hold"

REACHED: Mapping[str, LimitKind] = {
    "CostLimitReached": LimitKind.COST,
    "EnergyLimitReached": LimitKind.ENERGY,
    "TimeLimitReached": LimitKind.TIME,
    "SoCLimitReached": LimitKind.SOC,
}
"""By OCPP 2.x's reason of an event."""


def refused(token: PresentedToken) -> Verdict | None:
    """The refusal of a token whose credit is spent; None: it has some, or needs none."""
    if not token.out_of_credit:
        return None
    party = token.known.party if token.known else None
    return Verdict(allowed=Allowed.NO_CREDIT, method=AuthMethod.WHITELIST, party=party, note=NO_CREDIT)


def limited(
    session: SessionState, ask: StartSession | UpdateSession | EndSession, verdict: Verdict | None = None
) -> tuple[f.SessionLimited | f.SessionLimitReached, ...]:
    """The facts of the limits that an ask tells of, as far as they are news.

    Args:
        verdict: of the token presented with it; only what an accepted one may take counts.
    """
    found: list[f.SessionLimited | f.SessionLimitReached] = []
    own = ask.token.limit if ask.token is not None else None
    accepted = verdict is not None and verdict.allowed is Allowed.ALLOWED
    if own is not None and not own.is_empty and accepted and session.limit is None:
        found.append(f.SessionLimited(session.session_id, ask.at, own, LimitedBy.US))
    if ask.told_limit is not None and ask.told_limit != session.told_limit:
        found.append(f.SessionLimited(session.session_id, ask.at, ask.told_limit, LimitedBy.STATION))
    kind = REACHED.get(ask.trigger or "")
    if kind is not None and kind not in session.limits_reached:
        found.append(f.SessionLimitReached(session.session_id, ask.at, kind, told=True))
    return tuple(found)


def limit_of(facts: tuple[f.StationFact, ...]) -> SessionLimit | None:
    """What the station is told that a session may take: once, in the answer to what made it so (E16)."""
    for fact in facts:
        if isinstance(fact, f.SessionLimited) and fact.by is LimitedBy.US:
            return fact.limit
    return None


def reached(state: StationState, ask: LimitReached, now: datetime, fresh: Fresh) -> Decision:
    """We find that a session has taken all that it may: have it stopped, if nobody saw to it yet."""
    session = state.sessions.get(ask.session_id)
    if session is None or session.ended_at is not None or ask.kind in session.limits_reached:
        return Decision(answers.Noted())
    fact = f.SessionLimitReached(ask.session_id, now, ask.kind)
    stop = asks.Command(
        command_id=ask.command_id,
        name=CommandName.STOP,
        asked_by=state.owner,
        session_id=ask.session_id,
        asked_at=now,
    )
    told = remote.command(state, stop, now, fresh)
    return Decision(told.answer, (fact, *told.facts), told.questions)
