"""OCPP 1.6: local list, firmware, reservation, trigger and smart charging (OCA's test case document, section 3)."""

from __future__ import annotations

from itertools import count

import pytest
from cert_csms import KEYS, VALID, VALID2, Csms, accepted, refused
from cert_station import Json, Station
from cert_visit16 import Visit16

from elstrada.model.device import CommandResult

case = pytest.mark.case
_ids = count(1)
LATER = "2027-03-01T22:00:00Z"

# --- local list --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [pytest.param(-1, marks=case("TC_042_1_CSMS")), pytest.param(0, marks=case("TC_042_2_CSMS"))],
)
async def test_the_version_of_a_list_that_is_not_there(csms: Csms, station16: Station, number: int):
    asked, end = await csms.calls(station16, "GetLocalListVersion", {}, listVersion=number)
    assert asked == {}
    assert end.result is CommandResult.ACCEPTED


@pytest.mark.parametrize(
    ("kind", "number", "status", "result"),
    [
        pytest.param("Full", 1, "NotSupported", CommandResult.NOT_SUPPORTED, marks=case("TC_043_1_CSMS")),
        pytest.param("Full", 1, "Failed", CommandResult.FAILED, marks=case("TC_043_3_CSMS")),
        pytest.param("Full", 1, "Accepted", CommandResult.ACCEPTED, marks=case("TC_043_4_CSMS")),
        pytest.param("Differential", 2, "Accepted", CommandResult.ACCEPTED, marks=case("TC_043_5_CSMS")),
    ],
)
async def test_a_local_list_is_sent(
    csms: Csms, station16: Station, kind: str, number: int, status: str, result: CommandResult
):
    entry = {"idTag": VALID if kind == "Full" else VALID2, "idTagInfo": {"status": "Accepted"}}
    wanted = {"listVersion": number, "updateType": kind, "localAuthorizationList": [entry]}
    asked, end = await csms.calls(station16, "SendLocalList", wanted, status=status)
    assert asked == wanted
    assert end.result is result


# --- firmware and diagnostics ------------------------------------------------------------------------


async def firmware_news(csms: Csms, station: Station, *statuses: str) -> None:
    for status in statuses:
        assert await station.call("FirmwareStatusNotification", status=status) == {}
        assert (await csms.notices(station, "FIRMWARE"))[-1][0] == status


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("Downloading", "Downloaded"), "Installed", marks=case("TC_044_1_CSMS")),
        pytest.param(("Downloading", "DownloadFailed"), None, marks=case("TC_044_2_CSMS")),
        pytest.param(("Downloading", "Downloaded"), "InstallationFailed", marks=case("TC_044_3_CSMS")),
    ],
)
async def test_a_firmware_is_updated(
    csms: Csms, station16: Station, before: tuple[str, ...], after: str | None
):
    wanted = {"location": "https://csms.example/4.2.1.bin", "retrieveDate": LATER, "retries": 1}
    asked, end = await csms.calls(station16, "UpdateFirmware", wanted)
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    await firmware_news(csms, station16, *before)
    if after is None:
        return
    for connector in (0, 1, 2):
        await station16.tell("Unavailable", connector)
    await csms.shows(station16, (0, "Unavailable"), (1, "Unavailable"), (2, "Unavailable"))
    await firmware_news(csms, station16, "Installing")
    await csms.comes_back(station16)
    await station16.boot()
    for connector in (0, 1, 2):
        await station16.tell("Available", connector)
    await firmware_news(csms, station16, after)
    await csms.shows(station16, (0, "Available"), (1, "Available"), (2, "Available"))


@pytest.mark.parametrize(
    "last",
    [
        pytest.param("Uploaded", marks=case("TC_045_1_CSMS")),
        pytest.param("UploadFailed", marks=case("TC_045_2_CSMS")),
    ],
)
async def test_diagnostics_are_uploaded(csms: Csms, station16: Station, last: str):
    wanted = {"location": "https://csms.example/logs/", "retries": 1}
    asked, end = await csms.calls(station16, "GetDiagnostics", wanted, fileName="diagnostics.log")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    for status in ("Uploading", last):
        assert await station16.call("DiagnosticsStatusNotification", status=status) == {}
        assert (await csms.notices(station16, "LOG"))[-1][0] == status


