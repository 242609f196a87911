"""What messages tell of a station's store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from elstrada.model import asks
from elstrada.model.mirror import Characteristics, Cleared, Expected, ItemKind, Learned, Part, Variable
from elstrada.model.notices import NoticeKind
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, VERSIONS, Version
from elstrada.redaction import HIDDEN, redacted_json

NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
CTRLR = {"name": "OCPPCommCtrlr"}
HEARTBEAT = {"component": CTRLR, "variable": {"name": "HeartbeatInterval"}}
PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "n", "issuerKeyHash": "k", "serialNumber": "5"}


def told(version: Version, action: str, **fields: object) -> Any:
    """What a station's call says: a Learned, or a Notice."""
    read = version.read_call(action, json.dumps(fields).encode(), NOW)
    assert isinstance(read, ReadCall), read
    assert isinstance(read.ask, asks.Learn | asks.GiveNotice)
    return read.ask.learned if isinstance(read.ask, asks.Learn) else read.ask.notice


def answered(version: Version, action: str, request: object, response: object) -> Learned:
    learned = version.learned(action, json.dumps(request).encode(), json.dumps(response).encode())
    assert learned is not None
    return learned


def documents(learned: Learned) -> dict[str, Any]:
    return {item.key: json.loads(item.document) for item in learned.items}


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
def test_a_report_names_variables_by_component_place_and_instance(version: Version) -> None:
    connector = {"name": "Connector", "evse": {"id": 1, "connectorId": 2}}
    learned = told(
        version,
        "NotifyReport",
        requestId=8,
        generatedAt="2026-03-01T17:00:00Z",
        seqNo=3,
        tbc=True,
        reportData=[
            {
                **HEARTBEAT,
                "variableAttribute": [{"value": "300", "mutability": "ReadWrite", "persistent": True}],
                "variableCharacteristics": {
                    "dataType": "integer",
                    "unit": "s",
                    "minLimit": 1.5,
                    "supportsMonitoring": False,
                },
            },
            {
                "component": connector,
                "variable": {"name": "Available", "instance": "a"},
                "variableAttribute": [{"value": "true"}],
            },
        ],
    )

    assert learned.part == Part(kind=ItemKind.VARIABLE, request_id=8, seq_no=3, last=False)
    variables = documents(learned)
    assert set(variables) == {"OCPPCommCtrlr/HeartbeatInterval", "Connector@1.2/Available[a]"}
    heartbeat = variables["OCPPCommCtrlr/HeartbeatInterval"]
    assert heartbeat["characteristics"] == {"data_type": "integer", "unit": "s", "min_limit": "1.5"}


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
def test_of_set_variables_only_what_was_accepted_counts_and_each_result_finds_its_value(
    version: Version,
) -> None:
    other = {"component": CTRLR, "variable": {"name": "MessageTimeout", "instance": "Default"}}
    third = {"component": CTRLR, "variable": {"name": "RetryBackOffRepeatTimes"}}
    values = [{**HEARTBEAT, "attributeValue": "60"}, {**other, "attributeValue": "5"}]
    request = {"setVariableData": [*values, {**third, "attributeValue": "9"}]}
    response = {
        "setVariableResult": [
            {**third, "attributeStatus": "Rejected"},
            {**other, "attributeStatus": "RebootRequired"},
            {**HEARTBEAT, "attributeStatus": "Accepted"},
        ]
    }
    variables = documents(answered(version, "SetVariables", request, response))

    assert variables["OCPPCommCtrlr/HeartbeatInterval"]["attributes"] == [{"value": "60"}]
    assert variables["OCPPCommCtrlr/MessageTimeout[Default]"]["attributes"] == [
        {"value": "5", "pending": True}
    ]
    assert len(variables) == 2


