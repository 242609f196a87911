"""Hostile frames (T9, reliability 6.4 and more): each gets its error or its close, and nothing breaks."""

from __future__ import annotations

import contextlib
import json
import random
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ocpp_samples import CALLS, serve

from elstrada.ocpp.connection import Connection
from elstrada.ocpp.faults import Fault
from elstrada.ocpp.frames import (
    Broken,
    Call,
    CallError,
    CallResult,
    Hostile,
    call_frame,
    error_frame,
    nests_deeper_than,
    read_frame,
    result_frame,
)
from elstrada.ocpp.versions import OCPP16, OCPP201

RPC, FORMAT, TYPE = "RpcFrameworkError", "FormatViolation", "TypeConstraintViolation"
OCCURRENCE, PROPERTY = "OccurrenceConstraintViolation", "PropertyConstraintViolation"
ANSWERED = "answered"
SILENCE = "silence"

START = b'[2,"7","StartTransaction",{"connectorId":%s,"idTag":%s,"meterStart":%s,"timestamp":%s}]'
T = b'"2026-11-21T11:59:58Z"'
METER = b'[2,"7","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-11-21T11:59:58Z","sampledValue":%s}]}]'
EVENT = (
    b'[2,"7","TransactionEvent",{"eventType":%s,"timestamp":"2026-11-21T11:59:58Z","triggerReason":"Trigger",'
    b'"seqNo":%s,"transactionInfo":{"transactionId":"t"}%s}]'
)
METER_201 = b',"meterValue":[{"timestamp":"2026-11-21T11:59:58Z","sampledValue":[{"value":%s}]}]'

