"""The tables: every message means what it should, and all we send conforms to the official schemas."""

from __future__ import annotations

import json

import msgspec
import pytest
from ocpp_samples import AT, CALLS, NOW, WELCOME, conforms, decide, schema

from elstrada.model import answers, asks
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus, StationOrder
from elstrada.model.locallist import ListEntry, ListUpdate
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.table import ReadCall, Sendable, Unsendable
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, VERSIONS, Version, negotiate
from pace import ratio

IDS = [f"{version.protocol}-{action}-{number}" for number, (version, action, _) in enumerate(CALLS)]
ALL = pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.protocol)


def read(
    version: Version, action: str, payload: dict[str, object], *, lenient: bool = True
) -> ReadCall | Refusal:
    return version.read_call(action, json.dumps(payload).encode(), NOW, lenient=lenient)


def ask_of(version: Version, action: str, payload: dict[str, object]) -> asks.StationAsk | None:
    call = read(version, action, payload)
    assert isinstance(call, ReadCall), call
    return call.ask


# --- every row -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "action", "payload"), CALLS, ids=IDS)
def test_a_conforming_call_is_read_without_findings_and_its_answer_conforms(
    version: Version, action: str, payload: dict[str, object]
) -> None:
    call = read(version, action, payload, lenient=False)
    assert isinstance(call, ReadCall)
    assert call.findings == ()

    answer = call.answer or version.write_answer(action, decide(call.ask)) if call.ask else call.answer

    assert answer is not None
    assert conforms(version.protocol, f"{action}Response", answer), answer


@ALL
@pytest.mark.parametrize("allowed", Allowed)
def test_every_verdict_can_be_told(version: Version, allowed: Allowed) -> None:
    verdict = Verdict(allowed=allowed, method=AuthMethod.WHITELIST, contract_ref="0" * 26)

    answer = version.write_answer("Authorize", answers.Judged(verdict))

    assert conforms(version.protocol, "AuthorizeResponse", answer)
    status = next(iter(json.loads(answer).values()))["status"]
    assert (status == "Accepted") == (allowed is Allowed.ALLOWED)


@pytest.mark.rule(39)
def test_rule_39_data_of_unknown_vendors_gets_the_documented_answer() -> None:
    for version in VERSIONS.values():
        call = read(version, "DataTransfer", {"vendorId": "com.example"})
        assert isinstance(call, ReadCall)
        assert isinstance(call.ask, asks.TransferData)
        assert call.ask.vendor == "com.example"
        unknown = version.write_answer("DataTransfer", answers.Transferred(known=False))
        assert unknown == b'{"status":"UnknownVendorId"}'


@pytest.mark.rule(20)
def test_a_strict_station_is_refused_what_a_lenient_one_is_forgiven() -> None:
    payload: dict[str, object] = {"idTag": "X" * 21}

    strict = read(OCPP16, "Authorize", payload, lenient=False)

    assert isinstance(read(OCPP16, "Authorize", payload), ReadCall)
    assert isinstance(strict, Refusal)
    assert strict.fault is Fault.PROPERTY_CONSTRAINT_VIOLATION


# --- OCPP 1.6 ------------------------------------------------------------------------------------------

START = {"connectorId": 2, "idTag": "04A1", "meterStart": 1000, "timestamp": AT}


def test_16_a_connector_is_an_evse_with_one_connector_and_0_is_the_station() -> None:
    status: dict[str, object] = {"errorCode": "NoError", "status": "Charging"}

    assert ask_of(OCPP16, "StatusNotification", status | {"connectorId": 2}) == asks.ReportStatus(
        evse_id=2, connector_id=1, status=ConnectorStatus.CHARGING
    )
    station = ask_of(OCPP16, "StatusNotification", status | {"connectorId": 0})
    assert isinstance(station, asks.ReportStatus)
    assert (station.evse_id, station.connector_id) == (0, 0)


def test_16_a_start_becomes_a_session() -> None:
    ask = ask_of(OCPP16, "StartTransaction", START)

    assert isinstance(ask, asks.StartSession)
    assert (ask.transaction_id, ask.evse_id, ask.connector_id, ask.meter_wh) == (None, 2, 1, 1000)
    assert ask.token == asks.PresentedToken("04A1")
    assert OCPP16.write_answer("StartTransaction", answers.SessionNoted("77", WELCOME)) == (
        b'{"idTagInfo":{"status":"Accepted","parentIdTag":"0123456789abcdef0123"},"transactionId":77}'
    )


def test_16_a_start_with_a_wrong_clock_is_marked() -> None:
    ask = ask_of(OCPP16, "StartTransaction", START | {"timestamp": "1970-01-01T00:00:00Z"})

    assert isinstance(ask, asks.StartSession)
    assert (ask.at, ask.clock_suspect) == (NOW, True)


