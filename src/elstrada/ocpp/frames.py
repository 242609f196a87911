"""OCPP-J frames: the JSON arrays that carry calls, results and errors. Source: OCPP 2.0.1 part 4 §4.

The payload stays raw here; the action's table decodes it. Whatever a frame holds, ``read_frame``
returns a value and never raises.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from elstrada.ocpp.faults import Fault

MAX_FRAME_BYTES = 64 * 1024
MAX_DEPTH = 16
UNREADABLE_ID = "-1"
"""The message id to answer with when the frame's own cannot be read."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=36)]


class Call(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    id: _Id
    action: str
    payload: msgspec.Raw


class CallResult(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    id: _Id
    payload: msgspec.Raw


class CallError(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=4):
    id: _Id
    code: str
    text: str | None = ""
    """May not be null, but is with some stations."""
    details: msgspec.Raw = msgspec.Raw(b"{}")


class ResultError(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=5):
    """Since 2.1: whoever called could make nothing of the CALLRESULT."""

    id: _Id
    code: str
    text: str | None = ""
    details: msgspec.Raw = msgspec.Raw(b"{}")


class Send(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=6):
    """Since 2.1: a message that is never answered, not even by an error."""

    id: _Id
    action: str
    payload: msgspec.Raw


class Hostile(msgspec.Struct, frozen=True):
    """The connection cannot go on after this."""

    close: int
    """WebSocket close code."""
    text: str


class Broken(msgspec.Struct, frozen=True):
    """Not a frame, but the connection can go on."""

    text: str
    id: str = UNREADABLE_ID
    fault: Fault | None = Fault.RPC_FRAMEWORK_ERROR
    """What to answer; None: nothing, since only a CALL is answered."""
    answers: str | None = None
    """Of a broken result or error: the id of the call that it was to answer, if that can be read."""


Frame = Call | CallResult | CallError | ResultError | Send
_decoder = msgspec.json.Decoder(Frame)
_encoder = msgspec.json.Encoder()
_elements = msgspec.json.Decoder(list[msgspec.Raw])


def read_frame(frame: bytes, max_bytes: int = MAX_FRAME_BYTES) -> Frame | Broken | Hostile:
    """Read one text frame as it came from the socket.

    The order is fixed: size and encoding close the connection (1009, 1007); then come depth and what
    no parser of ours shall ever meet (T9); then the array itself.
    """
    if len(frame) > max_bytes:
        return Hostile(1009, f"frame of {len(frame)} bytes; expected at most {max_bytes}")
    if not frame.isascii() and not _is_utf8(frame):
        return Hostile(1007, "frame is not UTF-8")
    if nests_deeper_than(frame, MAX_DEPTH):
        return Broken(_TOO_DEEP)
    if _has_forbidden_escapes(frame):
        return _explain(frame, _ESCAPES)
    try:
        return _decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _explain(frame)


def fault_of_json(text: bytes) -> str:
    """Why no parser of ours shall meet this text, which came within a frame; empty: it may (T9)."""
    if not text.isascii() and not _is_utf8(text):
        return "it is not UTF-8"
    if nests_deeper_than(text, MAX_DEPTH):
        return _TOO_DEEP
    return _ESCAPES if _has_forbidden_escapes(text) else ""


def call_frame(message_id: str, action: str, payload: bytes) -> bytes:
    return _encoder.encode((2, message_id, action, msgspec.Raw(payload)))


def result_frame(message_id: str, payload: bytes) -> bytes:
    return _encoder.encode((3, message_id, msgspec.Raw(payload)))


def error_frame(message_id: str, code: str, text: str) -> bytes:
    """A CALLERROR; its description may have 255 characters."""
    return _encoder.encode((4, message_id, code, text[:255], {}))


def result_error_frame(message_id: str, code: str, text: str) -> bytes:
    """A CALLRESULTERROR (2.1); as a CALLERROR."""
    return _encoder.encode((5, message_id, code, text[:255], {}))


# --- what no parser shall meet ------------------------------------------------------------------

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_PLAIN_ESCAPE = re.compile(rb"\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}", re.DOTALL)
"""Escapes of one character, and whole surrogate pairs."""
_TOO_DEEP = f"JSON nests deeper than {MAX_DEPTH}, or its brackets do not match"
_ESCAPES = "a string holds NUL or half a surrogate pair"
_FORBIDDEN_ESCAPE = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


def nests_deeper_than(text: bytes, depth: int) -> bool:
    """Do brackets nest deeper? Of JSON exactly, of anything else perhaps; in time linear in the text.

    Keeps brackets and quotation marks only, then strings out, then takes the innermost pairs off,
    one level per round: each step is one pass at the speed of C, where a loop would cost 100x.
    """
    if text.count(b"[") + text.count(b"{") <= depth:
        return False
    if b"\\" in text:
        text = _ESCAPE.sub(b"", text)
    marks = text.translate(_BRACKETS, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    for _ in range(depth):
        if not marks:
            return False
        marks = marks.replace(b"[]", b"")
    return bool(marks)


def _has_forbidden_escapes(text: bytes) -> bool:
    return b"\\u" in text and _FORBIDDEN_ESCAPE.search(_PLAIN_ESCAPE.sub(b"", text)) is not None


def _is_utf8(frame: bytes) -> bool:
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- saying what is wrong -----------------------------------------------------------------------


def _explain(frame: bytes, complaint: str = "") -> Broken:
    """Why this is not a frame, and under which id to say so."""
    try:
        elements = _elements.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Broken("not a JSON array")
    kind = _whole(elements[0]) if elements else None
    if kind in (3, 4):
        says = complaint or "a CALLRESULT or CALLERROR of the wrong shape"
        return Broken(says, fault=None, answers=_message_id(elements))
    if kind is not None and kind != 2:
        # OCPP-J 1.6 §4.1.3, 2.0.1 part 4 §4.1.3: unknown message types are ignored; so are broken ones of 2.1
        # that have no answer.
        return Broken(complaint or unknown_type(kind), fault=None)
    message_id = _message_id(elements) if kind == 2 else None
    if message_id is None:
        return Broken(complaint or "message type or id cannot be read")
    if complaint:
        return Broken(complaint, message_id, Fault.FORMAT_VIOLATION)
    if len(elements) != 4:
        return Broken(f"a CALL has 4 elements, not {len(elements)}", message_id)
    return Broken("the action is not a string", message_id)


def unknown_type(kind: int) -> str:
    return f"unknown message type {kind}, or one of the wrong shape"


def _whole(raw: msgspec.Raw) -> int | None:
    try:
        return msgspec.json.decode(raw, type=int)
    except msgspec.MsgspecError:
        return None


def _message_id(elements: list[msgspec.Raw]) -> str | None:
    try:
        return msgspec.json.decode(elements[1], type=_Id)
    except (IndexError, msgspec.MsgspecError):
        return None
