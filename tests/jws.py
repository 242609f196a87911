"""Signed messages as a station makes them, written after RFC 7515 alone: nothing of ours is in them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

Json = Any
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Pair:
    """A key and a certificate of its own."""

    def __init__(self, key: Key, name: str = "CP1") -> None:
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        self.key, self.certificate = key, builder.sign(key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM).decode()
        self.public_pem = (
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        )
        self.private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.thumbprint = b64(hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest())

    def sign(self, algorithm: str, told: bytes) -> bytes:
        digest = hashes.SHA384() if algorithm.endswith("384") else hashes.SHA256()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(told, padding.PKCS1v15(), digest)
        r, s = decode_dss_signature(self.key.sign(told, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, jws: dict[str, str]) -> bool:
        """Is it a good JWS of this key?"""
        told, signature = f"{jws['protected']}.{jws['payload']}".encode(), unb64(jws["signature"])
        public = self.key.public_key()
        try:
            if isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, told, padding.PKCS1v15(), hashes.SHA256())
            else:
                halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
                public.verify(encode_dss_signature(*halves), told, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def new_ec(name: str = "CP1") -> Pair:
    return Pair(ec.generate_private_key(ec.SECP256R1()), name)


def new_rsa(bits: int = 2048) -> Pair:
    return Pair(rsa.generate_private_key(65537, bits))


def signed(
    pair: Pair, action: str, payload: Json, *, kind: int = 2, alg: str | None = None, **header: Json
) -> dict[str, str]:
    """A payload in a flattened JWS.

    Args:
        header: protected fields that are otherwise than usual; None leaves one out.
    """
    algorithm = alg or ("RS256" if isinstance(pair.key, rsa.RSAPrivateKey) else "ES256")
    usual = {
        "alg": algorithm,
        "OCPPAction": action,
        "OCPPMessageTypedId": kind,
        "x5t#S256": pair.thumbprint,
    } | header
    protected = b64(json.dumps({name: value for name, value in usual.items() if value is not None}).encode())
    inner = b64(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    told = f"{protected}.{inner}".encode()
    match algorithm:
        case "none":
            signature = b""
        case "HS256":  # The public key as the secret: the confusion of RFC 8725 §2.1.
            signature = hmac.digest(pair.public_pem.encode(), told, "sha256")
        case _:
            signature = pair.sign(algorithm, told)
    return {"payload": inner, "protected": protected, "signature": b64(signature)}


def opened(jws: dict[str, str]) -> tuple[Json, Json]:
    """The protected header and the payload."""
    return json.loads(unb64(jws["protected"])), json.loads(unb64(jws["payload"]))