def test_16_a_start_with_an_impossible_register_keeps_its_session() -> None:
    ask = ask_of(OCPP16, "StartTransaction", START | {"meterStart": -5})

    assert isinstance(ask, asks.StartSession)
    assert ask.meter_wh is None


def test_16_a_stop_brings_its_samples_and_its_reason() -> None:
    ask = ask_of(
        OCPP16,
        "StopTransaction",
        {
            "transactionId": 77,
            "meterStop": 9000,
            "timestamp": AT,
            "transactionData": [
                {"timestamp": AT, "sampledValue": [{"value": "1000", "context": "Transaction.Begin"}]},
                {
                    "timestamp": AT,
                    "sampledValue": [{"value": "9", "unit": "kWh", "context": "Transaction.End"}],
                },
                {"timestamp": AT, "sampledValue": []},
            ],
        },
    )

    assert isinstance(ask, asks.EndSession)
    assert (ask.transaction_id, ask.meter_wh, ask.reason, ask.token) == ("77", 9000, "Local", None)
    assert [(sample.context, sample.energy_wh) for sample in ask.samples] == [
        ("Transaction.Begin", 1000),
        ("Transaction.End", 9000),
    ]


@pytest.mark.parametrize("transaction_id", [0, -1])
def test_rule_17_a_stop_that_forgot_its_session_is_passed_on_as_it_is(transaction_id: int) -> None:
    ask = ask_of(
        OCPP16, "StopTransaction", {"transactionId": transaction_id, "meterStop": 1, "timestamp": AT}
    )

    assert isinstance(ask, asks.EndSession)
    assert ask.transaction_id == str(transaction_id)


@pytest.mark.parametrize("more", [{}, {"transactionId": 0}, {"transactionId": -1}])
@pytest.mark.rule(24)
def test_rule_24_meter_values_without_session_are_of_the_connector(more: dict[str, object]) -> None:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "5"}]}]} | more

    assert isinstance(ask_of(OCPP16, "MeterValues", payload), asks.RecordMeter)


def test_16_meter_values_of_a_session_update_it() -> None:
    payload: dict[str, object] = {
        "connectorId": 1,
        "transactionId": 77,
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "5"}]}],
    }

    ask = ask_of(OCPP16, "MeterValues", payload)

    assert isinstance(ask, asks.UpdateSession)
    assert (ask.transaction_id, ask.trigger, ask.samples[0].energy_wh) == ("77", None, 5)


@pytest.mark.rule(20)
def test_rule_20_an_unknown_status_is_answered_and_changes_nothing() -> None:
    call = read(OCPP16, "StatusNotification", {"connectorId": 1, "errorCode": "Error", "status": "Dreaming"})

    assert isinstance(call, ReadCall)
    assert (call.ask, call.answer) == (None, b"{}")
    assert {finding.pointer for finding in call.findings} == {"/errorCode", "/status"}


# --- OCPP 2.0.1 ------------------------------------------------------------------------------------------


def event(kind: str, **more: object) -> dict[str, object]:
    return {
        "eventType": kind,
        "timestamp": AT,
        "triggerReason": "Trigger",
        "seqNo": 3,
        "transactionInfo": {"transactionId": "t-1"},
    } | more


def test_201_a_started_event_becomes_a_session() -> None:
    ask = ask_of(
        OCPP201,
        "TransactionEvent",
        event(
            "Started",
            evse={"id": 2, "connectorId": 1},
            idToken={"idToken": "SE-RET-C1", "type": "eMAID"},
            transactionInfo={"transactionId": "t-1", "chargingState": "EVConnected", "remoteStartId": 9},
            offline=True,
        ),
    )

    assert ask == asks.StartSession(
        transaction_id="t-1",
        evse_id=2,
        connector_id=1,
        token=asks.PresentedToken("SE-RET-C1", "EMAID"),
        at=msgspec.convert(AT, type(NOW)),
        seq_no=3,
        charging=False,
        remote_start_id=9,
        offline=True,
        trigger="Trigger",
    )


def test_201_an_update_and_an_end_carry_what_they_say() -> None:
    update = ask_of(OCPP201, "TransactionEvent", event("Updated"))
    end = ask_of(
        OCPP201,
        "TransactionEvent",
        event("Ended", transactionInfo={"transactionId": "t-1", "stoppedReason": "EVDisconnected"}),
    )

    assert isinstance(update, asks.UpdateSession)
    assert (update.transaction_id, update.evse_id, update.charging, update.token) == ("t-1", None, None, None)
    assert isinstance(end, asks.EndSession)
    assert (end.transaction_id, end.reason, end.seq_no, end.trigger) == (
        "t-1",
        "EVDisconnected",
        3,
        "Trigger",
    )


