"""What OCPP 2.0.1 stations tell of themselves, as notices; 2.1 adds to it."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model import asks
from elstrada.model.mirror import Learned
from elstrada.model.notices import Notice, NoticeKind, Severity
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.notices import progress, said_of, security_event
from elstrada.ocpp.table import Inbound, tell
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.v201.profiles import external_cleared, external_limit


def _security_event(message: m.SecurityEventNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return security_event(message.type, message.timestamp, message.tech_info, intake)


def _firmware(message: m.FirmwareStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return progress(NoticeKind.FIRMWARE, message.status, message.request_id, intake)


def _log(message: m.LogStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    return progress(NoticeKind.LOG, message.status, message.request_id, intake)


def _published(message: m.PublishFirmwareStatusNotificationRequest, intake: Intake) -> asks.GiveNotice:
    places = " ".join(message.location or ())
    return progress(NoticeKind.PUBLISHED_FIRMWARE, message.status, message.request_id, intake, places)


def _limited(message: m.NotifyChargingLimitRequest, intake: Intake) -> asks.GiveNotice:
    """K11: the charging is limited from outside; how much is told where the station knows it."""
    limit = message.charging_limit
    critical = getattr(limit, "is_grid_critical", False)
    evse_id = None if message.evse_id is None else intake.number(message.evse_id, "/evseId")
    return asks.GiveNotice(
        learned=external_limit(message, evse_id or 0, intake.received_at),
        notice=Notice(
            kind=NoticeKind.CHARGING_LIMIT,
            at=intake.received_at,
            status="Limited",
            severity=Severity.ALERT if critical else Severity.NOTICE,
            subject=limit.charging_limit_source,
            evse_id=evse_id,
            text="critical for the grid" if critical else "",
            document=said_of(message),
        ),
    )


def _limit_cleared(message: m.ClearedChargingLimitRequest, intake: Intake) -> asks.GiveNotice:
    """K13."""
    evse_id = None if message.evse_id is None else intake.number(message.evse_id, "/evseId")
    return asks.GiveNotice(
        learned=Learned(cleared=external_cleared(message.charging_limit_source, evse_id)),
        notice=Notice(
            kind=NoticeKind.CHARGING_LIMIT,
            at=intake.received_at,
            status="Cleared",
            severity=Severity.NOTICE,
            subject=message.charging_limit_source,
            evse_id=evse_id,
        ),
    )


def _reservation(message: m.ReservationStatusUpdateRequest, intake: Intake) -> asks.GiveNotice:
    return asks.GiveNotice(
        Notice(
            kind=NoticeKind.RESERVATION,
            at=intake.received_at,
            status=message.reservation_update_status,
            severity=Severity.NOTICE,
            subject=str(message.reservation_id),
        )
    )


INBOUND: Mapping[str, Inbound] = {
    "ClearedChargingLimit": tell(
        m.ClearedChargingLimitRequest, _limit_cleared, m.ClearedChargingLimitResponse()
    ),
    "FirmwareStatusNotification": tell(
        m.FirmwareStatusNotificationRequest, _firmware, m.FirmwareStatusNotificationResponse()
    ),
    "LogStatusNotification": tell(m.LogStatusNotificationRequest, _log, m.LogStatusNotificationResponse()),
    "NotifyChargingLimit": tell(m.NotifyChargingLimitRequest, _limited, m.NotifyChargingLimitResponse()),
    "PublishFirmwareStatusNotification": tell(
        m.PublishFirmwareStatusNotificationRequest, _published, m.PublishFirmwareStatusNotificationResponse()
    ),
    "ReservationStatusUpdate": tell(
        m.ReservationStatusUpdateRequest, _reservation, m.ReservationStatusUpdateResponse()
    ),
    "SecurityEventNotification": tell(
        m.SecurityEventNotificationRequest, _security_event, m.SecurityEventNotificationResponse()
    ),
}
