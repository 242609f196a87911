"""OCPP 2.1 in our words: what it adds to the table of 2.0.1, whose messages it widens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model import asks
from elstrada.model.device import CommandName, StationOrder
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.table import Empty, Inbound, Outbound, Unsendable, as_before, ask, order, say
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v201 import translate as v201
from elstrada.ocpp.wire import Wire

MAX_ID_TOKEN = 255
MEMORABLE = v201.MEMORABLE

# --- from the station -----------------------------------------------------------------------------


def _events(message: m.NotifyEventRequest, intake: Intake) -> asks.ReportEvents:
    """As in 2.0.1, and each event may say how severe it is."""
    told = v201.INBOUND["NotifyEvent"].to_ask(message, intake)
    assert isinstance(told, asks.ReportEvents), "the row of 2.0.1 reports events"
    both = zip(told.events, message.event_data, strict=True)
    return asks.ReportEvents(
        tuple(msgspec.structs.replace(event, severity=data.severity) for event, data in both)
    )


def _chain_unknown(message: m.GetCertificateChainStatusRequest, intake: Intake) -> Wire:
    """Of no certificate do we know more than that we did not ask; it may be asked for again at once."""
    return m.GetCertificateChainStatusResponse(
        certificate_status=tuple(
            m.CertificateStatusType(
                certificate_hash_data=asked.certificate_hash_data,
                source=asked.source,
                status=m.CertificateStatusEnumType.FAILED,
                next_update=wire_time(intake.received_at),
            )
            for asked in message.certificate_status_requests
        )
    )


def _vat_number_refused(message: m.VatNumberValidationRequest, _: Intake) -> Wire:
    return m.VatNumberValidationResponse(
        vat_number=message.vat_number, evse_id=message.evse_id, status=m.GenericStatusEnumType.REJECTED
    )


_SINCE_21: Mapping[str, Inbound] = {
    "BatterySwap": say(m.BatterySwapRequest, m.BatterySwapResponse(), "no stock of batteries is kept"),
    "ClosePeriodicEventStream": say(
        m.ClosePeriodicEventStreamRequest, m.ClosePeriodicEventStreamResponse(), "no stream is ever opened"
    ),
    "GetCertificateChainStatus": say(
        m.GetCertificateChainStatusRequest, _chain_unknown, "no OCSP responder or CRL is asked: Failed"
    ),
    "NotifyDERAlarm": say(
        m.NotifyDERAlarmRequest, m.NotifyDERAlarmResponse(), "no model of the grid's controls is kept"
    ),
    "NotifyDERStartStop": say(
        m.NotifyDERStartStopRequest, m.NotifyDERStartStopResponse(), "no model of the grid's controls is kept"
    ),
    "NotifyEvent": ask(m.NotifyEventRequest, _events, v201.INBOUND["NotifyEvent"].from_answer),
    "NotifyPeriodicEventStream": say(
        m.NotifyPeriodicEventStreamRequest,
        Empty(),
        "no stream is ever opened; as SEND it has no answer, and as CALL, where stations err, an empty one",
    ),
    "NotifyPriorityCharging": say(
        m.NotifyPriorityChargingRequest,
        m.NotifyPriorityChargingResponse(),
        "no model of installed profiles is kept",
    ),
    "NotifySettlement": say(
        m.NotifySettlementRequest,
        m.NotifySettlementResponse(),
        "the terminal settles with its own provider, and no receipt is made here",
    ),
    "OpenPeriodicEventStream": say(
        m.OpenPeriodicEventStreamRequest,
        m.OpenPeriodicEventStreamResponse(status=m.GenericStatusEnumType.REJECTED),
        "no values are collected from streams: Rejected",
    ),
    "PullDynamicScheduleUpdate": say(
        m.PullDynamicScheduleUpdateRequest,
        m.PullDynamicScheduleUpdateResponse(status=m.ChargingProfileStatusEnumType.REJECTED),
        "no dynamic profile is kept: Rejected",
    ),
    "ReportDERControl": say(
        m.ReportDERControlRequest, m.ReportDERControlResponse(), "no model of the grid's controls is kept"
    ),
    "VatNumberValidation": say(
        m.VatNumberValidationRequest, _vat_number_refused, "no register of VAT numbers is asked: Rejected"
    ),
}
INBOUND: Mapping[str, Inbound] = {
    action: as_before(row, m.ACTIONS[action][0]) for action, row in v201.INBOUND.items()
} | dict(_SINCE_21)


# --- to the station -------------------------------------------------------------------------------


def _request_start(order: StationOrder) -> Wire | Unsendable:
    if not order.token_uid or order.remote_start_id is None:
        return Unsendable("OCPP 2.1 starts a session with a token and a number of ours")
    if len(order.token_uid) > MAX_ID_TOKEN:
        return Unsendable(f"OCPP 2.1 knows tokens of up to {MAX_ID_TOKEN} characters")
    return m.RequestStartTransactionRequest(
        id_token=m.IdTokenType(id_token=order.token_uid, type=v201.id_token_type(order.token_type)),
        remote_start_id=order.remote_start_id,
        evse_id=order.evse_id or None,
    )


def _trigger(order: StationOrder) -> Wire | Unsendable:
    if order.message not in _TRIGGERS:
        return Unsendable(f"OCPP 2.1 triggers {', '.join(sorted(_TRIGGERS))}")
    evse = m.EVSEType(id=order.evse_id, connector_id=order.connector_id or None) if order.evse_id else None
    return m.TriggerMessageRequest(requested_message=order.message, evse=evse)


# A CustomTrigger would have to say which: `station call` can.
_TRIGGERS = frozenset(trigger.value for trigger in m.MessageTriggerEnumType) - {"CustomTrigger"}


def _as_before(name: CommandName) -> Outbound:
    row = v201.OUTBOUND[name]
    return order(row.action, row.to_request, m.ACTIONS[row.action][1], row.results)


OUTBOUND: Mapping[CommandName, Outbound] = {
    **{name: _as_before(name) for name in v201.OUTBOUND},
    CommandName.START: order(
        "RequestStartTransaction",
        _request_start,
        m.RequestStartTransactionResponse,
        v201.OUTBOUND[CommandName.START].results,
    ),
    CommandName.TRIGGER: order(
        "TriggerMessage", _trigger, m.TriggerMessageResponse, v201.OUTBOUND[CommandName.TRIGGER].results
    ),
}
