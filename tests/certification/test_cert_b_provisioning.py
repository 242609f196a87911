"""B: boot, variables, reports, reset and network profiles (part 6 section 3.3)."""

from __future__ import annotations

import asyncio
import json

import pytest
from cert_csms import Csms, accepted
from cert_station import Json, Refused, Station, connected, now
from cert_visit import Visit, card

from elstrada.model.device import CommandResult

case = pytest.mark.case


@case("TC_B_01_CSMS")
async def test_a_station_boots(csms: Csms):
    newcomer = await csms.newcomer("ocpp2.0.1")
    async with connected(newcomer, csms.url):
        await newcomer.boot()
        await newcomer.tell("Available", 1)
        await csms.shows(newcomer, (1, "Available"))
        seen = await csms.card(newcomer)
        assert (seen.vendor, seen.model, seen.protocol) == ("Certain", "Wallbox", "ocpp2.0.1")


# --- before it is accepted ---------------------------------------------------------------------------

HELD = ["PENDING", "REJECTED"]


async def held(csms: Csms, word: str) -> Station:
    """A station that the operator does not let work yet."""
    newcomer = await csms.newcomer("ocpp2.0.1")
    said = await csms.done("station admit", station=newcomer.name, word=word)
    assert said.told == "", "it was not there to be asked"
    await csms.gateway.roll.refresh()
    return newcomer


async def triggered(csms: Csms, station: Station, answer: str) -> None:
    """The operator accepts a station that waits: it is asked to boot at once."""
    params = {"station": station.name, "word": "ACCEPTED"}
    asked, end = await csms.asking(station, "TriggerMessage", "station admit", params, {"status": answer})
    assert asked == {"requestedMessage": "BootNotification"}
    assert end.told.startswith(answer.upper())


@case("TC_B_02_CSMS")
async def test_a_station_that_is_held_is_set_up_and_then_accepted(csms: Csms):
    """It does not do what TriggerMessage asks, so that it boots anew when the interval has passed."""
    station = await held(csms, "PENDING")
    async with connected(station, csms.url):
        await station.boot(status="Pending")
        wanted = {"setVariableData": [{**THRESHOLD, "attributeValue": "123"}]}
        answer = [{**THRESHOLD, "attributeStatus": "Accepted"}]
        await csms.calls(station, "SetVariables", wanted, setVariableResult=answer)
        await triggered(csms, station, "Rejected")
        await station.boot()
        await station.tell("Available", 1)
        await csms.shows(station, (1, "Available"))


@case("TC_B_30_CSMS")
@pytest.mark.parametrize("word", HELD)
async def test_what_a_station_says_before_it_is_accepted_is_a_security_error(csms: Csms, word: str):
    station = await held(csms, word)
    connector: Json = {"connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    async with connected(station, csms.url):
        await station.boot(status=word.title())
        with pytest.raises(Refused) as told:
            await station.call("StatusNotification", timestamp=now(), **connector)
        assert told.value.code == "SecurityError"
        with pytest.raises(Refused) as told:
            await station.event("Connector", "AvailabilityState", "Available", evse=1, connector=1)
        assert told.value.code == "SecurityError"
        await csms.shows(station)
        assert await csms.events(station) == []


@case("TC_B_31_CSMS")
async def test_a_station_that_waits_is_told_to_boot_when_it_is_accepted(csms: Csms):
    station = await held(csms, "PENDING")
    async with connected(station, csms.url):
        await station.boot(status="Pending")
        await triggered(csms, station, "Accepted")
        await station.boot("Triggered")
        await station.tell("Available", 1)
        await csms.shows(station, (1, "Available"))


# --- variables ---------------------------------------------------------------------------------------


def variable(component: str, name: str) -> Json:
    return {"component": {"name": component}, "variable": {"name": name}}


def key(one: Json) -> str:
    """As the operator sees it listed."""
    return f"{one['component']['name']}/{one['variable']['name']}"


THRESHOLD = variable("OCPPCommCtrlr", "OfflineThreshold")
REMOTE_START = variable("AuthCtrlr", "AuthorizeRemoteStart")


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param([THRESHOLD], marks=case("TC_B_06_CSMS")),
        pytest.param([THRESHOLD, REMOTE_START], marks=case("TC_B_07_CSMS")),
    ],
)
async def test_variables_are_read(csms: Csms, station: Station, variables: list[Json]):
    values = [{**one, "attributeStatus": "Accepted", "attributeValue": "60"} for one in variables]
    asked, end = await csms.calls(
        station, "GetVariables", {"getVariableData": variables}, getVariableResult=values
    )
    assert asked == {"getVariableData": variables}
    assert all("attributeType" not in one for one in asked["getVariableData"]), "it is Actual then"
    assert end.result is CommandResult.ACCEPTED
    assert await csms.values(station) == {key(one): "60" for one in variables}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([(THRESHOLD, "123")], marks=case("TC_B_09_CSMS")),
        pytest.param([(THRESHOLD, "123"), (REMOTE_START, "false")], marks=case("TC_B_10_CSMS")),
    ],
)
async def test_variables_are_set(csms: Csms, station: Station, values: list[tuple[Json, str]]):
    data = [{**one, "attributeValue": value} for one, value in values]
    results = [{**one, "attributeStatus": "Accepted"} for one, _ in values]
    asked, end = await csms.calls(
        station, "SetVariables", {"setVariableData": data}, setVariableResult=results
    )
    assert asked == {"setVariableData": data}
    assert end.result is CommandResult.ACCEPTED
    assert await csms.values(station) == {key(one): value for one, value in values}