FRAMES: list[tuple[str, bytes, str | int, str]] = [
    # The 29 of reliability 6.4. What OCPP 1.6 says differently is in SPELLING; the two flows have tests below.
    ("control", b'[2,"7","Heartbeat",{}]', ANSWERED, "7"),
    ("not JSON", b"hello", RPC, "-1"),
    ("not UTF-8", b'[2,"7","Heartbeat",{"a":"\xff\xfe"}]', 1007, ""),
    ("an object", b'{"a":1}', RPC, "-1"),
    ("an empty list", b"[]", RPC, "-1"),
    ("message type 99", b'[99,"7","Heartbeat",{}]', SILENCE, ""),
    ("message type true", b'[true,"7","Heartbeat",{}]', RPC, "-1"),
    ("too few elements", b'[2,"7","Heartbeat"]', RPC, "7"),
    ("too many elements", b'[2,"7","Heartbeat",{},{}]', RPC, "7"),
    ("payload null", b'[2,"7","Heartbeat",null]', TYPE, "7"),
    ("payload a list", b'[2,"7","Heartbeat",[]]', TYPE, "7"),
    ("payload a list of strings", b'[2,"7","Heartbeat",["a","b"]]', TYPE, "7"),
    ("action a number", b'[2,"7",5,{}]', RPC, "7"),
    ("action a list", b'[2,"7",["Heartbeat"],{}]', RPC, "7"),
    ("action a path", b'[2,"7","../../etc/passwd",{}]', "NotImplemented", "7"),
    ("action unknown", b'[2,"7","MakeCoffee",{}]', "NotImplemented", "7"),
    ("id an object", b'[2,{"a":1},"Heartbeat",{}]', RPC, "-1"),
    ("id of 900,000 characters", b'[2,"%s","Heartbeat",{}]' % (b"x" * 900_000), 1009, ""),
    ("100,000 lists", b"[" * 100_000 + b"]" * 100_000, 1009, ""),
    ("5,000 objects", b'[2,"7","Heartbeat",%s1%s]' % (b'{"a":' * 5000, b"}" * 5000), RPC, "-1"),
    ("5,000 digits", START % (b"1", b'"A"', b"9" * 5000, T), FORMAT, "7"),
    ("1e400", START % (b"1", b'"A"', b"1e400", T), FORMAT, "7"),
    ("NaN", START % (b"1", b'"A"', b"NaN", T), RPC, "-1"),
    ("a key twice", START % (b"1", b'"A","idTag":"B"', b"1", T), FORMAT, "7"),
    ("year 222222017", START % (b"1", b'"A"', b"1", b'"222222017-10-27T00:00:00Z"'), ANSWERED, "7"),
    ("negative connector", START % (b"-1", b'"A"', b"-5", T), PROPERTY, "7"),
    ("NUL and half a surrogate", START % (b"1", b'"A\\u0000\\ud800"', b"1", T), RPC, "-1"),
    ("the string NaN as a value", METER % b'[{"value":"NaN"}]', ANSWERED, "7"),
    # More of the same kind.
    ("NUL in a string", START % (b"1", b'"A\\u0000"', b"1", T), FORMAT, "7"),
    ("a low surrogate first", START % (b"1", b'"\\udc00\\ud800"', b"1", T), RPC, "-1"),
    ("a raw NUL", START % (b"1", b'"A\x00"', b"1", T), RPC, "-1"),
    ("an overlong encoding", START % (b"1", b'"\xc0\xaf"', b"1", T), 1007, ""),
    ("an encoded surrogate", START % (b"1", b'"\xed\xa0\x80"', b"1", T), 1007, ""),
    ("a byte-order mark", b'\xef\xbb\xbf[2,"7","Heartbeat",{}]', RPC, "-1"),
    ("nothing", b"", RPC, "-1"),
    ("white space", b"  \n", RPC, "-1"),
    ("two arrays", b'[2,"7","Heartbeat",{}][2,"8","Heartbeat",{}]', RPC, "-1"),
    ("cut off", b'[2,"7","Heartbeat",{', RPC, "-1"),
    ("a comment", b'[2,"7","Heartbeat",{}/**/]', RPC, "-1"),
    ("a trailing comma", b'[2,"7","Heartbeat",{},]', RPC, "-1"),
    ("message type 2.0", b'[2.0,"7","Heartbeat",{}]', RPC, "-1"),
    ('message type "2"', b'["2","7","Heartbeat",{}]', RPC, "-1"),
    ("message type of 60 digits", b'[%s,"7","Heartbeat",{}]' % (b"9" * 60), SILENCE, ""),
    ("message type alone", b"[2]", RPC, "-1"),
    ("an empty id", b'[2,"","Heartbeat",{}]', RPC, "-1"),
    ("an id of 37 characters", b'[2,"%s","Heartbeat",{}]' % (b"x" * 37), RPC, "-1"),
    ("an id null", b'[2,null,"Heartbeat",{}]', RPC, "-1"),
    ("an id a number", b'[2,7,"Heartbeat",{}]', RPC, "-1"),
    ("action null", b'[2,"7",null,{}]', RPC, "7"),
    ("action empty", b'[2,"7","",{}]', "NotImplemented", "7"),
    ("action in the wrong case", b'[2,"7","heartbeat",{}]', "NotImplemented", "7"),
    ("an action of ours", b'[2,"7","Reset",{"type":"Hard"}]', "NotSupported", "7"),
    ("SEND, of 2.1", b'[6,"7","NotifyPeriodicEventStream",{}]', SILENCE, ""),
    ("CALLRESULTERROR, of 2.1", b'[5,"7","InternalError","",{}]', SILENCE, ""),
    ("a result without payload", b'[3,"7"]', SILENCE, ""),
    ("an error without code", b'[4,"7"]', SILENCE, ""),
    ("a payload string", b'[2,"7","Heartbeat","{}"]', TYPE, "7"),
    ("a field unknown", b'[2,"7","Heartbeat",{"hello":1}]', ANSWERED, "7"),
    ("a field null", START % (b"1", b'"A","reservationId":null', b"1", T), ANSWERED, "7"),
    ("required missing", b'[2,"7","StartTransaction",{"connectorId":1}]', OCCURRENCE, "7"),
    ("a number in words", START % (b'"one"', b'"A"', b"1", T), TYPE, "7"),
    ("a number in a string", START % (b'"1"', b'"A"', b"1", T), ANSWERED, "7"),
    ("a connector of 60 digits", START % (b"9" * 60, b'"A"', b"1", T), FORMAT, "7"),
    ("a connector beyond 31 bits", START % (b"2147483648", b'"A"', b"1", T), PROPERTY, "7"),
    ("a token of 60,000 characters", START % (b"1", b'"%s"' % (b"x" * 60_000), b"1", T), PROPERTY, "7"),
    ("1970", START % (b"1", b'"A"', b"1", b'"1970-01-01T00:00:00Z"'), ANSWERED, "7"),
    ("a timestamp in words", START % (b"1", b'"A"', b"1", b'"yesterday"'), ANSWERED, "7"),
    ("an offset of 24 hours", START % (b"1", b'"A"', b"1", b'"0001-01-01T00:00:00+23:59"'), ANSWERED, "7"),
    ("no sampled value", METER % b"[]", ANSWERED, "7"),
    ("an infinite value", METER % b'[{"value":"Infinity"}]', ANSWERED, "7"),
    ("a value with underscores", METER % b'[{"value":"1_000"}]', ANSWERED, "7"),
    ("a value of 5,000 digits", METER % (b'[{"value":"%s"}]' % (b"9" * 5000)), ANSWERED, "7"),
    ("nested as deep as allowed", b'[2,"7","Heartbeat",{"a":%s%s}]' % (b"[" * 14, b"]" * 14), ANSWERED, "7"),
    ("nested one too deep", b'[2,"7","Heartbeat",{"a":%s%s}]' % (b"[" * 15, b"]" * 15), RPC, "-1"),
]
FRAMES_201: list[tuple[str, bytes, str | int, str]] = [
    ("an event of no kind", EVENT % (b'"Paused"', b"1", b""), PROPERTY, "7"),
    ("a negative sequence", EVENT % (b'"Updated"', b"-1", b""), PROPERTY, "7"),
    ("a value 1e400", EVENT % (b'"Updated"', b"1", METER_201 % b"1e400"), ANSWERED, "7"),
    ('a value "NaN"', EVENT % (b'"Updated"', b"1", METER_201 % b'"NaN"'), ANSWERED, "7"),
    ("a value of 5,000 digits", EVENT % (b'"Updated"', b"1", METER_201 % (b"9" * 5000)), ANSWERED, "7"),
    ("customData of anything", EVENT % (b'"Updated"', b"1", b',"customData":[1,{"a":2}]'), ANSWERED, "7"),
    ("a negative EVSE", EVENT % (b'"Updated"', b"1", b',"evse":{"id":-1}'), PROPERTY, "7"),
]
SPELLING = {
    RPC: "FormationViolation",
    FORMAT: "FormationViolation",
    OCCURRENCE: "OccurenceConstraintViolation",
}


