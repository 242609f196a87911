"""Messages put right before they are read: nothing raises, and what is right stays as it is."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elstrada.model.quirk import Deeds, Quirk, Repair
from elstrada.ocpp.quirks import Treatment, bearable, mended, mended_frame
from elstrada.ocpp.table import Sendable, Unsendable
from elstrada.ocpp.versions import OCPP16
from elstrada.roles.quirks.table import ours

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")


def quirk(**does: Any) -> Quirk:
    return Quirk(name="q", vendor="V", reason="does so", sources=("https://x.example",), does=Deeds(**does))


ALL = Treatment((quirk(repairs=frozenset(Repair), token_tail="-"),), ROME)


def put_right(action: str, document: object, *repairs: Repair, at: datetime = NOW) -> Any:
    treatment = Treatment((quirk(repairs=frozenset(repairs)),), ROME)
    return json.loads(mended(action, json.dumps(document).encode(), treatment, at)[0])


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["Transaction.Begin", "2025-10-19T15:28:07", "0001-01-01T00:00:00", "9999-12-31T23:59:59"]
    ),
)
_names = st.sampled_from(
    [
        "meterValue",
        "sampledValue",
        "transactionData",
        "timestamp",
        "idTag",
        "meterStart",
        "value",
        "unit",
        "context",
    ]
)
_documents = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_names, inner, max_size=5)),
    max_leaves=30,
)


@given(st.sampled_from(sorted(OCPP16.inbound)), _documents)
def test_whatever_a_message_holds_nothing_raises_and_it_can_still_be_read_or_refused(
    action: str, document: object
) -> None:
    payload, _ = mended(action, json.dumps(document).encode(), ALL, NOW)
    json.loads(payload)
    OCPP16.read_call(action, payload, NOW)


@given(st.binary(max_size=200))
@example(b'{"a":}')
@example(b'["\\')
def test_whatever_bytes_come_nothing_raises(data: bytes) -> None:
    mended("MeterValues", data, ALL, NOW)
    mended_frame(data)


@given(_documents)
def test_a_frame_that_is_json_stays_as_it_is(document: object) -> None:
    frame = json.dumps(document).encode()
    assert mended_frame(frame) == frame


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        (b'[2,"a","X",{"b":,"c":1}]', [2, "a", "X", {"b": None, "c": 1}]),
        (b'[2,"a","X",{"b": }]', [2, "a", "X", {"b": None}]),
        (b'[2,"a","X",{"b":[ ,{"c":"1"}]}]', [2, "a", "X", {"b": [{"c": "1"}]}]),
        (b'[2,"a","X",{"b":[1,2,],}]', [2, "a", "X", {"b": [1, 2]}]),
        (b'[2,"a","X",{"b":"[,{:,}","c":}]', [2, "a", "X", {"b": "[,{:,}", "c": None}]),
        (b'[2,"a","X",{"b":"\\":,","c":}]', [2, "a", "X", {"b": '":,', "c": None}]),
    ],
)
def test_gaps_are_filled_where_json_wants_a_value_and_never_within_a_text(
    broken: bytes, whole: object
) -> None:
    assert json.loads(mended_frame(broken)) == whole


@pytest.mark.parametrize("part", [b'"\\', b'"', b'\\"', b":  ", b", ", b"[,", b'{"a":,'])
def test_the_largest_frame_takes_no_longer_than_its_bytes(part: bytes) -> None:
    """A station that is known to send broken frames may not stop the others with one (rule 21)."""
    began = time.perf_counter()
    mended_frame(part * (65_536 // len(part)))
    assert time.perf_counter() - began < 1


def test_an_hour_that_autumn_has_twice_is_the_later_one_unless_that_is_still_to_come() -> None:
    said = {"timestamp": "2025-10-26T02:30:00"}
    early, late = datetime(2025, 10, 26, 0, 31, tzinfo=UTC), datetime(2025, 10, 26, 1, 31, tzinfo=UTC)
    assert put_right("Heartbeat", said, Repair.LOCAL_TIME, at=early)["timestamp"].endswith("+02:00")
    assert put_right("Heartbeat", said, Repair.LOCAL_TIME, at=late)["timestamp"].endswith("+01:00")


def test_what_is_right_already_stays_as_it_is() -> None:
    energy = {"measurand": "Energy.Active.Import.Register"}
    document = {
        "timestamp": "2026-03-01T10:00:00+10:00",
        "idTag": "04A1-",
        "meterValue": [
            {
                "timestamp": "2026-03-01T10:00:00Z",
                "sampledValue": [
                    {"value": "1.5", "unit": "kWh", "context": "Transaction.Begin", **energy},
                    {"value": "12", "unit": "A", "measurand": "Current.Import"},
                ],
            }
        ],
    }
    payload = json.dumps(document).encode()
    assert mended("MeterValues", payload, ALL, NOW) == (payload, ())


def test_a_register_in_kwh_keeps_its_decimals() -> None:
    sampled = [{"value": "361.004"}, {"value": "7", "measurand": "Energy.Reactive.Import.Register"}]
    document = {"meterStart": 361.004, "transactionData": [{"sampledValue": sampled}]}
    right = put_right("StopTransaction", document, Repair.KWH_AS_WH)
    assert right["meterStart"] == 361_004
    first, other = right["transactionData"][0]["sampledValue"]
    assert (first["unit"], "unit" in other) == ("kWh", False)


def test_junk_beside_a_repeated_begin_is_kept_for_the_reader_to_see() -> None:
    sampled = ["junk", {"value": "2"}, {"value": "1", "context": "Transaction.Begin"}]
    right = put_right("MeterValues", {"meterValue": [{"sampledValue": sampled}]}, Repair.REPEATED_BEGIN)
    assert right["meterValue"][0]["sampledValue"] == ["junk", {"value": "2"}]


@given(
    st.sampled_from(["GetConfiguration", "TriggerMessage", "RemoteStartTransaction", "Reset"]),
    st.dictionaries(
        st.sampled_from(["key", "connectorId", "requestedMessage"]), st.lists(st.text(max_size=3)), max_size=3
    ),
    st.lists(st.integers(1, 9), max_size=3),
)
def test_every_call_is_sent_or_refused_with_a_reason(action: str, fields: Any, evses: list[int]) -> None:
    rows = ours().rows
    put = bearable(Sendable(action, msgspec.json.encode(fields)), rows, evses)
    assert isinstance(put, Sendable) or (isinstance(put, Unsendable) and 0 < len(put.detail) <= 250)
