"""Plug & Charge through OCPP 1.6: messages of 2.0.1 within DataTransfer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from elstrada.model import asks
from elstrada.model.certificates import SignedCertificate
from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.mirror import ItemKind, Learned
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.frames import MAX_FRAME_BYTES
from elstrada.ocpp.table import ReadCall, Sendable
from elstrada.ocpp.v16.contracts import VENDOR
from elstrada.ocpp.versions import OCPP16

DEEP = "[" * 30_000
DEEP_OBJECT = '{"a":' * 8_000 + "1" + "}" * 8_000
NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "n", "issuerKeyHash": "k", "serialNumber": "5"}
V2G = SignedCertificate("-----BEGIN CERTIFICATE-----\nx\n", "V2GCertificate")


def heard(action: str, data: str | None, vendor: str = VENDOR) -> ReadCall:
    fields = {"vendorId": vendor, "messageId": action} | ({"data": data} if data is not None else {})
    read = OCPP16.read_call("DataTransfer", json.dumps(fields).encode(), NOW)
    assert isinstance(read, ReadCall), read
    return read


def replied(name: CommandName, **fields: object) -> CommandResult:
    return OCPP16.read_reply("c1", name, json.dumps(fields).encode()).result


@pytest.mark.parametrize(
    ("action", "data", "status", "pointer"),
    [
        ("Dance", "{}", "UnknownMessageId", "/messageId"),
        ("Authorize", None, "Rejected", "/data"),
        ("Authorize", "", "Rejected", "/data"),
        ("Authorize", "not JSON", "Rejected", "/data"),
        ("Authorize", "[]", "Rejected", "/data"),
        ("Authorize", "{}", "Rejected", "/data"),
        ("Get15118EVCertificate", "{}", "Rejected", "/data"),
        ("Authorize", DEEP, "Rejected", "/data"),
        ("Authorize", DEEP_OBJECT, "Rejected", "/data"),
        ("Authorize", json.dumps({"idToken": {"idToken": "a\0", "type": "eMAID"}}), "Rejected", "/data"),
        ("Authorize", "{" + " " * MAX_FRAME_BYTES + "}", "Rejected", "/data"),
    ],
)
def test_what_cannot_be_read_within_is_refused_in_the_notes_words_and_is_a_finding(
    action: str, data: str | None, status: str, pointer: str
):
    read = heard(action, data)
    assert read.ask is None
    assert json.loads(read.answer or b"") == {"status": status}
    assert [finding.pointer for finding in read.findings] == [pointer]


def test_what_strays_within_is_read_and_is_a_finding_at_its_place():
    read = heard("SignCertificate", json.dumps({"csr": "x" * 6_000}))
    assert isinstance(read.ask, asks.SignCertificate)
    assert [finding.pointer for finding in read.findings] == ["/data/csr"]


@pytest.mark.parametrize(("said", "kind"), [(None, "V2GCertificate"), ("ChargingStationCertificate",) * 2])
def test_a_request_for_a_certificate_that_names_no_use_is_for_what_cars_see(said: str | None, kind: str):
    read = heard("SignCertificate", json.dumps({"csr": "x"} | ({"certificateType": said} if said else {})))
    assert read.ask == asks.SignCertificate(csr="x", kind=kind)


def test_other_vendors_are_other_vendors():
    assert isinstance(heard("Authorize", "{}", vendor="somebody").ask, asks.TransferData)


def test_a_token_too_long_to_be_one_is_an_error():
    fields = {"vendorId": VENDOR, "messageId": "Authorize"}
    within = json.dumps({"idToken": {"idToken": "x" * 300, "type": "eMAID"}})
    read = OCPP16.read_call("DataTransfer", json.dumps({**fields, "data": within}).encode(), NOW)
    assert isinstance(read, Refusal)


@pytest.mark.parametrize(
    ("name", "given", "action"),
    [
        (CommandName.INSTALL_SIGNED, {"certificate": V2G}, "CertificateSigned"),
        (CommandName.TRIGGER, {"message": "SignV2GCertificate"}, "TriggerMessage"),
    ],
)
def test_what_concerns_cars_goes_within(name: CommandName, given: dict[str, Any], action: str):
    sent = OCPP16.write_order(StationOrder(name=name, **given))
    assert isinstance(sent, Sendable)
    assert sent.action == "DataTransfer"
    fields = json.loads(sent.payload)
    assert (fields["vendorId"], fields["messageId"]) == (VENDOR, action)
    assert isinstance(json.loads(fields["data"]), dict)


@pytest.mark.parametrize("name", [CommandName.INSTALL_SIGNED, CommandName.TRIGGER])
def test_of_an_answer_the_status_within_counts(name: CommandName):
    assert replied(name, status="Accepted", data='{"status":"Accepted"}') is CommandResult.ACCEPTED
    assert replied(name, status="Accepted", data='{"status":"Rejected"}') is CommandResult.REJECTED
    assert replied(name, status="Accepted", data="[]") is CommandResult.FAILED
    assert replied(name, status="Rejected", data='{"status":"Accepted"}') is CommandResult.REJECTED
    assert replied(name, status="UnknownVendorId") is CommandResult.NOT_SUPPORTED
    assert replied(name, status="UnknownMessageId") is CommandResult.NOT_SUPPORTED
    assert replied(name, status="Accepted") is CommandResult.ACCEPTED


@pytest.mark.parametrize(
    "within", [DEEP, DEEP_OBJECT, '{"status":"Accepted"}' + " " * MAX_FRAME_BYTES, "[]", "x"]
)
def test_a_reply_within_that_cannot_be_read_is_a_failure_and_disputed(within: str):
    answer = json.dumps({"status": "Accepted", "data": within}).encode()
    asked = {"vendorId": VENDOR, "messageId": "GetInstalledCertificateIds", "data": "{}"}
    call = StationOrder(name=CommandName.CALL, action="DataTransfer", payload=json.dumps(asked))
    for order in (StationOrder(name=CommandName.TRIGGER, message="SignV2GCertificate"), call):
        disputed = OCPP16.dispute("DataTransfer", answer, order)
        assert disputed is not None
        assert disputed.text.startswith("/data: ")
    assert OCPP16.read_response("c1", call, answer).result is CommandResult.FAILED
    assert replied(CommandName.TRIGGER, status="Accepted", data=within) is CommandResult.FAILED
    assert learned("GetInstalledCertificateIds", {}, within) == Learned()


def test_what_other_vendors_answer_is_theirs():
    asked = json.dumps({"vendorId": "somebody"})
    call = StationOrder(name=CommandName.CALL, action="DataTransfer", payload=asked)
    assert OCPP16.dispute("DataTransfer", b'{"status":"Accepted","data":"[[["}', call) is None


def learned(action: str, request: object, response: str) -> Learned | None:
    asked = {"vendorId": VENDOR, "messageId": action, "data": json.dumps(request)}
    answer = {"status": "Accepted", "data": response}
    return OCPP16.learned("DataTransfer", json.dumps(asked).encode(), json.dumps(answer).encode())


def test_the_certificates_that_a_station_names_within_are_known():
    chain = {"certificateType": "V2GRootCertificate", "certificateHashData": HASHES}
    told = {"status": "Accepted", "certificateHashDataChain": [chain]}
    found = learned("GetInstalledCertificateIds", {}, json.dumps(told))
    assert found is not None
    assert [(one.kind, one.key) for one in found.items] == [(ItemKind.CERTIFICATE, "5/k")]
    gone = learned("DeleteCertificate", {"certificateHashData": HASHES}, '{"status":"Accepted"}')
    assert gone is not None
    assert gone.gone == ((ItemKind.CERTIFICATE, "5/k"),)
    assert learned("GetInstalledCertificateIds", {}, "nonsense") == Learned()
    assert learned("SetVariables", {}, "{}") == Learned()