def test_the_value_of_a_secret_never_gets_into_the_mirror() -> None:
    result = {**PASSWORD, "attributeStatus": "Accepted", "attributeValue": "c0rrect-horse"}
    got = answered(OCPP201, "GetVariables", {"getVariableData": [PASSWORD]}, {"getVariableResult": [result]})
    key = {"key": "AuthorizationKey", "readonly": False, "value": "c0rrect-horse"}
    old = answered(OCPP16, "GetConfiguration", {}, {"configurationKey": [key]})
    change = {"key": "AuthorizationKey", "value": "c0rrect-horse"}
    changed = answered(OCPP16, "ChangeConfiguration", change, {"status": "Accepted"})

    for learned in (got, old, changed):
        (item,) = learned.items
        assert "c0rrect" not in item.document
        assert HIDDEN in item.document


@pytest.mark.parametrize(
    "name",
    [
        *(
            "VpnKey",
            "WiFiPSK",
            "WlanPassphrase",
            "SSH_Pwd",
            "MasterKey",
            "VpnPreSharedKey",
            "BasicAuthPassword",
        ),
        *("SharedSecret", "ApiKey"),
    ],
)
def test_a_secret_is_known_by_many_names_wherever_a_station_tells_it(name: str) -> None:
    key = {"key": name, "readonly": False, "value": "c0rrect-horse"}
    old = answered(OCPP16, "GetConfiguration", {}, {"configurationKey": [key]})
    variable = {"component": {"name": "C"}, "variable": {"name": name}}
    at = "2026-03-01T17:00:00Z"
    event = {**variable, "eventId": 1, "timestamp": at, "trigger": "Delta", "actualValue": "c0rrect-horse"}
    fields = {
        "generatedAt": at,
        "seqNo": 0,
        "eventData": [{**event, "eventNotificationType": "CustomMonitor"}],
    }
    read = OCPP201.read_call("NotifyEvent", json.dumps(fields).encode(), NOW)
    assert isinstance(read, ReadCall)

    assert "c0rrect" not in old.items[0].document
    assert "c0rrect" not in str(read.ask)
    assert "c0rrect" not in redacted_json(json.dumps(fields))


def test_what_is_public_or_no_secret_is_shown_and_a_password_within_an_address_is_not() -> None:
    keys = [
        {"key": "MeterPublicKey", "readonly": True, "value": "3059"},
        {"key": "BackendURL", "readonly": False, "value": "wss://u:c0rrect-horse@h/x?sig=c0rrect"},
    ]
    shown = documents(answered(OCPP16, "GetConfiguration", {}, {"configurationKey": keys}))

    assert shown["MeterPublicKey"]["attributes"][0]["value"] == "3059"
    assert shown["BackendURL"]["attributes"][0]["value"] == "wss://u:***@h/x?sig=***"


def test_two_variables_never_have_one_key_and_each_key_leads_back() -> None:
    variables = [
        Variable(component="A/B", name="C"),
        Variable(component="A", name="B/C"),
        Variable(component="E@1", name="x"),
        Variable(component="E", evse_id=1, name="x"),
        Variable(component="E", name="x[1]"),
        Variable(component="E", name="x", instance="1"),
        Variable(component="E%2F", name="x\nVARIABLE y"),
    ]

    assert len({one.key for one in variables}) == len(variables)
    assert [Variable.named(one.key) for one in variables] == variables
    assert all(one.key.isprintable() for one in variables)


@pytest.mark.parametrize("action", ["NotifyReport", "NotifyMonitoringReport"])
def test_a_negative_number_of_a_message_is_refused(action: str) -> None:
    fields = {"requestId": 1, "generatedAt": "2026-03-01T17:00:00Z", "seqNo": -1}
    refused = OCPP201.read_call(action, json.dumps(fields).encode(), NOW)

    assert isinstance(refused, Refusal)
    assert refused.fault is Fault.PROPERTY_CONSTRAINT_VIOLATION


def test_an_unknown_variable_is_gone_and_one_that_is_merely_refused_is_not() -> None:
    results = [
        {**HEARTBEAT, "attributeStatus": "UnknownVariable"},
        {**PASSWORD, "attributeStatus": "Rejected"},
    ]
    learned = answered(OCPP201, "GetVariables", {"getVariableData": []}, {"getVariableResult": results})

    assert learned == Learned(gone=((ItemKind.VARIABLE, "OCPPCommCtrlr/HeartbeatInterval"),))


