"""OCPP 1.6, Core: boot, sessions, remote control, configuration (OCA's test case document, section 3)."""

from __future__ import annotations

import pytest
from cert_csms import BLOCKED, EXPIRED, KEYS, UNKNOWN, VALID, VALID2, Csms, accepted, refused
from cert_station import Json, Station, connected
from cert_visit16 import Visit16

from elstrada.model.device import CommandResult

case = pytest.mark.case
BEGAN, ENDED = "2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"


async def session_of(csms: Csms, visit: Visit16, reason: str | None = None, energy_wh: int = 1500) -> Json:
    """The operator sees the one session; with a reason, that it has ended for it."""
    session = await csms.session(visit.station)
    assert session["transaction_id"] == str(visit.transaction_id)
    assert (session["ended_at"] is not None) == (reason is not None)
    assert session["reason"] == reason
    if reason is not None:
        assert session["energy_wh"] == energy_wh
    return session


async def idle(csms: Csms, station: Station) -> None:
    await csms.shows(station, (0, "Available"), (1, "Available"), (2, "Available"))


# --- boot and sessions -------------------------------------------------------------------------------


@case("TC_001_CSMS")
async def test_a_station_boots(csms: Csms):
    newcomer = await csms.newcomer("ocpp1.6")
    async with connected(newcomer, csms.url):
        await newcomer.boot()
        for connector in (0, 1, 2):
            await newcomer.tell("Available", connector)
        await idle(csms, newcomer)


