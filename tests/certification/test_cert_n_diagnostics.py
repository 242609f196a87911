"""N: logs, customers' data, monitors and events (part 6 section 3.15)."""

from __future__ import annotations

import json
from itertools import count

import pytest
from cert_csms import VALID, Csms
from cert_station import Json, Station, now
from cert_visit import card

from elstrada.model.device import CommandResult

case = pytest.mark.case
_ids = count(1)

# --- logs --------------------------------------------------------------------------------------------


async def get_log(
    csms: Csms,
    station: Station,
    kind: str = "DiagnosticsLog",
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> int:
    wanted = {
        "logType": kind,
        "requestId": next(_ids),
        "log": {"remoteLocation": "https://csms.example/logs/"},
    }
    asked, end = await csms.calls(station, "GetLog", wanted, status=status)
    assert asked == wanted
    assert end.result is result
    return asked["requestId"]


async def log_news(csms: Csms, station: Station, number: int, *statuses: str) -> None:
    """The station tells how the upload goes, and the operator sees it."""
    for status in statuses:
        assert await station.call("LogStatusNotification", status=status, requestId=number) == {}
        assert (await csms.notices(station, "LOG"))[-1] == (status, number)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("DiagnosticsLog", marks=case("TC_N_25_CSMS")),
        pytest.param("SecurityLog", marks=case("TC_N_35_CSMS")),
    ],
)
async def test_a_log_is_uploaded(csms: Csms, station: Station, kind: str):
    await log_news(csms, station, await get_log(csms, station, kind), "Uploading", "Uploaded")


@case("TC_N_34_CSMS")
async def test_a_log_that_the_station_does_not_give(csms: Csms, station: Station):
    await get_log(csms, station, status="Rejected", result=CommandResult.REJECTED)


@case("TC_N_36_CSMS")
async def test_a_log_takes_the_place_of_another(csms: Csms, station: Station):
    first = await get_log(csms, station)
    await log_news(csms, station, first, "Uploading")
    second = await get_log(csms, station, status="AcceptedCanceled")
    assert second != first
    await log_news(csms, station, first, "AcceptedCanceled")
    await log_news(csms, station, second, "Uploading", "Uploaded")


# --- customers ---------------------------------------------------------------------------------------

HASHED = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a1" * 32,
    "issuerKeyHash": "b2" * 32,
    "serialNumber": "4a3f",
}
BY_TOKEN = {"idToken": card(VALID)}
NOBODY = "nothing is stored of this customer"


