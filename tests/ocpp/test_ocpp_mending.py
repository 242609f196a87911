"""Messages of the wrong types: what they mean is read, what strays is a finding, and only what is damaged is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ocpp_samples import NOW

from elstrada.model import asks
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.versions import OCPP16, OCPP201, Version

AT = "2026-11-21T12:00:00Z"
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
STOP = {"transactionId": 7, "meterStop": 5000, "timestamp": AT}
START = {"connectorId": 1, "idTag": "A", "meterStart": 5, "timestamp": AT}
METER = {"connectorId": 1}
EVENT = {
    "eventType": "Started",
    "timestamp": AT,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "t1"},
    "idToken": {"idToken": "A", "type": "ISO14443"},
}


def read(version: Version, action: str, document: object, *, lenient: bool = True) -> ReadCall | Refusal:
    return version.read_call(action, json.dumps(document).encode(), NOW, lenient=lenient)


def understood(action: str, document: object, pointer: str, version: Version = OCPP16) -> Any:
    """What was asked, of a message with one thing of the wrong type, which a strict station may not send."""
    call = read(version, action, document)
    assert isinstance(call, ReadCall), call
    assert [(one.pointer, one.rule) for one in call.findings][:1] == [(pointer, "type")]
    assert isinstance(read(version, action, document, lenient=False), Refusal)
    return call.ask


@pytest.mark.rule(20)
def test_rule_20_numbers_and_booleans_are_texts_where_texts_are_due() -> None:
    boot = understood("BootNotification", BOOT | {"chargePointModel": 12}, "/chargePointModel")
    assert boot.model == "12"
    status = understood("StatusNotification", STATUS | {"vendorErrorCode": 0}, "/vendorErrorCode")
    assert status.vendor_error_code == "0"
    assert understood("StatusNotification", STATUS | {"info": True}, "/info").info == "true"
    assert understood("BootNotification", BOOT | {"meterSerialNumber": 123}, "/meterSerialNumber") is not None
    sampled = [{"timestamp": AT, "sampledValue": [{"value": 1e4}, {"value": 7, "measurand": "Voltage"}]}]
    metered = understood("MeterValues", METER | {"meterValue": sampled}, "/meterValue/0/sampledValue/0/value")
    assert isinstance(metered, asks.RecordMeter)
    assert metered.samples[0].energy_wh == 10_000


@pytest.mark.rule(20)
def test_rule_20_a_time_that_is_a_number_is_that_of_receipt() -> None:
    end = understood("StopTransaction", STOP | {"timestamp": 1_000_000_000}, "/timestamp")
    assert (end.at, end.clock_suspect, end.meter_wh) == (NOW, True, 5000)


@pytest.mark.rule(20)
@pytest.mark.parametrize("register", [5000.7, "5000.7", "5000.70"])
def test_rule_20_a_register_with_a_fraction_is_rounded_down(register: object) -> None:
    assert understood("StopTransaction", STOP | {"meterStop": register}, "/meterStop").meter_wh == 5000
    assert understood("StartTransaction", START | {"meterStart": register}, "/meterStart").meter_wh == 5000


@pytest.mark.rule(20)
def test_rule_20_an_optional_field_that_says_nothing_is_left_out() -> None:
    end = understood("StopTransaction", STOP | {"transactionData": "none"}, "/transactionData")
    assert (end.transaction_id, end.meter_wh, end.samples) == ("7", 5000, ())
    start = understood("StartTransaction", START | {"reservationId": "no"}, "/reservationId")
    assert start.reservation_id is None
    assert understood("StatusNotification", STATUS | {"info": ["x"]}, "/info").info is None
    event = understood("TransactionEvent", EVENT | {"offline": "perhaps"}, "/offline", OCPP201)
    assert event.transaction_id == "t1"


@pytest.mark.rule(20)
def test_rule_20_a_status_without_an_error_code_tells_of_no_error() -> None:
    lacking = {name: value for name, value in STATUS.items() if name != "errorCode"}
    call = read(OCPP16, "StatusNotification", lacking)
    assert isinstance(call, ReadCall)
    assert isinstance(call.ask, asks.ReportStatus)
    assert call.ask.error_code is None
    assert [(one.pointer, one.rule) for one in call.findings] == [("/errorCode", "required")]
    assert isinstance(read(OCPP16, "StatusNotification", lacking, lenient=False), Refusal)


@pytest.mark.rule(21)
@pytest.mark.parametrize(
    ("version", "action", "document"),
    [
        (OCPP16, "Authorize", {"idTag": 4711}),
        (OCPP16, "StartTransaction", START | {"idTag": 4711}),
        (OCPP16, "StopTransaction", STOP | {"idTag": 4711}),
        (OCPP16, "StartTransaction", START | {"connectorId": 1.5}),
        (OCPP16, "StartTransaction", START | {"connectorId": True}),
        (OCPP16, "StartTransaction", START | {"meterStart": "1e99"}),
        (OCPP16, "StartTransaction", START | {"meterStart": "much"}),
        (OCPP16, "StartTransaction", START | {"timestamp": None}),
        (OCPP16, "BootNotification", BOOT | {"chargePointModel": ["M"]}),
        (OCPP201, "TransactionEvent", EVENT | {"idToken": {"idToken": 4711, "type": "ISO14443"}}),
        (OCPP201, "TransactionEvent", EVENT | {"idToken": "4711"}),
    ],
)
def test_rule_21_what_names_another_thing_or_none_is_refused(
    version: Version, action: str, document: dict[str, object]
) -> None:
    refused = read(version, action, document)
    assert isinstance(refused, Refusal)
    assert refused.fault is Fault.TYPE_CONSTRAINT_VIOLATION
    assert "4711" not in repr(refused)


def test_an_integer_that_was_left_alone_is_still_bounded() -> None:
    refused = read(OCPP16, "StopTransaction", STOP | {"transactionId": 2**63, "transactionData": "none"})
    assert isinstance(refused, Refusal)
    assert refused.fault is Fault.FORMAT_VIOLATION
    start = understood("StartTransaction", START | {"meterStart": "9" * 19 + ".5"}, "/meterStart")
    assert start.meter_wh is None