@case("TC_003_CSMS")
async def test_a_driver_plugs_in_and_then_shows_the_card(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await station16.tell("Preparing")
    await visit.authorized()
    assert (await visit.start())["status"] == "Accepted"
    await station16.tell("Charging")
    await session_of(csms, visit)
    await visit.ended()
    await session_of(csms, visit, "Local")
    await idle(csms, station16)


@case("TC_004_1_CSMS")
async def test_a_driver_shows_the_card_and_then_plugs_in(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    await visit.ended()
    await session_of(csms, visit, "Local")


@case("TC_004_2_CSMS")
async def test_no_car_came_in_time(csms: Csms, station16: Station):
    await Visit16(station16).authorized()
    await station16.tell("Preparing")
    await station16.tell("Available")
    assert await csms.sessions(station16) == []
    await idle(csms, station16)


@case("TC_005_1_CSMS")
async def test_a_transaction_ends_when_the_cable_is_out_at_the_car(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    await station16.tell("SuspendedEV")
    await visit.ended("EVDisconnected")
    await session_of(csms, visit, "EVDisconnected")


@case("TC_007_CSMS")
async def test_a_station_that_knows_the_card_from_its_cache_does_not_ask(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await station16.tell("Preparing")
    assert (await visit.start())["status"] == "Accepted"
    await station16.tell("Charging")
    assert (await session_of(csms, visit))["token_ref"] == KEYS.token_ref(VALID)


# --- remote control ----------------------------------------------------------------------------------


async def remote_start(csms: Csms, station: Station, answer: str = "Accepted") -> object:
    asked, end = await csms.commands(
        station, "START", "RemoteStartTransaction", answer={"status": answer}, token=VALID, evse=1
    )
    assert asked == {"connectorId": 1, "idTag": VALID}
    return end


@case("TC_010_CSMS")
async def test_a_remote_start_after_the_cable_is_in(csms: Csms, station16: Station):
    await station16.tell("Preparing")
    accepted(await remote_start(csms, station16))
    visit = Visit16(station16)
    await visit.authorized()
    assert (await visit.start())["status"] == "Accepted"
    await station16.tell("Charging")
    assert (await session_of(csms, visit))["auth_method"] == "COMMAND"


@case("TC_011_1_CSMS")
async def test_a_remote_start_before_the_cable_is_in(csms: Csms, station16: Station):
    accepted(await remote_start(csms, station16))
    visit = Visit16(station16)
    await visit.charging()
    assert (await session_of(csms, visit))["command_id"] is not None


@case("TC_011_2_CSMS")
async def test_a_remote_start_to_which_no_car_came(csms: Csms, station16: Station):
    accepted(await remote_start(csms, station16))
    await Visit16(station16).authorized()
    await station16.tell("Preparing")
    await station16.tell("Available")
    assert await csms.sessions(station16) == []
    (line,) = await csms.done("station commands", station=station16.name)
    assert (line.name, line.result) == ("START", "ACCEPTED")


@case("TC_026_CSMS")
async def test_a_remote_start_that_the_station_refuses(csms: Csms, station16: Station):
    refused(await remote_start(csms, station16, "Rejected"), CommandResult.REJECTED)


async def remote_stop(csms: Csms, visit: Visit16, answer: str) -> object:
    session_id = (await csms.session(visit.station))["session_id"]
    asked, end = await csms.commands(
        visit.station, "STOP", "RemoteStopTransaction", answer={"status": answer}, session=session_id
    )
    assert asked == {"transactionId": visit.transaction_id}
    return end


@case("TC_012_CSMS")
async def test_the_operator_stops_a_transaction(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    accepted(await remote_stop(csms, visit, "Accepted"))
    await visit.ended("Remote")
    await session_of(csms, visit, "Remote")


@case("TC_028_CSMS")
async def test_a_remote_stop_that_the_station_refuses(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    refused(await remote_stop(csms, visit, "Rejected"), CommandResult.REJECTED)
    await session_of(csms, visit)


@pytest.mark.parametrize(
    ("hard", "reason"),
    [
        pytest.param(True, "HardReset", marks=case("TC_013_CSMS")),
        pytest.param(False, "SoftReset", marks=case("TC_014_CSMS")),
    ],
)
async def test_a_reset_ends_the_transaction_before_the_station_boots(
    csms: Csms, station16: Station, hard: bool, reason: str
):
    visit = Visit16(station16)
    await visit.charging()
    answer = {"status": "Accepted"}
    asked, end = await csms.commands(station16, "RESET", "Reset", answer=answer, hard=hard)
    assert asked == {"type": "Hard" if hard else "Soft"}
    accepted(end)
    await visit.stop(reason)
    await csms.comes_back(station16)
    await station16.boot()
    for connector, status in ((0, "Available"), (1, "Finishing"), (2, "Available")):
        await station16.tell(status, connector)
    await session_of(csms, visit, reason)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Unlocked", None, marks=case("TC_017_1_CSMS")),
        pytest.param("NotSupported", CommandResult.NOT_SUPPORTED, marks=case("TC_017_2_CSMS", "TC_031_CSMS")),
        pytest.param("UnlockFailed", CommandResult.FAILED, marks=case("TC_030_CSMS")),
    ],
)
async def test_a_connector_is_unlocked_without_a_transaction(
    csms: Csms, station16: Station, status: str, result: CommandResult | None
):
    answer = {"status": status}
    asked, end = await csms.commands(station16, "UNLOCK", "UnlockConnector", answer=answer, evse=1)
    assert asked == {"connectorId": 1}
    accepted(end) if result is None else refused(end, result)


@case("TC_018_1_CSMS")
async def test_unlocking_ends_a_running_transaction(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    answer = {"status": "Unlocked"}
    asked, end = await csms.commands(station16, "UNLOCK", "UnlockConnector", answer=answer, evse=1)
    assert asked == {"connectorId": 1}
    accepted(end)
    await visit.ended("UnlockCommand")
    await session_of(csms, visit, "UnlockCommand")


# --- configuration -----------------------------------------------------------------------------------

SUPPORTED = {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,Reservation"}
INTERVAL = {"key": "MeterValueSampleInterval", "readonly": False, "value": "60"}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        pytest.param({}, [SUPPORTED, INTERVAL], marks=case("TC_019_1_CSMS")),
        pytest.param({"key": [SUPPORTED["key"]]}, [SUPPORTED], marks=case("TC_019_2_CSMS")),
    ],
)
async def test_the_configuration_is_read(csms: Csms, station16: Station, wanted: Json, told: list[Json]):
    asked, end = await csms.calls(station16, "GetConfiguration", wanted, configurationKey=told)
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    assert await csms.values(station16) == {one["key"]: one["value"] for one in told}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Accepted", CommandResult.ACCEPTED, marks=case("TC_021_CSMS")),
        pytest.param("NotSupported", CommandResult.NOT_SUPPORTED, marks=case("TC_040_1_CSMS")),
        pytest.param("Rejected", CommandResult.REJECTED, marks=case("TC_040_2_CSMS")),
    ],
)
async def test_the_configuration_is_changed(
    csms: Csms, station16: Station, status: str, result: CommandResult
):
    wanted = {"key": "MeterValueSampleInterval", "value": "30"}
    asked, end = await csms.calls(station16, "ChangeConfiguration", wanted, status=status)
    assert asked == wanted
    assert end.result is result
    kept = {"MeterValueSampleInterval": "30"} if status == "Accepted" else {}
    assert await csms.values(station16) == kept


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Accepted", CommandResult.ACCEPTED, marks=case("TC_061_CSMS")),
        pytest.param("Rejected", CommandResult.REJECTED),
    ],
)
async def test_the_cache_is_cleared(csms: Csms, station16: Station, status: str, result: CommandResult):
    asked, end = await csms.calls(station16, "ClearCache", {}, status=status)
    assert asked == {}
    assert end.result is result


