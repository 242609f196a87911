"""How connectors are, told by NotifyEvent (OCPP 2.0.1 G01, G05; rule 19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from elstrada.charging.decision import Decision
from elstrada.charging.state import StationState, evolve
from elstrada.charging.station import decide
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.asks import StationEvent
from elstrada.model.device import ConnectorStatus
from elstrada.model.ids import Fresh, PartyId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NONE = StationState(owner=PartyId("SE", "ELS"), station_id="S1")


def event(
    value: str,
    *,
    variable: str = "AvailabilityState",
    component: str = "Connector",
    at: datetime = NOW,
    cleared: bool = False,
    place: tuple[int | None, int | None] = (1, 1),
) -> StationEvent:
    return StationEvent(
        at=at,
        component=component,
        variable=variable,
        value=value,
        trigger="Delta",
        evse_id=place[0],
        connector_id=place[1],
        cleared=cleared,
    )


def after(state: StationState, ask: asks.StationAsk) -> StationState:
    for fact in decide(state, ask, NOW, Fresh("id", 1)).facts:
        state = evolve(state, fact, NOW)
    return state


def told(state: StationState, *events: StationEvent) -> StationState:
    return after(state, asks.ReportEvents(events))


def test_an_event_says_how_a_connector_is_just_as_a_status_does() -> None:
    """G01.FR.03, 04, 07."""
    by_status = after(
        NONE, asks.ReportStatus(evse_id=1, connector_id=1, status=ConnectorStatus.OCCUPIED, at=NOW)
    )
    by_event = told(NONE, event("Occupied"))
    assert by_event.connectors == by_status.connectors == {"1/1": (ConnectorStatus.OCCUPIED, None, None)}
    again = decide(by_event, asks.ReportEvents((event("Occupied"),)), NOW, Fresh("id", 1))
    assert [type(fact) for fact in again.facts] == [f.StationEventReported], "nothing changed"


def test_an_evse_and_the_station_as_a_whole_are_told_of_too() -> None:
    state = told(
        NONE,
        event("Unavailable", component="EVSE", place=(2, None)),
        event("Faulted", component="ChargingStation", place=(None, None)),
    )
    assert {key: told[0] for key, told in state.connectors.items()} == {
        "2/0": ConnectorStatus.UNAVAILABLE,
        "0/0": ConnectorStatus.FAULTED,
    }


def test_other_events_and_unknown_values_change_no_status() -> None:
    for other in (
        event("Occupied", component="Meter"),
        event("Asleep"),
        event("true", variable="Enabled"),
        event("true", variable="Problem"),
    ):
        assert told(NONE, other).connectors == {}


def test_an_event_out_of_a_queue_is_history_and_does_not_change_how_a_connector_is() -> None:
    """Rule 19."""
    state = told(NONE, event("Occupied"))
    late = event("Available", at=NOW - timedelta(hours=1))
    decision = decide(state, asks.ReportEvents((late,)), NOW, Fresh("id", 1))
    assert decision.facts == (f.StationEventReported(late),)
    ahead = told(NONE, event("Occupied", at=NOW + timedelta(days=400)))
    assert told(ahead, event("Available")).connectors["1/1"][0] is ConnectorStatus.AVAILABLE, (
        "a clock that was wrong once does not keep the connector so for ever"
    )


AN_HOUR_AGO = NOW - timedelta(hours=1)


def back_since(minutes: int) -> StationState:
    """A station that told of an hour ago how EVSE 1 is, and is connected for so many minutes."""
    connected = f.StationConnected("ocpp1.6", "c1")
    state = evolve(NONE, connected, NOW - timedelta(minutes=minutes))
    return after(state, status(ConnectorStatus.AVAILABLE, AN_HOUR_AGO))


def status(how: ConnectorStatus, at: datetime | None) -> asks.ReportStatus:
    return asks.ReportStatus(evse_id=1, connector_id=1, status=how, at=at)


@pytest.mark.rule(19)
def test_a_status_out_of_a_queue_does_not_change_how_a_connector_is() -> None:
    """Stations that were away tell how they are, and then what they kept of before."""
    state = back_since(5)
    for kept in (AN_HOUR_AGO - timedelta(days=2), AN_HOUR_AGO - timedelta(seconds=1)):
        past = status(ConnectorStatus.CHARGING, kept)
        assert decide(state, past, NOW, Fresh("id", 1)) == Decision(answers.Noted())
    for newer in (AN_HOUR_AGO + timedelta(seconds=1), None):
        now = after(state, status(ConnectorStatus.CHARGING, newer))
        assert now.connectors["1/1"][0] is ConnectorStatus.CHARGING


@pytest.mark.rule(19)
def test_a_clock_that_steps_back_keeps_no_connector_as_it_was() -> None:
    past = status(ConnectorStatus.CHARGING, AN_HOUR_AGO - timedelta(minutes=1))
    wrong = evolve(back_since(5), f.StationClockJudged(-7200, NOW), NOW)
    dead_battery = status(ConnectorStatus.CHARGING, NOW - timedelta(days=4000))
    for state, said in ((back_since(120), past), (wrong, past), (back_since(5), dead_battery)):
        assert after(state, said).connectors["1/1"][0] is ConnectorStatus.CHARGING


def test_a_problem_stands_beside_the_status_until_it_is_over() -> None:
    """G05.FR.02: the lock fails."""
    lock = {"variable": "Problem", "component": "ConnectorPlugRetentionLock"}
    state = told(NONE, event("Occupied"), event("true", **lock))  # type: ignore[arg-type]
    assert state.connectors["1/1"] == (ConnectorStatus.OCCUPIED, "ConnectorLockFailure", None)
    state = told(state, event("Available"))
    assert state.connectors["1/1"] == (ConnectorStatus.AVAILABLE, "ConnectorLockFailure", None)
    state = told(state, event("false", variable="Problem"))
    assert state.connectors["1/1"][1] == "ConnectorLockFailure", "the connector's own is another problem"
    for over in (event("false", **lock), event("true", cleared=True, **lock)):  # type: ignore[arg-type]
        assert told(state, over).connectors["1/1"] == (ConnectorStatus.AVAILABLE, None, None)
