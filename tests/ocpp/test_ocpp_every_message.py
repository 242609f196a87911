"""Every message of every version, in both directions: the smallest and the largest its schema allows, and wrong ones."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from ocpp_documents import maximal, minimal, required
from ocpp_samples import NOW, conforms, decide, schema

from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.results import RESULT_OF_STATUS
from elstrada.ocpp.schema import Read, Reader
from elstrada.ocpp.table import ReadCall, Sendable, Unsendable
from elstrada.ocpp.v16 import messages as v16
from elstrada.ocpp.v21 import messages as v21
from elstrada.ocpp.v201 import messages as v201
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, Version
from elstrada.ocpp.wire import Wire, encode

FROM_STATION_16 = [
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SecurityEventNotification",
    "SignCertificate",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
]
TO_STATION_16 = [
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "InstallCertificate",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
]
FROM_STATION_201 = [
    "Authorize",
    "BootNotification",
    "ClearedChargingLimit",
    "DataTransfer",
    "FirmwareStatusNotification",
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "SignCertificate",
    "StatusNotification",
    "TransactionEvent",
]
TO_STATION_201 = [
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ClearCache",
    "ClearChargingProfile",
    "ClearDisplayMessage",
    "ClearVariableMonitoring",
    "CostUpdated",
    "CustomerInformation",
    "DataTransfer",
    "DeleteCertificate",
    "GetBaseReport",
    "GetChargingProfiles",
    "GetCompositeSchedule",
    "GetDisplayMessages",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "GetMonitoringReport",
    "GetReport",
    "GetTransactionStatus",
    "GetVariables",
    "InstallCertificate",
    "PublishFirmware",
    "RequestStartTransaction",
    "RequestStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SetDisplayMessage",
    "SetMonitoringBase",
    "SetMonitoringLevel",
    "SetNetworkProfile",
    "SetVariableMonitoring",
    "SetVariables",
    "TriggerMessage",
    "UnlockConnector",
    "UnpublishFirmware",
    "UpdateFirmware",
]
FROM_STATION_21 = [
    "BatterySwap",
    "ClosePeriodicEventStream",
    "GetCertificateChainStatus",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifyPeriodicEventStream",
    "NotifyPriorityCharging",
    "NotifySettlement",
    "OpenPeriodicEventStream",
    "PullDynamicScheduleUpdate",
    "ReportDERControl",
    "VatNumberValidation",
]
TO_STATION_21 = [
    "AFRRSignal",
    "AdjustPeriodicEventStream",
    "ChangeTransactionTariff",
    "ClearDERControl",
    "ClearTariffs",
    "GetDERControl",
    "GetPeriodicEventStream",
    "GetTariffs",
    "NotifyAllowedEnergyTransfer",
    "NotifyWebPaymentStarted",
    "RequestBatterySwap",
    "SetDERControl",
    "SetDefaultTariff",
    "UpdateDynamicSchedule",
    "UsePriorityCharging",
]
DIRECTIONS = [
    (OCPP16, FROM_STATION_16, TO_STATION_16),
    (OCPP201, FROM_STATION_201, TO_STATION_201),
    (OCPP21, FROM_STATION_201 + FROM_STATION_21, TO_STATION_201 + TO_STATION_21),
]
"""As the standards tell them; their schemas do not."""

MESSAGES: list[tuple[Version, str, type[Wire]]] = [
    (version, kind.__name__, kind)
    for version, messages in ((OCPP16, v16), (OCPP201, v201), (OCPP21, v21))
    for kind in [*(kind for pair in messages.ACTIONS.values() for kind in pair), *messages.SENDS.values()]
]
INBOUND: list[tuple[Version, str]] = [
    (version, action) for version, from_station, _ in DIRECTIONS for action in from_station
]
EACH_MESSAGE = pytest.mark.parametrize(
    ("version", "name", "kind"), MESSAGES, ids=[f"{version.protocol}-{name}" for version, name, _ in MESSAGES]
)
EACH_CALL = pytest.mark.parametrize(
    ("version", "action"), INBOUND, ids=[f"{version.protocol}-{action}" for version, action in INBOUND]
)

MEANT_BY_ABSENCE = (OCPP16, "StatusNotification", "errorCode")
"""Required, and read all the same: see test_ocpp_mending."""


def as_payload(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def request_schema(version: Version, action: str) -> dict[str, Any]:
    return schema(version.protocol, f"{action}Request")


@pytest.mark.parametrize(("version", "from_station", "to_station"), DIRECTIONS)
def test_every_action_has_its_direction(
    version: Version, from_station: list[str], to_station: list[str]
) -> None:
    assert set(version.inbound) == set(from_station)
    assert version.actions == {*from_station, *to_station}


@EACH_MESSAGE
def test_the_smallest_and_the_largest_message_are_read_and_written_back_the_same(
    version: Version, name: str, kind: type[Wire]
) -> None:
    reader = Reader(kind)
    for made in (minimal, maximal):
        document = made(schema(version.protocol, name))
        assert conforms(version.protocol, name, as_payload(document)), "the test's document conforms"

        read = reader.read(as_payload(document))

        assert isinstance(read, Read), read
        assert read.findings == ()
        assert same(msgspec.json.decode(encode(read.message)), document)


def same(left: Any, right: Any) -> bool:
    return msgspec.json.encode(left, order="sorted") == msgspec.json.encode(right, order="sorted")


@EACH_CALL
def test_every_call_of_a_station_gets_an_answer_that_conforms(version: Version, action: str) -> None:
    for made in (minimal, maximal):
        payload = as_payload(made(request_schema(version, action)))
        if action in version.sends:
            taken = version.read_send(action, payload, NOW)
            assert isinstance(taken, ReadCall)
            assert taken.findings == ()
            continue

        call = version.read_call(action, payload, NOW, lenient=False)

        assert isinstance(call, ReadCall), call
        answer = call.answer if call.ask is None else version.write_answer(action, decide(call.ask))
        assert answer is not None
        assert conforms(version.protocol, f"{action}Response", answer), answer


@EACH_CALL
def test_a_call_that_lacks_what_is_required_is_an_occurrence_violation(version: Version, action: str) -> None:
    whole = minimal(request_schema(version, action))
    for name in required(request_schema(version, action)):
        if (version, action, name) == MEANT_BY_ABSENCE:
            continue
        lacking = {key: value for key, value in whole.items() if key != name}
        refused = version.read_call(action, as_payload(lacking), NOW)
        assert isinstance(refused, Refusal), name
        assert refused.fault is Fault.OCCURRENCE_CONSTRAINT_VIOLATION
        assert refused.text.startswith(f"/{name}: ")


@EACH_CALL
def test_a_call_of_another_type_is_a_type_violation(version: Version, action: str) -> None:
    whole = minimal(request_schema(version, action))
    wrong: list[Any] = [
        [],
        None,
        *(whole | {name: [{}]} for name in whole if not isinstance(whole[name], list)),
    ]
    for document in wrong:
        refused = version.read_call(action, as_payload(document), NOW)
        assert isinstance(refused, Refusal), document
        assert refused.fault is Fault.TYPE_CONSTRAINT_VIOLATION


@EACH_CALL
def test_a_field_that_no_message_has_is_a_finding_and_refused_to_the_letter_only(
    version: Version, action: str
) -> None:
    payload = as_payload(minimal(request_schema(version, action)) | {"unheardOf": 1})

    strict = version.read_call(action, payload, NOW, lenient=False)
    lenient = version.read_call(action, payload, NOW)

    assert isinstance(strict, Refusal)
    expected = Fault.MESSAGE_TYPE_NOT_SUPPORTED if action in version.sends else Fault.FORMAT_VIOLATION
    assert strict.fault is expected
    assert isinstance(lenient, ReadCall)
    assert "/unheardOf" in {finding.pointer for finding in lenient.findings}


@pytest.mark.parametrize(("version", "from_station", "to_station"), DIRECTIONS)
def test_a_station_that_calls_what_only_we_may_call_hears_that_it_is_not_offered(
    version: Version, from_station: list[str], to_station: list[str]
) -> None:
    for action in set(to_station) - set(from_station):
        refused = version.read_call(action, b"{}", NOW)
        assert isinstance(refused, Refusal)
        assert refused.fault is Fault.NOT_SUPPORTED
    for action in {action for other, _ in INBOUND if other is not version for action in other.actions}:
        if action not in version.actions:
            unknown = version.read_call(action, b"{}", NOW)
            assert isinstance(unknown, Refusal)
            assert unknown.fault is Fault.NOT_IMPLEMENTED


# --- calls of an operator's choice ------------------------------------------------------------------------

OUTBOUND: list[tuple[Version, str]] = [
    (version, action) for version, _, to_station in DIRECTIONS for action in to_station
]
EACH_ORDER = pytest.mark.parametrize(
    ("version", "action"), OUTBOUND, ids=[f"{version.protocol}-{action}" for version, action in OUTBOUND]
)


@EACH_ORDER
def test_a_station_can_be_called_with_the_smallest_and_the_largest_payload(
    version: Version, action: str
) -> None:
    assert action in version.to_station
    for made in (minimal, maximal):
        payload = beginning(as_payload(made(request_schema(version, action))))
        assert version.write_call(action, payload) == Sendable(action, payload)


def beginning(payload: bytes) -> bytes:
    """With every charging profile of a kind that suits its start, as rule 29 demands."""
    kind = b"Absolute" if b"startSchedule" in payload else b"Relative"
    return re.sub(rb'("chargingProfileKind": ?)"\w+"', rb'\1"' + kind + b'"', payload)


@EACH_ORDER
def test_a_payload_that_is_not_to_the_letter_is_not_sent_and_each_fault_has_its_place(
    version: Version, action: str
) -> None:
    whole = minimal(request_schema(version, action))
    spoilt = [(f"/{name}", without(whole, name)) for name in required(request_schema(version, action))]
    for pointer, document in [*spoilt, ("/unheardOf", whole | {"unheardOf": 1}), ("", [])]:
        unsendable = version.write_call(action, as_payload(document))
        assert isinstance(unsendable, Unsendable)
        assert pointer in {finding.pointer for finding in unsendable.findings}


@EACH_ORDER
def test_every_answer_to_a_call_is_kept_and_every_status_has_a_meaning(version: Version, action: str) -> None:
    response = schema(version.protocol, f"{action}Response")
    for document in (minimal(response), maximal(response)):
        reply = version.read_response("k1", called(action), as_payload(document))
        assert reply.response is not None
        assert json.loads(reply.response) == document
        if action in TOLD_IN_PARTS and refused_parts(document):
            assert f"{refused_parts(document)} of " in reply.detail
            assert reply.result is not CommandResult.ACCEPTED
            continue
        assert reply.detail == document.get("status", "answered")
        assert reply.result is CommandResult.ACCEPTED or "status" in document
    assert set(statuses_of(response)) <= RESULT_OF_STATUS.keys()


def called(action: str) -> StationOrder:
    return StationOrder(name=CommandName.CALL, action=action, payload="{}")


TOLD_IN_PARTS = frozenset({"SetVariableMonitoring", "ClearVariableMonitoring", "ClearTariffs"})


def refused_parts(document: dict[str, Any]) -> int:
    """How many of its parts say no."""
    lists = [value for value in document.values() if isinstance(value, list)]
    return sum(part["status"] != "Accepted" for parts in lists for part in parts)


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def statuses_of(response: dict[str, Any]) -> list[str]:
    status = response.get("properties", {}).get("status", {"enum": []})
    if "$ref" in status:
        status = response["definitions"][status["$ref"].rsplit("/", 1)[1]]
    return status["enum"]


@pytest.mark.parametrize(("version", "from_station", "to_station"), DIRECTIONS)
def test_no_station_is_called_with_what_its_version_lacks_or_only_stations_call(
    version: Version, from_station: list[str], to_station: list[str]
) -> None:
    others = {action for other, _ in INBOUND for action in other.actions}
    for action in (others | set(from_station) | {"MakeCoffee", ""}) - set(to_station):
        unsendable = version.write_call(action, b"{}")
        assert isinstance(unsendable, Unsendable), action
        assert unsendable.findings == ()


@pytest.mark.parametrize(
    "payload", [b"", b"{", b'{"type":"Soft","type":"Hard"}', b"\xff", b"[" * 90, b" " * 300_000]
)
@pytest.mark.rule(34)
def test_what_is_no_document_is_not_sent(payload: bytes) -> None:
    assert isinstance(OCPP16.write_call("Reset", payload), Unsendable)


def test_an_answer_that_strays_is_kept_and_says_where() -> None:
    late = OCPP16.read_response("k1", called("Reset"), b'{"status":"Maybe","by":"and by"}')
    none = OCPP16.read_response("k1", called("Reset"), b"{}")

    assert (late.result, late.response) == (CommandResult.FAILED, '{"status":"Maybe","by":"and by"}')
    assert late.detail.startswith("Maybe; ")
    assert "/by: " in late.detail
    assert (none.result, none.detail, none.response) == (CommandResult.FAILED, "/status: missing", "{}")


def _set_result(*statuses: str) -> dict[str, object]:
    return {
        "setVariableResult": [
            {"attributeStatus": status, "component": {"name": "C"}, "variable": {"name": f"V{number}"}}
            for number, status in enumerate(statuses)
        ]
    }


def _monitor_result(*statuses: str) -> dict[str, object]:
    place: dict[str, object] = {"component": {"name": "C"}, "variable": {"name": "V"}}
    return {
        "setMonitoringResult": [
            {"status": status, "type": "Delta", "severity": 5, **place} for status in statuses
        ]
    }


def _cleared_result(*statuses: str) -> dict[str, object]:
    return {
        "clearMonitoringResult": [{"id": number, "status": status} for number, status in enumerate(statuses)]
    }


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=lambda one: one.protocol.value)
@pytest.mark.parametrize(
    ("action", "response", "result", "detail"),
    [
        ("SetVariables", _set_result("Accepted", "RebootRequired"), "ACCEPTED", "answered"),
        ("SetVariables", _set_result("Rejected"), "REJECTED", "1 of 1 not done: C/V0 Rejected"),
        (
            "SetVariables",
            _set_result("Accepted", "Rejected", "UnknownVariable"),
            "FAILED",
            "2 of 3 not done: C/V1 Rejected, C/V2 UnknownVariable",
        ),
        (
            "SetVariables",
            _set_result("UnknownComponent", "UnknownVariable"),
            "UNKNOWN",
            "2 of 2 not done: C/V0 UnknownComponent, C/V1 UnknownVariable",
        ),
        (
            "SetVariables",
            _set_result("Rejected", "UnknownVariable"),
            "REJECTED",
            "2 of 2 not done: C/V0 Rejected, C/V1 UnknownVariable",
        ),
        ("SetVariableMonitoring", _monitor_result("Accepted"), "ACCEPTED", "answered"),
        (
            "SetVariableMonitoring",
            _monitor_result("UnsupportedMonitorType"),
            "NOT_SUPPORTED",
            "1 of 1 not done: Delta of C/V UnsupportedMonitorType",
        ),
        (
            "SetVariableMonitoring",
            _monitor_result("Duplicate"),
            "REJECTED",
            "1 of 1 not done: Delta of C/V Duplicate",
        ),
        ("ClearVariableMonitoring", _cleared_result("Accepted"), "ACCEPTED", "answered"),
        ("ClearVariableMonitoring", _cleared_result("NotFound"), "UNKNOWN", "1 of 1 not done: 0 NotFound"),
        (
            "ClearVariableMonitoring",
            _cleared_result("Accepted", "Rejected"),
            "FAILED",
            "1 of 2 not done: 1 Rejected",
        ),
    ],
)
def test_a_response_in_parts_means_what_its_parts_say(
    version: Version, action: str, response: dict[str, object], result: str, detail: str
) -> None:
    reply = version.read_response("k1", called(action), as_payload(response))
    assert (reply.result, reply.detail) == (result, detail)


def test_every_status_of_a_part_has_a_meaning() -> None:
    kinds = (
        v21.SetVariableStatusEnumType,
        v21.SetMonitoringStatusEnumType,
        v21.ClearMonitoringStatusEnumType,
        v21.TariffClearStatusEnumType,
    )
    assert {str(status) for kind in kinds for status in kind} <= RESULT_OF_STATUS.keys()


def test_tariffs_that_are_not_cleared_are_named() -> None:
    results = [{"status": "Rejected", "tariffId": "T1"}, {"status": "NoTariff"}]
    reply = OCPP21.read_response("k1", called("ClearTariffs"), as_payload({"clearTariffsResult": results}))
    assert (reply.result, reply.detail) == ("REJECTED", "2 of 2 not done: T1 Rejected, all NoTariff")


def test_an_error_shows_no_secret() -> None:
    reply = OCPP16.read_error("k1", "InternalError", "bad password=c0rrect-horse")

    assert "c0rrect-horse" not in reply.detail


# --- what is sent and not called (2.1) ------------------------------------------------------------------

STREAM = as_payload(minimal(request_schema(OCPP21, "NotifyPeriodicEventStream")))


def test_a_stream_that_is_called_instead_of_sent_is_answered_with_nothing_and_found() -> None:
    call = OCPP21.read_call("NotifyPeriodicEventStream", STREAM, NOW)

    assert isinstance(call, ReadCall)
    assert call.ask is not None
    assert OCPP21.write_answer("NotifyPeriodicEventStream", decide(call.ask)) == b"{}"
    assert [finding.rule for finding in call.findings] == ["send"]


def test_a_send_of_what_must_be_called_is_refused_in_silence() -> None:
    refused = OCPP21.read_send("Heartbeat", b"{}", NOW)

    assert isinstance(refused, Refusal)
    assert refused.fault is Fault.MESSAGE_TYPE_NOT_SUPPORTED


def test_a_send_that_is_not_as_its_schema_says_is_found_or_refused() -> None:
    found = OCPP21.read_send("NotifyPeriodicEventStream", STREAM[:-1] + b',"unheardOf":1}', NOW)
    refused = OCPP21.read_send("NotifyPeriodicEventStream", b"{}", NOW)

    assert isinstance(found, ReadCall)
    assert [finding.pointer for finding in found.findings] == ["/unheardOf"]
    assert isinstance(refused, Refusal)


# --- 2.1 reads what 2.0.1 reads -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [action for action, row in OCPP201.inbound.items() if OCPP21.inbound[action].to_ask is row.to_ask],
)
def test_a_message_of_2_0_1_has_in_2_1_every_field_that_it_had(action: str) -> None:
    """Rows of 2.0.1 read messages of 2.1: each field they may look at must be there, of the same kind."""
    assert not list(missing(v201.ACTIONS[action][0], v21.ACTIONS[action][0]))


@pytest.mark.parametrize("action", sorted(OCPP201.from_answers))
@pytest.mark.parametrize("which", [0, 1], ids=["request", "response"])
def test_what_is_learned_from_an_answer_of_2_0_1_can_be_learned_from_one_of_2_1(
    action: str, which: int
) -> None:
    assert not list(missing(v201.ACTIONS[action][which], v21.ACTIONS[action][which]))


def missing(old: Any, new: Any, at: str = "") -> Any:
    """Where a newer struct lacks a field of the older, or has it in another shape."""
    fields = {field.name: field for field in msgspec.inspect.type_info(new).fields}  # type: ignore[union-attr]
    for field in msgspec.inspect.type_info(old).fields:  # type: ignore[union-attr]
        here = f"{at}/{field.name}"
        if field.name not in fields:
            yield here
            continue
        yield from differing(field.type, fields[field.name].type, here)


def differing(old: Any, new: Any, at: str) -> Any:
    match bare(old), bare(new):
        case msgspec.inspect.StructType(cls=before), msgspec.inspect.StructType(cls=after):
            yield from missing(before, after, at)
        case msgspec.inspect.VarTupleType(item_type=before), msgspec.inspect.VarTupleType(item_type=after):
            yield from differing(before, after, at)
        case before, after if type(before) is not type(after):
            yield at
        case _:
            pass


def bare(told: Any) -> Any:
    """A type without its rules and without None."""
    match told:
        case msgspec.inspect.Metadata(type=inner):
            return bare(inner)
        case msgspec.inspect.UnionType(types=types):
            return bare(next(each for each in types if not isinstance(each, msgspec.inspect.NoneType)))
        case _:
            return told