@pytest.mark.parametrize(
    ("base", "status", "expected"),
    [
        ("FullInventory", "Accepted", Expected(kind=ItemKind.VARIABLE, request_id=4, whole=True)),
        ("ConfigurationInventory", "Accepted", Expected(kind=ItemKind.VARIABLE, request_id=4, whole=False)),
        ("FullInventory", "NotSupported", None),
    ],
)
def test_only_a_full_inventory_that_was_agreed_to_tells_what_a_station_does_not_have(
    base: str, status: str, expected: Expected | None
) -> None:
    learned = answered(OCPP201, "GetBaseReport", {"requestId": 4, "reportBase": base}, {"status": status})

    assert learned == Learned(expected=expected)


def test_monitors_are_known_by_the_number_the_station_gave_in_whatever_order_it_answers() -> None:
    def data(value: int, severity: int) -> dict[str, object]:
        return {**HEARTBEAT, "value": value, "type": "UpperThreshold", "severity": severity}

    def result(number: int | None, severity: int, status: str = "Accepted") -> dict[str, object]:
        told: dict[str, object] = {
            **HEARTBEAT,
            "status": status,
            "type": "UpperThreshold",
            "severity": severity,
        }
        return told if number is None else {**told, "id": number}

    request = {"setMonitoringData": [data(10, 5), data(20, 4), data(30, 3)]}
    response = {"setMonitoringResult": [result(7, 4), result(None, 3, "Rejected"), result(8, 5)]}
    monitors = documents(answered(OCPP201, "SetVariableMonitoring", request, response))

    assert {key: monitor["value"] for key, monitor in monitors.items()} == {"7": "20", "8": "10"}
    cleared = {
        "clearMonitoringResult": [
            {"id": 7, "status": "Accepted"},
            {"id": 8, "status": "Rejected"},
            {"id": 9, "status": "NotFound"},
        ]
    }
    gone = answered(OCPP201, "ClearVariableMonitoring", {"id": [7, 8, 9]}, cleared).gone
    assert gone == ((ItemKind.MONITOR, "7"), (ItemKind.MONITOR, "9"))


def test_certificates_are_all_there_are_only_if_all_were_asked_for() -> None:
    chain = {"certificateType": "CSMSRootCertificate", "certificateHashData": HASHES}
    response = {"status": "Accepted", "certificateHashDataChain": [chain]}
    some = {"certificateType": ["CSMSRootCertificate"]}

    every = answered(OCPP201, "GetInstalledCertificateIds", {}, response)
    assert every.replaces == {ItemKind.CERTIFICATE}
    assert answered(OCPP201, "GetInstalledCertificateIds", some, response).replaces == frozenset()
    none = answered(OCPP201, "GetInstalledCertificateIds", {}, {"status": "NotFound"})
    assert none == Learned(replaces=frozenset({ItemKind.CERTIFICATE}))
    deleted = answered(OCPP201, "DeleteCertificate", {"certificateHashData": HASHES}, {"status": "Accepted"})
    assert deleted.gone == ((ItemKind.CERTIFICATE, every.items[0].key),)


def test_a_whole_1_6_configuration_replaces_what_was_known_and_a_part_of_it_does_not() -> None:
    keys = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": True, "value": "300"}]}
    whole = answered(OCPP16, "GetConfiguration", {}, keys)
    part = answered(
        OCPP16, "GetConfiguration", {"key": ["HeartbeatInterval", "X"]}, {**keys, "unknownKey": ["X"]}
    )

    assert whole.replaces == {ItemKind.VARIABLE}
    assert part.replaces == frozenset()
    assert part.gone == ((ItemKind.VARIABLE, "X"),)
    assert documents(whole)["HeartbeatInterval"]["attributes"] == [{"value": "300", "mutability": "ReadOnly"}]


