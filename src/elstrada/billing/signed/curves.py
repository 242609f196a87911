"""The curves that OCMF knows. Source: OCMF 1.4.1 tables 22 and 23; object identifiers from SEC 2 and RFC 5639."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from elstrada.billing.signed.der import BIT_STRING, EC_PUBLIC_KEY, OBJECT_IDENTIFIER, SEQUENCE
from elstrada.billing.signed.short_curves import SECP192K1, SECP192R1, Domain, holds, is_on


class Curve(NamedTuple):
    """One of the seven."""

    name: str
    """As OCMF spells it."""
    oid: bytes
    """The content of its DER object identifier."""
    size: int
    """Bytes of a coordinate, and of each half of a signature."""
    reckoned: ec.EllipticCurve | Domain
    """By the library ``cryptography``, or by ourselves."""


class PublicKey(NamedTuple):
    """A point that was found to be on its curve."""

    curve: Curve
    x: int
    y: int

    @property
    def der(self) -> bytes:
        """As SubjectPublicKeyInfo (RFC 5480)."""
        algorithm = _tagged(
            SEQUENCE, _tagged(OBJECT_IDENTIFIER, EC_PUBLIC_KEY) + _tagged(OBJECT_IDENTIFIER, self.curve.oid)
        )
        point = b"\x04" + self.x.to_bytes(self.curve.size) + self.y.to_bytes(self.curve.size)
        return _tagged(SEQUENCE, algorithm + _tagged(BIT_STRING, b"\x00" + point))


DEFAULT = Curve("secp256r1", bytes.fromhex("2a8648ce3d030107"), 32, ec.SECP256R1())
CURVES = (
    Curve("secp192k1", bytes.fromhex("2b8104001f"), 24, SECP192K1),
    Curve("secp192r1", bytes.fromhex("2a8648ce3d030101"), 24, SECP192R1),
    Curve("secp256k1", bytes.fromhex("2b8104000a"), 32, ec.SECP256K1()),
    DEFAULT,
    Curve("secp384r1", bytes.fromhex("2b81040022"), 48, ec.SECP384R1()),
    Curve("brainpool256r1", bytes.fromhex("2b2403030208010107"), 32, ec.BrainpoolP256R1()),
    Curve("brainpool384r1", bytes.fromhex("2b240303020801010b"), 48, ec.BrainpoolP384R1()),
)
_BY_OID = {curve.oid: curve for curve in CURVES}
_BY_NAME = {curve.name: curve for curve in CURVES} | {"prime256v1": DEFAULT}
_ALGORITHM = re.compile(r"(?:ECDSA-)?([a-z]+P?[0-9]+[a-z][0-9])(?:-SHA-?256)?", re.IGNORECASE)


def curve_of_oid(oid: bytes) -> Curve | None:
    return _BY_OID.get(oid)


def curve_of_algorithm(algorithm: str) -> Curve | None:
    """The curve of a signature algorithm such as ``ECDSA-secp256r1-SHA256``; meters write brainpoolP256r1 too."""
    found = _ALGORITHM.fullmatch(algorithm.strip())
    return _BY_NAME.get(found[1].lower().replace("brainpoolp", "brainpool")) if found else None


def public_key(curve: Curve, x: int, y: int) -> PublicKey | None:
    """The key; None: the point is not on the curve."""
    if isinstance(curve.reckoned, Domain):
        return PublicKey(curve, x, y) if is_on(curve.reckoned, x, y) else None
    try:
        ec.EllipticCurvePublicNumbers(x, y, curve.reckoned).public_key()
    except ValueError:
        return None
    return PublicKey(curve, x, y)


def signed_by(key: PublicKey, content: bytes, r: int, s: int) -> bool:
    """Is ``(r, s)`` the ECDSA signature of this content's SHA-256 by the holder of this key?"""
    if isinstance(key.curve.reckoned, Domain):
        return holds(key.curve.reckoned, (key.x, key.y), hashlib.sha256(content).digest(), r, s)
    verifier = ec.EllipticCurvePublicNumbers(key.x, key.y, key.curve.reckoned).public_key()
    try:
        verifier.verify(encode_dss_signature(r, s), content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _tagged(tag: int, content: bytes) -> bytes:
    """A DER element of at most 255 bytes."""
    length = bytes((len(content),)) if len(content) < 0x80 else bytes((0x81, len(content)))
    return bytes((tag,)) + length + content
