"""OCPP 2.1 in our words: what it adds to the table of 2.0.1, whose messages it widens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model import answers, asks
from elstrada.model.device import CommandName, StationOrder
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.table import Inbound, Outbound, Unsendable, as_before, ask, order
from elstrada.ocpp.v21 import batteries, contracts, mirror, notices, payments
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.limits import limit, limit_to_wire
from elstrada.ocpp.v21.reckoning import reckoning
from elstrada.ocpp.v21.tariff import to_wire
from elstrada.ocpp.v201 import reservations
from elstrada.ocpp.v201 import translate as v201
from elstrada.ocpp.v201.tokens import OWN_TYPES as _OWN_201
from elstrada.ocpp.v201.tokens import id_token
from elstrada.ocpp.wire import Wire

MAX_ID_TOKEN = 255
OWN_TYPES = _OWN_201 | {"DirectPayment", "EVCCID", "NEMA", "VIN"}
"""Of tokens. Source: OCPP 2.1 appendices, IdTokenEnumStringType."""
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


def _authorize(message: m.AuthorizeRequest, intake: Intake) -> asks.Authorize:
    """As in 2.0.1, and of a payment at the station's terminal (C18.FR.04)."""
    told = _AUTHORIZE.to_ask(message, intake)
    assert isinstance(told, asks.Authorize), "the row of 2.0.1 asks so"
    return msgspec.structs.replace(told, token=payments.payer(told.token, message.id_token))


_AUTHORIZE = v201.INBOUND["Authorize"]


def _judged(answer: answers.Judged) -> Wire:
    """As in 2.0.1, with the driver's own tariff (I08.FR.01) and what his car may choose from (Q01.FR.01)."""
    told = _AUTHORIZE.from_answer(answer)
    plain = msgspec.structs.asdict(told)
    tariff = None if answer.tariff is None else to_wire(answer.tariff, of_driver=True).value
    return m.AuthorizeResponse(**plain, allowed_energy_transfer=answer.transfer or None, tariff=tariff)


def _transaction_event(
    message: m.TransactionEventRequest, intake: Intake
) -> asks.StartSession | asks.UpdateSession | asks.EndSession:
    """As in 2.0.1, and with what the station reckons of the cost."""
    told = _OF_SESSIONS.to_ask(message, intake)
    assert isinstance(told, asks.StartSession | asks.UpdateSession | asks.EndSession), "it is of a session"
    reckoned, told_limit = reckoning(message, intake), limit(message, intake)
    shown = message.id_token
    if told.token is not None and shown is not None:
        told = msgspec.structs.replace(told, token=payments.payer(told.token, shown))
    if reckoned is None and told_limit is None:
        return told
    return msgspec.structs.replace(told, reckoning=reckoned, told_limit=told_limit)


def _session_noted(answer: answers.SessionNoted) -> Wire:
    """As in 2.0.1, and with what the session may take (E16)."""
    told = _OF_SESSIONS.from_answer(answer)
    if answer.limit is None:
        return told
    plain = msgspec.structs.asdict(told)
    return m.TransactionEventResponse(**plain, transaction_limit=limit_to_wire(answer.limit))


_OF_SESSIONS = v201.INBOUND["TransactionEvent"]


def _sign_certificate(message: m.SignCertificateRequest, _: Intake) -> asks.SignCertificate:
    return asks.SignCertificate(
        csr=message.csr,
        kind=message.certificate_type or "",
        wire_id=message.request_id,
    )


_SINCE_21: Mapping[str, Inbound] = {
    "Authorize": ask(m.AuthorizeRequest, _authorize, _judged),
    "NotifyEvent": ask(m.NotifyEventRequest, _events, v201.INBOUND["NotifyEvent"].from_answer),
    "SignCertificate": ask(
        m.SignCertificateRequest, _sign_certificate, v201.INBOUND["SignCertificate"].from_answer
    ),
    "TransactionEvent": ask(m.TransactionEventRequest, _transaction_event, _session_noted),
}
INBOUND: Mapping[str, Inbound] = {
    action: as_before(row, m.ACTIONS[action][0]) for action, row in v201.INBOUND.items()
} | {
    **notices.INBOUND,
    **mirror.INBOUND,
    **batteries.INBOUND,
    **contracts.INBOUND,
    **payments.INBOUND,
    **_SINCE_21,
}


# --- to the station -------------------------------------------------------------------------------


def _request_start(order: StationOrder) -> Wire | Unsendable:
    return v201.request_start(order, id_token(order, "2.1", MAX_ID_TOKEN, OWN_TYPES))


def _reserve(order: StationOrder) -> Wire | Unsendable:
    """Types of connectors are an open list since 2.1."""
    return reservations.reserve(order, id_token(order, "2.1", MAX_ID_TOKEN, OWN_TYPES), None)


def _install_signed(order: StationOrder) -> Wire | Unsendable:
    if order.certificate is None:
        return Unsendable("there is no certificate to give")
    return m.CertificateSignedRequest(
        certificate_chain=order.certificate.chain,
        certificate_type=order.certificate.kind or None,
        request_id=order.certificate.wire_id,  # A02.FR.25
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
    return order(row.action, row.to_request, m.ACTIONS[row.action][1], row.results, row.status)


OUTBOUND: Mapping[CommandName, Outbound] = {
    **{name: _as_before(name) for name in v201.OUTBOUND},
    CommandName.INSTALL_SIGNED: order(
        "CertificateSigned",
        _install_signed,
        m.CertificateSignedResponse,
        v201.OUTBOUND[CommandName.INSTALL_SIGNED].results,
    ),
    CommandName.RESERVE: order(
        "ReserveNow", _reserve, m.ReserveNowResponse, v201.OUTBOUND[CommandName.RESERVE].results
    ),
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
