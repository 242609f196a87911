"""What is learnt of a certificate, and what is known of those that issue certificates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from cryptography import x509

from elstrada.model.certificates import CertificateId, CertificateState
from elstrada.roles.signing.hashes import issuer_hashes

LONGEST = timedelta(days=7)
"""So long an answer is kept at most, whatever it says of itself (OCPP 2.1 part 2, M07)."""
SKEW = timedelta(minutes=5)
"""A responder's clock may be so much ahead of ours."""


class NoStatus(Exception):
    """It could not be learnt whether a certificate is good; the text says why."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer about one certificate."""

    state: CertificateState
    verified: bool
    """Its issuer is known, and has signed this, or had it signed. False: the issuer is not known."""
    until: datetime
    """It may be believed so long."""
    der: bytes = b""
    """The OCSP responder's whole answer."""


class Known(msgspec.Struct, frozen=True):
    """Certificates of authorities that the operator trusts: roots, and those below them."""

    certificates: tuple[x509.Certificate, ...] = ()

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return tuple(one for one in self.certificates if one.issuer == one.subject)

    def and_also(self, more: Iterable[x509.Certificate]) -> Known:
        """With those of a chain that was found to lead to one of these."""
        return Known((*self.certificates, *more))

    def issuer_of(self, named: CertificateId) -> x509.Certificate | None:
        """Whoever issued a certificate, by the hashes it is named by."""
        wanted = (named.issuer_name_hash, named.issuer_key_hash)
        return next((one for one in self.certificates if issuer_hashes(one, named.algorithm) == wanted), None)

    def holds_root(self, named: CertificateId) -> bool:
        """Is the certificate named one of the roots? Nobody but the operator revokes those."""
        issuer = self.issuer_of(named)
        return issuer is not None and issuer in self.roots and f"{issuer.serial_number:x}" == named.serial
