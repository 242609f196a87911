"""Signatures of OCSP responses and revocation lists."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def is_signed(
    key: CertificatePublicKeyTypes, signature: bytes, told: bytes, digest: hashes.HashAlgorithm | None
) -> bool:
    """Has this key signed what was told? ECDSA and RSA (PKCS #1 v1.5) over SHA-2, and the two Edwards curves."""
    try:
        match key:
            case EllipticCurvePublicKey() if isinstance(digest, STRONG):
                key.verify(signature, told, ECDSA(digest))
            case RSAPublicKey() if isinstance(digest, STRONG):
                key.verify(signature, told, PKCS1v15(), digest)
            case Ed25519PublicKey() | Ed448PublicKey():
                key.verify(signature, told)
            case _:
                return False
    except InvalidSignature:
        return False
    return True