async def test_no_more_variables_are_read_at_once_than_the_station_takes_b06_fr_05(
    csms: Csms, station: Station
):
    """Part 6 calls this TC_B_08_CSMS; no certification profile holds it."""
    most = {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "GetVariables"},
    }
    told = {**most, "attributeStatus": "Accepted", "attributeValue": "4"}
    await csms.calls(station, "GetVariables", {"getVariableData": [most]}, getVariableResult=[told])
    wanted = [variable("AuthCtrlr", f"Variable{number}") for number in range(5)]
    values = [{**one, "attributeStatus": "Accepted", "attributeValue": "1.50"} for one in wanted]
    answers = [{"getVariableResult": values[:4]}, {"getVariableResult": values[4:]}]
    asked, end = await csms.calls_in_portions(station, "GetVariables", {"getVariableData": wanted}, answers)
    assert asked == [{"getVariableData": wanted[:4]}, {"getVariableData": wanted[4:]}]
    assert json.loads(bytes(end.response)) == {"getVariableResult": values}
    # A portion that is not answered ends it.
    params = {"station": station.name, "action": "GetVariables"}
    payload = json.dumps({"getVariableData": wanted})
    doing = asyncio.create_task(csms.does("station call", payload=payload, **params))
    await (await station.asked("GetVariables")).refuse("InternalError")
    assert (await doing).kind == "refused"


async def test_no_longer_list_of_variables_is_set_at_once_than_the_station_takes(
    csms: Csms, station: Station
):
    """BytesPerMessage, of the whole message."""
    most = {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": "BytesPerMessage", "instance": "SetVariables"},
    }
    told = {**most, "attributeStatus": "Accepted", "attributeValue": "400"}
    await csms.calls(station, "GetVariables", {"getVariableData": [most]}, getVariableResult=[told])
    places = [variable("AuthCtrlr", f"Variable{number}") for number in range(5)]
    wanted = [{**one, "attributeValue": "1"} for one in places]
    results = [{**one, "attributeStatus": "Accepted"} for one in places]
    parts = [slice(0, 3), slice(3, 5)]
    answers = [{"setVariableResult": results[part]} for part in parts]
    asked, _ = await csms.calls_in_portions(station, "SetVariables", {"setVariableData": wanted}, answers)
    assert asked == [{"setVariableData": wanted[part]} for part in parts]
    assert all(len(json.dumps([2, "x" * 36, "SetVariables", one])) <= 400 for one in asked)


async def test_a_list_of_too_many_portions_is_not_begun(csms: Csms, station: Station):
    most = {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "GetVariables"},
    }
    told = {**most, "attributeStatus": "Accepted", "attributeValue": "1"}
    await csms.calls(station, "GetVariables", {"getVariableData": [most]}, getVariableResult=[told])
    wanted = {"getVariableData": [variable("AuthCtrlr", f"V{number}") for number in range(101)]}
    params = {"station": station.name, "action": "GetVariables", "payload": json.dumps(wanted)}
    assert (await csms.does("station call", **params)).pointer == "/payload/getVariableData"


# --- reset -------------------------------------------------------------------------------------------


async def reset(
    csms: Csms, station: Station, *, hard: bool, answer: str = "Accepted", evse: int | None = None
) -> None:
    place: Json = {} if evse is None else {"evse": evse}
    asked, end = await csms.commands(station, "RESET", "Reset", answer={"status": answer}, hard=hard, **place)
    expected = {} if evse is None else {"evseId": evse}
    assert asked == {"type": "Immediate" if hard else "OnIdle", **expected}
    accepted(end, CommandResult(answer.upper()))


async def boots_again(csms: Csms, station: Station, reason: str, *statuses: str) -> None:
    """The station comes back after a reset and tells of its connectors."""
    await csms.comes_back(station)
    await station.boot(reason)
    for evse, status in enumerate(statuses, 1):
        await station.tell(status, evse)
    await csms.shows(station, *enumerate(statuses, 1))


async def runs_to_its_end(visit: Visit) -> None:
    """The driver shows the card again, and takes the cable out."""
    answer = await visit.event("StopAuthorized", chargingState="EVConnected", shows=card())
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await visit.left()


async def only_ended(csms: Csms, station: Station, reason: str) -> None:
    session = await csms.session(station)
    assert (session["reason"], session["completed_at"] is not None) == (reason, True)


