"""What a frame says, and its text without secrets. Pure; called by the writer's thread only."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

import msgspec

from elstrada.ocpp.signed import SUFFIX, unsigned
from elstrada.ocpp.v16.contracts import VENDOR as PNC
from elstrada.redaction import HIDDEN, redacted, redacted_json

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


class _Elements(msgspec.Struct, array_like=True):
    """A frame's elements, as far as they are looked at."""

    kind: int
    id: str
    third: msgspec.Raw
    fourth: msgspec.Raw = msgspec.Raw(b"")


_elements = msgspec.json.Decoder(_Elements)
_text = msgspec.json.Decoder(str)
_status = msgspec.json.Decoder(_Status)


def shown(frame: bytes) -> Frame:
    """Read a frame as far as it can be read, whatever it holds. Of a signed message, what was signed is shown."""
    try:
        elements = _elements.decode(frame)
        kind, message_id = _KINDS.get(elements.kind, GARBLED), elements.id[:40]
        if kind == GARBLED:
            return Frame(GARBLED, text=redacted_frame(frame))
        if kind == "result":
            frame, payload = _unsealed_result(frame, elements)
            return Frame(
                kind, message_id, "", _status_of(payload), redacted_frame(_unwrapped(frame, payload))
            )
        told = _text.decode(elements.third)[:60]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Frame(GARBLED, text=redacted_frame(frame))
    if kind in ("call", "send") and told.endswith(SUFFIX):
        whole, _ = _unsealed(frame, elements.fourth)
        return Frame(kind, message_id, told, "", redacted_frame(whole, unsigned(told)))
    if told == "DataTransfer" and PNC.encode() in frame:
        whole = _unwrapped(frame, elements.fourth)
        return Frame(kind, message_id, told, "", redacted_frame(whole, _within(elements.fourth)))
    if kind in ("call", "send"):
        return Frame(kind, message_id, told, "", redacted_frame(frame, told))
    return Frame(kind, message_id, "", told, _redacted_error(frame, elements.fourth))


# --- signed messages --------------------------------------------------------------------------------


class _Jws(msgspec.Struct):
    payload: str
    protected: str
    signature: str


_jws = msgspec.json.Decoder(_Jws)
_json = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.Encoder().encode


def _unsealed(frame: bytes, payload: msgspec.Raw) -> tuple[bytes, msgspec.Raw]:
    """A frame with the plain text in the place of a JWS, and that text: in Base64 nothing could be hidden."""
    try:
        jws = _jws.decode(payload)
        inner = _json.decode(_decoded(jws.payload))
        opened = {"protected": _json.decode(_decoded(jws.protected)), "payload": inner}
        plain = _encode({**opened, "signature": jws.signature})
    except (msgspec.MsgspecError, ValueError, RecursionError):
        plain, inner = _encode(HIDDEN), msgspec.Raw(b"{}")
    return frame.replace(bytes(payload), plain), inner


def _unsealed_result(frame: bytes, elements: _Elements) -> tuple[bytes, msgspec.Raw]:
    """Likewise of an answer, which does not say that it is signed."""
    payload = elements.third
    if b'"protected"' not in frame or b'"signature"' not in frame:
        return frame, payload
    return _unsealed(frame, payload)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


# --- messages within messages -----------------------------------------------------------------------


class _Transfer(msgspec.Struct, rename="camel"):
    """Of a DataTransfer or its answer."""

    data: str
    message_id: str = ""


_transfer = msgspec.json.Decoder(_Transfer)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _unwrapped(frame: bytes, payload: msgspec.Raw) -> bytes:
    """A frame with the object in the place of the text that holds it: within a text little could be hidden."""
    if b'"data"' not in frame:
        return frame
    try:
        within = _object.decode(_transfer.decode(payload).data)
        plain = _encode({**_object.decode(payload), "data": within})
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return frame
    return frame.replace(bytes(payload), plain)


def _within(payload: msgspec.Raw) -> str:
    """Which message a DataTransfer holds."""
    try:
        return _transfer.decode(payload).message_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


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
    b"authorization",
    b"basic ",
    b"bearer",
    b"api",
    b"pepper",
    b"psk",
    b"pwd",
    b"passphrase",
    b"shared",
    b'key"',
    b"customeridentifier",
    b"private key",
    b"://",
    b"pin",
    b"vin",
    b"exiresponse",
    b"\\u",
)
"""A frame without any of these, in small letters, holds nothing to hide: most need no closer look."""
_WHOLE = {
    "Authorize": ("certificate",),  # The contract's, which names it.
    "Get15118EVCertificate": ("exiRequest",),
    "NotifyCustomerInformation": ("data",),
}
"""Fields that hold a driver's identity or data in a form of their own."""
_NAME = re.compile(
    "|".join(word.decode() for word in _SUSPECT if word not in (b"://", b"\\u", b"exiresponse")),
    re.IGNORECASE,
)


_TOKEN = re.compile(rb'"(idTag|parentIdTag|idToken|additionalIdToken)"\s*:\s*"[^"\\]*"')
_TOKEN_HIDDEN = rb'"\1":"' + HIDDEN.encode() + b'"'
_HARMLESS = re.compile(
    rb'"(?:idTag|parentIdTag|idToken|additionalIdToken)":"\*\*\*"'
    rb'|"(?:idTagInfo|idToken|idTokenInfo|groupIdToken)"\s*:\s*\{'
)
"""A token that is hidden, and the names of what else is told of one; what stands within is looked at still."""


def redacted_frame(frame: bytes, action: str = "") -> str:
    """The frame's text without secrets and tokens; untouched where there are none."""
    if action not in _WHOLE:
        if not _is_suspect(frame):
            return frame.decode("utf-8", "replace")
        # Most frames with a token have it in plain sight, and nothing else: that is found forty times as fast.
        hidden = _TOKEN.sub(_TOKEN_HIDDEN, frame)
        if not _is_suspect(_HARMLESS.sub(b"", hidden)):
            return hidden.decode("utf-8", "replace")
    text = frame.decode("utf-8", "replace")
    if action in _WHOLE:
        text = _without(text, _WHOLE[action])
    elif "exiResponse" in text:
        text = _without(text, ("exiResponse",))
    try:
        msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        return cut(text)
    return redacted_json(text)


def _is_suspect(frame: bytes) -> bool:
    return any(map(frame.lower().__contains__, _SUSPECT))


def _redacted_error(frame: bytes, description: msgspec.Raw) -> str:
    """An error, whose description is the sender's own words: a token may stand in them without a name."""
    try:
        said = _text.decode(description)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return redacted_frame(frame)
    if cut(said) == said:
        return redacted_frame(frame)
    return redacted_frame(frame.replace(bytes(description), msgspec.json.encode(cut(said))))


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
