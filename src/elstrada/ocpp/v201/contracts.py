"""Plug & Charge through OCPP 2.0.1: contracts that cars show or want, and the status of certificates (C07, M)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Protocol

from elstrada.model import answers, asks
from elstrada.model.certificates import CertificateId, ContractProof, ContractWish, StatusQuestion
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.table import Inbound, ask
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.wire import Wire

MOST_EXI, MOST_OCSP = 7_500, 5_500
"""Characters of exiResponse and ocspResult."""
_HASH_BYTES = {"SHA256": 32, "SHA384": 48, "SHA512": 64}
_MOST_REASON = 512


def proof(chain: str | None, hashes: Sequence[m.OCSPRequestDataType] | None) -> ContractProof | None:
    """What a car shows of its contract; None: it shows nothing."""
    if chain is None and hashes is None:
        return None
    return ContractProof(chain or "", tuple(_question(one) for one in hashes or ()))


class Named(Protocol):
    """CertificateHashDataType of any version, and OCSPRequestDataType."""

    @property
    def hash_algorithm(self) -> str: ...
    @property
    def issuer_name_hash(self) -> str: ...
    @property
    def issuer_key_hash(self) -> str: ...
    @property
    def serial_number(self) -> str: ...


def _question(asked: m.OCSPRequestDataType) -> StatusQuestion:
    """What is asked about a certificate, of the responder that the station names."""
    return StatusQuestion(certificate_id(asked), (asked.responder_url,) if asked.responder_url else ())


def certificate_id(named: Named) -> CertificateId:
    """A certificate's name in one form.

    Hashes are hexadecimal; some stations write them in base64url, and then the serial number in decimal (P-06).
    """
    algorithm, serial = named.hash_algorithm, named.serial_number
    size = _HASH_BYTES.get(algorithm, 0)
    name, key = _base64url(named.issuer_name_hash, size), _base64url(named.issuer_key_hash, size)
    if name is not None and key is not None and serial.isascii() and serial.isdecimal():
        return CertificateId(algorithm, name, key, f"{int(serial):x}")
    plain = serial.lower().removeprefix("0x").lstrip("0") or "0"
    return CertificateId(algorithm, named.issuer_name_hash.lower(), named.issuer_key_hash.lower(), plain)


def _base64url(text: str, size: int) -> str | None:
    """The hexadecimal form of so many bytes in base64url; None if it is something else."""
    if len(text) == 2 * size:
        return None
    try:
        content = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return None
    return content.hex() if len(content) == size else None


def _look_up(message: m.GetCertificateStatusRequest, _: Intake) -> asks.LookUpStatus:
    return asks.LookUpStatus(_question(message.ocsp_request_data), MOST_OCSP)


def _looked_up(answer: answers.StatusTold) -> Wire:
    if not answer.ocsp:
        return m.GetCertificateStatusResponse(
            status=m.GetCertificateStatusEnumType.FAILED, status_info=_why("NoStatus", answer.fault)
        )
    return m.GetCertificateStatusResponse(
        status=m.GetCertificateStatusEnumType.ACCEPTED, ocsp_result=answer.ocsp
    )


def _fetch(message: m.Get15118EVCertificateRequest, _: Intake) -> asks.FetchContract:
    wish = ContractWish(
        exi=message.exi_request,
        schema_version=message.iso15118_schema_version,
        update=message.action == m.CertificateActionEnumType.UPDATE,
    )
    return asks.FetchContract(wish, MOST_EXI)


def _fetched(answer: answers.ContractFetched) -> Wire:
    status = m.Iso15118EVCertificateStatusEnumType
    if not answer.exi:
        # The schema wants the field of a failure as well (P-03).
        return m.Get15118EVCertificateResponse(
            status=status.FAILED, exi_response="", status_info=_why("NoContract", answer.fault)
        )
    return m.Get15118EVCertificateResponse(status=status.ACCEPTED, exi_response=answer.exi)


def _why(code: str, fault: str) -> m.StatusInfoType:
    return m.StatusInfoType(reason_code=code, additional_info=fault[:_MOST_REASON])


INBOUND: Mapping[str, Inbound] = {
    "Get15118EVCertificate": ask(m.Get15118EVCertificateRequest, _fetch, _fetched),
    "GetCertificateStatus": ask(m.GetCertificateStatusRequest, _look_up, _looked_up),
}
