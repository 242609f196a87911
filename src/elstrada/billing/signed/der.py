"""As much of DER as public keys and signatures need."""

from __future__ import annotations

SEQUENCE, INTEGER, BIT_STRING, OBJECT_IDENTIFIER = 0x30, 0x02, 0x03, 0x06
EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
"""id-ecPublicKey (RFC 5480 2.1.1)."""


class NotDer(Exception):
    """The bytes are something else; the message says what was expected."""


def element(content: bytes, tag: int) -> tuple[bytes, bytes]:
    """The first element, which must have this tag, and what comes after it.

    Raises:
        NotDer: it has another, or is cut off.
    """
    if len(content) < 2 or content[0] != tag:
        raise NotDer(f"an element of type {tag:#04x} was expected")
    length, at = content[1], 2
    if length == 0x81 and len(content) > 2:
        length, at = content[2], 3
    if length > 0xFF or (at == 2 and length >= 0x80) or len(content) < at + length:
        raise NotDer(f"the element of type {tag:#04x} is cut off, or longer than 255 bytes")
    return content[at : at + length], content[at + length :]


def integers(content: bytes) -> tuple[int, int]:
    """The two numbers of an ECDSA signature (RFC 3279 2.2.3).

    Meters forget the leading zero of a number whose first bit is set, and fill up the field behind the signature:
    both numbers are positive, whatever their first bit, and what follows the sequence is not looked at.

    Raises:
        NotDer: it is none.
    """
    inside, _ = element(content, SEQUENCE)
    first, rest = element(inside, INTEGER)
    second, rest = element(rest, INTEGER)
    if rest or not first or not second:
        raise NotDer("two numbers were expected")
    return int.from_bytes(first), int.from_bytes(second)


def key_parts(content: bytes) -> tuple[bytes, bytes]:
    """Of a SubjectPublicKeyInfo on a named curve (RFC 5480): the curve's object identifier, and the point.

    Raises:
        NotDer: it is none.
    """
    inside, _ = element(content, SEQUENCE)
    algorithm, rest = element(inside, SEQUENCE)
    bits, _ = element(rest, BIT_STRING)
    kind, parameters = element(algorithm, OBJECT_IDENTIFIER)
    oid, _ = element(parameters, OBJECT_IDENTIFIER)
    if kind != EC_PUBLIC_KEY or not bits or bits[0]:
        raise NotDer("an elliptic curve's key of whole bytes was expected")
    return oid, bits[1:]