def test_201_a_session_without_authorization_has_no_token() -> None:
    ask = ask_of(
        OCPP201, "TransactionEvent", event("Started", idToken={"idToken": "", "type": "NoAuthorization"})
    )

    assert isinstance(ask, asks.StartSession)
    assert ask.token is None


def test_201_the_answer_judges_only_a_token_that_was_shown() -> None:
    assert OCPP201.write_answer("TransactionEvent", answers.SessionNoted("t-1")) == b"{}"
    assert b'"Accepted"' in OCPP201.write_answer("TransactionEvent", answers.SessionNoted("t-1", WELCOME))


def test_201_events_are_reported_with_their_place() -> None:
    payload = next(payload for version, action, payload in CALLS if action == "NotifyEvent")

    ask = ask_of(OCPP201, "NotifyEvent", payload)

    assert isinstance(ask, asks.ReportEvents)
    (reported,) = ask.events
    assert (reported.component, reported.variable, reported.value) == ("Connector", "Problem", "true")
    assert (reported.evse_id, reported.connector_id, reported.cleared) == (1, 1, False)


# --- OCPP 2.1 --------------------------------------------------------------------------------------------


def test_21_a_token_may_have_255_characters_and_a_type_that_nobody_listed() -> None:
    ask = ask_of(OCPP21, "Authorize", {"idToken": {"idToken": "X" * 255, "type": "Hologram"}})
    sent = OCPP21.write_order(StationOrder(name=CommandName.START, token_uid="X" * 255, remote_start_id=5))

    assert ask == asks.Authorize(token=asks.PresentedToken("X" * 255, "Hologram"))
    assert isinstance(sent, Sendable)
    assert conforms(OCPP21.protocol, f"{sent.action}Request", sent.payload)


def test_21_a_payment_at_the_station_is_known_for_one_whenever_it_is_shown() -> None:
    """C18.FR.04."""
    ask = ask_of(OCPP21, "Authorize", {"idToken": {"idToken": "psp-1", "type": "DirectPayment"}})

    assert ask == asks.Authorize(token=asks.PresentedToken("psp-1", "AD_HOC_USER", paid_here=True))


def test_21_an_event_says_how_severe_it_is() -> None:
    payload = next(payload for _, action, payload in CALLS if action == "NotifyEvent")
    (event,) = payload["eventData"]  # type: ignore[misc]

    ask = ask_of(OCPP21, "NotifyEvent", payload | {"eventData": [event | {"severity": 2}]})

    assert isinstance(ask, asks.ReportEvents)
    assert [(one.component, one.severity) for one in ask.events] == [("Connector", 2)]


# --- orders -----------------------------------------------------------------------------------------------

ORDERS = [
    StationOrder(name=CommandName.START, evse_id=1, token_uid="04A1B2C3", remote_start_id=5),
    StationOrder(name=CommandName.START, token_uid="SE-RET-C12345", token_type="EMAID", remote_start_id=5),
    StationOrder(name=CommandName.STOP, transaction_id="77"),
    StationOrder(name=CommandName.RESET),
    StationOrder(name=CommandName.RESET, hard=True),
    StationOrder(name=CommandName.UNLOCK, evse_id=1, connector_id=1),
    StationOrder(name=CommandName.TRIGGER, message="StatusNotification", evse_id=1, connector_id=1),
    StationOrder(name=CommandName.TRIGGER, message="Heartbeat"),
    StationOrder(name=CommandName.CHANGE_AVAILABILITY, operative=False),
    StationOrder(name=CommandName.SEND_LOCAL_LIST, local_list=ListUpdate(version=1, full=True, entries=())),
    StationOrder(
        name=CommandName.SEND_LOCAL_LIST,
        local_list=ListUpdate(
            version=2,
            full=False,
            entries=(
                ListEntry(key="a", uid="04A1B2C3", type="RFID", allowed=Allowed.BLOCKED, group_ref="0" * 26),
                ListEntry(key="b", uid="E00401001234ABCD", type="RFID", allowed=None),
                ListEntry(
                    key="c",
                    uid="SE-RET-C12345",
                    type="EMAID",
                    allowed=Allowed.EXPIRED,
                    expires_at=NOW,
                ),
            ),
        ),
    ),
    StationOrder(name=CommandName.CHANGE_AVAILABILITY, evse_id=1, connector_id=1),
]


@ALL
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)
def test_every_order_is_put_in_conforming_words(version: Version, order: StationOrder) -> None:
    sent = version.write_order(order)

    assert isinstance(sent, Sendable)
    assert sent.action in version.actions
    assert conforms(version.protocol, f"{sent.action}Request", sent.payload), sent


