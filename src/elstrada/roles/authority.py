"""A certificate authority in a folder: for laboratories, and for whoever has no other for stations.

Source: OCPP 2.0.1 part 2, A00.FR.403 to 408 (what a station's certificate must say) and A02 (renewal).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from elstrada.net.reading import UNREADABLE
from elstrada.roles.signing.face import Leaf
from elstrada.roles.signing.requests import CPO

CERTIFICATE, KEY = "ca.pem", "ca.key"
LASTS = timedelta(days=3650)
"""An authority's own certificate."""
EARLY = timedelta(hours=1)
"""Certificates begin so much before they are made: clocks of stations are behind."""
LEAST_RSA_BITS, LEAST_EC_BITS = 2048, 256

Key = EllipticCurvePrivateKey | RSAPrivateKey


class Issued(msgspec.Struct, frozen=True):
    """A certificate, and its key where we made that too; both PEM."""

    certificate: bytes
    key: bytes | None
    ends_at: datetime


class NotIssued(Exception):
    """What was asked for cannot be signed; the text says why."""


class Authority:
    """Signs; its key stays in it."""

    def __init__(self, certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> None:
        self._certificate, self._key = certificate, key

    @property
    def organization(self) -> str:
        """The O of everything it signs."""
        return _one(self._certificate.subject, NameOID.ORGANIZATION_NAME)

    def server(self, names: tuple[str, ...], lasts: timedelta, now: datetime, *, rsa: bool = False) -> Issued:
        """A certificate for a server under these names and addresses, and its key.

        Args:
            rsa: for stations that know no ECDSA.
        """
        key = generate_rsa_key(65537, LEAST_RSA_BITS) if rsa else generate_private_key(SECP256R1())
        known = x509.SubjectAlternativeName([_host(name) for name in names])
        return self._issued(names[0], key.public_key(), None, lasts, now, known, key)

    def station(self, station_id: str, lasts: timedelta, now: datetime) -> Issued:
        """A certificate for a station, and its key."""
        key = generate_private_key(SECP256R1())
        return self._issued(station_id, key.public_key(), Leaf.STATION, lasts, now, None, key)

    def sign(
        self, request: bytes, station_id: str, lasts: timedelta, now: datetime, leaf: Leaf = Leaf.STATION
    ) -> Issued:
        """A certificate for a station that has made its own key, and asks by a CSR in PEM.

        Of the request only its key is taken over; whatever else it wants to be, it is a station's.

        Args:
            station_id: its identity, or what it calls itself to cars.
            leaf: what it is for.
        Raises:
            NotIssued: the request is not this station's, or its key is weak.
        """
        try:
            asked = x509.load_pem_x509_csr(request)
            genuine, public = asked.is_signature_valid, asked.public_key()
        except UNREADABLE as trouble:
            raise NotIssued("it is no certificate signing request in PEM") from trouble
        if not genuine:
            raise NotIssued("its signature is not of the key that it holds")
        name, organization = (
            _one(asked.subject, oid) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        )
        if name != station_id:
            raise NotIssued(f"its CN is {name[:60]!r}, not the station's identity {station_id!r}")
        if organization != self.organization:
            raise NotIssued(f"its O is {organization[:64]!r}, not {self.organization!r}")
        match public:
            case RSAPublicKey() if public.key_size >= LEAST_RSA_BITS:
                pass
            case EllipticCurvePublicKey() if public.key_size >= LEAST_EC_BITS:
                pass
            case Ed448PublicKey() if leaf is Leaf.SECC_20:
                pass
            case _:
                least = f"RSA of {LEAST_RSA_BITS} bits or ECDSA of {LEAST_EC_BITS}"
                raise NotIssued(f"its key is weaker than {least}, or of another kind")
        return self._issued(station_id, public, leaf, lasts, now, None, None)

    def _issued(
        self,
        name: str,
        public: CertificatePublicKeyTypes,
        leaf: Leaf | None,
        lasts: timedelta,
        now: datetime,
        known: x509.SubjectAlternativeName | None,
        key: Key | None,
    ) -> Issued:
        """Of a station; without a ``leaf``, of a server of ours."""
        ends = min(now + lasts, self._certificate.not_valid_after_utc)
        for_cars = leaf is not None and leaf.is_for_cars
        subject = _name(name, self.organization, *([CPO] if for_cars else []))
        own = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            _begun(subject, self._certificate.subject, public, now, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False, agrees_on_keys=for_cars), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_uses(leaf)), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
            )
        )
        if known is not None:
            builder = builder.add_extension(known, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return Issued(signed.public_bytes(Encoding.PEM), _pem(key) if key is not None else None, ends)


def make_authority(folder: Path, name: str, organization: str, now: datetime) -> Authority:
    """Make an authority into a folder, which nobody else may read.

    Raises:
        FileExistsError: there is one already, and what it signed would be worth nothing.
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = generate_private_key(SECP256R1())
    subject = _name(name, organization)
    certificate = (
        _begun(subject, subject, key.public_key(), now, now + LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_new(folder / KEY, _pem(key), 0o600)
    write_new(folder / CERTIFICATE, certificate.public_bytes(Encoding.PEM), 0o644)
    return Authority(certificate, key)


def load_authority(folder: Path) -> Authority:
    """The authority of a folder.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it was not made by ``make_authority``.
    """
    certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    key = load_pem_private_key((folder / KEY).read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError(f"{folder / KEY} is not the key of {folder / CERTIFICATE}")
    return Authority(certificate, key)


def write_new(file: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist.

    Raises:
        FileExistsError: it does.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)


# --- parts ------------------------------------------------------------------------------------------


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    public: CertificatePublicKeyTypes,
    now: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _uses(leaf: Leaf | None) -> list[x509.ObjectIdentifier]:
    """Towards us a station is a client, towards a car it is the server."""
    uses: list[x509.ObjectIdentifier] = []
    if leaf is None or leaf.is_for_cars:
        uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if leaf is not None and leaf.opens_our_door:
        uses.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    return uses


def _usage(*, signs_certificates: bool, agrees_on_keys: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=agrees_on_keys,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str, organization: str, *domains: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            *(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain) for domain in domains),
        ]
    )


def _one(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """The only value of this kind; empty if there is none, or more than one."""
    found = [str(part.value) for part in name.get_attributes_for_oid(oid)]
    return found[0] if len(found) == 1 else ""


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
