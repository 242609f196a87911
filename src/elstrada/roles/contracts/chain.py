"""Does a contract's certificate lead to a root that the operator trusts?

Source: RFC 5280 §6; OCPP 2.0.1 part 2, C07.FR.06 (the CSMS checks the chain where the station cannot).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtensionOID, NameOID

from elstrada.model.certificates import ContractStatus
from elstrada.net.reading import UNREADABLE
from elstrada.roles.contracts.emaid import is_same
from elstrada.roles.contracts.face import Known

MOST_CERTIFICATES = 6
"""Of a chain with its root; ISO 15118 has four."""
_UNDERSTOOD = frozenset(
    {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
)
"""Extensions that may be critical: what they say is looked at, or is of no account for a contract."""


class Doubt(Exception):
    """A chain that is not good: what the station is told, and why."""

    def __init__(self, status: ContractStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Link(NamedTuple):
    """A certificate and whose it is."""

    certificate: x509.Certificate
    issuer: x509.Certificate


def checked_chain(pem: str, emaid: str, known: Known, now: datetime) -> tuple[Link, ...]:
    """Follow a chain from the contract's certificate up to a root.

    Args:
        pem: the contract's own first; what stands above it in any order. A root among them is not trusted
            for standing there.
        emaid: of the contract that the certificate must be of.
    Returns:
        Each certificate below the root, with its issuer.
    Raises:
        Doubt: it is no good, or not of this contract.
    """
    try:
        shown = _read(pem)
        own = shown[0]
        _is_of(own, emaid)
        links = _upwards(own, shown[1:], known)
        _may_issue(links)
    except UNREADABLE as problem:
        raise Doubt(ContractStatus.CERT_CHAIN_ERROR, f"a certificate cannot be read: {problem}") from problem
    for one in (*(link.certificate for link in links), links[-1].issuer):
        if one.not_valid_after_utc <= now:
            raise Doubt(
                ContractStatus.CERTIFICATE_EXPIRED,
                f"{_name(one)} ended on {one.not_valid_after_utc:%Y-%m-%d}",
            )
        if one.not_valid_before_utc > now:
            why = f"{_name(one)} begins on {one.not_valid_before_utc:%Y-%m-%d}"
            raise Doubt(ContractStatus.CERT_CHAIN_ERROR, why)
    return links


def _read(pem: str) -> list[x509.Certificate]:
    if "-----BEGIN CERTIFICATE-----" not in pem:
        raise Doubt(ContractStatus.NO_CERTIFICATE_AVAILABLE, "there is no certificate in PEM")
    try:
        shown = x509.load_pem_x509_certificates(pem.encode())
    except UNREADABLE as problem:
        raise Doubt(ContractStatus.CERT_CHAIN_ERROR, "it is no chain of certificates in PEM") from problem
    if len(shown) > MOST_CERTIFICATES:
        raise Doubt(ContractStatus.CERT_CHAIN_ERROR, f"the chain has {len(shown)} certificates")
    return shown


def _is_of(own: x509.Certificate, emaid: str) -> None:
    names = [str(part.value) for part in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(names) != 1 or not is_same(names[0], emaid):
        raise Doubt(ContractStatus.CERT_CHAIN_ERROR, "the certificate is of another contract than the token")


def _upwards(own: x509.Certificate, shown: list[x509.Certificate], known: Known) -> tuple[Link, ...]:
    """From the contract's own to a root of the operator's."""
    roots, links, below = known.roots, list[Link](), own
    between = [one for one in (*shown, *known.certificates) if one.issuer != one.subject]
    while len(links) < MOST_CERTIFICATES:
        above = _issuer_of(below, roots) or _issuer_of(below, between)
        if above is None:
            break
        links.append(Link(below, above))
        if above in roots:
            return tuple(links)
        between.remove(above)
        below = above
    if any(one.subject == below.issuer for one in (*roots, *between)):
        why = f"the signature of {_name(below)} is not of its issuer"
        raise Doubt(ContractStatus.SIGNATURE_ERROR, why)
    why = f"no root that is trusted here stands above {_name(below)}"
    raise Doubt(ContractStatus.CERT_CHAIN_ERROR, why)


def _issuer_of(
    below: x509.Certificate, among: list[x509.Certificate] | tuple[x509.Certificate, ...]
) -> x509.Certificate | None:
    for one in among:
        try:
            below.verify_directly_issued_by(one)
        except (*UNREADABLE, InvalidSignature):
            continue
        return one
    return None


def _may_issue(links: tuple[Link, ...]) -> None:
    """May each certificate do what it does in the chain?"""
    own = links[0].certificate
    if _extension(own, x509.BasicConstraints, "ca"):
        raise Doubt(ContractStatus.CERT_CHAIN_ERROR, "the contract's certificate is an authority's")
    for below, (certificate, issuer) in enumerate(links):
        for one in (certificate, issuer):
            if any(part.critical and part.oid not in _UNDERSTOOD for part in one.extensions):
                why = f"{_name(one)} has a critical extension that is not known here"
                raise Doubt(ContractStatus.CERT_CHAIN_ERROR, why)
        longest = _extension(issuer, x509.BasicConstraints, "path_length")
        if not _extension(issuer, x509.BasicConstraints, "ca") or (longest is not None and longest < below):
            why = f"{_name(issuer)} may not issue {_name(certificate)}"
            raise Doubt(ContractStatus.CERT_CHAIN_ERROR, why)
        if _extension(issuer, x509.KeyUsage, "key_cert_sign") is False:
            raise Doubt(
                ContractStatus.CERT_CHAIN_ERROR, f"the key of {_name(issuer)} is not for certificates"
            )


def _extension(one: x509.Certificate, kind: type[x509.ExtensionType], what: str) -> int | bool | None:
    """What an extension says; None if there is no such extension, or it does not say."""
    try:
        return getattr(one.extensions.get_extension_for_class(kind).value, what)
    except x509.ExtensionNotFound:
        return None


def _name(one: x509.Certificate) -> str:
    """Of an authority as it is called; of a contract, which is a person's, by its number."""
    if _extension(one, x509.BasicConstraints, "ca"):
        return one.subject.rfc4514_string()[:80]
    return f"certificate {one.serial_number:x}"
