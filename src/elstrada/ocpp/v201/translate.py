"""OCPP 2.0.1 in our words: the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from elstrada.model import answers, asks
from elstrada.model.admission import Admission
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus, StationOrder
from elstrada.model.quantity import MeterSample
from elstrada.model.token import Verdict
from elstrada.ocpp.faults import Finding
from elstrada.ocpp.intake import Intake, Unreadable
from elstrada.ocpp.meter import ENERGY, OUTLET, PERIODIC, Value, in_base_unit, samples_of
from elstrada.ocpp.notices import transfer
from elstrada.ocpp.table import Inbound, Outbound, Unsendable, ask, order
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v201 import contracts, locallist, mirror, needs, notices, reservations
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.v201.tokens import AUTHORIZATION, MAX_ID_TOKEN, group_token, id_token, presented
from elstrada.ocpp.wire import Wire, encode
from elstrada.redaction import HIDDEN, is_secret_name, redacted

# --- from the station -----------------------------------------------------------------------------


def _boot(message: m.BootNotificationRequest, _: Intake) -> asks.Boot:
    station = message.charging_station
    return asks.Boot(
        vendor=station.vendor_name,
        model=station.model,
        serial=station.serial_number,
        firmware=station.firmware_version,
        reason=message.reason,
    )


def _registered(answer: answers.Registered) -> Wire:
    return m.BootNotificationResponse(
        current_time=wire_time(answer.now),
        interval=answer.interval_s,
        status=_REGISTRATION[answer.admission],
    )


_REGISTRATION: Mapping[Admission, m.RegistrationStatusEnumType] = {
    Admission.ACCEPTED: m.RegistrationStatusEnumType.ACCEPTED,
    Admission.PENDING: m.RegistrationStatusEnumType.PENDING,
    Admission.REJECTED: m.RegistrationStatusEnumType.REJECTED,
}


def _beat(_: m.HeartbeatRequest, __: Intake) -> asks.Beat:
    return asks.Beat()


def _the_time(answer: answers.TheTime) -> Wire:
    return m.HeartbeatResponse(current_time=wire_time(answer.now))


def _status(message: m.StatusNotificationRequest, intake: Intake) -> asks.ReportStatus | None:
    evse_id = intake.number(message.evse_id, "/evseId")
    connector_id = intake.number(message.connector_id, "/connectorId")
    if message.connector_status not in _STATUSES:
        return None
    at, suspect = intake.time(message.timestamp, "/timestamp")
    return asks.ReportStatus(
        evse_id=evse_id,
        connector_id=connector_id,
        status=ConnectorStatus(message.connector_status),
        at=None if suspect else at,
    )


_STATUSES = frozenset(status.value for status in m.ConnectorStatusEnumType)


def _authorize(message: m.AuthorizeRequest, intake: Intake) -> asks.Authorize:
    contract = contracts.proof(message.certificate, message.iso15118_certificate_hash_data)
    return asks.Authorize(token=_token(message.id_token, intake), contract=contract)


def _judged(answer: answers.Judged) -> Wire:
    status = answer.contract_status
    return m.AuthorizeResponse(
        id_token_info=_id_token_info(answer.verdict),
        certificate_status=status.value if status is not None else None,
    )


def _transaction_event(
    message: m.TransactionEventRequest, intake: Intake
) -> asks.StartSession | asks.UpdateSession | asks.EndSession:
    translate = _EVENTS.get(message.event_type)
    if translate is None:
        raise Unreadable(Finding("/eventType", "enum", f"expected {', '.join(_EVENTS)}"))
    return translate(message, intake)


def _start(message: m.TransactionEventRequest, intake: Intake) -> asks.StartSession:
    evse_id, connector_id = _place(message.evse, intake)
    at, suspect = intake.time(message.timestamp, "/timestamp")
    return asks.StartSession(
        transaction_id=message.transaction_info.transaction_id,
        evse_id=evse_id or 0,
        connector_id=connector_id or 0,
        token=_presented(message.id_token, intake),
        at=at,
        samples=_samples(message.meter_value, intake),
        seq_no=intake.number(message.seq_no, "/seqNo"),
        charging=_charging(message.transaction_info),
        remote_start_id=message.transaction_info.remote_start_id,
        reservation_id=message.reservation_id,
        offline=message.offline or False,
        trigger=message.trigger_reason,
        clock_suspect=suspect,
    )


def _update(message: m.TransactionEventRequest, intake: Intake) -> asks.UpdateSession:
    evse_id, connector_id = _place(message.evse, intake)
    at, suspect = intake.time(message.timestamp, "/timestamp")
    return asks.UpdateSession(
        transaction_id=message.transaction_info.transaction_id,
        evse_id=evse_id,
        connector_id=connector_id,
        token=_presented(message.id_token, intake),
        at=at,
        samples=_samples(message.meter_value, intake),
        seq_no=intake.number(message.seq_no, "/seqNo"),
        charging=_charging(message.transaction_info),
        reservation_id=message.reservation_id,
        offline=message.offline or False,
        trigger=message.trigger_reason,
        clock_suspect=suspect,
    )


def _end(message: m.TransactionEventRequest, intake: Intake) -> asks.EndSession:
    evse_id, connector_id = _place(message.evse, intake)
    at, suspect = intake.time(message.timestamp, "/timestamp")
    return asks.EndSession(
        transaction_id=message.transaction_info.transaction_id,
        evse_id=evse_id,
        connector_id=connector_id,
        token=_presented(message.id_token, intake),
        at=at,
        samples=_samples(message.meter_value, intake),
        seq_no=intake.number(message.seq_no, "/seqNo"),
        # 2.0.1 part 2, TransactionType: no stoppedReason means Local.
        reason=message.transaction_info.stopped_reason or m.ReasonEnumType.LOCAL.value,
        offline=message.offline or False,
        trigger=message.trigger_reason,
        clock_suspect=suspect,
    )


_EVENTS = {"Started": _start, "Updated": _update, "Ended": _end}


def _session_noted(answer: answers.SessionNoted) -> Wire:
    info = _id_token_info(answer.verdict) if answer.verdict else None
    return m.TransactionEventResponse(id_token_info=info, total_cost=answer.total_cost)


def _meter_values(message: m.MeterValuesRequest, intake: Intake) -> asks.RecordMeter | None:
    evse_id = intake.number(message.evse_id, "/evseId")
    samples = _samples(message.meter_value, intake)
    return asks.RecordMeter(evse_id=evse_id, connector_id=0, samples=samples) if samples else None


def _metered(_: answers.Noted | answers.SessionNoted) -> Wire:
    return m.MeterValuesResponse()


def _events(message: m.NotifyEventRequest, intake: Intake) -> asks.ReportEvents:
    return asks.ReportEvents(
        tuple(_event(event, intake, f"/eventData/{index}") for index, event in enumerate(message.event_data))
    )


def _event(event: m.EventDataType, intake: Intake, pointer: str) -> asks.StationEvent:
    evse_id, connector_id = _place(event.component.evse, intake, f"{pointer}/component/evse")
    return asks.StationEvent(
        at=intake.time(event.timestamp, f"{pointer}/timestamp")[0],
        component=event.component.name,
        variable=event.variable.name,
        value=HIDDEN if is_secret_name(event.variable.name) else redacted(event.actual_value),
        trigger=event.trigger,
        evse_id=evse_id,
        connector_id=connector_id,
        cleared=event.cleared or False,
    )


def _events_noted(_: answers.Noted) -> Wire:
    return m.NotifyEventResponse()


def _noted(_: answers.Noted) -> Wire:
    return m.StatusNotificationResponse()


def _transfer(message: m.DataTransferRequest, intake: Intake) -> asks.TransferData:
    data = "" if message.data is msgspec.UNSET else bytes(message.data).decode()
    return transfer(message.vendor_id, message.message_id, data, intake)


def _transferred(answer: answers.Transferred) -> Wire:
    status = m.DataTransferStatusEnumType
    return m.DataTransferResponse(status=status.ACCEPTED if answer.known else status.UNKNOWN_VENDOR_ID)


def _sign_certificate(message: m.SignCertificateRequest, _: Intake) -> asks.SignCertificate:
    return asks.SignCertificate(csr=message.csr, kind=message.certificate_type or "")


def _certificate_judged(answer: answers.CertificateJudged) -> Wire:
    if not answer.fault:
        return m.SignCertificateResponse(status=m.GenericStatusEnumType.ACCEPTED)
    why = m.StatusInfoType(reason_code="InvalidCSR", additional_info=answer.fault[:512])
    return m.SignCertificateResponse(status=m.GenericStatusEnumType.REJECTED, status_info=why)


INBOUND: Mapping[str, Inbound] = {
    **notices.INBOUND,
    **mirror.INBOUND,
    **needs.INBOUND,
    **contracts.INBOUND,
    "Authorize": ask(m.AuthorizeRequest, _authorize, _judged),
    "BootNotification": ask(m.BootNotificationRequest, _boot, _registered),
    "DataTransfer": ask(m.DataTransferRequest, _transfer, _transferred),
    "Heartbeat": ask(m.HeartbeatRequest, _beat, _the_time),
    "MeterValues": ask(m.MeterValuesRequest, _meter_values, _metered, m.MeterValuesResponse()),
    "NotifyEvent": ask(m.NotifyEventRequest, _events, _events_noted),
    "SignCertificate": ask(m.SignCertificateRequest, _sign_certificate, _certificate_judged),
    "StatusNotification": ask(m.StatusNotificationRequest, _status, _noted, m.StatusNotificationResponse()),
    "TransactionEvent": ask(m.TransactionEventRequest, _transaction_event, _session_noted),
}
MEMORABLE = frozenset({"TransactionEvent", "MeterValues"})


def _place(evse: m.EVSEType | None, intake: Intake, pointer: str = "/evse") -> tuple[int | None, int | None]:
    if evse is None:
        return None, None
    connector_id = evse.connector_id
    if connector_id is not None:
        connector_id = intake.number(connector_id, f"{pointer}/connectorId")
    return intake.number(evse.id, f"{pointer}/id"), connector_id


_CHARGING = m.ChargingStateEnumType.CHARGING.value


def _charging(transaction: m.TransactionType) -> bool | None:
    state = transaction.charging_state
    return None if state is None else state == _CHARGING


# --- tokens ---------------------------------------------------------------------------------------


def _token(token: m.IdTokenType, intake: Intake) -> asks.PresentedToken:
    return presented(token, intake)


_NO_AUTHORIZATION = m.IdTokenEnumType.NO_AUTHORIZATION.value


def _presented(token: m.IdTokenType | None, intake: Intake) -> asks.PresentedToken | None:
    """The token of a transaction; NoAuthorization says that none was presented (C02)."""
    if token is None or token.type == _NO_AUTHORIZATION:
        return None
    return _token(token, intake)


def _id_token_info(verdict: Verdict) -> m.IdTokenInfoType:
    group = None
    if verdict.contract_ref:
        group = group_token(verdict.contract_ref)
    expiry = None if verdict.expires_at is None else wire_time(verdict.expires_at)
    return m.IdTokenInfoType(
        status=AUTHORIZATION[verdict.allowed], cache_expiry_date_time=expiry, group_id_token=group
    )


# --- meter values ---------------------------------------------------------------------------------


def _samples(values: Sequence[m.MeterValueType] | None, intake: Intake) -> tuple[MeterSample, ...]:
    return tuple(_folded(values, intake)) if values else ()


def _folded(values: Sequence[m.MeterValueType], intake: Intake) -> Iterable[MeterSample]:
    for index, value in enumerate(values):
        at, suspect = intake.time(value.timestamp, f"/meterValue/{index}/timestamp")
        known = [one for sampled in value.sampled_value if (one := _value(sampled)) is not None]
        if len(known) < len(value.sampled_value):
            intake.doubt(
                f"/meterValue/{index}/sampledValue", "meter", "a value is not a number a meter shows"
            )
        yield from samples_of(at, suspect, known)


def _value(sampled: m.SampledValueType) -> Value | None:
    """A sampled value in its base unit; None if it is no number."""
    measurand, unit, multiplier = sampled.measurand or ENERGY, None, 0
    if sampled.unit_of_measure is not None:
        unit, multiplier = sampled.unit_of_measure.unit, sampled.unit_of_measure.multiplier or 0
    based = in_base_unit(sampled.value, unit, measurand, multiplier)
    if based is None:
        return None
    return Value(
        measurand,
        *based,
        sampled.context or PERIODIC,
        sampled.phase,
        sampled.location or OUTLET,
        encode(sampled.signed_meter_value).decode() if sampled.signed_meter_value else None,
    )


# --- to the station -------------------------------------------------------------------------------


def _request_start(order: StationOrder) -> Wire | Unsendable:
    return request_start(order, id_token(order))


def request_start(order: StationOrder, token: m.IdTokenType | Unsendable) -> Wire | Unsendable:
    """F01, F02; the same in 2.1, but for the token."""
    if isinstance(token, Unsendable):
        return token
    if order.remote_start_id is None:
        return Unsendable("a start needs a number of ours")
    return m.RequestStartTransactionRequest(
        id_token=token, remote_start_id=order.remote_start_id, evse_id=order.evse_id or None
    )


def _request_stop(order: StationOrder) -> Wire | Unsendable:
    if not order.transaction_id or len(order.transaction_id) > MAX_ID_TOKEN:
        return Unsendable("a stop needs the station's own name of the session")
    return m.RequestStopTransactionRequest(transaction_id=order.transaction_id)


def _reset(order: StationOrder) -> Wire | Unsendable:
    kind = m.ResetEnumType.IMMEDIATE if order.hard else m.ResetEnumType.ON_IDLE
    return m.ResetRequest(type=kind, evse_id=order.evse_id or None)


def _unlock(order: StationOrder) -> Wire | Unsendable:
    if not order.evse_id:
        return Unsendable("an unlock needs a connector")
    return m.UnlockConnectorRequest(evse_id=order.evse_id, connector_id=order.connector_id or 1)


def _trigger(order: StationOrder) -> Wire | Unsendable:
    if order.message not in _TRIGGERS:
        return Unsendable(f"OCPP 2.0.1 triggers {', '.join(sorted(_TRIGGERS))}")
    return m.TriggerMessageRequest(requested_message=order.message, evse=_evse(order))


_TRIGGERS = frozenset(trigger.value for trigger in m.MessageTriggerEnumType)


def _change_availability(order: StationOrder) -> Wire | Unsendable:
    status = (
        m.OperationalStatusEnumType.OPERATIVE if order.operative else m.OperationalStatusEnumType.INOPERATIVE
    )
    return m.ChangeAvailabilityRequest(operational_status=status, evse=_evse(order))


def _evse(order: StationOrder) -> m.EVSEType | None:
    return m.EVSEType(id=order.evse_id, connector_id=order.connector_id or None) if order.evse_id else None


def _install_signed(order: StationOrder) -> Wire | Unsendable:
    if order.certificate is None:
        return Unsendable("there is no certificate to give")
    return m.CertificateSignedRequest(
        certificate_chain=order.certificate.chain, certificate_type=order.certificate.kind or None
    )


def _change_password(order: StationOrder) -> Wire | Unsendable:
    if order.secret is None:
        return Unsendable("there is no password to tell")
    one = m.SetVariableDataType(
        attribute_value=order.secret,
        component=m.ComponentType(name="SecurityCtrlr"),
        variable=m.VariableType(name="BasicAuthPassword"),
    )
    return m.SetVariablesRequest(set_variable_data=(one,))


def _status_of_one(response: m.SetVariablesResponse) -> str:
    """The status of the only variable that was set; of several nobody knows what they mean."""
    results = response.set_variable_result
    return results[0].attribute_status if len(results) == 1 else f"{len(results)} results for one variable"


_DONE: Mapping[str, CommandResult] = {
    "Accepted": CommandResult.ACCEPTED,
    "Scheduled": CommandResult.SCHEDULED,
    "Rejected": CommandResult.REJECTED,
}
OUTBOUND: Mapping[CommandName, Outbound] = {
    **locallist.OUTBOUND,
    **reservations.OUTBOUND,
    CommandName.START: order(
        "RequestStartTransaction", _request_start, m.RequestStartTransactionResponse, _DONE
    ),
    CommandName.STOP: order("RequestStopTransaction", _request_stop, m.RequestStopTransactionResponse, _DONE),
    CommandName.RESET: order("Reset", _reset, m.ResetResponse, _DONE),
    CommandName.UNLOCK: order(
        "UnlockConnector",
        _unlock,
        m.UnlockConnectorResponse,
        {
            "Unlocked": CommandResult.ACCEPTED,
            "UnlockFailed": CommandResult.FAILED,
            "OngoingAuthorizedTransaction": CommandResult.REJECTED,
            "UnknownConnector": CommandResult.UNKNOWN,
        },
    ),
    CommandName.TRIGGER: order(
        "TriggerMessage",
        _trigger,
        m.TriggerMessageResponse,
        {**_DONE, "NotImplemented": CommandResult.NOT_SUPPORTED},
    ),
    CommandName.CHANGE_AVAILABILITY: order(
        "ChangeAvailability", _change_availability, m.ChangeAvailabilityResponse, _DONE
    ),
    CommandName.INSTALL_SIGNED: order(
        "CertificateSigned", _install_signed, m.CertificateSignedResponse, _DONE
    ),
    CommandName.CHANGE_PASSWORD: order(
        "SetVariables",
        _change_password,
        m.SetVariablesResponse,
        {
            **_DONE,
            "RebootRequired": CommandResult.SCHEDULED,
            "UnknownComponent": CommandResult.UNKNOWN,
            "UnknownVariable": CommandResult.UNKNOWN,
            "NotSupportedAttributeType": CommandResult.NOT_SUPPORTED,
        },
        _status_of_one,
    ),
}
