"""What OCPP 1.6 stations tell of themselves, as notices."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model import asks
from elstrada.model.notices import NoticeKind
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.notices import progress, security_event
from elstrada.ocpp.table import Inbound, tell
from elstrada.ocpp.v16 import messages as m


def _diagnostics(message: m.DiagnosticsStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return progress(NoticeKind.LOG, message.status, None, intake)


def _firmware(message: m.FirmwareStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return progress(NoticeKind.FIRMWARE, message.status, None, intake)


def _signed_firmware(message: m.SignedFirmwareStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return progress(NoticeKind.FIRMWARE, message.status, message.request_id, intake)


def _log(message: m.LogStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return progress(NoticeKind.LOG, message.status, message.request_id, intake)


def _security_event(message: m.SecurityEventNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return security_event(message.type, message.timestamp, message.tech_info, intake)


INBOUND: Mapping[str, Inbound] = {
    "DiagnosticsStatusNotification": tell(
        m.DiagnosticsStatusNotificationRequest, _diagnostics, m.DiagnosticsStatusNotificationResponse()
    ),
    "FirmwareStatusNotification": tell(
        m.FirmwareStatusNotificationRequest, _firmware, m.FirmwareStatusNotificationResponse()
    ),
    "LogStatusNotification": tell(m.LogStatusNotificationRequest, _log, m.LogStatusNotificationResponse()),
    "SecurityEventNotification": tell(
        m.SecurityEventNotificationRequest, _security_event, m.SecurityEventNotificationResponse()
    ),
    "SignedFirmwareStatusNotification": tell(
        m.SignedFirmwareStatusNotificationRequest,
        _signed_firmware,
        m.SignedFirmwareStatusNotificationResponse(),
    ),
}