@pytest.mark.parametrize("version", VERSIONS.values(), ids=list(VERSIONS))
def test_a_security_event_is_told_with_its_words_unless_they_name_somebody(version: Version) -> None:
    at = "2026-03-01T16:59:00Z"
    tampered = told(
        version,
        "SecurityEventNotification",
        type="TamperDetectionActivated",
        timestamp=at,
        techInfo="lid; password=c0rrect-horse",
    )
    login = told(
        version,
        "SecurityEventNotification",
        type="MaintenanceLoginAccepted",
        timestamp=at,
        techInfo="{'user': 'somebody'}",
    )

    assert (tampered.kind, tampered.timed) == (NoticeKind.SECURITY_EVENT, True)
    assert tampered.at == datetime(2026, 3, 1, 16, 59, tzinfo=UTC)
    assert "lid" in tampered.text
    assert "c0rrect" not in tampered.text
    assert login.text == ""


def test_a_limit_from_outside_is_told_with_its_source_and_its_end() -> None:
    limit = {"chargingLimitSource": "EMS", "isGridCritical": True}
    begun = told(OCPP201, "NotifyChargingLimit", chargingLimit=limit, evseId=1)
    ended = told(OCPP201, "ClearedChargingLimit", chargingLimitSource="EMS", evseId=1)

    assert (begun.status, begun.subject, begun.evse_id, begun.text) == (
        "Limited",
        "EMS",
        1,
        "critical for the grid",
    )
    assert json.loads(begun.document)["chargingLimit"] == limit
    assert (ended.status, ended.subject) == ("Cleared", "EMS")


# --- display, grid, streams, batteries, customers, vendors ----------------------------------------------

MESSAGE = {"id": 5, "priority": "AlwaysFront", "message": {"format": "UTF8", "content": "Hej"}}


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
def test_a_displays_messages_are_known_from_reports_and_from_what_was_set_and_cleared(
    version: Version,
) -> None:
    kind = ItemKind.DISPLAY_MESSAGE
    reported = told(version, "NotifyDisplayMessages", requestId=3, tbc=True, messageInfo=[MESSAGE])
    assert reported.part == Part(kind=kind, request_id=3, seq_no=None, last=False)
    assert documents(reported) == {"5": MESSAGE}
    put = answered(version, "SetDisplayMessage", {"message": MESSAGE}, {"status": "Accepted"})
    assert put.items == reported.items
    refused = {"status": "NotSupportedPriority"}
    assert answered(version, "SetDisplayMessage", {"message": MESSAGE}, refused) == Learned()
    gone = Learned(gone=((kind, "5"),))
    for status, learned in (("Accepted", gone), ("Unknown", gone)):
        assert answered(version, "ClearDisplayMessage", {"id": 5}, {"status": status}) == learned
    none = answered(version, "GetDisplayMessages", {"requestId": 3}, {"status": "Unknown"})
    assert none == Learned(replaces=frozenset({kind}))
    some = answered(version, "GetDisplayMessages", {"requestId": 3, "id": [9]}, {"status": "Unknown"})
    assert some == Learned()


CURVE = {"curveData": [{"x": 50, "y": 100}], "priority": 1, "yUnit": "PctMaxW"}


def test_controls_of_the_grid_are_known_by_number_type_and_whether_they_are_the_default() -> None:
    report = told(
        OCPP21,
        "ReportDERControl",
        requestId=4,
        curve=[
            {"curve": CURVE, "id": "c", "curveType": "FreqWatt", "isDefault": False, "isSuperseded": True}
        ],
        gradient=[{"gradient": {"gradient": 1, "softGradient": 2, "priority": 0}, "id": "g"}],
    )
    assert documents(report) == {
        "c": {"id": "c", "type": "FreqWatt", "is_default": False, "superseded": True, "terms": CURVE},
        "g": {
            "id": "g",
            "type": "Gradients",
            "is_default": True,
            "terms": {"gradient": 1, "softGradient": 2, "priority": 0},
        },
    }
    assert report.part == Part(kind=ItemKind.DER_CONTROL, request_id=4, seq_no=None, last=True)
    request = {"isDefault": False, "controlId": "c", "controlType": "FreqWatt", "curve": CURVE}
    put = answered(OCPP21, "SetDERControl", request, {"status": "Accepted", "supersededIds": ["g"]})
    assert documents(put)["c"]["terms"] == CURVE
    one = answered(OCPP21, "ClearDERControl", {"isDefault": False, "controlId": "c"}, {"status": "Accepted"})
    assert one.gone == ((ItemKind.DER_CONTROL, "c"),)
    many = answered(
        OCPP21, "ClearDERControl", {"isDefault": True, "controlType": "VoltVar"}, {"status": "Accepted"}
    )
    assert many.cleared == (Cleared(ItemKind.DER_CONTROL, (("is_default", True), ("type", "VoltVar"))),)