@pytest.mark.parametrize(
    ("wanted", "data"),
    [
        pytest.param({"report": True, "clear": False, **BY_TOKEN}, "name: A", marks=case("TC_N_27_CSMS")),
        pytest.param({"report": True, "clear": False, **BY_TOKEN}, NOBODY, marks=case("TC_N_28_CSMS")),
        pytest.param({"report": True, "clear": True, **BY_TOKEN}, "name: A", marks=case("TC_N_30_CSMS")),
        pytest.param({"report": True, "clear": True, **BY_TOKEN}, NOBODY, marks=case("TC_N_31_CSMS")),
        pytest.param({"report": False, "clear": True, **BY_TOKEN}, "cleared", marks=case("TC_N_32_CSMS")),
        pytest.param(
            {"report": True, "clear": True, "customerIdentifier": "OpenChargeAlliance"},
            "name: A",
            marks=case("TC_N_62_CSMS"),
        ),
        pytest.param(
            {"report": True, "clear": True, "customerCertificate": HASHED},
            "name: A",
            marks=case("TC_N_63_CSMS"),
        ),
    ],
)
async def test_what_a_station_stores_of_a_customer_is_told_and_cleared(
    csms: Csms, station: Station, wanted: Json, data: str
):
    wanted = {"requestId": next(_ids), **wanted}
    asked, end = await csms.calls(station, "CustomerInformation", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    told = await station.call(
        "NotifyCustomerInformation",
        requestId=asked["requestId"],
        seqNo=0,
        generatedAt=now(),
        data=data,
    )
    assert told == {}
    read = await csms.done("station customer", station=station.name, request=asked["requestId"])
    assert (read.text, read.complete) == (data, True)


@case("TC_N_29_CSMS")
async def test_a_station_that_tells_nothing_of_a_customer(csms: Csms, station: Station):
    wanted = {"requestId": next(_ids), "report": True, "clear": False, **BY_TOKEN}
    asked, end = await csms.calls(station, "CustomerInformation", wanted, status="Rejected")
    assert asked == wanted
    assert end.result is CommandResult.REJECTED


async def in_step(station: Station, version: int) -> Json:
    """The station's list is looked at and brought in step. Returns what it was sent."""
    await (await station.asked("GetLocalListVersion")).answer(versionNumber=version)
    sent = await station.asked("SendLocalList")
    await sent.answer(status="Accepted")
    await (await station.asked("GetLocalListVersion")).answer(versionNumber=sent.payload["versionNumber"])
    return sent.payload


async def holds_our_list(csms: Csms, station: Station) -> Json:
    """The operator has the station keep all tokens. Returns what it was sent."""
    await csms.done("station whitelist", station=station.name, tokens="ALL")
    asked = await station.asked("GetVariables")
    told = {"Enabled": "true", "Available": "true", "Entries": "100"}
    told |= {"ItemsPerMessage": "50", "BytesPerMessage": "10000"}
    await asked.answer(
        getVariableResult=[
            {**one, "attributeStatus": "Accepted", "attributeValue": told[one["variable"]["name"]]}
            for one in asked.payload["getVariableData"]
        ]
    )
    return await in_step(station, 0)


@case("TC_N_46_CSMS")
async def test_a_customer_who_is_cleared_leaves_the_stations_list(csms: Csms, station: Station):
    """The operator has the station clear what it stores, and withdraws the card: the list follows by itself."""
    leaving = {"uid": "CARD0046", "contract": "SEELSC00000001"}
    await csms.done("token add", **leaving)
    whole = await holds_our_list(csms, station)
    assert whole["updateType"] == "Full"
    assert card("CARD0046") in [one["idToken"] for one in whole["localAuthorizationList"]]

    wanted = {"requestId": next(_ids), "report": True, "clear": True, "idToken": card("CARD0046")}
    asked, end = await csms.calls(station, "CustomerInformation", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    news: Json = {"requestId": wanted["requestId"], "seqNo": 0, "generatedAt": now()}
    assert await station.call("NotifyCustomerInformation", **news, data="name: A") == {}

    await csms.done("token add", **leaving, blocked=True, whitelist="NEVER")
    assert await in_step(station, whole["versionNumber"]) == {
        "updateType": "Differential",
        "versionNumber": whole["versionNumber"] + 1,
        "localAuthorizationList": [{"idToken": card("CARD0046")}],
    }


# --- monitors ----------------------------------------------------------------------------------------

EVSE_STATE = {
    "component": {"name": "EVSE", "evse": {"id": 1}},
    "variable": {"name": "AvailabilityState"},
}
STATE = {"component": {"name": "ChargingStation"}, "variable": {"name": "AvailabilityState"}}
POWER = {"component": {"name": "ChargingStation"}, "variable": {"name": "Power"}}
KEYS = {
    json.dumps(EVSE_STATE): "EVSE@1/AvailabilityState",
    json.dumps(STATE): "ChargingStation/AvailabilityState",
    json.dumps(POWER): "ChargingStation/Power",
}
"""As the operator sees them listed."""
DELTA, THRESHOLD = ["DeltaMonitoring"], ["ThresholdMonitoring"]


async def monitoring_report(
    csms: Csms,
    station: Station,
    criteria: Json,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> int:
    wanted = {"requestId": next(_ids), **criteria}
    asked, end = await csms.calls(station, "GetMonitoringReport", wanted, status=status)
    assert asked == wanted
    assert end.result is result
    return asked["requestId"]


async def monitors(station: Station, number: int, *variables: Json) -> None:
    """The report, a message for each variable."""
    for seq_no, variable in enumerate(variables):
        monitor = {"id": 1 + seq_no, "transaction": False, "value": 1, "type": "Delta", "severity": 8}
        told = await station.call(
            "NotifyMonitoringReport",
            requestId=number,
            seqNo=seq_no,
            generatedAt=now(),
            tbc=seq_no < len(variables) - 1,
            monitor=[{**variable, "variableMonitoring": [monitor]}],
        )
        assert told == {}


async def shown(csms: Csms, station: Station) -> list[str]:
    """The variables whose monitors the operator sees."""
    return [told["variable"] for told in (await csms.items(station, "MONITOR")).values()]


@pytest.mark.parametrize(
    ("empty", "full", "variables"),
    [
        pytest.param(
            {"monitoringCriteria": DELTA},
            {"monitoringCriteria": THRESHOLD},
            [POWER],
            marks=case("TC_N_01_CSMS"),
        ),
        pytest.param(
            {"componentVariable": [POWER]},
            {"componentVariable": [EVSE_STATE]},
            [EVSE_STATE],
            marks=case("TC_N_02_CSMS"),
        ),
        pytest.param(
            {"monitoringCriteria": DELTA, "componentVariable": [EVSE_STATE]},
            {"monitoringCriteria": THRESHOLD, "componentVariable": [POWER]},
            [POWER],
            marks=case("TC_N_03_CSMS"),
        ),
        pytest.param(
            {"monitoringCriteria": DELTA, "componentVariable": [STATE, EVSE_STATE]},
            {"monitoringCriteria": THRESHOLD, "componentVariable": [STATE, EVSE_STATE]},
            [STATE, EVSE_STATE],
            marks=case("TC_N_60_CSMS"),
        ),
    ],
)
async def test_monitors_are_reported_and_shown(
    csms: Csms, station: Station, empty: Json, full: Json, variables: list[Json]
):
    await monitoring_report(csms, station, empty, "EmptyResultSet", CommandResult.UNKNOWN)
    assert await shown(csms, station) == []
    number = await monitoring_report(csms, station, full)
    await monitors(station, number, *variables)
    assert await shown(csms, station) == [KEYS[json.dumps(one)] for one in variables]


@case("TC_N_47_CSMS")
async def test_all_monitors_are_reported(csms: Csms, station: Station):
    number = await monitoring_report(csms, station, {})
    await monitors(station, number, EVSE_STATE, STATE, POWER)
    assert await shown(csms, station) == list(KEYS.values())


@case("TC_N_05_CSMS")
async def test_each_base_of_monitors_is_set(csms: Csms, station: Station):
    for base in ("All", "FactoryDefault", "HardWiredOnly"):
        wanted = {"monitoringBase": base}
        asked, end = await csms.calls(station, "SetMonitoringBase", wanted, status="Accepted")
        assert asked == wanted
        assert end.result is CommandResult.ACCEPTED


@case("TC_N_08_CSMS")
async def test_a_monitor_is_set(csms: Csms, station: Station):
    monitor = {"value": 1, "type": "Delta", "severity": 8, **EVSE_STATE}
    result = {"status": "Accepted", "id": 1, "type": "Delta", "severity": 8, **EVSE_STATE}
    wanted = {"setMonitoringData": [monitor]}
    asked, end = await csms.calls(station, "SetVariableMonitoring", wanted, setMonitoringResult=[result])
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    assert await shown(csms, station) == ["EVSE@1/AvailabilityState"]


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Accepted", CommandResult.ACCEPTED, marks=case("TC_N_16_CSMS")),
        pytest.param("Rejected", CommandResult.REJECTED, marks=case("TC_N_17_CSMS")),
    ],
)
async def test_a_level_of_monitors_is_set(csms: Csms, station: Station, status: str, result: CommandResult):
    asked, end = await csms.calls(station, "SetMonitoringLevel", {"severity": 4}, status=status)
    assert asked == {"severity": 4}
    assert end.result is result


@case("TC_N_44_CSMS")
async def test_a_monitor_that_cannot_be_cleared(csms: Csms, station: Station):
    """The operator is told of each monitor."""
    result = [{"id": 7, "status": "Rejected"}]
    asked, _ = await csms.calls(station, "ClearVariableMonitoring", {"id": [7]}, clearMonitoringResult=result)
    assert asked == {"id": [7]}


@case("TC_N_18_CSMS")
async def test_no_more_monitors_are_cleared_at_once_than_the_station_takes(csms: Csms, station: Station):
    most = {
        "component": {"name": "MonitoringCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "ClearVariableMonitoring"},
    }
    told = {**most, "attributeStatus": "Accepted", "attributeValue": "2"}
    await csms.calls(station, "GetVariables", {"getVariableData": [most]}, getVariableResult=[told])
    parts = ([1, 2], [3, 4], [5])
    answers = [{"clearMonitoringResult": [{"id": one, "status": "NotFound"} for one in ids]} for ids in parts]
    asked, end = await csms.calls_in_portions(
        station, "ClearVariableMonitoring", {"id": [1, 2, 3, 4, 5]}, answers
    )
    assert asked == [{"id": ids} for ids in parts]
    results = json.loads(bytes(end.response))["clearMonitoringResult"]
    assert results == [{"id": one, "status": "NotFound"} for one in (1, 2, 3, 4, 5)]
    assert end.detail == "2 of 2 not done: 1 NotFound, 2 NotFound, in 3 messages"


# --- events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "more"),
    [
        pytest.param("true", {"trigger": "Alerting"}, marks=case("TC_N_21_CSMS")),
        pytest.param("22.0", {"trigger": "Periodic"}, marks=case("TC_N_24_CSMS", "TC_N_50_CSMS")),
        pytest.param("31.5", {"trigger": "Alerting", "cleared": True}, marks=case("TC_N_49_CSMS")),
    ],
)
async def test_what_a_monitor_reports_is_noted(csms: Csms, station: Station, value: str, more: Json):
    for _ in range(2):
        await station.event("ChargingStation", "Temperature", value, **more)
    noted = [one for one in await csms.events(station) if one["variable"] == "Temperature"]
    assert [(one["value"], one["trigger"]) for one in noted] == [(value, more["trigger"])] * 2
    assert [one.get("cleared", False) for one in noted] == [more.get("cleared", False)] * 2