@pytest.mark.parametrize(("name", "frame", "expected", "message_id"), FRAMES, ids=[row[0] for row in FRAMES])
def test_t9_a_hostile_frame_gets_its_error_or_its_close(
    name: str, frame: bytes, expected: str | int, message_id: str
) -> None:
    connection = Connection(OCPP16.dialect)

    said = serve(OCPP16, connection, frame)

    assert summary(said) == (SPELLING.get(expected, expected), message_id)
    assert summary(serve(OCPP16, connection, b'[2,"9","Heartbeat",{}]')) == (ANSWERED, "9"), "still alive"


@pytest.mark.parametrize(
    ("name", "frame", "expected", "message_id"),
    FRAMES_201
    + [row for row in FRAMES if b"StartTransaction" not in row[1] and b"MeterValues" not in row[1]],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_t9_in_ocpp_201_as_well(name: str, frame: bytes, expected: str | int, message_id: str) -> None:
    assert summary(serve(OCPP201, Connection(OCPP201.dialect), frame)) == (expected, message_id)


def summary(said: list[bytes | int]) -> tuple[str | int, str]:
    """The close code, or CALLERROR's code and id, or that there was an answer or nothing."""
    if not said:
        return SILENCE, ""
    (one,) = said
    if isinstance(one, int):
        return one, ""
    frame = json.loads(one)
    return (frame[2] if frame[0] == 4 else ANSWERED), frame[1]


def test_there_are_enough_hostile_frames() -> None:
    assert len({frame for _, frame, _, _ in FRAMES + FRAMES_201}) >= 40


# --- fuzz ---------------------------------------------------------------------------------------------

SEEDS = [
    (version, json.dumps([2, "7c1f", action, payload]).encode()) for version, action, payload in CALLS
] + [(version, frame) for version in (OCPP16, OCPP201) for _, frame, _, _ in FRAMES if len(frame) < 1000]
SNIPPETS = [
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"null",
    b"true",
    b"-",
    b"1e999",
]
SNIPPETS += [b"\xff", b"\xc3\xa9", b"\x00", b"9" * 30, b'"a":', b"NaN", b"\n", b"0", b""]


def mutated(frame: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(frame) + 1)
        end = min(len(frame), start + chance.choice((0, 0, 1, 1, 2, 8, 40)))
        piece = (
            chance.choice(SNIPPETS)
            if chance.random() < 0.7
            else frame[chance.randrange(len(frame) + 1) :][:20]
        )
        frame = frame[:start] + piece + frame[end:]
    return frame


VALUES = [
    None,
    True,
    -1,
    0,
    2**40,
    10**400,
    0.5,
    "",
    "x" * 300,
    "NaN",
    "-0",
    "12,5",
    "2026-02-30T00:00:00Z",
    [],
    {},
]


def altered(call: tuple[str, dict[str, object]], chance: random.Random) -> bytes:
    """A frame that is JSON still, with some of its values changed, so that the tables meet them."""
    document = json.loads(json.dumps([2, "7c1f", *call]))
    for _ in range(chance.randint(1, 3)):
        node = document[3]
        while isinstance(node, dict | list) and node:
            key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
            if chance.random() < 0.4:
                node[key] = chance.choice(VALUES)
            node = node[key]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "frames", [40_000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)])]
)
def test_t9_mutated_frames_never_raise(frames: int) -> None:
    """Takes some seconds, for each frame walks all the way to an answer."""
    chance = random.Random(20261121)
    spent, peers, slowest, answered = 0.0, 0.0, 0.0, 0
    for number in range(frames // 2):
        version, action, payload = CALLS[number % len(CALLS)]
        for seeded, frame in (
            (version, altered((action, payload), chance)),
            (SEEDS[number % len(SEEDS)][0], mutated(SEEDS[number % len(SEEDS)][1], chance)),
        ):
            before = time.process_time()
            said = serve(seeded, Connection(seeded.dialect), frame)
            taken = time.process_time() - before
            spent, slowest = spent + taken, max(slowest, taken)
            peers += read_by_the_standard_library(frame)
            answered += bool(said) and isinstance(said[0], bytes) and said[0].startswith(b"[3,")
            assert len(said) <= 1
    assert answered > frames // 20, "the mutations no longer reach the tables"
    assert slowest < 1, "one frame held everybody up"
    assert spent < PRICE * peers, f"{spent / peers:.0f} times what json.loads takes to read or refuse them"


PRICE = 10
"""All that is done for a frame that was tampered with, against reading it."""


def read_by_the_standard_library(frame: bytes) -> float:
    """Seconds of processor time until ``json.loads`` has read a frame, or refused it."""
    before = time.process_time()
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(frame)
    return time.process_time() - before


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(frame: bytes) -> None:
    assert isinstance(read_frame(frame), Call | CallResult | CallError | Broken | Hostile)


# --- laws ---------------------------------------------------------------------------------------------


def depth_of(document: object) -> int:
    match document:
        case list():
            return 1 + max(map(depth_of, document), default=0)
        case dict():
            return 1 + max(map(depth_of, document.values()), default=0)
        case _:
            return 0


json_documents = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('[]{}"\\ a\né'), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)


