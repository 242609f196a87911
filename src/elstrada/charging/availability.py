"""How connectors are, by a station's events: 2.x stations may tell it so instead of by StatusNotification.

Source: OCPP 2.0.1 part 2, G01.FR.03 to 07, G05.FR.02; rule 19.
"""

from __future__ import annotations

from datetime import datetime

from elstrada.charging import reserve
from elstrada.charging.connectors import is_of_before, left_out
from elstrada.charging.decision import Decision
from elstrada.charging.state import Condition, StationState, condition, evolve
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.asks import StationEvent
from elstrada.model.device import ConnectorStatus

_PLACES = frozenset({"connector", "evse", "chargingstation", "connectorplugretentionlock"})
_STATUSES = {status.value.lower(): status for status in ConnectorStatus}
_LOCK_FAILURE = "ConnectorLockFailure"
"""OCPP 1.6 has this word, and 2.x only the event."""


def report(state: StationState, ask: asks.ReportEvents, now: datetime) -> Decision:
    """A station tells of events; those that say how a connector is change its status."""
    facts: list[f.StationFact] = []
    unkept: list[str] = []
    for event in ask.events:
        facts.append(f.StationEventReported(event))
        changed = _changed(state, event, now)
        if changed is None:
            continue
        if why := left_out(state, changed):
            unkept.append(why)
            continue
        state = evolve(state, changed, now)
        facts.append(changed)
        for over in reserve.lost(state, now):
            facts.append(over)
            state = evolve(state, over, now)
    return Decision(answers.Noted("; ".join(unkept)), tuple(facts))


def _changed(state: StationState, event: StationEvent, now: datetime) -> f.ConnectorStatusChanged | None:
    if event.component.lower() not in _PLACES:
        return None
    evse_id, connector_id = _place(event)
    key = f"{evse_id}/{connector_id}"
    if is_of_before(state, evse_id, connector_id, event.at, now):
        return None
    known = state.connectors.get(key)
    told = _told(event, known)
    if told is None or condition(*told) == known:
        return None
    status, error_code, info = told
    return f.ConnectorStatusChanged(
        evse_id=evse_id,
        connector_id=connector_id,
        status=status,
        at=min(event.at, now),
        error_code=error_code,
        info=info,
    )


def _told(event: StationEvent, known: Condition | None) -> Condition | None:
    """Status, error and info after the event; None if it says nothing of them."""
    match event.variable.lower():  # OCPP compares names without case.
        case "availabilitystate":
            status = _STATUSES.get(event.value.lower())
            if status is None:
                return None
            return (status, known[1], known[2]) if known else (status, None, None)
        case "problem" if known is not None:
            return _troubled(event, known)
        case _:
            return None


def _troubled(event: StationEvent, known: Condition) -> Condition:
    """A problem stands beside the status until it is over; it ends no other one."""
    lock = event.component.lower() == "connectorplugretentionlock"
    problem = _LOCK_FAILURE if lock else f"{event.component}Problem"
    status, error_code, info = known
    if event.value.lower() == "true" and not event.cleared:
        return status, problem, info
    return status, None if error_code == problem else error_code, info


def _place(event: StationEvent) -> tuple[int, int]:
    """As StatusNotification has it: 0 is the station as a whole, or an EVSE as a whole."""
    if event.component.lower() == "chargingstation":
        return 0, 0
    return event.evse_id or 0, event.connector_id or 0
