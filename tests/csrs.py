"""Certificate signing requests of all kinds, good and bad."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


def csr(
    key: Key,
    *names: str,
    organization: str | None = "Els",
    extensions: Sequence[x509.ExtensionType] = (),
    more: Sequence[tuple[x509.ObjectIdentifier, str]] = (),
) -> str:
    """A request in PEM; each of ``names`` is a CN."""
    said = [(NameOID.COMMON_NAME, name) for name in names]
    if organization is not None:
        said.append((NameOID.ORGANIZATION_NAME, organization))
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in (*said, *more)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM).decode()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
