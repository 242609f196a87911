"""F: remote start and stop, unlock, and triggered messages (part 6 section 3.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cert_csms import VALID, Csms, accepted, refused
from cert_station import Station
from cert_visit import Visit, card, meter

from elstrada.model.device import CommandResult
from elstrada.roles.desk.commands import CommandEnd

case = pytest.mark.case
TRIGGERED = "Trigger"


async def remote_start(csms: Csms, station: Station, **answer: Any) -> int:
    """The operator starts a transaction at EVSE 1. Returns the number that the station is to name."""
    asked, end = await csms.commands(
        station,
        "START",
        "RequestStartTransaction",
        answer={"status": "Accepted", **answer},
        token=VALID,
        evse=1,
    )
    assert asked["idToken"]["idToken"] == VALID
    assert asked["idToken"]["type"] == "ISO14443"
    assert asked["evseId"] == 1
    accepted(end)
    return asked["remoteStartId"]


async def started_by_command(csms: Csms, station: Station) -> None:
    """The session knows which command began it, and nobody was asked about the token again."""
    session = await csms.session(station)
    assert session["auth_method"] == "COMMAND"
    assert session["token_ref"] is not None


@case("TC_F_01_CSMS")
async def test_a_remote_start_after_the_cable_is_in(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.ev_connected()
    number = await remote_start(csms, station, transactionId=visit.transaction_id)
    answer = await visit.event("RemoteStart", shows=card(), remote_start_id=number)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    visit.is_authorized = True
    await visit.charging()
    await started_by_command(csms, station)


@case("TC_F_02_CSMS")
async def test_a_remote_start_that_the_station_lets_be_authorized(csms: Csms, station: Station):
    visit = Visit(station)
    number = await remote_start(csms, station)
    assert (await visit.authorize())["status"] == "Accepted"
    await visit.event("RemoteStart", shows=card(), remote_start_id=number)
    visit.is_authorized = True
    await visit.charging()
    session = await csms.session(station)
    assert session["command_id"] is not None


@case("TC_F_03_CSMS")
async def test_a_remote_start_before_the_cable_is_in(csms: Csms, station: Station):
    visit = Visit(station)
    number = await remote_start(csms, station)
    await visit.event("RemoteStart", shows=card(), remote_start_id=number)
    visit.is_authorized = True
    await visit.charging()
    await started_by_command(csms, station)


@case("TC_F_04_CSMS")
async def test_a_remote_start_to_which_no_car_came(csms: Csms, station: Station):
    visit = Visit(station)
    number = await remote_start(csms, station)
    await visit.event("RemoteStart", shows=card(), remote_start_id=number)
    await visit.event("EVConnectTimeout")
    assert (await csms.session(station))["charging"] is not True


@case("TC_F_06_CSMS")
async def test_a_connector_is_unlocked(csms: Csms, station: Station):
    asked, end = await csms.commands(
        station, "UNLOCK", "UnlockConnector", answer={"status": "Unlocked"}, evse=1, connector=1
    )
    assert asked == {"evseId": 1, "connectorId": 1}
    accepted(end)


# --- triggered messages ------------------------------------------------------------------------------


async def trigger(csms: Csms, station: Station, message: str, evse: int | None = None) -> None:
    """The operator asks for a message, of one EVSE or of all."""
    place = {} if evse is None else {"evse": evse}
    asked, end = await csms.commands(
        station, "TRIGGER", "TriggerMessage", answer={"status": "Accepted"}, message=message, **place
    )
    expected = {} if evse is None else {"evse": {"id": evse}}
    assert asked == {"requestedMessage": message, **expected}
    assert isinstance(end, CommandEnd)


@case("TC_F_11_CSMS")
async def test_meter_values_of_one_evse_are_triggered(csms: Csms, station: Station):
    await trigger(csms, station, "MeterValues", 1)
    assert await station.call("MeterValues", evseId=1, meterValue=meter(1200, TRIGGERED)) == {}


@case("TC_F_12_CSMS")
async def test_meter_values_of_all_evses_are_triggered(csms: Csms, station: Station):
    await trigger(csms, station, "MeterValues")
    for evse in (1, 2):
        assert await station.call("MeterValues", evseId=evse, meterValue=meter(1200, TRIGGERED)) == {}


@case("TC_F_13_CSMS")
async def test_a_transactions_state_at_one_evse_is_triggered(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await trigger(csms, station, "TransactionEvent", 1)
    state = {"chargingState": "Charging"}
    await visit.event(TRIGGERED, place=True, meter_value=meter(1200, TRIGGERED), **state)
    assert (await csms.session(station))["charging"] is True


@case("TC_F_14_CSMS")
async def test_the_state_of_all_transactions_is_triggered(csms: Csms, station: Station):
    visits = [Visit(station, evse=1), Visit(station, evse=2)]
    for visit in visits:
        await visit.charging()
    await trigger(csms, station, "TransactionEvent")
    for visit in visits:
        await visit.event(TRIGGERED, chargingState="Charging", meter_value=meter(1200, TRIGGERED))
    assert [one["charging"] for one in await csms.sessions(station)] == [True, True]


@case("TC_F_15_CSMS")
async def test_a_logs_status_is_triggered(csms: Csms, station: Station):
    await trigger(csms, station, "LogStatusNotification")
    assert await station.call("LogStatusNotification", status="Idle") == {}


@case("TC_F_18_CSMS")
async def test_a_firmwares_status_is_triggered(csms: Csms, station: Station):
    await trigger(csms, station, "FirmwareStatusNotification")
    assert await station.call("FirmwareStatusNotification", status="Idle") == {}


@case("TC_F_20_CSMS")
async def test_a_heartbeat_is_triggered(csms: Csms, station: Station):
    await trigger(csms, station, "Heartbeat")
    told = await station.call("Heartbeat")
    ahead = datetime.fromisoformat(told["currentTime"]) - datetime.now(UTC)
    assert abs(ahead.total_seconds()) < 2


@case("TC_F_23_CSMS")
@pytest.mark.parametrize("status", ["Available", pytest.param("Occupied", marks=case("TC_F_24_CSMS"))])
async def test_a_connectors_status_is_triggered(csms: Csms, station: Station, status: str):
    if status == "Occupied":
        await station.tell(status)
    await trigger(csms, station, "StatusNotification", 1)
    await station.tell(status)
    await csms.shows(station, (1, status), (2, "Available"))


@case("TC_F_27_CSMS")
async def test_a_station_that_does_not_know_the_message(csms: Csms, station: Station):
    asked, end = await csms.commands(
        station,
        "TRIGGER",
        "TriggerMessage",
        answer={"status": "NotImplemented"},
        message="SignCombinedCertificate",
    )
    assert asked == {"requestedMessage": "SignCombinedCertificate"}
    refused(end, CommandResult.NOT_SUPPORTED)
