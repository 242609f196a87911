"""What a station could send to break a server, and the protocol's own answer to it.

An answer is the code of a CALLERROR (OCPP 1.6J §4.2.3, 2.0.1 part 4 §4.3), a WebSocket close code
(RFC 6455 §7.4.1), or silence where the standard demands it; after all but a close the line goes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from raw_socket import BINARY, CLOSE, PING, TEXT

IGNORED = "ignored"
"""OCPP-J 1.6 §4.1.3: unknown message types, and answers to nothing, are dropped."""


@dataclass(frozen=True)
class Hostile:
    """One thing to send."""

    name: str
    answer: int | str
    content: bytes
    opcode: int = TEXT
    head: int = 0x80
    """FIN and the reserved bits."""
    raw: bool = False
    """``content`` is no payload: it goes to the TCP connection as it is."""
    protocol: str = "ocpp1.6"
    times: int = 1


def call(action: Any, payload: Any, message_id: Any = "h") -> bytes:
    return json.dumps([2, message_id, action, payload]).encode()


def start(**changes: Any) -> bytes:
    """A StartTransaction with something wrong in it."""
    right = {"connectorId": 1, "idTag": "04AA", "meterStart": 0, "timestamp": "2026-03-01T08:00:00Z"}
    return call("StartTransaction", {**right, **changes})


def event(**changes: Any) -> bytes:
    """A TransactionEvent with something wrong in it."""
    right = {
        "eventType": "Started",
        "timestamp": "2026-03-01T08:00:00Z",
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "hostile"},
    }
    return call("TransactionEvent", {**right, **changes})


BROKEN = "FormationViolation"
"""OCPP 1.6 has no word for an unreadable call; its errata's spelling differs, stations know this one."""
WRONG_TYPE, WRONG_VALUE = "TypeConstraintViolation", "PropertyConstraintViolation"
MISSING = "OccurenceConstraintViolation"
"""Printed so in 1.6, with one r."""
E = "ocpp2.0.1"
FRAMES = (
    # Not a call at all.
    Hostile("an empty frame", BROKEN, b""),
    Hostile("no JSON", BROKEN, b"GET / HTTP/1.1\r\n\r\n"),
    Hostile("an object", BROKEN, b'{"2": "Heartbeat"}'),
    Hostile("a number", BROKEN, b"2"),
    Hostile("null", BROKEN, b"null"),
    Hostile("an empty array", BROKEN, b"[]"),
    Hostile("a call of one element", BROKEN, b"[2]"),
    Hostile("a call without payload", BROKEN, b'[2,"h","Heartbeat"]'),
    Hostile("a call of five elements", BROKEN, b'[2,"h","Heartbeat",{},{}]'),
    Hostile("a message type in quotation marks", BROKEN, b'["2","h","Heartbeat",{}]'),
    Hostile("an unknown message type", IGNORED, b'[99,"h","Heartbeat",{}]'),
    Hostile("two documents in one frame", BROKEN, b'[2,"h","Heartbeat",{}][2,"i","Heartbeat",{}]'),
    # Ids.
    Hostile("an id that is a number", BROKEN, call("Heartbeat", {}, 1)),
    Hostile("an empty id", BROKEN, call("Heartbeat", {}, "")),
    Hostile("an id of 37 characters", BROKEN, call("Heartbeat", {}, "x" * 37)),
    Hostile("an id of 60,000 characters", BROKEN, call("Heartbeat", {}, "x" * 60_000)),
    # Actions.
    Hostile("an action that is a number", BROKEN, call(7, {})),
    Hostile("an action nobody knows", "NotImplemented", call("FormatDisk", {})),
    Hostile("an action of 10,000 characters", "NotImplemented", call("A" * 10_000, {})),
    Hostile("an action only we may call", "NotSupported", call("RemoteStartTransaction", {"idTag": "04AA"})),
    Hostile("an action of another version", "NotImplemented", event()),
    # Payloads.
    Hostile("a payload that is a list", WRONG_TYPE, call("Heartbeat", [])),
    Hostile("a payload that is null", WRONG_TYPE, call("BootNotification", None)),
    Hostile("nesting of 17", BROKEN, call("DataTransfer", {"vendorId": json.loads("[" * 15 + "]" * 15)})),
    Hostile("nesting of 30,000", BROKEN, b'[2,"h","Heartbeat",' + b"[" * 30_000 + b"]" * 30_000 + b"]"),
    Hostile("brackets that never close", BROKEN, b"[" * 60_000),
    Hostile("NaN", BROKEN, b'[2,"h","StartTransaction",{"connectorId":NaN}]'),
    Hostile("minus infinity", BROKEN, b'[2,"h","StartTransaction",{"connectorId":-Infinity}]'),
    Hostile("a key twice", BROKEN, start()[:-2] + b',"idTag":"04BB"}]'),
    Hostile("a required field missing", MISSING, call("StartTransaction", {"connectorId": 1})),
    Hostile("a number in quotation marks", WRONG_TYPE, start(connectorId="one")),
    Hostile("a truth value for a number", WRONG_TYPE, start(meterStart=True)),
    Hostile("a number beyond all meters", BROKEN, start(meterStart=10**30)),
    Hostile("a number of 20,000 digits", BROKEN, start()[:-2] + b',"reservationId":' + b"9" * 20_000 + b"}]"),
    Hostile("a card of 30,000 characters", WRONG_VALUE, start(idTag="F" * 30_000)),
    Hostile("a NUL in a text", BROKEN, start(idTag="04\x00AA")),
    Hostile("half a surrogate pair", BROKEN, start(idTag="04\ud800AA")),
    Hostile("an enumeration's stranger", WRONG_VALUE, event(eventType="Exploded"), protocol=E),
    Hostile("a sequence number below zero", WRONG_VALUE, event(seqNo=-1), protocol=E),
    Hostile("a fraction for a whole number", WRONG_TYPE, event(seqNo=0.5), protocol=E),
    Hostile("a list of one thing where there is one", WRONG_TYPE, event(transactionInfo=[{}]), protocol=E),
    # Answers to nothing.
    Hostile("a result of no call", IGNORED, b'[3,"never-asked",{}]'),
    Hostile("an error of no call", IGNORED, b'[4,"never-asked","GenericError","",{}]'),
    Hostile("a result of the wrong shape", IGNORED, b'[3,"never-asked"]'),
    Hostile("eleven results of no call", 1008, b'[3,"never-asked",{}]', times=11),
    Hostile("forty calls at once", 1008, call("Authorize", {"idTag": "NOBODYS"}), times=40),
    # WebSocket.
    Hostile("invalid UTF-8", 1007, b'[2,"h","Heartbeat",{"a":"\xff\xfe"}]'),
    Hostile("a frame of more than 64 KiB", 1009, call("Heartbeat", {"a": "x" * 65_536})),
    Hostile("a length of 2**62", 1009, b"\x81\xff" + (1 << 62).to_bytes(8) + bytes(4), raw=True),
    Hostile("a binary frame", 1003, call("Heartbeat", {}), BINARY),
    Hostile("a reserved bit", 1002, call("Heartbeat", {}), head=0xC0),
    Hostile("an opcode nobody defined", 1002, b"", 3),
    Hostile("a frame without mask", 1002, b"\x81\x02[]", raw=True),
    Hostile("a continuation of nothing", 1002, b"[]", 0),
    Hostile("a ping of 126 bytes", 1002, b"x" * 126, PING),
    Hostile("a ping in fragments", 1002, b"x", PING, head=0),
    Hostile("a goodbye of one byte", 1002, b"\x03", CLOSE),
    Hostile("a goodbye nobody may send", 1002, (1005).to_bytes(2), CLOSE),
    Hostile("bytes of no protocol", 1002, b"\xff" * 64, raw=True),
)
