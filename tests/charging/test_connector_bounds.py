"""A station does not grow its state without end, whatever it names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.state import KEPT_TEXT, MOST_CONNECTORS, StationState, evolve
from elstrada.charging.station import decide
from elstrada.model import answers, asks
from elstrada.model.asks import StationEvent
from elstrada.model.device import ConnectorStatus
from elstrada.model.ids import Fresh, PartyId
from elstrada.model.needs import NeedsAnswer
from elstrada.model.notices import Notice, NoticeKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NONE = StationState(owner=PartyId("SE", "ELS"), station_id="S1")


def told(state: StationState, ask: asks.StationAsk) -> tuple[StationState, answers.Noted]:
    decision = decide(state, ask, NOW, Fresh("id", 1))
    for fact in decision.facts:
        state = evolve(state, fact, NOW)
    assert isinstance(decision.answer, answers.Noted)
    return state, decision.answer


def status(evse_id: int, how: ConnectorStatus = ConnectorStatus.AVAILABLE) -> asks.ReportStatus:
    return asks.ReportStatus(evse_id=evse_id, connector_id=1, status=how, at=NOW, info="i" * 50)


def event(evse_id: int, value: str = "Available") -> asks.ReportEvents:
    one = StationEvent(
        at=NOW + timedelta(seconds=1),
        component="Connector",
        variable="AvailabilityState",
        value=value,
        trigger="Delta",
        evse_id=evse_id,
        connector_id=1,
    )
    return asks.ReportEvents((one,))


@pytest.fixture(scope="module")
def full() -> StationState:
    """A station that told of as many connectors as are kept."""
    state = NONE
    for evse_id in range(MOST_CONNECTORS):
        state, answer = told(state, status(evse_id))
        assert answer.left_out == ""
    return state


@given(
    st.lists(
        st.tuples(st.integers(0, 2_000), st.sampled_from(["Available", "Faulted", "Occupied"])), max_size=40
    ),
    st.booleans(),
)
def test_beyond_the_most_none_is_kept_and_each_is_named_and_the_known_ones_go_on_changing(
    full: StationState, places: list[tuple[int, str]], by_event: bool
) -> None:
    state = full
    for evse_id, how in places:
        ask = event(evse_id, how) if by_event else status(evse_id, ConnectorStatus(how))
        state, answer = told(state, ask)
        known = evse_id < MOST_CONNECTORS
        assert (answer.left_out == "") is known
        if known:
            assert state.connectors[f"{evse_id}/1"][0] == how
        else:
            assert f"connector {evse_id}/1 is {how}" in answer.left_out
    assert (
        state.connectors.keys() == state.told_at.keys() == state.learned_at.keys() == full.connectors.keys()
    )


def test_the_state_of_a_station_with_the_most_connectors_is_no_larger_than_a_hundred_kilobytes(
    full: StationState,
) -> None:
    assert len(msgspec.msgpack.encode(full, enc_hook=str)) < 100_000


def test_cars_that_await_a_schedule_are_no_more_than_connectors() -> None:
    state = NONE
    for evse_id in range(2 * MOST_CONNECTORS):
        waits = Notice(
            kind=NoticeKind.EV_NEEDS, at=NOW, status="Needs", evse_id=evse_id, answer=NeedsAnswer.LATER.value
        )
        state, _ = told(state, asks.GiveNotice(waits))
    assert len(state.awaiting_plan) == MOST_CONNECTORS


@pytest.mark.parametrize("length", [KEPT_TEXT, 50_000])
def test_what_is_said_of_a_connector_is_remembered_up_to_a_bound_and_known_when_it_is_said_again(
    length: int,
) -> None:
    said = msgspec.structs.replace(status(1), info="i" * length, error_code="e" * length)
    state, _ = told(NONE, said)
    assert state.connectors["1/1"] == (ConnectorStatus.AVAILABLE, "e" * KEPT_TEXT, "i" * KEPT_TEXT)
    assert decide(state, said, NOW, Fresh("id", 1)).facts == ()
    problem = StationEvent(
        at=NOW + timedelta(seconds=1),
        component="Connector",
        variable="Problem",
        value="true",
        trigger="Alerting",
        evse_id=1,
        connector_id=1,
    )
    state, _ = told(state, asks.ReportEvents((problem,)))
    assert state.connectors["1/1"][1] == "ConnectorProblem"
