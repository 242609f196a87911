"""Signed messages: a message in a JWS, which passes a Local Controller unchanged or is found out. No keys here.

Source: OCPP 2.0.1 and 2.1 part 4 chapter 7; RFC 7515 §3, §7.2.2 (Flattened JWS JSON Serialization).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

from elstrada.model.device import Protocol
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.frames import fault_of_json

SUFFIX = "-Signed"
CALL, RESULT, SEND = 2, 3, 6
MOST_HEADER = 4_096
"""Bytes of a protected header: a name, a number, a thumbprint and an algorithm take two hundred."""
MOST_SIGNATURE = 1_024
"""Bytes of a signature: RSA with a key of 8,192 bits."""
WEIGHTY = frozenset(
    {
        "Authorize",
        "BatterySwap",
        "BootNotification",
        "DataTransfer",
        "Get15118EVCertificate",
        "MeterValues",
        "NotifySettlement",
        "SecurityEventNotification",
        "SignCertificate",
        "StartTransaction",
        "StopTransaction",
        "TransactionEvent",
    }
)
"""What moves money, identity or trust: forged by a Local Controller it would cost somebody something. Those of OCPP
1.6 too, which knows no signed messages: else it would be the way round them."""
_NONE = msgspec.Raw()
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class Algorithm(StrEnum):
    """The only ones that a message may be signed by (part 4 §7.3): ``none`` and keyed hashes are not among them."""

    ES256 = "ES256"
    RS256 = "RS256"
    RS384 = "RS384"


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is signed beside the payload."""

    alg: str
    action: str | None = msgspec.field(default=None, name="OCPPAction")
    kind: int | None = msgspec.field(default=None, name="OCPPMessageTypedId")
    """As the text spells it."""
    kind_meant: int | None = msgspec.field(default=None, name="OCPPMessageTypeId")
    """As it must have been meant, and as some write it."""
    thumbprint: str | None = msgspec.field(default=None, name="x5t#S256")
    """Base64url of the SHA-256 of the signer's certificate."""
    crit: msgspec.Raw = _NONE


class Opened(msgspec.Struct, frozen=True):
    """A signed message, of which nobody has checked the signature yet."""

    action: str
    payload: bytes
    header: Header
    signed: bytes
    """What the signature is over."""
    signature: bytes


class _Flattened(msgspec.Struct):
    payload: str
    protected: str
    signature: str


_flattened = msgspec.json.Decoder(_Flattened)
_header = msgspec.json.Decoder(Header)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def is_signed(protocol: Protocol, action: str) -> bool:
    """Is it an action of which the payload is a JWS? OCPP 1.6 has no such."""
    return protocol is not Protocol.OCPP16 and len(action) > len(SUFFIX) and action.endswith(SUFFIX)


def unsigned(action: str) -> str:
    """The action that is meant."""
    return action.removesuffix(SUFFIX)


def opened(action: str, payload: bytes) -> Opened | Refusal:
    """Take the message out, whoever signed it; the refusal is about its form."""
    try:
        jws = _flattened.decode(payload)
        protected, inner, signature = (_bytes(part) for part in (jws.protected, jws.payload, jws.signature))
        if len(protected) > MOST_HEADER or len(signature) > MOST_SIGNATURE:
            raise ValueError(f"a header of {len(protected)} and a signature of {len(signature)} bytes")
        for part in (protected, inner):
            fault = fault_of_json(part)
            if fault:
                raise ValueError(fault)
        header = _header.decode(protected)
        _object.decode(inner)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        return Refusal(Fault.FORMAT_VIOLATION, f"no JWS with a payload in it: {problem}"[:255])
    return Opened(unsigned(action), inner, header, f"{jws.protected}.{jws.payload}".encode(), signature)


def fault_of(message: Opened, kind: int) -> str | None:
    """What speaks against a message before its signature is looked at; None: nothing.

    Args:
        kind: of the frame it came in.
    """
    header = message.header
    if header.alg not in set(Algorithm):
        return f"alg {header.alg[:20]!r} is not {', '.join(Algorithm)}"
    if len(header.crit):
        return "it has critical headers, and we know none"  # RFC 7515 §4.1.11
    if header.action != message.action:
        return f"it was signed as {(header.action or 'nothing')[:50]!r}, and came as {message.action[:50]!r}"
    if {header.kind, header.kind_meant} - {None} != {kind}:
        return f"it was signed as message type {header.kind or header.kind_meant}, and came as {kind}"
    return None


def sealed(
    action: str,
    payload: bytes,
    kind: int,
    algorithm: Algorithm,
    thumbprint: str | None,
    sign: Callable[[bytes], bytes],
) -> bytes:
    """A payload in a JWS.

    Args:
        action: without the suffix.
        sign: makes the signature.
    """
    header = Header(alg=algorithm.value, action=action, kind=kind, thumbprint=thumbprint)
    protected, inner = _text(_encode(header)), _text(payload)
    signature = _text(sign(f"{protected}.{inner}".encode()))
    return _encode({"payload": inner, "protected": protected, "signature": signature})


class _Timed(msgspec.Struct):
    timestamp: msgspec.Raw = _NONE
    generated_at: msgspec.Raw = msgspec.field(default=_NONE, name="generatedAt")


_timed = msgspec.json.Decoder(_Timed)


def is_of_a_moment(payload: bytes) -> bool:
    """Does it tell when it was said? Then nobody has a reason to say just the same again."""
    told = _timed.decode(payload)
    return bool(len(told.timestamp) or len(told.generated_at))


def _bytes(text: str) -> bytes:
    """Of base64url as RFC 7515 has it: no padding, and nothing that is skipped.

    Raises:
        ValueError: it is something else.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("a part is no base64url without padding")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as problem:
        raise ValueError(f"a part is no base64url: {problem}") from None


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
