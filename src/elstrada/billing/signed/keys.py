"""Reading the public key of a meter, however it is written down.

On the meter it is printed as hexadecimal digits. On the way to us it may become DER or a bare point, base64 once
or twice, PEM, or the ``oca:base16:asn1:`` notation of OCA's paper on signed meter values in OCPP.
"""

from __future__ import annotations

import base64
import binascii
import re

from elstrada.billing.signed.curves import Curve, PublicKey, curve_of_oid, public_key
from elstrada.billing.signed.der import NotDer, key_parts

LONGEST = 5_000
"""Characters of a key that are looked at."""
_WRAPPED = 3
"""A key is base64 of a notation of hexadecimal digits at most."""
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [A-Z ]+-----")
_NOTATION = re.compile(r"oca:base(16|64):(?:asn1|raw):", re.IGNORECASE)
_SPACE = re.compile(r"[\s:]+")
_HEX = re.compile(r"(?:0x)?((?:[0-9A-Fa-f]{2})+)")


class NoKey(Exception):
    """It is no public key that we can read; the message says why."""


def read_key(text: str, curve: Curve) -> PublicKey:
    """The key in this text.

    Args:
        curve: of the signature; a bare point says nothing of its own, DER does.
    Raises:
        NoKey: it cannot be read, or is a point of no such curve.
    """
    if len(text) > LONGEST:
        raise NoKey(f"a key of {len(text)} characters is none")
    for content in _contents(text, _WRAPPED):
        if (found := _key(content, curve)) is not None:
            return found
    raise NoKey(f"{text[:20]!r} is neither DER nor a point of {curve.name}, in hexadecimal digits or base64")


def _contents(text: str, depth: int) -> list[bytes]:
    """Everything that the text may stand for, the likeliest first: digits are base64 too."""
    bare = _SPACE.sub("", _NOTATION.sub("", _ARMOUR.sub("", text)))
    found: list[bytes] = []
    if digits := _HEX.fullmatch(bare):
        found.append(bytes.fromhex(digits[1]))
    if (decoded := base64_bytes(bare)) is not None:
        found.append(decoded)
        if depth and decoded.isascii():
            found += _contents(decoded.decode("ascii"), depth - 1)
    return found


def base64_bytes(text: str) -> bytes | None:
    """What base64 stands for, of either alphabet, with or without padding; None: it is none."""
    bare = text.translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_STANDARD = str.maketrans("-_", "+/")


def _key(content: bytes, curve: Curve) -> PublicKey | None:
    try:
        oid, point = key_parts(content)
    except NotDer:
        return _at(content, curve)
    named = curve_of_oid(oid)
    return None if named is None else _at(point, named)


def _at(point: bytes, curve: Curve) -> PublicKey | None:
    """Of X and Y, with or without the 04 that says so."""
    if len(point) == 2 * curve.size + 1 and point[0] == 0x04:
        point = point[1:]
    if len(point) != 2 * curve.size:
        return None
    return public_key(curve, int.from_bytes(point[: curve.size]), int.from_bytes(point[curve.size :]))
