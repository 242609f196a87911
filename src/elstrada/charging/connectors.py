"""How many connectors a station may have, and which of what it tells of one is how that is now.

What it names makes our state no larger than that. Nothing else depends on it: whoever charges at a connector
beyond them charges as everybody else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from elstrada.charging.state import MOST_CONNECTORS, StationState
from elstrada.model.facts import ConnectorStatusChanged

OLDEST_QUEUE = timedelta(days=30)
"""What is told so much later than its time was not in a queue: its station's clock is wrong."""


def left_out(state: StationState, fact: ConnectorStatusChanged) -> str:
    """Why this is not kept; empty: it is."""
    place = f"{fact.evse_id}/{fact.connector_id}"
    if place in state.connectors or len(state.connectors) < MOST_CONNECTORS:
        return ""
    return f"connector {place} is {fact.status.value}: of a station {MOST_CONNECTORS} are kept"


def is_of_before(state: StationState, evse_id: int, connector_id: int, at: datetime, now: datetime) -> bool:
    """Is it out of a queue, and older than what its connector told last: history, and not how that is (rule 19)?

    A station has a queue of the time before it came. Clocks are set back, too: nothing is old by one that is not
    believed, or that told of a time to come before.
    """
    told_at = state.told_at.get(f"{evse_id}/{connector_id}")
    if told_at is None or told_at > now or state.wrong_clock is not None:
        return False
    queued = state.connected_at is None or at < state.connected_at
    return queued and at < told_at and now - at <= OLDEST_QUEUE