def test_values_of_a_stream_have_their_times_and_wild_ones_are_left_out_with_a_finding() -> None:
    payload = {
        "id": 2,
        "pending": 0,
        "basetime": "2026-03-01T16:59:00Z",
        "data": [{"t": 1.5, "v": "230"}, {"t": 1e9, "v": "0"}],
    }
    read = OCPP21.read_send("NotifyPeriodicEventStream", json.dumps(payload).encode(), NOW)
    assert isinstance(read, ReadCall)
    assert isinstance(read.ask, asks.Learn)
    assert [finding.pointer for finding in read.findings] == ["/data/1/t"]
    (stream,) = documents(read.ask.learned).values()
    assert stream["latest"] == [["2026-03-01T16:59:01.500000Z", "230"]]


def test_batteries_that_come_in_stand_there_and_those_that_go_out_do_not() -> None:
    battery = {"evseId": 3, "serialNumber": "B1", "soC": 80, "soH": 97.5}
    token = {"idToken": "04D1E2F3A4B5C6", "type": "ISO14443"}

    def swapped(event: str) -> asks.GiveNotice:
        fields = {"batteryData": [battery], "eventType": event, "idToken": token, "requestId": 1}
        read = OCPP21.read_call("BatterySwap", json.dumps(fields).encode(), NOW)
        assert isinstance(read, ReadCall)
        assert isinstance(read.ask, asks.SwapBatteries)
        assert read.ask.token == asks.PresentedToken("04D1E2F3A4B5C6", "RFID")
        return read.ask.told

    came, went = swapped("BatteryIn"), swapped("BatteryOut")
    assert came.learned is not None
    assert documents(came.learned)["B1"] == {
        "serial": "B1",
        "evse_id": 3,
        "soc_percent": "80",
        "soh_percent": "97.5",
    }
    assert came.notice.document is not None
    assert "04D1E2" not in came.notice.document
    assert went.learned == Learned(gone=((ItemKind.BATTERY, "B1"),))


@pytest.mark.parametrize("version", VERSIONS.values(), ids=list(VERSIONS))
def test_a_vendors_words_stand_in_no_fact(version: Version) -> None:
    fields = {"vendorId": "com.example", "messageId": "hello", "data": "somebody was here"}
    read = version.read_call("DataTransfer", json.dumps(fields).encode(), NOW)
    assert isinstance(read, ReadCall)
    assert isinstance(read.ask, asks.TransferData)
    assert "somebody" not in str(read.ask.told.notice)
    assert read.ask.told.learned is not None
    (item,) = read.ask.told.learned.items
    assert (item.key, json.loads(item.document)) == ("com.example/hello", "somebody was here")


@pytest.mark.parametrize(
    ("limit", "entries"), [("100", 100), ("0", 0), ("-1", None), ("1" + "0" * 400, None), (None, None)]
)
def test_a_list_s_room_is_a_number_of_tokens_or_is_not_told(limit: str | None, entries: int | None) -> None:
    """By -1 some stations say that they know no limit; it is not one less than all (D01)."""
    key = "LocalAuthListCtrlr/Entries"
    told = Characteristics(data_type="integer", max_limit=limit)
    known = {key: Variable(component="LocalAuthListCtrlr", name="Entries", characteristics=told)}
    assert OCPP201.lists.capacity(known).entries == entries