@given(json_documents, st.integers(0, 6), st.booleans())
@example([[["[["]]], 3, False)
def test_depth_is_measured_exactly(document: object, limit: int, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only).encode()

    assert nests_deeper_than(text, limit) == (depth_of(document) > limit)


ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=36)


@given(ids, st.sampled_from(sorted(OCPP201.actions)), st.dictionaries(st.text("abc"), st.integers(0, 9)))
def test_what_we_write_we_read(message_id: str, action: str, document: dict[str, int]) -> None:
    payload = json.dumps(document).encode()

    call = read_frame(call_frame(message_id, action, payload))
    result = read_frame(result_frame(message_id, payload))
    error = read_frame(error_frame(message_id, "GenericError", "x" * 300))

    assert isinstance(call, Call)
    assert (call.id, call.action, bytes(call.payload)) == (message_id, action, payload)
    assert isinstance(result, CallResult)
    assert (result.id, bytes(result.payload)) == (message_id, payload)
    assert isinstance(error, CallError)
    assert (error.id, error.code, error.text) == (message_id, "GenericError", "x" * 255)


def test_an_errors_text_may_be_null_or_missing() -> None:
    assert isinstance(read_frame(b'[4,"7","GenericError",null,{}]'), CallError)
    assert isinstance(read_frame(b'[4,"7","GenericError"]'), CallError)


def test_the_size_limit_is_configurable() -> None:
    frame = b'[2,"7","Heartbeat",{}]'

    assert isinstance(read_frame(frame, max_bytes=len(frame)), Call)
    assert isinstance(read_frame(frame, max_bytes=len(frame) - 1), Hostile)


CODES_16 = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}


@pytest.mark.parametrize("fault", Fault)
def test_every_error_we_can_send_is_one_the_version_knows(fault: Fault) -> None:
    assert OCPP16.dialect.code(fault) in CODES_16
    assert OCPP201.dialect.code(fault) == fault.value
