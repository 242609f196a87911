"""Reading agrees with the official schemas, whatever the document."""

from __future__ import annotations

import json
import math
import tracemalloc
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp_samples import CALLS, conforms, schema, validator

from elstrada.model.device import Protocol
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.schema import Read, Reader, parse, validate
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.v16 import messages as v16
from elstrada.ocpp.v21 import messages as v21
from elstrada.ocpp.v201 import messages as v201
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, Version
from elstrada.ocpp.wire import Wire, encode

KINDS: list[tuple[Protocol, str, type[Wire]]] = [
    (version.protocol, kind.__name__, kind)
    for version, messages in ((OCPP16, v16), (OCPP201, v201), (OCPP21, v21))
    for pair in messages.ACTIONS.values()
    for kind in pair
]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
READERS = {(protocol, name): Reader(kind) for protocol, name, kind in KINDS}


def read_of(protocol: Protocol, name: str, payload: bytes) -> Read[Any] | Refusal:
    return READERS[protocol, name].read(payload)


# --- documents from a schema ------------------------------------------------------------------------


def documents(node: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Documents that conform to a schema."""
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    match node.get("type"):
        case "object":
            return objects(node, definitions)
        case "array":
            low = node.get("minItems", 0)
            return st.lists(
                documents(node["items"], definitions),
                min_size=low,
                max_size=min(low + 2, node.get("maxItems", 99)),
            )
        case "integer":
            return st.integers(node.get("minimum", -(2**63)), node.get("maximum", 2**63 - 1))
        case "number":
            # In tenths, for 1.6 asks for multiples of 0.1, and exact in binary, for the judge counts in floats.
            low, high = node.get("minimum", -500_000), node.get("maximum", 500_000)
            return st.integers(math.ceil(2 * low), math.floor(2 * high)).map(lambda whole: whole / 2)
        case "boolean":
            return st.booleans()
        case "string":
            return strings(node)
        case _:
            return st.none() | st.text(max_size=5) | st.lists(st.booleans(), max_size=2)


def objects(node: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: documents(part, definitions) for name, part in node.get("properties", {}).items()}
    required = node.get("required", [])
    return st.fixed_dictionaries(
        {name: part for name, part in fields.items() if name in required},
        optional={name: part for name, part in fields.items() if name not in required},
    )


def strings(node: dict[str, Any]) -> st.SearchStrategy[str]:
    if "enum" in node:
        return st.sampled_from(node["enum"])
    match node.get("format"):
        case "date-time":
            return st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat().replace("+00:00", "Z"))
        case "uri":
            return st.sampled_from(["https://example.com/x", "ftp://example.com"])
        case _:
            characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
            return st.text(characters, max_size=min(node.get("maxLength", 20), 20))


ODD_VALUES = [
    None,
    True,
    -1,
    10**6,
    1.25,
    "",
    "x" * 60,
    "x" * 9000,
    "Zelsius",
    "2026-13-01T00:00:00Z",
    [],
    {},
    [{}],
]


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> Any:
    """A conforming document with a few places changed."""
    document = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        places = list(places_in(document))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[key] = deepcopy(draw(st.sampled_from(ODD_VALUES)))
            case "remove":
                del holder[key]
            case _:
                holder.update({"unheardOf": 1}) if isinstance(holder, dict) else holder.append(
                    draw(st.booleans())
                )
    return document


def places_in(node: Any) -> Any:
    if isinstance(node, dict | list):
        for key, part in node.items() if isinstance(node, dict) else enumerate(node):
            if key != "customData" and not (key == "data" and not isinstance(part, str)):
                yield node, key
                yield from places_in(part)


kinds = st.sampled_from(KINDS)


@st.composite
def messages(draw: st.DrawFn, spoilt: bool) -> tuple[Protocol, str, bytes]:
    protocol, name, _ = draw(kinds)
    root = schema(protocol, name)
    whole = documents(root, root.get("definitions", {}))
    return protocol, name, json.dumps(draw(damaged(whole) if spoilt else whole)).encode()


# --- laws ---------------------------------------------------------------------------------------------


@given(messages(spoilt=False))
@settings(max_examples=300, deadline=None)
def test_a_conforming_message_is_read_without_findings_and_written_back_the_same(
    message: tuple[Protocol, str, bytes],
) -> None:
    protocol, name, payload = message
    assert conforms(protocol, name, payload)

    read = read_of(protocol, name, payload)

    assert isinstance(read, Read), read
    assert read.findings == ()
    assert same(json.loads(encode(read.message)), json.loads(payload))


@given(messages(spoilt=True))
@settings(max_examples=800, deadline=None)
def test_findings_are_reported_exactly_when_the_official_schema_objects(
    message: tuple[Protocol, str, bytes],
) -> None:
    protocol, name, payload = message
    objects_to_it = not conforms(protocol, name, payload)

    read = read_of(protocol, name, payload)

    assert (isinstance(read, Refusal) or bool(read.findings)) == objects_to_it, read


def same(left: Any, right: Any) -> bool:
    """Equal as JSON; a number may have been written 1.5 or 1.50."""
    return msgspec.json.encode(left, order="sorted") == msgspec.json.encode(right, order="sorted")


# --- examples -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "action", "payload"), CALLS, ids=lambda value: getattr(value, "protocol", value)
)
def test_our_samples_conform(version: Version, action: str, payload: dict[str, object]) -> None:
    assert not list(validator(version.protocol, action).iter_errors(payload))


START = {"connectorId": 1, "idTag": "ABC", "meterStart": 5, "timestamp": "2026-11-21T12:00:00Z"}


def changed(**more: object) -> bytes:
    return json.dumps({key: value for key, value in (START | more).items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("payload", "pointer", "rule"),
    [
        (changed(idTag="X" * 21), "/idTag", "maxLength"),
        (changed(meterStart="5"), "/meterStart", "type"),
        (changed(reservationId=None), "/reservationId", "type"),
        (changed(timestamp="2026-11-21 12:00"), "/timestamp", "format"),
        (changed(vendorExtra=1), "/vendorExtra", "additionalProperties"),
        (changed(**{"a/b~c": 1}), "/a~1b~0c", "additionalProperties"),
    ],
)
@pytest.mark.rule(20)
def test_rule_20_what_does_not_damage_the_meaning_is_read_and_found(
    payload: bytes, pointer: str, rule: str
) -> None:
    read = read_of(Protocol.OCPP16, "StartTransactionRequest", payload)

    assert isinstance(read, Read)
    assert [(finding.pointer, finding.rule) for finding in read.findings] == [(pointer, rule)]
    assert read.message.connector_id == 1


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (changed(timestamp=...), Fault.OCCURRENCE_CONSTRAINT_VIOLATION),
        (changed(meterStart="much"), Fault.TYPE_CONSTRAINT_VIOLATION),
        (changed(connectorId=[1]), Fault.TYPE_CONSTRAINT_VIOLATION),
        (b"null", Fault.TYPE_CONSTRAINT_VIOLATION),
        (b"[]", Fault.TYPE_CONSTRAINT_VIOLATION),
        (b'{"connectorId":NaN}', Fault.FORMAT_VIOLATION),
        (changed()[:-1] + b',"idTag":"DEF"}', Fault.FORMAT_VIOLATION),
    ],
)
@pytest.mark.rule(21)
def test_rule_21_what_does_damage_it_is_refused_with_the_right_code(payload: bytes, fault: Fault) -> None:
    read = read_of(Protocol.OCPP16, "StartTransactionRequest", payload)

    assert isinstance(read, Refusal)
    assert read.fault is fault


def test_a_finding_never_shows_a_token() -> None:
    read = read_of(Protocol.OCPP16, "StartTransactionRequest", changed(idTag="SECRETTOKEN" * 3))

    assert "SECRET" not in repr(read.findings)


def test_one_message_has_a_bounded_number_of_findings() -> None:
    document = {"key": [None] * 5000}

    assert len(validate(document, v16.GetConfigurationRequest)) == 32


@given(st.dictionaries(st.sampled_from(["idTag", "connectorId"]), st.text(max_size=3), min_size=1), st.data())
def test_a_key_that_stands_twice_is_always_noticed(extra: dict[str, str], data: st.DataObject) -> None:
    """The cheap look (counting quotation marks) never misses what the dear one (parsing) finds."""
    pairs = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in (START | extra).items()]
    pairs.insert(data.draw(st.integers(0, len(pairs))), data.draw(st.sampled_from(pairs)))
    payload = ("{" + ",".join(pairs) + "}").encode()

    read = read_of(Protocol.OCPP16, "StartTransactionRequest", payload)

    assert isinstance(read, Refusal)
    assert read.fault is Fault.FORMAT_VIOLATION


def test_escaped_quotation_marks_hide_no_key_that_stands_twice() -> None:
    """Four marks escaped as code points weigh up the four of the second key and value."""
    payload = changed()[:-1] + rb',"idTag":"\u0022\u0022\u0022\u0022"}'

    assert isinstance(read_of(Protocol.OCPP16, "StartTransactionRequest", payload), Refusal)
    assert read_of(Protocol.OCPP16, "AuthorizeRequest", rb'{"idTag":"\u0022"}') == Read(
        v16.AuthorizeRequest(id_tag='"')
    )


def test_decimals_stay_exact() -> None:
    payload = (
        b'{"evseId":1,"meterValue":[{"timestamp":"2026-11-21T12:00:00Z","sampledValue":[{"value":0.1}]}]}'
    )

    read = read_of(Protocol.OCPP201, "MeterValuesRequest", payload)

    assert isinstance(read, Read)
    assert read.message.meter_value[0].sampled_value[0].value == Decimal("0.1")
    assert b'"value":0.1}' in encode(read.message)


@pytest.mark.parametrize(
    "text",
    [b"1e400", b"9" * 5000, b"1e-999999999", b"NaN", b"-Infinity", b'{"a":1,"a":1}', rb'{"a":"\ud800"}'],
)
def test_parsing_refuses_what_no_message_holds(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"beyond reason|64 bits|not JSON|twice|truncated"):
        parse(text)


INVENTORY = b'{"requestId":1,"seqNo":0,"generatedAt":"2026-03-01T00:00:00Z","reportData":[%s]}'
REPORTED = (
    b'{"component":{"name":"A"},"variable":{"name":"B"},"variableAttribute":[{"value":"1"}],'
    b'"variableCharacteristics":{"dataType":"decimal","supportsMonitoring":false,"maxLimit":%s}}'
)


@pytest.mark.parametrize("limit", [b"1e1000000", b"1e-1000000", b"-0.1E+000001000000"])
def test_t9_a_number_that_is_far_longer_than_it_looks_is_refused_before_anybody_writes_it_out(
    limit: bytes,
) -> None:
    """Written out it has a million digits: a message of them would take all the memory there is."""
    plain = OCPP201.read_call("NotifyReport", INVENTORY % (REPORTED % b"1e3"), NOW)
    assert isinstance(plain, ReadCall)
    assert not plain.findings
    tracemalloc.start()
    read = OCPP201.read_call("NotifyReport", INVENTORY % (REPORTED % limit), NOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(read, Refusal)
    assert read.fault is Fault.FORMAT_VIOLATION
    assert peak < 500_000