# --- reservation -------------------------------------------------------------------------------------


def reservation(connector: int = 1, **more: Json) -> Json:
    """What the operator asks for; connector 0 is any."""
    return {
        "connectorId": connector,
        "expiryDate": LATER,
        "idTag": VALID,
        "reservationId": next(_ids),
        **more,
    }


async def reserve(
    csms: Csms,
    station: Station,
    wanted: Json,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> int:
    asked, end = await csms.calls(station, "ReserveNow", wanted, status=status)
    assert asked == wanted
    assert end.result is result
    return wanted["reservationId"]


async def reserved(csms: Csms, station: Station, **more: Json) -> int:
    number = await reserve(csms, station, reservation(**more))
    await station.tell("Reserved")
    await csms.shows(station, (0, "Available"), (1, "Reserved"), (2, "Available"))
    return number


async def used(csms: Csms, station: Station, number: int, uid: str = VALID) -> None:
    """The driver comes and charges; the log says which reservation it was."""
    visit = Visit16(station, uid=uid)
    await visit.authorized()
    await station.tell("Preparing")
    assert (await visit.start(reservationId=number))["status"] == "Accepted"
    await station.tell("Charging")
    started = await csms.started(station)
    assert [one.reservation_id for one in started] == [number]


@pytest.mark.parametrize(
    "connector",
    [pytest.param(1, marks=case("TC_046_CSMS")), pytest.param(0, marks=case("TC_049_CSMS"))],
)
async def test_a_reservation_is_used(csms: Csms, station16: Station, connector: int):
    await used(csms, station16, await reserved(csms, station16, connector=connector))


@case("TC_047_CSMS")
async def test_a_reservation_that_nobody_used_ends(csms: Csms, station16: Station):
    await reserved(csms, station16)
    await station16.tell("Available")
    await csms.shows(station16, (0, "Available"), (1, "Available"), (2, "Available"))


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Faulted", marks=case("TC_048_1_CSMS")),
        pytest.param("Occupied", marks=case("TC_048_2_CSMS")),
        pytest.param("Unavailable", marks=case("TC_048_3_CSMS")),
        pytest.param("Rejected", marks=case("TC_048_4_CSMS")),
    ],
)
async def test_a_reservation_that_cannot_be_had(csms: Csms, station16: Station, status: str):
    shown = {"Faulted": "Faulted", "Occupied": "Preparing", "Unavailable": "Unavailable"}.get(status)
    if shown is not None:
        await station16.tell(shown)
    await reserve(csms, station16, reservation(), status, CommandResult.REJECTED)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Accepted", CommandResult.ACCEPTED, marks=case("TC_051_CSMS")),
        pytest.param("Rejected", CommandResult.REJECTED, marks=case("TC_052_CSMS")),
    ],
)
async def test_a_reservation_is_cancelled(csms: Csms, station16: Station, status: str, result: CommandResult):
    wanted = {"reservationId": await reserved(csms, station16)}
    asked, end = await csms.calls(station16, "CancelReservation", wanted, status=status)
    assert asked == wanted
    assert end.result is result


@case("TC_053_CSMS")
async def test_a_reservation_is_used_by_another_of_the_group(csms: Csms, station16: Station):
    """The station compares the parent it was told with the reservation's."""
    parent = KEYS.token_ref("FLEET-1")[:20]
    number = await reserved(csms, station16, parentIdTag=parent)
    info = (await station16.call("Authorize", idTag=VALID2))["idTagInfo"]
    assert info == {"status": "Accepted", "parentIdTag": parent}
    await used(csms, station16, number, VALID2)


