"""What a session costs, told step by step: as its CDR says, or so far while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from elstrada.charging.state import StationState, evolve
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.facts import SessionCompleted
from elstrada.model.ids import PartyId
from elstrada.roles.desk.face import Desk
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.roles.running import so_far
from elstrada.spine.face import Recorded, Row
from elstrada.tariffs.explain import Step, explain, steps
from elstrada.tariffs.phrases import Phrases
from elstrada.tariffs.refusals import UnknownZone
from elstrada.tariffs.usage import usage_of, zone_named
from elstrada.tariffs.wording import moment


class SessionCost(msgspec.Struct, frozen=True, kw_only=True):
    """A cost with its steps, in one language."""

    cost: Cost
    steps: tuple[Step, ...]
    lines: tuple[str, ...]
    """For people."""
    until: datetime | None
    """Of a session that runs: its latest reading. None: that is the last word."""


class NoCost(msgspec.Struct, frozen=True, kw_only=True):
    """Why a session has no price yet."""

    reason: str


async def session_cost(
    desk: Desk, owner: PartyId, row: Row, facts: Sequence[Recorded], cdr: Row | None, phrases: Phrases
) -> SessionCost | NoCost | None:
    """What a session of ours costs.

    Args:
        row: the session's.
        facts: its own.
        cdr: the row of its CDR, if it has one.
    Returns:
        None where nothing is to be told: it has ended and waits for its CDR, or has no reading yet.
    """
    if cdr is not None and cdr["cost"] is not None:
        return _final(cdr, phrases)
    reached = _reached(owner, row, facts)
    if reached is None:
        return None
    try:
        cost, tariff, zone = await Rating(desk.spine).running(
            owner, str(row["station_id"]), reached, desk.clock.now()
        )
    except UNPRICED as refusal:
        return NoCost(reason=str(refusal))
    head = phrases["so_far"].format(at=moment(reached.ended_at, zone_named(zone), phrases))
    return SessionCost(
        cost=cost,
        steps=tuple(steps(cost, phrases, (tariff,))),
        lines=(head, *explain(cost, zone, phrases, (tariff,))),
        until=reached.ended_at,
    )


def _reached(owner: PartyId, row: Row, facts: Sequence[Recorded]) -> SessionCompleted | None:
    """A running session as if it had ended with its latest reading; None where there is nothing to price."""
    state = StationState(owner=owner, station_id=str(row["station_id"]))
    for one in facts:
        state = evolve(state, one.fact, one.at)  # type: ignore[arg-type]  # A station's stream.
    session = state.sessions.get(str(row["session_id"]))
    return session and so_far(session)


def _final(row: Row, phrases: Phrases) -> SessionCost | NoCost:
    cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
    cost = msgspec.json.decode(str(row["cost"]), type=Cost)
    try:
        lines = explain(cost, usage_of(cdr).time_zone, phrases, cdr.tariffs)
    except UnknownZone as unknown:
        return NoCost(reason=str(unknown))
    return SessionCost(cost=cost, steps=tuple(steps(cost, phrases, cdr.tariffs)), lines=lines, until=None)
