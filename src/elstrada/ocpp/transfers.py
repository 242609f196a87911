"""How each version says that a station shall fetch firmware, or leave a log.

Source: OCPP 1.6 §5.12, §5.19 (GetDiagnostics, UpdateFirmware); its security whitepaper, L01 and N01; OCPP
2.0.1 part 2, L01, L02 and N01.
"""

from __future__ import annotations

from datetime import datetime

from elstrada.model.device import Protocol
from elstrada.model.transfer import LogKind, LogOrder, UpdateOrder
from elstrada.ocpp.table import Sendable, Unsendable
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v16 import messages as m16
from elstrada.ocpp.v201 import messages as m201
from elstrada.ocpp.wire import Wire, encode

_LOGS = {LogKind.DIAGNOSTICS: "DiagnosticsLog", LogKind.SECURITY: "SecurityLog"}


def update(protocol: Protocol, order: UpdateOrder) -> Sendable | Unsendable:
    """A call to fetch and install firmware; that of 1.6 without a signature has no number and no time to install."""
    signed = order.signature is not None and order.certificate is not None
    if protocol is not Protocol.OCPP16:
        return _call("UpdateFirmware", _update201(order))
    if signed:
        return _call("SignedUpdateFirmware", _signed16(order))
    if order.install_at is not None:
        return Unsendable("OCPP 1.6 without a signature knows no time at which to install")
    return _call("UpdateFirmware", _update16(order))


def fetch_log(protocol: Protocol, order: LogOrder) -> Sendable:
    """A call to leave a log. 1.6 has it in its security extension only."""
    if protocol is Protocol.OCPP16:
        return _call("GetLog", _log16(order))
    return _call("GetLog", _log201(order))


def fetch_diagnostics(order: LogOrder) -> Sendable:
    """What 1.6 has for stations without the security extension. Its status bears no number."""
    return _call(
        "GetDiagnostics",
        m16.GetDiagnosticsRequest(
            location=order.location,
            retries=order.retries,
            retry_interval=order.retry_interval_s,
            start_time=_time(order.oldest_at),
            stop_time=_time(order.latest_at),
        ),
    )


def _update16(order: UpdateOrder) -> Wire:
    return m16.UpdateFirmwareRequest(
        location=order.location,
        retrieve_date=wire_time(order.retrieve_at),
        retries=order.retries,
        retry_interval=order.retry_interval_s,
    )


def _signed16(order: UpdateOrder) -> Wire:
    assert order.signature is not None, "it is signed"
    assert order.certificate is not None, "it is signed"
    return m16.SignedUpdateFirmwareRequest(
        request_id=order.request_id,
        firmware=m16.FirmwareType(
            location=order.location,
            retrieve_date_time=wire_time(order.retrieve_at),
            install_date_time=_time(order.install_at),
            signing_certificate=order.certificate,
            signature=order.signature,
        ),
        retries=order.retries,
        retry_interval=order.retry_interval_s,
    )


def _update201(order: UpdateOrder) -> Wire:
    return m201.UpdateFirmwareRequest(
        request_id=order.request_id,
        firmware=m201.FirmwareType(
            location=order.location,
            retrieve_date_time=wire_time(order.retrieve_at),
            install_date_time=_time(order.install_at),
            signing_certificate=order.certificate,
            signature=order.signature,
        ),
        retries=order.retries,
        retry_interval=order.retry_interval_s,
    )


def _log16(order: LogOrder) -> Wire:
    return m16.GetLogRequest(
        log=m16.LogParametersType(
            remote_location=order.location,
            oldest_timestamp=_time(order.oldest_at),
            latest_timestamp=_time(order.latest_at),
        ),
        log_type=_LOGS[order.kind],
        request_id=order.request_id,
        retries=order.retries,
        retry_interval=order.retry_interval_s,
    )


def _log201(order: LogOrder) -> Wire:
    return m201.GetLogRequest(
        log=m201.LogParametersType(
            remote_location=order.location,
            oldest_timestamp=_time(order.oldest_at),
            latest_timestamp=_time(order.latest_at),
        ),
        log_type=_LOGS[order.kind],
        request_id=order.request_id,
        retries=order.retries,
        retry_interval=order.retry_interval_s,
    )


def _time(at: datetime | None) -> str | None:
    return None if at is None else wire_time(at)


def _call(action: str, request: Wire) -> Sendable:
    return Sendable(action, encode(request))
