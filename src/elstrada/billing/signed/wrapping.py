"""Taking signed content out of what it travels in, unchanged.

Stations and partners send it as it is, as base64, as hexadecimal digits, or as the object that OCPP 2.x has for it:
``signedMeterData``, ``encodingMethod``, ``publicKey``. OCPP 1.6 writes that object as a text (OCA, signed meter values).
"""

from __future__ import annotations

import re

import msgspec

from elstrada.billing.signed.keys import base64_bytes

LONGEST = 65_536
"""Characters that are looked into."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SPACE = re.compile(r"\s+")
_FORMATS = (
    ("OCMF|", "OCMF"),
    ("AP;", "Alfen Eichrecht"),
    ("<?xml", "EDL40 Mennekes"),
    ("<signedMeterValue", "EDL40 Mennekes"),
)
"""How a text begins, and the format's name in OCPI."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed, with its signature, in its own format."""

    bytes: bytes
    text: str | None
    """The same, if it is text."""
    method: str = ""
    """Name of the format; empty: nobody says, and it does not show."""
    key: str = ""
    """The public key that came with it, as it is written."""


class _Object(msgspec.Struct, rename="camel"):
    """OCPP's SignedMeterValueType; some leave all but the content out."""

    signed_meter_data: str
    encoding_method: str | None = None
    public_key: str | None = None


_object = msgspec.json.Decoder(_Object)


def unwrapped(text: str) -> Content:
    """The content, whatever it travels in; a text that is in nothing we know is the content itself."""
    if text.lstrip().startswith("{") and len(text) <= LONGEST:
        try:
            told = _object.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return _content(text)
        inner = _content(told.signed_meter_data)
        method = inner.method or told.encoding_method or ""
        return msgspec.structs.replace(inner, method=method, key=told.public_key or "")
    return _content(text)


def _content(text: str) -> Content:
    if _format(text) or len(text) > LONGEST:
        return _of_text(text)
    bare = _SPACE.sub("", text)
    decoded = bytes.fromhex(bare) if _HEX.fullmatch(bare) else base64_bytes(bare)
    if not decoded:
        return _of_text(text)
    try:
        return _of_text(decoded.decode())
    except UnicodeDecodeError:
        return Content(bytes=decoded, text=None)


def _of_text(text: str) -> Content:
    return Content(bytes=text.encode(errors="surrogatepass"), text=text, method=_format(text))


def _format(text: str) -> str:
    start = text.lstrip()
    return next((name for begin, name in _FORMATS if start.startswith(begin)), "")