@pytest.mark.parametrize(
    ("version", "order"),
    [
        (OCPP16, StationOrder(name=CommandName.START, evse_id=1)),
        (OCPP16, StationOrder(name=CommandName.START, token_uid="X" * 21)),
        (OCPP16, StationOrder(name=CommandName.STOP, transaction_id="t-1")),
        (OCPP16, StationOrder(name=CommandName.TRIGGER, message="TransactionEvent")),
        (OCPP16, StationOrder(name=CommandName.UNLOCK)),
        (OCPP201, StationOrder(name=CommandName.START, token_uid="A")),
        (OCPP201, StationOrder(name=CommandName.START, token_uid="X" * 37, remote_start_id=1)),
        (OCPP201, StationOrder(name=CommandName.STOP)),
        (OCPP201, StationOrder(name=CommandName.TRIGGER)),
        (OCPP201, StationOrder(name=CommandName.UNLOCK)),
        (OCPP21, StationOrder(name=CommandName.START, token_uid="A")),
        (OCPP21, StationOrder(name=CommandName.START, token_uid="X" * 256, remote_start_id=1)),
        (OCPP21, StationOrder(name=CommandName.TRIGGER, message="CustomTrigger")),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "protocol", "")),
)
def test_what_a_version_has_no_words_for_is_said_and_not_sent(version: Version, order: StationOrder) -> None:
    assert isinstance(version.write_order(order), Unsendable)


@ALL
@pytest.mark.parametrize("name", [name for name in CommandName if name is not CommandName.CALL])
def test_every_status_of_every_reply_has_a_result(version: Version, name: CommandName) -> None:
    """The statuses are those of the official schema."""
    row = version.outbound[name]
    for status in statuses_of(version, row.action):
        reply = version.read_reply("c1", name, json.dumps(replied(row.action, status)).encode())
        assert reply == asks.CommandReply(command_id="c1", result=row.results[status], detail=status)


def replied(action: str, status: str) -> dict[str, object]:
    """The least response with this status."""
    if action != "SetVariables":
        return {"status": status}
    one = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    return {"setVariableResult": [{"attributeStatus": status, **one}]}


def statuses_of(version: Version, action: str) -> list[str]:
    root = schema(version.protocol, f"{action}Response")
    if action == "SetVariables":
        return root["definitions"]["SetVariableStatusEnumType"]["enum"]
    status = root["properties"]["status"]
    if "$ref" in status:
        status = root["definitions"][status["$ref"].rsplit("/", 1)[1]]
    return status["enum"]


@ALL
def test_a_reply_that_makes_no_sense_is_a_failure(version: Version) -> None:
    for payload in (b"{}", b"[]", b'{"status":"Maybe"}', b'{"status":7}'):
        assert version.read_reply("c1", CommandName.RESET, payload).result is CommandResult.FAILED


@ALL
def test_an_error_reply_says_whether_the_station_can(version: Version) -> None:
    assert version.read_error("c1", "NotImplemented", "").result is CommandResult.NOT_SUPPORTED
    assert version.read_error("c1", "NotSupported", "").result is CommandResult.NOT_SUPPORTED
    failed = version.read_error("c1", "InternalError", "x" * 9000)
    assert failed.result is CommandResult.FAILED
    assert len(failed.detail) == 250


# --- negotiation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "allowed", "chosen"),
    [
        (["ocpp1.6", "ocpp2.0.1", "ocpp2.1"], list(VERSIONS), OCPP21),
        (["ocpp1.6", "ocpp2.0.1"], list(VERSIONS), OCPP201),
        (["ocpp1.6"], list(VERSIONS), OCPP16),
        (["ocpp1.6", "ocpp2.0.1"], ["ocpp1.6"], OCPP16),
        (["ocpp1.5", "OCPP1.6"], list(VERSIONS), None),
        ([], list(VERSIONS), None),
    ],
)
def test_the_best_common_version_is_chosen(
    offered: list[str], allowed: list[str], chosen: Version | None
) -> None:
    assert negotiate(offered, allowed) is chosen


# --- speed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "action"),
    [
        (OCPP16, "StartTransaction"),
        (OCPP16, "MeterValues"),
        (OCPP201, "TransactionEvent"),
        (OCPP21, "TransactionEvent"),
    ],
)
def test_a_transaction_message_is_decoded_and_validated_at_the_price_of_json_alone(
    version: Version, action: str
) -> None:
    """Against the standard library, which checks nothing; what it is in µs, bench_ocpp_decode.py tells."""
    payloads = [
        json.dumps(payload).encode() for of, name, payload in CALLS if of is version and name == action
    ] * 500
    reader = version.inbound[action].reader

    def with_the_standard_library() -> None:
        for payload in payloads:
            json.loads(payload)

    def read_all() -> None:
        for payload in payloads:
            reader.read(payload)

    assert ratio(read_all, with_the_standard_library) < 1.5