@case("TC_064_CSMS")
async def test_an_unknown_vendor_is_told_so(station16: Station):
    told = await station16.call("DataTransfer", vendorId="com.example", messageId="Ping", data="{}")
    assert told["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")


# --- what goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uid", "status"),
    [
        pytest.param(UNKNOWN, "Invalid", marks=case("TC_023_1_CSMS")),
        pytest.param(EXPIRED, "Expired", marks=case("TC_023_2_CSMS")),
        pytest.param(BLOCKED, "Blocked", marks=case("TC_023_3_CSMS")),
    ],
)
async def test_a_token_that_may_not_charge(csms: Csms, station16: Station, uid: str, status: str):
    await station16.tell("Preparing")
    assert await station16.call("Authorize", idTag=uid) == {"idTagInfo": {"status": status}}
    await station16.tell("Available")
    assert await csms.sessions(station16) == []


@case("TC_024_CSMS")
async def test_a_lock_that_failed(csms: Csms, station16: Station):
    await station16.tell("Preparing")
    await Visit16(station16).authorized()
    failed = {"connectorId": 1, "errorCode": "ConnectorLockFailure", "status": "Faulted"}
    assert await station16.call("StatusNotification", **failed) == {}
    (shown,) = [one for one in (await csms.card(station16)).connectors if one.evse_id == 1]
    assert (shown.status, shown.error_code) == ("Faulted", "ConnectorLockFailure")


@case("TC_032_1_CSMS")
async def test_a_transaction_that_a_power_cut_ended(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await visit.charging()
    await csms.comes_back(station16)
    await station16.boot()
    for connector, status in ((0, "Available"), (1, "Finishing"), (2, "Available")):
        await station16.tell(status, connector)
    await session_of(csms, visit)
    await visit.stop("PowerLoss")
    await session_of(csms, visit, "PowerLoss")


@case("TC_037_1_CSMS")
async def test_a_start_that_waited_while_the_station_was_offline(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await csms.comes_back(station16)
    assert (await visit.start(at=BEGAN))["status"] == "Accepted"
    await station16.tell("Charging")
    began = (await session_of(csms, visit))["started_at"]
    assert began.strftime("%Y-%m-%dT%H:%M:%SZ") == BEGAN


@case("TC_037_3_CSMS")
async def test_a_start_offline_with_a_token_that_is_not_accepted(csms: Csms, station16: Station):
    visit = Visit16(station16, uid=UNKNOWN)
    await csms.comes_back(station16)
    assert (await visit.start(at=BEGAN))["status"] == "Invalid"
    await station16.tell("Charging")
    await visit.ended("DeAuthorized")
    await session_of(csms, visit, "DeAuthorized")


@case("TC_039_CSMS")
async def test_a_whole_transaction_offline(csms: Csms, station16: Station):
    visit = Visit16(station16)
    await csms.comes_back(station16)
    assert (await visit.start(at=BEGAN))["status"] == "Accepted"
    told = await visit.stop("Local", at=ENDED, shows=VALID)
    assert told["idTagInfo"]["status"] == "Accepted"
    session = await session_of(csms, visit, "Local")
    assert (session["ended_at"] - session["started_at"]).total_seconds() == 3600


async def test_a_card_of_the_same_group_may_end_it_and_says_which_group_it_is(csms: Csms, station16: Station):
    """1.6 §4.10: the station compares parentIdTag, which has 20 characters at most."""
    visit = Visit16(station16)
    assert (await visit.start())["parentIdTag"] == KEYS.token_ref("FLEET-1")[:20]
    told = await visit.stop(shows=VALID2)
    assert told["idTagInfo"] == {"status": "Accepted", "parentIdTag": KEYS.token_ref("FLEET-1")[:20]}
    assert (await session_of(csms, visit, "Local"))["token_ref"] == KEYS.token_ref(VALID)