@case("TC_B_20_CSMS")
async def test_an_idle_station_is_reset(csms: Csms, station: Station):
    await reset(csms, station, hard=False)
    await boots_again(csms, station, "RemoteReset", "Available", "Available")


@case("TC_B_21_CSMS")
async def test_a_station_resets_once_its_transaction_has_ended(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await reset(csms, station, hard=False, answer="Scheduled")
    await runs_to_its_end(visit)
    await boots_again(csms, station, "ScheduledReset", "Available", "Available")
    await only_ended(csms, station, "EVDisconnected")


@case("TC_B_22_CSMS")
async def test_a_station_resets_at_once_and_ends_its_transaction(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await reset(csms, station, hard=True)
    state = {"chargingState": "EVConnected", "stoppedReason": "ImmediateReset"}
    await visit.event("ResetCommand", "Ended", **state)
    await boots_again(csms, station, "RemoteReset", "Occupied", "Available")
    await only_ended(csms, station, "ImmediateReset")


@case("TC_B_25_CSMS")
async def test_an_idle_evse_is_reset(csms: Csms, station: Station):
    await reset(csms, station, hard=False, evse=1)


@case("TC_B_26_CSMS")
async def test_an_evse_resets_once_its_transaction_has_ended(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await reset(csms, station, hard=False, answer="Scheduled", evse=1)
    await runs_to_its_end(visit)
    await only_ended(csms, station, "EVDisconnected")


@case("TC_B_27_CSMS")
async def test_an_evse_resets_at_once_and_ends_its_transaction(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await reset(csms, station, hard=True, evse=1)
    state = {"chargingState": "EVConnected", "stoppedReason": "ImmediateReset"}
    await visit.event("ResetCommand", "Ended", **state)
    await only_ended(csms, station, "ImmediateReset")


# --- network profiles --------------------------------------------------------------------------------

PROFILE = {
    "configurationSlot": 1,
    "connectionData": {
        "messageTimeout": 30,
        "ocppCsmsUrl": "wss://csms.example/ocpp",
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "securityProfile": 2,
    },
}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Accepted", CommandResult.ACCEPTED, marks=case("TC_B_42_CSMS")),
        pytest.param("Failed", CommandResult.FAILED, marks=case("TC_B_44_CSMS")),
    ],
)
async def test_a_network_profile_is_set(csms: Csms, station: Station, status: str, result: CommandResult):
    asked, end = await csms.calls(station, "SetNetworkProfile", PROFILE, status=status)
    assert asked == PROFILE
    assert end.result is result
    assert await station.call("Heartbeat"), "and it stays connected"


# --- reports -----------------------------------------------------------------------------------------

STATE = {
    "component": {"name": "EVSE", "evse": {"id": 1}},
    "variable": {"name": "AvailabilityState"},
}


CRITERIA = {"requestId": 0, "componentCriteria": ["Problem"], "componentVariable": [STATE]}


async def reports(station: Station, number: int, *values: tuple[Json, str]) -> None:
    """A report, a message for each variable."""
    for seq_no, (one, value) in enumerate(values):
        attributes = [{"value": value, "mutability": "ReadOnly", "persistent": True}]
        told = await station.call(
            "NotifyReport",
            requestId=number,
            generatedAt=now(),
            seqNo=seq_no,
            tbc=seq_no < len(values) - 1,
            reportData=[{**one, "variableAttribute": attributes}],
        )
        assert told == {}


@pytest.mark.parametrize(
    "base",
    [
        pytest.param("ConfigurationInventory", marks=case("TC_B_12_CSMS")),
        pytest.param("FullInventory", marks=case("TC_B_13_CSMS")),
        pytest.param("SummaryInventory", marks=case("TC_B_14_CSMS")),
    ],
)
async def test_a_report_of_a_base_comes_whole_and_is_shown(csms: Csms, station: Station, base: str):
    wanted = {"requestId": 7, "reportBase": base}
    asked, end = await csms.calls(station, "GetBaseReport", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    await reports(station, 7, (THRESHOLD, "60"), (REMOTE_START, "false"), (STATE, "Available"))
    (report,) = await csms.done("station reports", station=station.name)
    assert (report.request_id, report.messages, report.missing) == (7, 3, ())
    assert report.complete_at is not None
    assert await csms.values(station) == {
        key(THRESHOLD): "60",
        key(REMOTE_START): "false",
        "EVSE@1/AvailabilityState": "Available",
    }


@case("TC_B_18_CSMS")
async def test_a_report_is_asked_for_by_criteria_and_variables(csms: Csms, station: Station):
    asked, end = await csms.calls(station, "GetReport", CRITERIA, status="EmptyResultSet")
    assert asked == CRITERIA
    assert end.result is CommandResult.UNKNOWN
    wanted = {**CRITERIA, "requestId": 1, "componentCriteria": ["Available"]}
    asked, end = await csms.calls(station, "GetReport", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    await reports(station, 1, (STATE, "Available"))
    assert await csms.values(station) == {"EVSE@1/AvailabilityState": "Available"}
