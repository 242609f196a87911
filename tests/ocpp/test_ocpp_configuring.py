"""Values for a station, in as few messages as it takes (B05), and what became of each."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.settings import fault_in
from elstrada.model.configuring import MessageLimits, Outcome, SetResult
from elstrada.model.device import Protocol
from elstrada.model.mirror import Variable
from elstrada.ocpp.configuring import SetCall, of_version, outcomes, set_calls
from elstrada.ocpp.portions import FRAME_BYTES, portions
from elstrada.ocpp.table import Sendable
from elstrada.ocpp.versions import VERSIONS

VALUES = {f"EVSE@{number}/Power": str(number) for number in range(1, 6)}


@pytest.mark.parametrize(
    "key",
    [
        "HeartbeatInterval",
        "OCPPCommCtrlr/HeartbeatInterval",
        "EVSE@1/Power",
        "Connector@1.2/Available",
        "DeviceDataCtrlr/ItemsPerMessage[SetVariables]",
        "Meter[main]@3.1/Value[L1]",
    ],
)
def test_a_key_is_read_as_it_is_written(key: str) -> None:
    assert Variable.named(key).key == key


@pytest.mark.parametrize("key", ["", "A/B/C", "EVSE@x/Power", "EVSE@1.2.3/Power", "Name[", "/Name"])
def test_what_is_no_key_is_said_to_be_none(key: str) -> None:
    with pytest.raises(ValueError, match="not a variable"):
        Variable.named(key)
    assert "not a variable" in str(fault_in(key, "1"))


@pytest.mark.parametrize(
    "key",
    [
        "AuthorizationKey",
        "SecurityCtrlr/BasicAuthPassword",
        "SecurityProfile",
        "OCPPCommCtrlr/NetworkConfigurationPriority",
    ],
)
def test_what_decides_whether_a_station_comes_again_is_not_set_so(key: str) -> None:
    """T4, T5."""
    assert "can come again" in str(fault_in(key, "1"))


@pytest.mark.parametrize(("items", "messages"), [(1, 5), (2, 3), (4, 2), (5, 1), (100, 1)])
def test_no_message_has_more_items_than_the_station_takes(items: int, messages: int) -> None:
    """B05.FR.11."""
    calls = list(set_calls(Protocol.OCPP201, VALUES, MessageLimits(items)))
    assert len(calls) == messages
    assert [key for call in calls for key in call.keys] == list(VALUES)
    for protocol in (Protocol.OCPP201, Protocol.OCPP21):
        for call in calls:
            sent = VERSIONS[protocol].write_call(call.action, json.dumps(call.fields).encode())
            assert isinstance(sent, Sendable), "it conforms to the schema"


def test_no_message_is_longer_than_the_station_takes() -> None:
    whole = list(set_calls(Protocol.OCPP201, VALUES, MessageLimits(100)))
    size = FRAME_BYTES + len(json.dumps(whole[0].fields, separators=(",", ":")))
    assert len(list(set_calls(Protocol.OCPP201, VALUES, MessageLimits(100, size)))) == 1
    assert len(list(set_calls(Protocol.OCPP201, VALUES, MessageLimits(100, size - 1)))) == 2
    assert len(list(set_calls(Protocol.OCPP201, VALUES, MessageLimits(100, 10)))) == 5


SIZES = st.lists(st.integers(1, 50), max_size=30)


@given(SIZES, st.integers(0, 100), st.integers(1, 10), st.none() | st.integers(1, 200))
def test_portions_are_the_whole_list_in_order_and_none_could_take_one_more(
    sizes: list[int], around: int, items: int, most_bytes: int | None
) -> None:
    def fits(part: list[int]) -> bool:
        length = around + sum(part) + len(part) - 1
        return len(part) <= items and (most_bytes is None or length <= most_bytes)

    cut = [sizes[part] for part in portions(sizes, around, MessageLimits(items, most_bytes))]
    assert [size for part in cut for size in part] == sizes
    assert all(fits(part) or len(part) == 1 for part in cut)
    assert all(not fits([*part, after[0]]) for part, after in pairwise(cut))


def test_1_6_takes_one_key_at_a_time() -> None:
    calls = list(set_calls(Protocol.OCPP16, {"A": "1", "B": "2"}, MessageLimits(9)))
    assert calls == [
        SetCall("ChangeConfiguration", {"key": "A", "value": "1"}, ("A",)),
        SetCall("ChangeConfiguration", {"key": "B", "value": "2"}, ("B",)),
    ]


def test_a_name_belongs_to_one_kind_of_version() -> None:
    assert of_version("HeartbeatInterval", Protocol.OCPP16)
    assert not of_version("HeartbeatInterval", Protocol.OCPP21)
    assert of_version("OCPPCommCtrlr/HeartbeatInterval", Protocol.OCPP201)


def test_every_value_has_its_outcome_though_results_come_in_another_order_or_not_at_all() -> None:
    (call,) = set_calls(Protocol.OCPP201, VALUES, MessageLimits(9))

    def result(number: int, status: str, **more: object) -> dict[str, object]:
        component = {"name": "evse", "evse": {"id": number}}
        return {"attributeStatus": status, "component": component, "variable": {"name": "Power"}, **more}

    response = {
        "setVariableResult": [
            result(3, "UnknownVariable"),
            result(2, "RebootRequired"),
            result(4, "Rejected", attributeStatusInfo={"reasonCode": "TooHigh"}),
            result(1, "Accepted"),
        ]
    }
    assert outcomes(call, json.dumps(response), "") == (
        Outcome("EVSE@1/Power", SetResult.SET, "Accepted"),
        Outcome("EVSE@2/Power", SetResult.AFTER_REBOOT, "RebootRequired"),
        Outcome("EVSE@3/Power", SetResult.UNKNOWN, "UnknownVariable"),
        Outcome("EVSE@4/Power", SetResult.REJECTED, "Rejected, TooHigh"),
        Outcome("EVSE@5/Power", SetResult.NOT_ANSWERED, "its answer does not name it"),
    )
    for response_text in (None, '{"setVariableResult":[{}]}'):
        assert {one.result for one in outcomes(call, response_text, "TIMEOUT")} == {SetResult.NOT_ANSWERED}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("Accepted", SetResult.SET),
        ("RebootRequired", SetResult.AFTER_REBOOT),
        ("NotSupported", SetResult.UNKNOWN),
        ("Rejected", SetResult.REJECTED),
        ("Maybe", SetResult.REJECTED),
    ],
)
def test_1_6_answers_for_one_key(status: str, result: SetResult) -> None:
    (call,) = set_calls(Protocol.OCPP16, {"A": "1"}, MessageLimits())
    assert outcomes(call, json.dumps({"status": status}), "") == (Outcome("A", result, status),)
