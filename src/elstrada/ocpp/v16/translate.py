"""OCPP 1.6 (with the security extension) in our words: the table.

A 1.6 connector is an EVSE of ours with one connector: connectorId n is evse n, connector 1; connectorId 0
is the station.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from elstrada.model import answers, asks
from elstrada.model.admission import Admission
from elstrada.model.certificates import V2G
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus, StationOrder
from elstrada.model.quantity import MeterSample
from elstrada.model.token import NO_AUTHORIZATION, Verdict
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.meter import (
    ENERGY,
    OUTLET,
    PERIODIC,
    Value,
    in_base_unit,
    is_signed_text,
    read_number,
    samples_of,
)
from elstrada.ocpp.notices import transfer
from elstrada.ocpp.schema import Reader
from elstrada.ocpp.table import Inbound, Outbound, Sendable, Unsendable, ask, order
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v16 import contracts, locallist, notices, reservations
from elstrada.ocpp.v16 import messages as m
from elstrada.ocpp.v16.tokens import AUTHORIZATION, MAX_ID_TAG
from elstrada.ocpp.wire import Wire

# --- from the station -----------------------------------------------------------------------------


def _boot(message: m.BootNotificationRequest, _: Intake) -> asks.Boot:
    return asks.Boot(
        vendor=message.charge_point_vendor,
        model=message.charge_point_model,
        # chargeBoxSerialNumber is the older word for the same thing (1.6 §6.3: deprecated).
        serial=message.charge_point_serial_number or message.charge_box_serial_number,
        firmware=message.firmware_version,
    )


def _registered(answer: answers.Registered) -> Wire:
    return m.BootNotificationResponse(
        status=_REGISTRATION[answer.admission],
        current_time=wire_time(answer.now),
        interval=answer.interval_s,
    )


_REGISTRATION: Mapping[Admission, m.RegistrationStatus] = {
    Admission.ACCEPTED: m.RegistrationStatus.ACCEPTED,
    Admission.PENDING: m.RegistrationStatus.PENDING,
    Admission.REJECTED: m.RegistrationStatus.REJECTED,
}


def _beat(_: m.HeartbeatRequest, __: Intake) -> asks.Beat:
    return asks.Beat()


def _the_time(answer: answers.TheTime) -> Wire:
    return m.HeartbeatResponse(current_time=wire_time(answer.now))


def _status(message: m.StatusNotificationRequest, intake: Intake) -> asks.ReportStatus | None:
    evse_id, connector_id = _place(message.connector_id, intake)
    if message.status not in _STATUSES:
        return None
    at, suspect = intake.time(message.timestamp, "/timestamp") if message.timestamp else (None, False)
    return asks.ReportStatus(
        evse_id=evse_id,
        connector_id=connector_id,
        status=ConnectorStatus(message.status),
        error_code=None if message.error_code == m.ChargePointErrorCode.NO_ERROR else message.error_code,
        info=message.info or None,
        vendor_error_code=message.vendor_error_code or None,
        at=None if suspect else at,
    )


_STATUSES = frozenset(status.value for status in m.ChargePointStatus)


def _authorize(message: m.AuthorizeRequest, intake: Intake) -> asks.Authorize:
    return asks.Authorize(token=_token(message.id_tag, intake))


def _judged(answer: answers.Judged) -> Wire:
    return m.AuthorizeResponse(id_tag_info=_id_tag_info(answer.verdict))


def _start(message: m.StartTransactionRequest, intake: Intake) -> asks.StartSession:
    evse_id, connector_id = _place(message.connector_id, intake)
    at, suspect = intake.time(message.timestamp, "/timestamp")
    return asks.StartSession(
        evse_id=evse_id,
        connector_id=connector_id,
        token=_token(message.id_tag, intake),
        at=at,
        meter_wh=intake.register(message.meter_start, "/meterStart"),
        reservation_id=message.reservation_id,
        said_at=message.timestamp[:64] if suspect else None,
        clock_suspect=suspect,
    )


def _started(answer: answers.SessionNoted) -> Wire:
    # Where nobody judged, the session may go on: a start cannot be refused, only judged.
    info = (
        _id_tag_info(answer.verdict) if answer.verdict else m.IdTagInfo(status=m.AuthorizationStatus.ACCEPTED)
    )
    return m.StartTransactionResponse(transaction_id=int(answer.transaction_id), id_tag_info=info)


def _stop(message: m.StopTransactionRequest, intake: Intake) -> asks.EndSession:
    at, suspect = intake.time(message.timestamp, "/timestamp")
    return asks.EndSession(
        transaction_id=str(message.transaction_id),
        token=_token(message.id_tag, intake) if message.id_tag else None,
        at=at,
        meter_wh=intake.register(message.meter_stop, "/meterStop"),
        samples=tuple(_samples(message.transaction_data or (), intake, "/transactionData")),
        # 1.6 §6.49: no reason means Local.
        reason=message.reason or m.Reason.LOCAL.value,
        said_at=message.timestamp[:64] if suspect else None,
        clock_suspect=suspect,
    )


def _stopped(answer: answers.SessionNoted) -> Wire:
    return m.StopTransactionResponse(id_tag_info=_id_tag_info(answer.verdict) if answer.verdict else None)


def _meter_values(
    message: m.MeterValuesRequest, intake: Intake
) -> asks.UpdateSession | asks.RecordMeter | None:
    evse_id, connector_id = _place(message.connector_id, intake)
    samples = tuple(_samples(message.meter_value, intake, "/meterValue"))
    if not samples:
        return None
    # Rule 24: 0 and -1 are what stations say that forgot the transaction.
    if message.transaction_id is None or message.transaction_id <= 0:
        return asks.RecordMeter(evse_id=evse_id, connector_id=connector_id, samples=samples)
    return asks.UpdateSession(
        transaction_id=str(message.transaction_id),
        evse_id=evse_id,
        connector_id=connector_id,
        at=samples[-1].at,
        samples=samples,
        clock_suspect=samples[-1].clock_suspect,
    )


def _metered(_: answers.SessionNoted | answers.Noted) -> Wire:
    return m.MeterValuesResponse()


def _noted(_: answers.Noted) -> Wire:
    return m.StatusNotificationResponse()


def _transfer(message: m.DataTransferRequest, intake: Intake) -> asks.StationCall | None:
    if message.vendor_id == contracts.VENDOR:
        return contracts.asked(message, intake)
    data = "" if message.data is None else json.dumps(message.data)
    return transfer(message.vendor_id, message.message_id, data, intake)


def _transferred(answer: answers.Transferred | contracts.Answer) -> Wire:
    if not isinstance(answer, answers.Transferred):
        return contracts.told(answer)
    status = m.DataTransferStatus
    return m.DataTransferResponse(status=status.ACCEPTED if answer.known else status.UNKNOWN_VENDOR_ID)


def _sign_certificate(message: m.SignCertificateRequest, _: Intake) -> asks.SignCertificate:
    return asks.SignCertificate(csr=message.csr)


def _certificate_judged(answer: answers.CertificateJudged) -> Wire:
    status = m.GenericStatusEnumType.REJECTED if answer.fault else m.GenericStatusEnumType.ACCEPTED
    return m.SignCertificateResponse(status=status)


INBOUND: Mapping[str, Inbound] = {
    **notices.INBOUND,
    "Authorize": ask(m.AuthorizeRequest, _authorize, _judged),
    "BootNotification": ask(m.BootNotificationRequest, _boot, _registered),
    "DataTransfer": Inbound(Reader(m.DataTransferRequest), _transfer, _transferred, contracts.unread),
    "Heartbeat": ask(m.HeartbeatRequest, _beat, _the_time),
    "MeterValues": ask(m.MeterValuesRequest, _meter_values, _metered, m.MeterValuesResponse()),
    "SignCertificate": ask(m.SignCertificateRequest, _sign_certificate, _certificate_judged),
    "StartTransaction": ask(m.StartTransactionRequest, _start, _started),
    "StatusNotification": ask(m.StatusNotificationRequest, _status, _noted, m.StatusNotificationResponse()),
    "StopTransaction": ask(m.StopTransactionRequest, _stop, _stopped),
}
MEMORABLE = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})


def _place(connector_id: int, intake: Intake) -> tuple[int, int]:
    return intake.number(connector_id, "/connectorId"), 1 if connector_id else 0


def _token(id_tag: str, intake: Intake) -> asks.PresentedToken:
    return asks.PresentedToken(intake.uid(id_tag, "/idTag"))


def _id_tag_info(verdict: Verdict) -> m.IdTagInfo:
    return m.IdTagInfo(
        status=AUTHORIZATION[verdict.allowed].value,
        expiry_date=None if verdict.expires_at is None else wire_time(verdict.expires_at),
        # 20 of a pseudonym's 26 characters are still 80 bits: enough to tell groups apart.
        parent_id_tag=verdict.contract_ref[:MAX_ID_TAG] if verdict.contract_ref else None,
    )


# --- meter values ---------------------------------------------------------------------------------


def _samples(
    values: Sequence[m.MeterValue] | Sequence[m.TransactionData], intake: Intake, pointer: str
) -> Iterable[MeterSample]:
    for index, value in enumerate(values):
        at, suspect = intake.time(value.timestamp, f"{pointer}/{index}/timestamp")
        known = [one for sampled in value.sampled_value if (one := _value(sampled)) is not None]
        if len(known) < len(value.sampled_value):
            intake.doubt(f"{pointer}/{index}/sampledValue", "meter", "a value is not a number a meter shows")
        yield from samples_of(at, suspect, known)


_SIGNED_DATA = m.ValueFormat.SIGNED_DATA.value


def _value(sampled: m.SampledValue | m.StopTransactionSampledValue) -> Value | None:
    """A sampled value in its base unit; None if it is no number."""
    measurand, context = sampled.measurand or ENERGY, sampled.context or PERIODIC
    phase, location = sampled.phase, sampled.location or OUTLET
    if sampled.format == _SIGNED_DATA or is_signed_text(sampled.value):
        return Value(measurand, None, sampled.unit or "", context, phase, location, sampled.value)
    number = read_number(sampled.value)
    based = None if number is None else in_base_unit(number, sampled.unit, measurand)
    return based and Value(measurand, based[0], based[1], context, phase, location, None)


# --- to the station -------------------------------------------------------------------------------


def _remote_start(order: StationOrder) -> Wire | Unsendable:
    if order.token_type == NO_AUTHORIZATION:
        return Unsendable("OCPP 1.6 knows no start without a token")
    if not order.token_uid:
        return Unsendable("OCPP 1.6 starts a session with a token only")
    if len(order.token_uid) > MAX_ID_TAG:
        return Unsendable(f"OCPP 1.6 knows tokens of up to {MAX_ID_TAG} characters")
    return m.RemoteStartTransactionRequest(id_tag=order.token_uid, connector_id=order.evse_id or None)


def _remote_stop(order: StationOrder) -> Wire | Unsendable:
    if order.transaction_id is None or not order.transaction_id.isdecimal():
        return Unsendable("OCPP 1.6 stops a session by the number it was given")
    return m.RemoteStopTransactionRequest(transaction_id=int(order.transaction_id))


def _reset(order: StationOrder) -> Wire | Unsendable:
    return m.ResetRequest(type=m.ResetType.HARD if order.hard else m.ResetType.SOFT)


def _unlock(order: StationOrder) -> Wire | Unsendable:
    if not order.evse_id:
        return Unsendable("an unlock needs a connector")
    return m.UnlockConnectorRequest(connector_id=order.evse_id)


def _trigger(order: StationOrder) -> Wire | Sendable | Unsendable:
    if order.message == contracts.SIGN_V2G:
        return contracts.triggered()
    if order.message not in _TRIGGERS:
        return Unsendable(f"OCPP 1.6 triggers {', '.join(sorted({*_TRIGGERS, contracts.SIGN_V2G}))}")
    return m.TriggerMessageRequest(requested_message=order.message, connector_id=order.evse_id or None)


_TRIGGERS = frozenset(trigger.value for trigger in m.MessageTrigger)


def _change_availability(order: StationOrder) -> Wire | Unsendable:
    kind = m.AvailabilityType.OPERATIVE if order.operative else m.AvailabilityType.INOPERATIVE
    return m.ChangeAvailabilityRequest(connector_id=order.evse_id or 0, type=kind)


def _install_signed(order: StationOrder) -> Wire | Sendable | Unsendable:
    if order.certificate is None:
        return Unsendable("there is no certificate to give")
    if order.certificate.kind in V2G:
        return contracts.given(order.certificate)
    return m.CertificateSignedRequest(certificate_chain=order.certificate.chain)


def _change_password(order: StationOrder) -> Wire | Unsendable:
    if order.secret is None:
        return Unsendable("there is no password to tell")
    return m.ChangeConfigurationRequest(key="AuthorizationKey", value=order.secret)


_DONE: Mapping[str, CommandResult] = {
    "Accepted": CommandResult.ACCEPTED,
    "Scheduled": CommandResult.SCHEDULED,
    "Rejected": CommandResult.REJECTED,
}
_STRANGE: Mapping[str, CommandResult] = {
    "UnknownVendorId": CommandResult.NOT_SUPPORTED,
    "UnknownMessageId": CommandResult.NOT_SUPPORTED,
}
"""What a station says that knows nothing of what a DataTransfer holds."""
OUTBOUND: Mapping[CommandName, Outbound] = {
    **locallist.OUTBOUND,
    **reservations.OUTBOUND,
    CommandName.START: order(
        "RemoteStartTransaction", _remote_start, m.RemoteStartTransactionResponse, _DONE
    ),
    CommandName.STOP: order("RemoteStopTransaction", _remote_stop, m.RemoteStopTransactionResponse, _DONE),
    CommandName.RESET: order("Reset", _reset, m.ResetResponse, _DONE),
    CommandName.UNLOCK: order(
        "UnlockConnector",
        _unlock,
        m.UnlockConnectorResponse,
        {
            "Unlocked": CommandResult.ACCEPTED,
            "UnlockFailed": CommandResult.FAILED,
            "NotSupported": CommandResult.NOT_SUPPORTED,
        },
    ),
    CommandName.TRIGGER: order(
        "TriggerMessage",
        _trigger,
        contracts.Reply,
        {**_DONE, **_STRANGE, "NotImplemented": CommandResult.NOT_SUPPORTED},
        contracts.status_of,
    ),
    CommandName.CHANGE_AVAILABILITY: order(
        "ChangeAvailability", _change_availability, m.ChangeAvailabilityResponse, _DONE
    ),
    CommandName.INSTALL_SIGNED: order(
        "CertificateSigned",
        _install_signed,
        contracts.Reply,
        {**_DONE, **_STRANGE},
        contracts.status_of,
    ),
    CommandName.CHANGE_PASSWORD: order(
        "ChangeConfiguration",
        _change_password,
        m.ChangeConfigurationResponse,
        {
            **_DONE,
            "RebootRequired": CommandResult.SCHEDULED,
            "NotSupported": CommandResult.NOT_SUPPORTED,
        },
    ),
}
