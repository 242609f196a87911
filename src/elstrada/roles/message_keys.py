"""Keys of signed messages: those of stations, by which we check, and our own, by which we sign.

The JWS is put together in ``ocpp.signed``; the arithmetic is that of the library ``cryptography``. A library of JOSE
would bring a parser that looks for the algorithm in what an attacker wrote, for three lines of concatenation.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from elstrada.net.reading import UNREADABLE
from elstrada.ocpp.signed import Algorithm, Opened, sealed
from elstrada.settings import MessageSigningSection

MOST_KEYS = 8
"""Of one station: its own, its meters', and the next one of each."""
MOST_BYTES = 1 << 16
LEAST_RSA_BITS = 2048
"""Source: OCPP 2.0.1 part 2, A00.FR.507."""
_HALF = 32
"""Bytes of each of the two numbers of an ES256 signature (RFC 7518 §3.4)."""
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_HASHES = {
    Algorithm.ES256: hashes.SHA256(),
    Algorithm.RS256: hashes.SHA256(),
    Algorithm.RS384: hashes.SHA384(),
}


class PublicKey(NamedTuple):
    """One key by which a station may sign."""

    key: EllipticCurvePublicKey | RSAPublicKey
    thumbprint: str | None
    """Of its certificate, as ``x5t#S256`` has it; None: it was told without one."""

    def has_signed(self, message: Opened) -> bool:
        """Is it this key's signature? The kind of key says which algorithms there can be, never the message alone."""
        algorithm, signature = Algorithm(message.header.alg), message.signature
        try:
            match self.key:
                case EllipticCurvePublicKey() if algorithm is Algorithm.ES256 and len(signature) == 2 * _HALF:
                    halves = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
                    self.key.verify(encode_dss_signature(*halves), message.signed, ECDSA(_HASHES[algorithm]))
                case RSAPublicKey() if algorithm is not Algorithm.ES256:
                    self.key.verify(signature, message.signed, PKCS1v15(), _HASHES[algorithm])
                case _:
                    return False
        except InvalidSignature:
            return False
        return True


def read_keys(content: bytes) -> tuple[str, ...]:
    """The keys in a file of PEM, each as a text of its own.

    Raises:
        ValueError: something in it is no key that may sign messages; says what.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    if b"PRIVATE KEY" in content:
        raise ValueError("a private key, which nobody but the station may have")
    blocks = [found[0] for found in _BLOCK.finditer(content)]
    if not 0 < len(blocks) <= MOST_KEYS:
        raise ValueError(f"{len(blocks)} keys; expected 1 to {MOST_KEYS}")
    for block in blocks:
        _public(block)
    return tuple(block.decode() + "\n" for block in blocks)


def public_keys(told: tuple[str, ...]) -> tuple[PublicKey, ...]:
    """Keys as ``read_keys`` left them.

    Raises:
        ValueError: as ``read_keys``.
    """
    return tuple(_public(one.encode()) for one in told)


def signer_of(message: Opened, keys: tuple[PublicKey, ...]) -> PublicKey | None:
    """Which of these keys has signed a message; None: none of them.

    A message that names a certificate is of that one, or of a key of which no certificate is known.
    """
    named = message.header.thumbprint
    fit = (one for one in keys if named is None or one.thumbprint is None or one.thumbprint == named)
    return next((one for one in fit if one.has_signed(message)), None)


class Signer(NamedTuple):
    """Our own key."""

    algorithm: Algorithm
    thumbprint: str
    sign: Callable[[bytes], bytes]

    def sealed(self, action: str, payload: bytes, kind: int) -> bytes:
        """A payload signed by us."""
        return sealed(action, payload, kind, self.algorithm, self.thumbprint, self.sign)


def configured_signer(told: MessageSigningSection) -> Signer | None:
    """Our own key, if there is one.

    Raises:
        OSError, ValueError: as ``read_signer``.
    """
    if told.key is None or told.certificate is None:
        return None
    try:
        return read_signer(told.key, told.certificate)
    except ValueError as problem:
        raise ValueError(f"stations.message_signing: {problem}") from None


def read_signer(key: Path, certificate: Path) -> Signer:
    """Our own key, and the certificate that names it to stations.

    Raises:
        OSError: a file cannot be read.
        ValueError: they are none, are of another kind, or do not belong together.
    """
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except UNREADABLE:
        raise ValueError(f"{key} holds no private key in PEM without a password") from None
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes())
        public, thumbprint = _fit(shown.public_key()), _thumbprint(shown)
    except UNREADABLE as problem:
        raise ValueError(f"{certificate} holds no certificate for signing: {problem}") from None
    if not isinstance(private, EllipticCurvePrivateKey | RSAPrivateKey) or _bytes(
        private.public_key()
    ) != _bytes(public):
        raise ValueError(f"{key} is not the key of {certificate}")
    return Signer(
        Algorithm.RS256 if isinstance(private, RSAPrivateKey) else Algorithm.ES256,
        thumbprint,
        partial(_signed, private),
    )


def _signed(key: EllipticCurvePrivateKey | RSAPrivateKey, told: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(told, PKCS1v15(), hashes.SHA256())
    halves = decode_dss_signature(key.sign(told, ECDSA(hashes.SHA256())))
    return b"".join(half.to_bytes(_HALF, "big") for half in halves)


def _public(block: bytes) -> PublicKey:
    try:
        if b"-----BEGIN CERTIFICATE-----" in block:
            certificate = x509.load_pem_x509_certificate(block)
            return PublicKey(_fit(certificate.public_key()), _thumbprint(certificate))
        return PublicKey(_fit(load_pem_public_key(block)), None)
    except UNREADABLE as problem:
        raise ValueError(f"no certificate and no public key that may sign: {problem}") from None


def _fit(key: object) -> EllipticCurvePublicKey | RSAPublicKey:
    match key:
        case EllipticCurvePublicKey(curve=SECP256R1()):
            return key
        case RSAPublicKey() if key.key_size >= LEAST_RSA_BITS:
            return key
        case _:
            raise ValueError(f"expected ECDSA on P-256, or RSA of {LEAST_RSA_BITS} bits at least")


def _thumbprint(certificate: x509.Certificate) -> str:
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _bytes(key: EllipticCurvePublicKey | RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
