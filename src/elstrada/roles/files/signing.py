"""Signatures of firmware: made, and checked before an image is offered to anybody (T23).

Source: OCPP 2.0.1 L01.FR.04: RSA-PSS or EC-Schnorr with SHA-256. Stations in the field, EVerest's among
them, check RSA signatures of PKCS #1 v1.5 and ECDSA; so both are known here, and EC-Schnorr is not.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from elstrada.net.reading import UNREADABLE
from elstrada.roles.files.folder import sha256_of

MOST_SIGNATURE, MOST_CERTIFICATE = 800, 5500
"""Characters that OCPP has room for."""
_HASH = Prehashed(hashes.SHA256())


class Scheme(StrEnum):
    """How an image is signed."""

    PSS = "PSS"
    """RSA, as OCPP wants it."""
    PKCS1 = "PKCS1"
    """RSA, as `openssl dgst -sha256 -sign` does it."""
    ECDSA = "ECDSA"


class NotSigned(Exception):
    """A signature, its certificate or its key is not as it must be."""


def sign(image: Path, key_pem: bytes, scheme: Scheme | None = None) -> tuple[str, Scheme]:
    """Sign a file; returns the signature in Base64, and how it was made.

    Args:
        scheme: of an RSA key; None: PSS.
    Raises:
        NotSigned: the key cannot do it.
    """
    try:
        key = load_pem_private_key(key_pem, None)
    except TypeError:
        raise NotSigned("the key is locked by a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise NotSigned("this is no private key in PEM") from None
    digest = bytes.fromhex(sha256_of(image))
    match key:
        case rsa.RSAPrivateKey() if scheme is not Scheme.ECDSA:
            used = scheme or Scheme.PSS
            signature = key.sign(digest, _padding(used), _HASH)
        case ec.EllipticCurvePrivateKey() if scheme in (None, Scheme.ECDSA):
            used = Scheme.ECDSA
            signature = key.sign(digest, ec.ECDSA(_HASH))
        case _:
            raise NotSigned("the key is of another kind than the scheme")
    return base64.b64encode(signature).decode(), used


def check(sha256: str, signature: str, certificate_pem: str, now: datetime) -> Scheme:
    """See that a signature is of an image and by a certificate; returns how it was made.

    Raises:
        NotSigned: it is not, or a station would refuse it.
    """
    raw, certificate = _read_signature(signature), _read_certificate(certificate_pem, now)
    for scheme in Scheme:
        if _fits(certificate, raw, bytes.fromhex(sha256), scheme):
            return scheme
    raise NotSigned(
        "the signature is not this image's by this certificate, be it RSA-PSS, RSA PKCS #1 v1.5 or ECDSA with SHA-256"
    )


def _fits(certificate: x509.Certificate, signature: bytes, digest: bytes, scheme: Scheme) -> bool:
    try:
        match key := certificate.public_key():
            case rsa.RSAPublicKey() if scheme is not Scheme.ECDSA:
                key.verify(signature, digest, _padding(scheme, checks=True), _HASH)
            case ec.EllipticCurvePublicKey() if scheme is Scheme.ECDSA:
                key.verify(signature, digest, ec.ECDSA(_HASH))
            case _:
                return False
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _padding(scheme: Scheme, *, checks: bool = False) -> padding.PSS | padding.PKCS1v15:
    if scheme is Scheme.PKCS1:
        return padding.PKCS1v15()
    salt = padding.PSS.AUTO if checks else padding.PSS.DIGEST_LENGTH
    return padding.PSS(padding.MGF1(hashes.SHA256()), salt)


def _read_signature(text: str) -> bytes:
    if len(text) > MOST_SIGNATURE:
        raise NotSigned(f"the signature has {len(text)} characters, and OCPP takes {MOST_SIGNATURE}")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise NotSigned("the signature is not Base64") from None


def _read_certificate(pem: str, now: datetime) -> x509.Certificate:
    if len(pem) > MOST_CERTIFICATE:
        raise NotSigned(f"the certificate has {len(pem)} characters, and OCPP takes {MOST_CERTIFICATE}")
    if "PRIVATE KEY" in pem:
        raise NotSigned("there is a private key beside the certificate, which stations would be told")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except UNREADABLE:
        raise NotSigned("this is no certificate in PEM") from None
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        raise NotSigned(f"the certificate is good from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, and not now")
    return certificate
