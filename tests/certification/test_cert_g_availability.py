"""G: availability of a station, an EVSE and a connector (part 6 section 3.8)."""

from __future__ import annotations

import pytest
from cert_csms import Csms, accepted
from cert_station import Json, Station
from cert_visit import Visit

from elstrada.model.device import CommandResult

case = pytest.mark.case
EVSE = {"evse": 1}
CONNECTOR = {"evse": 1, "connector": 1}
WHOLE: Json = {}
WIRE = {"EVSE": {"evse": {"id": 1}}, "CONNECTOR": {"evse": {"id": 1, "connectorId": 1}}, "WHOLE": {}}


async def change(csms: Csms, station: Station, status: str, place: str, *, answer: str = "Accepted") -> None:
    """The operator takes something out of service or back into it."""
    given = {"EVSE": EVSE, "CONNECTOR": CONNECTOR, "WHOLE": WHOLE}[place]
    asked, end = await csms.commands(
        station,
        "CHANGE_AVAILABILITY",
        "ChangeAvailability",
        answer={"status": answer},
        inoperative=status == "Inoperative",
        **given,
    )
    assert asked == {"operationalStatus": status, **WIRE[place]}
    accepted(end, CommandResult(answer.upper()))


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("EVSE", marks=case("TC_G_03_CSMS", "TC_G_04_CSMS")),
        pytest.param("CONNECTOR", marks=case("TC_G_07_CSMS", "TC_G_08_CSMS")),
    ],
)
async def test_a_part_of_a_station_goes_out_of_service_and_comes_back(
    csms: Csms, station: Station, place: str
):
    await change(csms, station, "Inoperative", place)
    await station.tell("Unavailable")
    await csms.shows(station, (1, "Unavailable"), (2, "Available"))
    await change(csms, station, "Operative", place)
    await station.tell("Available")
    await csms.shows(station, (1, "Available"), (2, "Available"))


@case("TC_G_05_CSMS", "TC_G_06_CSMS")
async def test_a_station_goes_out_of_service_and_comes_back(csms: Csms, station: Station):
    for status, told in (("Inoperative", "Unavailable"), ("Operative", "Available")):
        await change(csms, station, status, "WHOLE")
        for evse in (1, 2):
            await station.tell(told, evse)
        await csms.shows(station, (1, told), (2, told))


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("EVSE", marks=case("TC_G_11_CSMS")),
        pytest.param("WHOLE", marks=case("TC_G_14_CSMS")),
        pytest.param("CONNECTOR", marks=case("TC_G_17_CSMS")),
    ],
)
async def test_a_running_transaction_ends_before_what_it_runs_at_goes_out_of_service(
    csms: Csms, station: Station, place: str
):
    visit = Visit(station)
    await visit.charging()
    await change(csms, station, "Inoperative", place, answer="Scheduled")
    assert (await csms.session(station))["ended_at"] is None
    if place == "WHOLE":
        await station.tell("Unavailable", 2)
    await visit.ev_disconnected()
    await station.tell("Unavailable")
    await csms.shows(station, (1, "Unavailable"), (2, "Unavailable" if place == "WHOLE" else "Available"))
    assert (await csms.session(station))["reason"] == "EVDisconnected"


@case("TC_G_20_CSMS")
async def test_a_lock_that_failed_is_noted(csms: Csms, station: Station):
    await station.event("ConnectorPlugRetentionLock", "Problem", "true", evse=1, connector=1)
    noted = (await csms.events(station))[-1]
    assert (noted["component"], noted["variable"], noted["value"]) == (
        "ConnectorPlugRetentionLock",
        "Problem",
        "true",
    )
    assert (noted["evse_id"], noted["connector_id"]) == (1, 1)
