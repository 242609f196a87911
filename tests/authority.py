"""Certificate authorities and certificates of all kinds, good and bad, made when they are needed."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)


class Issued(NamedTuple):
    """A certificate with its chain, and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str = "Test authority", above: Authority | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.above = folder, above
        self.key: Key = ec.generate_private_key(ec.SECP256R1())
        self.name = _named(name, "Elstrada tests")
        signer = above or self
        builder = _begun(self.name, signer.name, self.key, -DAY, 3650 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def server(self, kind: str = "EC", *, ends: timedelta = 90 * DAY, file: str | None = None) -> Issued:
        """A certificate for localhost."""
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        )
        return self._issue(
            "localhost", "Elstrada tests", kind, ExtendedKeyUsageOID.SERVER_AUTH, ends, names, file
        )

    def station(
        self,
        name: str,
        *,
        organization: str = "Elstrada tests",
        kind: str = "EC",
        ends: timedelta = 90 * DAY,
        serves: bool = False,
    ) -> Issued:
        """A certificate of a station; one that ``serves`` says it is for servers only."""
        use = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
        return self._issue(name, organization, kind, use, ends, None, None)

    def _issue(
        self,
        name: str,
        organization: str,
        kind: str,
        use: x509.ObjectIdentifier,
        ends: timedelta,
        names: x509.SubjectAlternativeName | None,
        file: str | None,
    ) -> Issued:
        key = made_key(kind)
        begins = min(-DAY, ends - DAY)
        builder = _begun(_named(name, organization), self.name, key, begins, ends)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        stem = file or f"{name}-{certificate.serial_number:x}"
        return written(self.folder, stem, certificate.public_bytes(Encoding.PEM) + self._chain(), key)

    def _chain(self) -> bytes:
        """Of the authorities below the root."""
        if self.above is None:
            return b""
        return self.certificate.public_bytes(Encoding.PEM) + self.above._chain()


def written(folder: Path, stem: str, chain: bytes, key: Key) -> Issued:
    """A certificate in PEM and its key, as files that TLS can load."""
    issued = Issued(folder / f"{stem}.pem", folder / f"{stem}.key")
    issued.certificate.write_bytes(chain)
    issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return issued


def made_key(kind: str) -> Key:
    """``EC``, ``RSA``, or ``weak RSA``."""
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if kind == "weak RSA" else 2048)


def trusting(*authorities: Authority, own: Issued | None = None) -> ssl.SSLContext:
    """What a station connects with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for authority in authorities:
        context.load_verify_locations(authority.file)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


def _named(name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: timedelta, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )
