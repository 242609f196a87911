"""OCSP: the question, and what an answer is worth.

Source: RFC 6960 §4.1, §4.2; OCPP 2.0.1 part 2, C07.FR.05 and M06.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from elstrada.model.certificates import CertificateId, CertificateState
from elstrada.net.reading import UNREADABLE
from elstrada.roles.contracts.face import LONGEST, SKEW, Known, NoStatus, Told
from elstrada.roles.contracts.signature import is_signed

_ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_STATES = {
    ocsp.OCSPCertStatus.GOOD: CertificateState.GOOD,
    ocsp.OCSPCertStatus.REVOKED: CertificateState.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: CertificateState.UNKNOWN,
}


def question(named: CertificateId) -> bytes:
    """An OCSPRequest about one certificate, DER. It has no nonce, so that a responder may answer from store.

    Raises:
        NoStatus: the certificate is not named as OCSP can name it.
    """
    try:
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            bytes.fromhex(named.issuer_name_hash),
            bytes.fromhex(named.issuer_key_hash),
            int(named.serial, 16),
            _ALGORITHMS[named.algorithm](),
        )
        return builder.build().public_bytes(Encoding.DER)
    except (KeyError, ValueError) as problem:
        raise NoStatus("the hashes or the serial number are not as OCSP has them") from problem


def answer(der: bytes, named: CertificateId, known: Known, now: datetime) -> Told:
    """Judge a responder's answer.

    Args:
        known: if the certificate's issuer is among these, it must have signed the answer or named who does.
    Raises:
        NoStatus: it says nothing of the certificate, or nothing that may be believed.
    """
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise NoStatus(f"the responder answered {response.response_status.name}")
        single = next((one for one in response.responses if _is_about(one, named)), None)
        if single is None:
            raise NoStatus("the answer is about another certificate")
        until = _in_time(single, now)
        issuer = known.issuer_of(named)
        if issuer is not None and not any(
            is_signed(
                signer.public_key(),
                response.signature,
                response.tbs_response_bytes,
                response.signature_hash_algorithm,
            )
            for signer in _signers(response, issuer, now)
        ):
            raise NoStatus("the answer is not signed by the certificate's issuer, nor by whom that names")
        state = _STATES[single.certificate_status]
    except UNREADABLE as problem:
        raise NoStatus("what came is no OCSP response that can be read") from problem
    return Told(state=state, verified=issuer is not None, until=until, der=der)


def _is_about(one: ocsp.OCSPSingleResponse, named: CertificateId) -> bool:
    told = (one.hash_algorithm.name.upper(), one.issuer_name_hash.hex(), one.issuer_key_hash.hex())
    wanted = (named.algorithm, named.issuer_name_hash, named.issuer_key_hash)
    return told == wanted and f"{one.serial_number:x}" == named.serial


def _in_time(one: ocsp.OCSPSingleResponse, now: datetime) -> datetime:
    """Until when an answer may be believed; one that says nothing is of this moment only (RFC 6960 §2.4)."""
    until = one.next_update_utc
    if one.this_update_utc > now + SKEW:
        raise NoStatus(f"the answer begins on {one.this_update_utc:%Y-%m-%d %H:%M}")
    if until is None:
        if one.this_update_utc < now - LONGEST:
            raise NoStatus(f"the answer is of {one.this_update_utc:%Y-%m-%d %H:%M}")
        return now
    if until <= now:
        raise NoStatus(f"the answer ended on {until:%Y-%m-%d %H:%M}")
    return min(until, now + LONGEST)


def _signers(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> Iterator[x509.Certificate]:
    """Who may sign: the issuer, and whom it certified for that (RFC 6960 §4.2.2.2)."""
    yield issuer
    for one in response.certificates[:4]:
        if _may_sign(one, issuer, now):
            yield one


def _may_sign(one: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    if not one.not_valid_before_utc - SKEW <= now < one.not_valid_after_utc:
        return False
    try:
        one.verify_directly_issued_by(issuer)
        uses = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (*UNREADABLE, InvalidSignature, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in uses
