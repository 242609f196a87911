"""The signature of one OCMF record, held against a key."""

from __future__ import annotations

import re

from elstrada.billing.signed.curves import DEFAULT, Curve, PublicKey, curve_of_algorithm, signed_by
from elstrada.billing.signed.der import NotDer, integers
from elstrada.billing.signed.keys import base64_bytes, read_key
from elstrada.billing.signed.ocmf import Record

LONGEST = 1_000
"""Characters of a signature that are looked at; the longest of OCMF's takes 208."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SPACE = re.compile(r"\s+")


class NoSignature(Exception):
    """It is no signature that we can read; the message says why."""


def is_signed(record: Record, key_text: str) -> bool:
    """Did the holder of the key sign this record's payload?

    Where a record names no algorithm and the key its curve, the key's counts: not all meters write SA.

    Raises:
        NoSignature, NoKey: one or the other cannot be read.
    """
    curve = curve_of(record)
    key = read_key(key_text, curve)
    if record.algorithm and key.curve != curve:
        return False
    r, s = halves(record, key)
    return signed_by(key, record.payload, r, s)


def curve_of(record: Record) -> Curve:
    """The curve that a record says it is signed on.

    Raises:
        NoSignature: it names an algorithm that OCMF has not.
    """
    curve = curve_of_algorithm(record.algorithm) if record.algorithm else DEFAULT
    if curve is None:
        raise NoSignature(f"algorithm {record.algorithm[:40]!r} is none of OCMF's")
    return curve


def halves(record: Record, key: PublicKey) -> tuple[int, int]:
    """The two numbers of a signature: DER, or one after the other, as some meters have it.

    Raises:
        NoSignature: it is neither.
    """
    content = _bytes(record)
    try:
        return integers(content)
    except NotDer as problem:
        if len(content) != 2 * key.curve.size:
            raise NoSignature(f"the signature is no ECDSA signature: {problem}") from None
        return int.from_bytes(content[: key.curve.size]), int.from_bytes(content[key.curve.size :])


def _bytes(record: Record) -> bytes:
    text = _SPACE.sub("", record.signature)
    if len(text) > LONGEST:
        raise NoSignature(f"a signature of {len(text)} characters is none")
    is_hex = _HEX.fullmatch(text) is not None
    if record.encoding.lower() != "base64" and is_hex:
        return bytes.fromhex(text)
    content = base64_bytes(text)
    if content is None or record.encoding.lower() not in ("", "base64"):
        raise NoSignature(f"the signature is not {record.encoding[:20] or 'hex'}")
    return content
