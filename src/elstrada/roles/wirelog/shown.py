"""What a frame says, and its text without secrets. Pure; called by the writer's thread only."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from elstrada.redaction import HIDDEN, redacted, redacted_json

MOST_TEXT = 64 * 1024
"""Characters of a frame that are kept: all of them, as larger ones are refused."""
_KINDS = {2: "call", 3: "result", 4: "error", 5: "result error", 6: "send"}
GARBLED = "garbled"
"""Not a frame of OCPP."""


class Frame(NamedTuple):
    """What a frame says of itself."""

    kind: str
    message_id: str = ""
    action: str = ""
    """Of a call."""
    outcome: str = ""
    """Of an answer: the status in it, or the code of the error."""
    text: str = ""


class _Status(msgspec.Struct):
    status: str = ""


_elements = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_kind = msgspec.json.Decoder(int)
_status = msgspec.json.Decoder(_Status)


def shown(frame: bytes) -> Frame:
    """Read a frame as far as it can be read, whatever it holds."""
    try:
        elements = _elements.decode(frame)
        kind = _KINDS.get(_kind.decode(elements[0]), GARBLED)
        message_id = _text.decode(elements[1])[:40] if kind != GARBLED else ""
        told = _text.decode(elements[2])[:60] if kind in ("call", "send", "error", "result error") else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError):
        return Frame(GARBLED, text=redacted_frame(frame))
    if kind in ("call", "send"):
        payload = elements[3] if len(elements) > 3 else msgspec.Raw(b"{}")
        return Frame(kind, message_id, told, text=redacted_frame(frame, told, payload))
    if kind == "result":
        told = _status_of(elements[2]) if len(elements) > 2 else ""
        return Frame(kind, message_id, outcome=told, text=redacted_frame(frame))
    return Frame(kind, message_id, outcome=told, text=_redacted_error(frame, elements))


def _status_of(payload: msgspec.Raw) -> str:
    try:
        return _status.decode(payload).status[:40]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


# --- secrets ----------------------------------------------------------------------------------------

_SUSPECT = (
    b"idtag",
    b"token",
    b"passw",
    b"secret",
    b"authoriz",
    b"basic",
    b"bearer",
    b"api",
    b"pepper",
    b"customer",
    b"private key",
    b"://",
    b"pin",
    b"vin",
    b"exi",
    b"certificate",
    b"\\u",
)
"""A frame without any of these, in small letters, holds nothing to hide: most need no closer look."""
_WHOLE = {
    "Authorize": ("certificate",),  # The contract's, which names it.
    "Get15118EVCertificate": ("exiRequest",),
    "NotifyCustomerInformation": ("data",),
}
"""Fields that hold a driver's identity or data in a form of their own."""
_ANSWER_WHOLE = re.compile(rb'"exiResponse"')
_NAME = re.compile(
    "|".join(word.decode() for word in _SUSPECT if word not in (b"://", b"\\u", b"exi", b"certificate")),
    re.IGNORECASE,
)


def redacted_frame(frame: bytes, action: str = "", payload: msgspec.Raw | None = None) -> str:
    """The frame's text without secrets and tokens; untouched where there are none."""
    small = frame.lower()
    suspect = any(word in small for word in _SUSPECT)
    text = frame[:MOST_TEXT].decode("utf-8", "replace")
    if not suspect:
        return text
    if payload is not None and action in _WHOLE:
        text = _without(text, _WHOLE[action])
    elif _ANSWER_WHOLE.search(frame):
        text = _without(text, ("exiResponse",))
    try:
        msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        return cut(text)
    return redacted_json(text)


def _redacted_error(frame: bytes, elements: list[msgspec.Raw]) -> str:
    """An error, whose description is the sender's own words: a token may stand in them without a name."""
    try:
        said = _text.decode(elements[3])
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError):
        return redacted_frame(frame)
    clean = cut(said)
    if clean == said:
        return redacted_frame(frame)
    return redacted_frame(msgspec.json.encode([*elements[:3], clean, *elements[4:]]))


def _without(text: str, fields: tuple[str, ...]) -> str:
    """The frame with these texts of its payload hidden, wherever they stand in it."""
    pattern = rf'("(?:{"|".join(fields)})"\s*:\s*)"(?:[^"\\]|\\.)*"'
    return re.sub(pattern, rf'\1"{HIDDEN}"', text)


def cut(text: str) -> str:
    """Words of no known form: what follows the first word that may name a secret is left out."""
    found = _NAME.search(text)
    if "\\u" in text:
        return HIDDEN  # A word may hide behind its escapes.
    return redacted(text) if found is None else redacted(text[: found.end()]) + HIDDEN


# --- the station's clock ----------------------------------------------------------------------------

_TIMED = frozenset(
    {"StatusNotification", "MeterValues", "TransactionEvent", "NotifyEvent", "SecurityEventNotification"}
)
"""Calls that a station sends when what they tell happens."""
_TIME = re.compile(r'"(?:timestamp|generatedAt)"\s*:\s*"([^"]{10,40})"')
_OFFLINE = re.compile(r'"offline"\s*:\s*true')
_MOST_MS = 10**12
"""Thirty years."""


def ahead_ms(frame: Frame, at: datetime) -> int | None:
    """By how much the station's clock is ahead, by the time in its message; None if that tells nothing."""
    if frame.action not in _TIMED:
        return None
    found = _TIME.search(frame.text)
    if found is None or _OFFLINE.search(frame.text):
        return None
    try:
        named = datetime.fromisoformat(found[1])
        if named.tzinfo is None:
            return None
        ahead = round((named.astimezone(UTC) - at).total_seconds() * 1000)
    except (ValueError, OverflowError):
        return None
    return max(-_MOST_MS, min(_MOST_MS, ahead))
