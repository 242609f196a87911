"""Messages written for these tests, and the official schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

import ocpp
from elstrada.model import answers, asks
from elstrada.model.certificates import CertificateState
from elstrada.model.device import Protocol
from elstrada.model.needs import NeedsAnswer
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.ocpp.connection import CallReceived, Connection, Violation
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, Version

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = "2026-11-21T11:59:58Z"
WELCOME = Verdict(
    allowed=Allowed.ALLOWED, method=AuthMethod.WHITELIST, contract_ref="0123456789abcdef0123456789"
)

_REGISTER_16 = {"value": "1250.5", "unit": "Wh", "context": "Sample.Periodic", "location": "Outlet"}
_POWER_16 = {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}
_METER_16 = [{"timestamp": AT, "sampledValue": [_REGISTER_16, _POWER_16]}]
_METER_201 = [
    {
        "timestamp": AT,
        "sampledValue": [
            {"value": 1250.5, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}},
            {"value": 7.2, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}},
        ],
    }
]
_ID_TOKEN = {"idToken": "04A1B2C3D4E5F6", "type": "ISO14443"}


def _event(kind: str, trigger: str, seq_no: int, **more: object) -> dict[str, object]:
    return {
        "eventType": kind,
        "timestamp": AT,
        "triggerReason": trigger,
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "3f5c7a9e-1b2d", "chargingState": "Charging"},
    } | more


CALLS_16: list[tuple[str, dict[str, object]]] = [
    (
        "BootNotification",
        {"chargePointVendor": "Nordkraft", "chargePointModel": "N22", "firmwareVersion": "1.4"},
    ),
    ("Heartbeat", {}),
    (
        "StatusNotification",
        {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": AT},
    ),
    ("Authorize", {"idTag": "04A1B2C3D4E5F6"}),
    ("StartTransaction", {"connectorId": 1, "idTag": "04A1B2C3D4E5F6", "meterStart": 1000, "timestamp": AT}),
    ("MeterValues", {"connectorId": 1, "transactionId": 77, "meterValue": _METER_16}),
    ("MeterValues", {"connectorId": 0, "meterValue": _METER_16}),
    (
        "StopTransaction",
        {
            "transactionId": 77,
            "idTag": "04A1B2C3D4E5F6",
            "meterStop": 9000,
            "timestamp": AT,
            "reason": "EVDisconnected",
            "transactionData": [
                {"timestamp": AT, "sampledValue": [_REGISTER_16 | {"context": "Transaction.End"}]}
            ],
        },
    ),
    ("StopTransaction", {"transactionId": 77, "meterStop": 9000, "timestamp": AT}),
    ("DataTransfer", {"vendorId": "com.example", "data": "x"}),
    ("DiagnosticsStatusNotification", {"status": "Idle"}),
    ("FirmwareStatusNotification", {"status": "Installed"}),
    ("LogStatusNotification", {"status": "Idle"}),
    ("SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": AT}),
    ("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}),
    ("SignedFirmwareStatusNotification", {"status": "Idle"}),
]
CALLS_201: list[tuple[str, dict[str, object]]] = [
    (
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"model": "N22", "vendorName": "Nordkraft"}},
    ),
    ("Heartbeat", {}),
    ("StatusNotification", {"timestamp": AT, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}),
    ("Authorize", {"idToken": _ID_TOKEN}),
    (
        "TransactionEvent",
        _event("Started", "CablePluggedIn", 0, evse={"id": 1, "connectorId": 1}, idToken=_ID_TOKEN),
    ),
    ("TransactionEvent", _event("Updated", "MeterValuePeriodic", 1, meterValue=_METER_201)),
    ("TransactionEvent", _event("Ended", "EVDeparted", 2, meterValue=_METER_201, offline=True)),
    ("MeterValues", {"evseId": 1, "meterValue": _METER_201}),
    (
        "NotifyEvent",
        {
            "generatedAt": AT,
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": 1,
                    "timestamp": AT,
                    "trigger": "Alerting",
                    "actualValue": "true",
                    "eventNotificationType": "HardWiredNotification",
                    "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
                    "variable": {"name": "Problem"},
                }
            ],
        },
    ),
    ("ClearedChargingLimit", {"chargingLimitSource": "EMS"}),
    ("DataTransfer", {"vendorId": "com.example", "data": {"any": ["thing"]}}),
    ("FirmwareStatusNotification", {"status": "Installed"}),
    ("LogStatusNotification", {"status": "Idle"}),
    ("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "EMS"}}),
    ("NotifyCustomerInformation", {"data": "x", "seqNo": 0, "generatedAt": AT, "requestId": 1}),
    ("NotifyDisplayMessages", {"requestId": 1}),
    ("NotifyMonitoringReport", {"requestId": 1, "seqNo": 0, "generatedAt": AT}),
    ("NotifyReport", {"requestId": 1, "seqNo": 0, "generatedAt": AT}),
    ("PublishFirmwareStatusNotification", {"status": "Idle"}),
    (
        "ReportChargingProfiles",
        {
            "requestId": 1,
            "chargingLimitSource": "EMS",
            "evseId": 1,
            "chargingProfile": [
                {
                    "id": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": [
                        {
                            "id": 1,
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
                        }
                    ],
                }
            ],
        },
    ),
    ("ReservationStatusUpdate", {"reservationId": 1, "reservationUpdateStatus": "Expired"}),
    ("SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": AT}),
    ("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}),
]
CALLS: list[tuple[Version, str, dict[str, object]]] = [
    *((OCPP16, action, payload) for action, payload in CALLS_16),
    *((OCPP201, action, payload) for action, payload in CALLS_201),
    *((OCPP21, action, payload) for action, payload in CALLS_201),
]


# --- the official schemas ---------------------------------------------------------------------------

_FOLDERS = {
    Protocol.OCPP16: ("v16", ""),
    Protocol.OCPP201: ("v201", "Request"),
    Protocol.OCPP21: ("v21", "Request"),
}
_SENT = {"NotifyPeriodicEventStream"}
"""Has no response, and so its schema no suffix."""


@cache
def schema(protocol: Protocol, name: str) -> dict[str, Any]:
    """The official schema; ``name`` is like StartTransactionRequest or StartTransactionResponse."""
    folder, suffix = _FOLDERS[protocol]
    if not name.endswith("Response"):
        name = name.removesuffix("Request")
        name += "" if name in _SENT else suffix
    path = Path(ocpp.__file__).parent / folder / "schemas" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8-sig"))


@cache
def validator(protocol: Protocol, name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(schema(protocol, name), validate_formats=True)


def conforms(protocol: Protocol, name: str, payload: bytes) -> bool:
    return validator(protocol, name).is_valid(json.loads(payload))


# --- a gateway in a few lines --------------------------------------------------------------------------


def decide(ask: asks.StationCall) -> answers.StationAnswer:
    """The simplest decider that answers everything."""
    match ask:
        case asks.Boot():
            return answers.Registered(NOW, 300)
        case asks.Beat():
            return answers.TheTime(NOW)
        case asks.Authorize():
            return answers.Judged(WELCOME)
        case asks.StartSession():
            return answers.SessionNoted(ask.transaction_id or "77", WELCOME)
        case asks.UpdateSession() | asks.EndSession():
            return answers.SessionNoted(ask.transaction_id, WELCOME if ask.token else None)
        case asks.Learn():
            return answers.Kept()
        case asks.TransferData():
            return answers.Transferred(known=False)
        case asks.SignCertificate():
            return answers.CertificateJudged(ask.fault)
        case asks.PullSetpoint():
            return answers.Setpoint()
        case asks.TellNeeds():
            return answers.NeedsAnswered(NeedsAnswer.NO_PLAN, "nobody says how much it takes")
        case asks.CheckSchedule():
            return answers.ScheduleChecked(within=True)
        case asks.LookUpStatus():
            return answers.StatusTold("MIIB")
        case asks.LookUpChain():
            told = [answers.CertificateTold(one, CertificateState.GOOD, NOW) for one in ask.questions]
            return answers.ChainTold(tuple(told))
        case asks.FetchContract():
            return answers.ContractFetched("gJgC")
        case asks.CheckVat():
            return answers.VatJudged(vat_number=ask.vat_number, evse_id=ask.evse_id, valid=True)
        case _:
            return answers.Noted()


def serve(version: Version, connection: Connection, frame: bytes) -> list[bytes | int]:
    """Everything that leaves the socket for one frame: frames, and the code of a close."""
    out: list[bytes | int] = []
    events = list(connection.receive(frame, NOW))
    while events:
        event = events.pop(0)
        if isinstance(event, CallReceived):
            read = version.read_call(event.action, event.payload, NOW)
            if isinstance(read, Refusal):
                events.extend(connection.refuse(event.id, read.fault, read.text))
            else:
                payload = read.answer or version.write_answer(event.action, decide(read.ask))
                events.extend(connection.answer(event.id, payload))
        out.extend(connection.frames_to_send())
        if isinstance(event, Violation) and event.close is not None:
            out.append(event.close)
    return out
