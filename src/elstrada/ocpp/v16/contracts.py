"""Plug & Charge through OCPP 1.6: messages of 2.0.1, each as text in a DataTransfer.

Source: the Open Charge Alliance's application note "Using ISO 15118 Plug & Charge with OCPP 1.6".
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model import answers, asks
from elstrada.model.certificates import SignedCertificate
from elstrada.model.device import CommandName, StationOrder
from elstrada.model.mirror import Learned
from elstrada.ocpp.faults import Finding, Refusal, refusal
from elstrada.ocpp.frames import MAX_FRAME_BYTES, fault_of_json
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.schema import Read, Reader
from elstrada.ocpp.table import Inbound, Sendable
from elstrada.ocpp.v16 import messages as m
from elstrada.ocpp.v201 import messages as inner
from elstrada.ocpp.v201 import mirror, translate
from elstrada.ocpp.wire import Wire, encode

VENDOR = "org.openchargealliance.iso15118pnc"
V2G_CERTIFICATE = inner.CertificateSigningUseEnumType.V2_G_CERTIFICATE.value
SIGN_V2G = inner.MessageTriggerEnumType.SIGN_V2_G_CERTIFICATE.value
_INBOUND: Mapping[str, Inbound] = {
    action: translate.INBOUND[action]
    for action in ("Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate")
}
_LEARNT = frozenset({"DeleteCertificate", "GetInstalledCertificateIds"})
_request, _response = Reader(m.DataTransferRequest), Reader(m.DataTransferResponse)


# --- from the station -----------------------------------------------------------------------------


def asked(message: m.DataTransferRequest, intake: Intake) -> asks.StationCall | None:
    """What a station asks within; None: nothing that can be read."""
    row = _INBOUND.get(message.message_id or "")
    if row is None:
        intake.doubt("/messageId", "enum", f"expected {', '.join(_INBOUND)}")
        return None
    read = _read(row.reader, message.data)
    if isinstance(read, Refusal):
        intake.doubt("/data", "json", read.text)
        return None
    for finding in read.findings:
        intake.doubt(f"/data{finding.pointer}", finding.rule, finding.text)
    ask = row.to_ask(read.message, intake)
    if isinstance(ask, asks.SignCertificate) and not ask.kind:
        # This way goes what a station shows to cars; for its own it has SignCertificate itself.
        return msgspec.structs.replace(ask, kind=V2G_CERTIFICATE)
    return ask


def _read(reader: Reader[Wire], data: str | None) -> Read[Wire] | Refusal:
    """The message in a text, which no frame has examined: what lies within quotation marks is no structure there."""
    text = (data or "").encode()
    fault = _fault_of_text(text)
    return refusal((), Finding("", "json", fault)) if fault else reader.read(text)


def _fault_of_text(text: bytes) -> str:
    if len(text) > MAX_FRAME_BYTES:
        return f"expected at most {MAX_FRAME_BYTES} bytes, got {len(text)}"
    return fault_of_json(text)


def unread(message: m.DataTransferRequest, _: Intake) -> Wire:
    """The answer where nothing could be asked."""
    status = m.DataTransferStatus
    known = message.message_id in _INBOUND
    return m.DataTransferResponse(status=status.REJECTED if known else status.UNKNOWN_MESSAGE_ID)


Answer = answers.Judged | answers.ContractFetched | answers.StatusTold | answers.CertificateJudged
_ANSWERED_BY: Mapping[type[Answer], str] = {
    answers.Judged: "Authorize",
    answers.ContractFetched: "Get15118EVCertificate",
    answers.StatusTold: "GetCertificateStatus",
    answers.CertificateJudged: "SignCertificate",
}


def told(answer: Answer) -> Wire:
    """What a station asked within is answered likewise."""
    within = _INBOUND[_ANSWERED_BY[type(answer)]].from_answer(answer)
    return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED, data=encode(within).decode())


# --- to the station -------------------------------------------------------------------------------


def given(certificate: SignedCertificate) -> Sendable:
    """CertificateSigned, of what a station shows to cars."""
    signed = inner.CertificateSignedRequest(
        certificate_chain=certificate.chain, certificate_type=certificate.kind
    )
    return Sendable("DataTransfer", wrapped("CertificateSigned", encode(signed)))


def triggered() -> Sendable:
    """TriggerMessage, for a request of such a certificate."""
    trigger = inner.TriggerMessageRequest(requested_message=SIGN_V2G)
    return Sendable("DataTransfer", wrapped("TriggerMessage", encode(trigger)))


def wrapped(action: str, payload: bytes) -> bytes:
    """The fields of a DataTransfer that holds a call of 2.0.1."""
    return encode(m.DataTransferRequest(vendor_id=VENDOR, message_id=action, data=payload.decode()))


class Reply(Wire, frozen=True, kw_only=True):
    """To an order, whether it was put by itself or within a DataTransfer."""

    status: str
    data: str | None = None


def status_of(reply: Reply) -> str:
    """What counts is the status within, where there is one."""
    return status_within(reply.data) or reply.status if reply.status == "Accepted" else reply.status


def status_within(data: str | None) -> str | None:
    """The status in the text of a DataTransfer's answer; None: there is no text."""
    if not data:
        return None
    told = _told(data)
    return told.status if isinstance(told, _Status) else "data without a status"


def fault_of_reply(order: StationOrder, payload: bytes) -> str:
    """Why the text within the answer to a call of Plug & Charge cannot be read; empty: it can, or is none of it."""
    if order.name is CommandName.CALL:
        request = _request.read((order.payload or "").encode())
        if isinstance(request, Refusal) or request.message.vendor_id != VENDOR:
            return ""
    response = _response.read(payload)
    if isinstance(response, Refusal) or not response.message.data:
        return ""
    told = _told(response.message.data)
    return told if isinstance(told, str) else ""


def _told(data: str) -> _Status | str:
    """Every answer within has a status; or why it cannot be read."""
    text = data.encode()
    fault = _fault_of_text(text)
    if fault:
        return fault
    try:
        return msgspec.json.decode(text, type=_Status)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        return str(problem)


class _Status(msgspec.Struct, frozen=True):
    status: str


def learned(request: m.DataTransferRequest, response: m.DataTransferResponse) -> Learned:
    """Which certificates a station has, as it answers within."""
    if request.vendor_id != VENDOR or request.message_id not in _LEARNT:
        return Learned()
    row = mirror.FROM_ANSWERS[request.message_id]
    asked_for, answered = _read(row.request, request.data), _read(row.response, response.data)
    if isinstance(asked_for, Refusal) or isinstance(answered, Refusal):
        return Learned()
    return row.learned(asked_for.message, answered.message)
