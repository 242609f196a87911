"""Revocation lists (CRL): is a certificate among those that its issuer took back?

Source: RFC 5280 §5, §6.3.3; OCPP 2.1 part 2, M07.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from elstrada.model.certificates import CertificateId, CertificateState
from elstrada.net.reading import UNREADABLE
from elstrada.roles.contracts.face import LONGEST, SKEW, Known, NoStatus, Told
from elstrada.roles.contracts.signature import is_signed


def listed(content: bytes, named: CertificateId, known: Known, now: datetime) -> Told:
    """Look a certificate up in a list, DER or PEM.

    Raises:
        NoStatus: the list is not of its issuer, is out of date, or cannot be read. A list whose issuer
            is not known is of nobody: it names no key, so nothing ties it to the certificate.
    """
    issuer = known.issuer_of(named)
    if issuer is None:
        raise NoStatus("its issuer is not known here, so no revocation list can be believed")
    try:
        revocations = _read(content)
        if revocations.issuer != issuer.subject or not is_signed(
            issuer.public_key(),
            revocations.signature,
            revocations.tbs_certlist_bytes,
            revocations.signature_hash_algorithm,
        ):
            raise NoStatus("the revocation list is not signed by the certificate's issuer")
        if any(one.critical for one in revocations.extensions):
            raise NoStatus("the revocation list is only a part (a delta, or of some certificates)")
        found = revocations.get_revoked_certificate_by_serial_number(int(named.serial, 16))
        begins, ends = revocations.last_update_utc, revocations.next_update_utc
    except UNREADABLE as problem:
        raise NoStatus("what came is no revocation list that can be read") from problem
    if begins > now + SKEW or ends is None or ends <= now:
        raise NoStatus(f"the revocation list is of {begins:%Y-%m-%d %H:%M}, and out of date")
    state = CertificateState.GOOD if found is None else CertificateState.REVOKED
    return Told(state=state, verified=True, until=min(ends, now + LONGEST))


def _read(content: bytes) -> x509.CertificateRevocationList:
    if content.lstrip().startswith(b"-----BEGIN"):
        return x509.load_pem_x509_crl(content)
    return x509.load_der_x509_crl(content)