# --- trigger -----------------------------------------------------------------------------------------


async def trigger(
    csms: Csms, station: Station, message: str, connector: int | None, status: str = "Accepted"
) -> object:
    place = {} if connector is None else {"evse": connector}
    asked, end = await csms.commands(
        station, "TRIGGER", "TriggerMessage", answer={"status": status}, message=message, **place
    )
    expected = {} if connector is None else {"connectorId": connector}
    assert asked == {"requestedMessage": message, **expected}
    return end


@case("TC_054_CSMS")
async def test_messages_are_triggered(csms: Csms, station16: Station):
    reading = {
        "timestamp": "2026-03-01T08:00:00Z",
        "sampledValue": [{"value": "1000", "context": "Trigger"}],
    }
    follow: tuple[tuple[str, int | None, Json], ...] = (
        ("MeterValues", 1, {"connectorId": 1, "meterValue": [reading]}),
        ("Heartbeat", None, {}),
        ("StatusNotification", 1, {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
        ("DiagnosticsStatusNotification", None, {"status": "Idle"}),
        ("FirmwareStatusNotification", None, {"status": "Idle"}),
    )
    for message, connector, payload in follow:
        accepted(await trigger(csms, station16, message, connector))
        told = await station16.call(message, **payload)
        assert set(told) == ({"currentTime"} if message == "Heartbeat" else set())


@case("TC_055_CSMS")
async def test_a_message_that_the_station_does_not_send(csms: Csms, station16: Station):
    end = await trigger(csms, station16, "MeterValues", 1, "Rejected")
    refused(end, CommandResult.REJECTED)


# --- smart charging ----------------------------------------------------------------------------------


def profile(purpose: str, **more: Json) -> Json:
    schedule = {
        "duration": 86400,
        "startSchedule": "2026-03-01T00:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 3}],
    }
    return {
        "chargingProfileId": next(_ids),
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **more,
    }


async def put(csms: Csms, station: Station, connector: int, given: Json) -> None:
    wanted = {"connectorId": connector, "csChargingProfiles": given}
    asked, end = await csms.calls(station, "SetChargingProfile", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED


@case("TC_056_CSMS")
async def test_a_default_profile_is_set(csms: Csms, station16: Station):
    await put(csms, station16, 1, profile("TxDefaultProfile", validTo=LATER))


@case("TC_057_CSMS")
async def test_a_running_transaction_gets_a_profile(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    await put(csms, station16, 1, profile("TxProfile", transactionId=visit.transaction_id))


@case("TC_059_CSMS")
async def test_a_remote_start_brings_a_profile(csms: Csms, station16: Station):
    given = profile("TxProfile")
    assert "transactionId" not in given
    wanted = {"connectorId": 1, "idTag": VALID, "chargingProfile": given}
    asked, end = await csms.calls(station16, "RemoteStartTransaction", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    await Visit16(station16).charging()


@case("TC_066_CSMS")
async def test_a_schedule_is_composed(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await put(csms, station16, 1, profile("TxDefaultProfile"))
    await visit.charging()
    wanted = {"connectorId": 1, "duration": 300, "chargingRateUnit": "A"}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
    answer = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}
    asked, end = await csms.calls(station16, "GetCompositeSchedule", wanted, **answer)
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED


@case("TC_067_CSMS")
async def test_profiles_are_cleared_by_id_by_criteria_and_all(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    of_all = profile("ChargePointMaxProfile")
    of_it = profile("TxProfile", transactionId=visit.transaction_id)
    await put(csms, station16, 0, of_all)
    await put(csms, station16, 1, profile("TxDefaultProfile"))
    await put(csms, station16, 1, of_it)
    criteria = {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}
    for wanted in ({"id": of_all["chargingProfileId"]}, criteria, {}):
        asked, end = await csms.calls(station16, "ClearChargingProfile", wanted, status="Accepted")
        assert asked == wanted
        assert end.result is CommandResult.ACCEPTED
