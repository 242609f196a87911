"""How many connectors a station may have: what it names makes our state no larger than that.

Nothing else depends on it: whoever charges at a connector beyond them charges as everybody else.
"""

from __future__ import annotations

from elstrada.charging.state import MOST_CONNECTORS, StationState
from elstrada.model.facts import ConnectorStatusChanged


def left_out(state: StationState, fact: ConnectorStatusChanged) -> str:
    """Why this is not kept; empty: it is."""
    place = f"{fact.evse_id}/{fact.connector_id}"
    if place in state.connectors or len(state.connectors) < MOST_CONNECTORS:
        return ""
    return f"connector {place} is {fact.status.value}: of a station {MOST_CONNECTORS} are kept"
