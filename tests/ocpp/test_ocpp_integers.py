"""Whole numbers of every message: what no store of ours holds is refused, and never reaches one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

import msgspec
import pytest
from ocpp_documents import maximal
from ocpp_samples import NOW, schema

from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, Version

INBOUND = [(version, action) for version in (OCPP16, OCPP201, OCPP21) for action in sorted(version.inbound)]
EACH_CALL = pytest.mark.parametrize(
    ("version", "action"), INBOUND, ids=[f"{version.protocol}-{action}" for version, action in INBOUND]
)


def places(
    document: Any, node: dict[str, Any], definitions: dict[str, Any], at: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Where a document has an integer, as its schema says."""
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    match node.get("type"):
        case "object":
            for name, part in node.get("properties", {}).items():
                if name in document:
                    yield from places(document[name], part, definitions, (*at, name))
        case "array":
            for one in document[:1]:  # The others are alike.
                yield from places(one, node["items"], definitions, (*at, 0))
        case "integer":
            yield at
        case _:
            pass


def with_value(document: Any, place: tuple[str | int, ...], value: Any) -> bytes:
    changed = deepcopy(document)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return json.dumps(changed).encode()


def integers(value: object) -> Iterator[int]:
    """Every one in what was made of a message."""
    match value:
        case bool():
            pass
        case int():
            yield value
        case dict():
            for part in cast("dict[object, object]", value).values():
                yield from integers(part)
        case list() | tuple() | set() | frozenset():
            for part in cast("list[object]", value):
                yield from integers(part)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from integers(getattr(value, name))
        case _:
            pass


@EACH_CALL
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**19, "9223372036854775808"])
def test_no_integer_beyond_64_bits_goes_further(version: Version, action: str, number: int | str) -> None:
    root = schema(version.protocol, f"{action}Request")
    whole = maximal(root)
    for place in places(whole, root, root.get("definitions", {})):
        payload = with_value(whole, place, number)
        read_as = version.read_send if action in version.sends else version.read_call
        read = read_as(action, payload, NOW)
        if isinstance(read, ReadCall):
            assert all(-(2**63) <= one < 2**63 for one in integers(read.ask)), place
            assert read.findings, place


@pytest.mark.parametrize("version", [OCPP201, OCPP21])
@pytest.mark.parametrize(
    "action",
    [
        "NotifyReport",
        "NotifyMonitoringReport",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "ReportChargingProfiles",
    ],
)
def test_a_report_whose_number_no_request_can_have_is_refused(version: Version, action: str) -> None:
    whole = maximal(schema(version.protocol, f"{action}Request"))
    read = version.read_call(action, json.dumps(whole | {"requestId": 2**63}).encode(), NOW)
    assert isinstance(read, Refusal)
    assert read.fault is Fault.FORMAT_VIOLATION
    assert read.text.startswith("/requestId: ")


def test_a_register_beyond_any_meter_is_left_out_and_its_session_counts() -> None:
    start = {"connectorId": 1, "idTag": "A", "meterStart": 2**63, "timestamp": "2026-03-01T16:00:00Z"}
    read = OCPP16.read_call("StartTransaction", json.dumps(start).encode(), NOW)
    assert isinstance(read, ReadCall)
    assert [one.pointer for one in read.findings] == ["/meterStart"]
