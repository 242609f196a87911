"""OCPP 2.0.1 in our words: the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from elstrada.model import answers, asks
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus, StationOrder
from elstrada.model.quantity import MeterSample
from elstrada.model.token import Allowed, Verdict
from elstrada.ocpp.faults import Finding
from elstrada.ocpp.intake import Intake, Unreadable
from elstrada.ocpp.meter import ENERGY, OUTLET, PERIODIC, Value, in_base_unit, samples_of
from elstrada.ocpp.table import Inbound, Outbound, Unsendable, ask, order, say
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.wire import Wire, encode

MAX_ID_TOKEN = 36

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
        status=m.RegistrationStatusEnumType.ACCEPTED,
    )


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
    return asks.Authorize(token=_token(message.id_token, intake))


def _judged(answer: answers.Judged) -> Wire:
    return m.AuthorizeResponse(id_token_info=_id_token_info(answer.verdict))


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
    return m.TransactionEventResponse(id_token_info=info)


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
        value=event.actual_value,
        trigger=event.trigger,
        evse_id=evse_id,
        connector_id=connector_id,
        cleared=event.cleared or False,
    )


def _events_noted(_: answers.Noted) -> Wire:
    return m.NotifyEventResponse()


def _noted(_: answers.Noted) -> Wire:
    return m.StatusNotificationResponse()


INBOUND: Mapping[str, Inbound] = {
    "Authorize": ask(m.AuthorizeRequest, _authorize, _judged),
    "BootNotification": ask(m.BootNotificationRequest, _boot, _registered),
    "ClearedChargingLimit": say(
        m.ClearedChargingLimitRequest, m.ClearedChargingLimitResponse(), "no model of external limits is kept"
    ),
    "DataTransfer": say(
        m.DataTransferRequest,
        m.DataTransferResponse(status=m.DataTransferStatusEnumType.UNKNOWN_VENDOR_ID),
        "no vendor's extension is known here: UnknownVendorId",
    ),
    "FirmwareStatusNotification": say(
        m.FirmwareStatusNotificationRequest,
        m.FirmwareStatusNotificationResponse(),
        "progress of an update: acknowledged, and not kept",
    ),
    "Get15118EVCertificate": say(
        m.Get15118EVCertificateRequest,
        m.Get15118EVCertificateResponse(status=m.Iso15118EVCertificateStatusEnumType.FAILED, exi_response=""),
        "no contract certificate pool is connected: Failed",
    ),
    "GetCertificateStatus": say(
        m.GetCertificateStatusRequest,
        m.GetCertificateStatusResponse(status=m.GetCertificateStatusEnumType.FAILED),
        "no OCSP responder is asked: Failed",
    ),
    "Heartbeat": ask(m.HeartbeatRequest, _beat, _the_time),
    "LogStatusNotification": say(
        m.LogStatusNotificationRequest,
        m.LogStatusNotificationResponse(),
        "progress of an upload: acknowledged, and not kept",
    ),
    "MeterValues": ask(m.MeterValuesRequest, _meter_values, _metered, m.MeterValuesResponse()),
    "NotifyChargingLimit": say(
        m.NotifyChargingLimitRequest, m.NotifyChargingLimitResponse(), "no model of external limits is kept"
    ),
    "NotifyCustomerInformation": say(
        m.NotifyCustomerInformationRequest,
        m.NotifyCustomerInformationResponse(),
        "acknowledged, and not kept: it is personal data",
    ),
    "NotifyDisplayMessages": say(
        m.NotifyDisplayMessagesRequest,
        m.NotifyDisplayMessagesResponse(),
        "no model of a station's messages is kept",
    ),
    "NotifyEVChargingNeeds": say(
        m.NotifyEVChargingNeedsRequest,
        m.NotifyEVChargingNeedsResponse(status=m.NotifyEVChargingNeedsStatusEnumType.REJECTED),
        "no schedule is made for a car's needs: Rejected",
    ),
    "NotifyEVChargingSchedule": say(
        m.NotifyEVChargingScheduleRequest,
        m.NotifyEVChargingScheduleResponse(status=m.GenericStatusEnumType.ACCEPTED),
        "it is compared with nothing; Accepted says that it was understood, not that it is approved",
    ),
    "NotifyEvent": ask(m.NotifyEventRequest, _events, _events_noted),
    "NotifyMonitoringReport": say(
        m.NotifyMonitoringReportRequest,
        m.NotifyMonitoringReportResponse(),
        "no model of a station's monitors is kept",
    ),
    "NotifyReport": say(m.NotifyReportRequest, m.NotifyReportResponse(), "no device model is kept"),
    "PublishFirmwareStatusNotification": say(
        m.PublishFirmwareStatusNotificationRequest,
        m.PublishFirmwareStatusNotificationResponse(),
        "progress of a publication: acknowledged, and not kept",
    ),
    "ReportChargingProfiles": say(
        m.ReportChargingProfilesRequest,
        m.ReportChargingProfilesResponse(),
        "no model of installed profiles is kept",
    ),
    "ReservationStatusUpdate": say(
        m.ReservationStatusUpdateRequest,
        m.ReservationStatusUpdateResponse(),
        "no model of reservations is kept",
    ),
    "SecurityEventNotification": say(
        m.SecurityEventNotificationRequest,
        m.SecurityEventNotificationResponse(),
        "acknowledged, and not kept",
    ),
    "SignCertificate": say(
        m.SignCertificateRequest,
        m.SignCertificateResponse(status=m.GenericStatusEnumType.REJECTED),
        "we are no certificate authority: Rejected, and the station keeps the certificate it has",
    ),
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

_TOKEN_TYPES: Mapping[str, str] = {
    "ISO14443": "RFID",
    "ISO15693": "RFID",
    "eMAID": "EMAID",
    # An identity made by a back office, most often by an app's remote start.
    "Central": "APP_USER",
}
"""What OCPI calls a token; the rest is OTHER."""
_ID_TOKEN_TYPES: Mapping[str, m.IdTokenEnumType] = {
    "RFID": m.IdTokenEnumType.ISO14443,
    "EMAID": m.IdTokenEnumType.E_MAID,
}
"""The way back; the rest is Central."""


def id_token_type(token_type: str) -> m.IdTokenEnumType:
    """What 2.x calls a token of ours."""
    return _ID_TOKEN_TYPES.get(token_type, m.IdTokenEnumType.CENTRAL)


def _token(token: m.IdTokenType, intake: Intake) -> asks.PresentedToken:
    return asks.PresentedToken(
        intake.uid(token.id_token, "/idToken/idToken"), _TOKEN_TYPES.get(token.type, "OTHER")
    )


_NO_AUTHORIZATION = m.IdTokenEnumType.NO_AUTHORIZATION.value


def _presented(token: m.IdTokenType | None, intake: Intake) -> asks.PresentedToken | None:
    """The token of a transaction; NoAuthorization says that none was presented (C02)."""
    if token is None or token.type == _NO_AUTHORIZATION:
        return None
    return _token(token, intake)


_AUTHORIZATION: Mapping[Allowed, m.AuthorizationStatusEnumType] = {
    Allowed.ALLOWED: m.AuthorizationStatusEnumType.ACCEPTED,
    Allowed.BLOCKED: m.AuthorizationStatusEnumType.BLOCKED,
    Allowed.EXPIRED: m.AuthorizationStatusEnumType.EXPIRED,
    Allowed.NO_CREDIT: m.AuthorizationStatusEnumType.NO_CREDIT,
    Allowed.NOT_ALLOWED: m.AuthorizationStatusEnumType.INVALID,
}


def _id_token_info(verdict: Verdict) -> m.IdTokenInfoType:
    group = None
    if verdict.contract_ref:
        group = m.IdTokenType(id_token=verdict.contract_ref[:MAX_ID_TOKEN], type=m.IdTokenEnumType.CENTRAL)
    return m.IdTokenInfoType(status=_AUTHORIZATION[verdict.allowed], group_id_token=group)


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
    if not order.token_uid or order.remote_start_id is None:
        return Unsendable("OCPP 2.0.1 starts a session with a token and a number of ours")
    if len(order.token_uid) > MAX_ID_TOKEN:
        return Unsendable(f"OCPP 2.0.1 knows tokens of up to {MAX_ID_TOKEN} characters")
    return m.RequestStartTransactionRequest(
        id_token=m.IdTokenType(id_token=order.token_uid, type=id_token_type(order.token_type)),
        remote_start_id=order.remote_start_id,
        evse_id=order.evse_id or None,
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


_DONE: Mapping[str, CommandResult] = {
    "Accepted": CommandResult.ACCEPTED,
    "Scheduled": CommandResult.SCHEDULED,
    "Rejected": CommandResult.REJECTED,
}
OUTBOUND: Mapping[CommandName, Outbound] = {
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
}
