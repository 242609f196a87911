"""How an EVSE is doing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.model.device import EVSE_STATUS_OF, ConnectorStatus
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.roaming.places import Condition, condition, living

NOW = datetime(2026, 2, 3, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
S = ConnectorStatus


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([S.AVAILABLE], EvseStatus.AVAILABLE),
        ([S.AVAILABLE, S.CHARGING], EvseStatus.CHARGING),
        ([S.AVAILABLE, S.FAULTED], EvseStatus.AVAILABLE),
        ([S.FAULTED, S.FAULTED], EvseStatus.OUTOFORDER),
        ([S.UNAVAILABLE, S.FAULTED], EvseStatus.INOPERATIVE),
        ([S.PREPARING, S.AVAILABLE], EvseStatus.BLOCKED),
        ([S.RESERVED, S.PREPARING], EvseStatus.RESERVED),
    ],
)
def test_one_connector_in_use_takes_the_evse_and_one_that_works_is_enough(
    said: list[ConnectorStatus], status: EvseStatus
):
    found = condition((one, NOW) for one in said)
    assert found is not None
    assert found.status is status


@pytest.mark.parametrize(
    ("own", "whole", "status"),
    [
        ([S.AVAILABLE], [S.FAULTED], EvseStatus.OUTOFORDER),
        ([S.AVAILABLE], [S.UNAVAILABLE], EvseStatus.INOPERATIVE),
        ([], [S.FAULTED], EvseStatus.OUTOFORDER),
        ([S.CHARGING], [S.UNAVAILABLE], EvseStatus.CHARGING),
        ([S.FAULTED], [S.AVAILABLE], EvseStatus.OUTOFORDER),
    ],
)
def test_a_station_out_of_order_takes_its_evses_with_it_but_for_one_that_charges(
    own: list[ConnectorStatus], whole: list[ConnectorStatus], status: EvseStatus
):
    found = condition(((one, NOW) for one in own), ((one, LATER) for one in whole))
    assert found is not None
    assert found.status is status


def test_an_evse_that_said_nothing_has_no_condition():
    assert condition(()) is None


@given(st.lists(st.sampled_from(S), min_size=1, max_size=4))
def test_every_condition_has_a_place_in_the_order(said: list[ConnectorStatus]):
    found = condition((one, NOW) for one in said)
    assert found is not None
    assert found.status in {EVSE_STATUS_OF[one] for one in said}


def _location(status: EvseStatus) -> Location:
    connector = Connector(
        id="1",
        standard="S",
        format="CABLE",
        power_type="DC",
        max_voltage=1,
        max_amperage=1,
        last_updated=NOW,
    )
    evses = tuple(
        Evse(uid=uid, status=status, connectors=(connector,), last_updated=NOW) for uid in ("E1", "E2")
    )
    return Location(
        party=None,  # type: ignore[arg-type]  # Not looked at.
        id="L1",
        address="A",
        city="C",
        country="SWE",
        coordinates=GeoLocation("1", "2"),
        evses=evses,
        time_zone="Europe/Stockholm",
        last_updated=NOW,
    )


def test_r35_news_of_one_evse_raise_it_and_the_location_and_no_other():
    now = living(_location(EvseStatus.UNKNOWN), {"E1": Condition(EvseStatus.CHARGING, LATER)})
    assert [evse.status for evse in now.evses] == [EvseStatus.CHARGING, EvseStatus.UNKNOWN]
    assert [evse.last_updated for evse in now.evses] == [LATER, NOW]
    assert now.last_updated == LATER


@pytest.mark.parametrize("status", [EvseStatus.REMOVED, EvseStatus.PLANNED])
def test_r38_what_is_removed_or_planned_stays_so(status: EvseStatus):
    location = _location(status)
    assert living(location, {"E1": Condition(EvseStatus.AVAILABLE, LATER)}) == location


def test_old_news_never_lower_a_date():
    location = msgspec.structs.replace(_location(EvseStatus.UNKNOWN), last_updated=LATER)
    now = living(location, {"E1": Condition(EvseStatus.AVAILABLE, NOW - timedelta(days=1))})
    assert now.last_updated == LATER
    assert now.evses[0].last_updated == NOW
