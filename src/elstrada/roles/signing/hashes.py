"""The name under which OCPP knows a certificate: hashes as OCSP makes them.

Source: RFC 6960 §4.1.1 (CertID); OCPP 2.0.1 part 2, CertificateHashDataType; OCPP 1.6 security whitepaper, the same.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from elstrada.net.reading import UNREADABLE


class HashData(msgspec.Struct, frozen=True, rename="camel"):
    """CertificateHashDataType of all versions; hexadecimal in lower case."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    """Without leading zeros."""


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate | None = None, algorithm: str = "SHA256"
) -> HashData:
    """Name a certificate.

    Args:
        issuer: whose certificate it stands below; None for a root, which stands below itself.
        algorithm: SHA256, SHA384 or SHA512.
    Raises:
        ValueError: the issuer has not issued it, or it is no root and has none here.
    """
    above = issuer or certificate
    try:
        certificate.verify_directly_issued_by(above)
    except (*UNREADABLE, InvalidSignature) as trouble:
        whose = "the issuer given has not issued it" if issuer else "it is no root, so its issuer is needed"
        raise ValueError(whose) from trouble
    # The issuer's name as it stands in the certificate, which is what RFC 6960 hashes.
    name_hash = _hash(algorithm, certificate.issuer.public_bytes())
    return HashData(
        algorithm, name_hash, _hash(algorithm, _key_bits(above)), f"{certificate.serial_number:x}"
    )


@lru_cache(maxsize=4_096)
def issuer_hashes(issuer: x509.Certificate, algorithm: str) -> tuple[str, str]:
    """The hashes of an issuer's name and key by which the certificates are named that it issued."""
    return _hash(algorithm, issuer.subject.public_bytes()), _hash(algorithm, _key_bits(issuer))


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The value of the subjectPublicKey bit string, without tag, length and the count of unused bits."""
    known = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bits = _bit_string(spki)
    assert hashlib.sha1(bits, usedforsecurity=False).digest() == known.digest, "RFC 5280 §4.2.1.2 (1)"
    return bits


def _bit_string(spki: bytes) -> bytes:
    """The bit string of SubjectPublicKeyInfo: SEQUENCE { SEQUENCE algorithm, BIT STRING }."""
    _, start, _ = _element(spki, 0)
    _, _, after_algorithm = _element(spki, start)
    _, content, end = _element(spki, after_algorithm)
    return spki[content + 1 : end]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, and where the content begins and ends, of the element that begins there."""
    length, content = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, content = int.from_bytes(der[content : content + size], "big"), content + size
    return der[at], content, content + length


def _hash(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm.lower(), content).hexdigest()
