"""What OCPP 2.1 stations tell of themselves besides what those of 2.0.1 tell."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model import asks
from elstrada.model.notices import Notice, NoticeKind, Severity
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.notices import MAX_TEXT
from elstrada.ocpp.table import Inbound, tell
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.profiles import hurry
from elstrada.redaction import redacted


def _der_alarm(message: m.NotifyDERAlarmRequest, intake: Intake) -> asks.GiveNotice:
    """R04: the grid strays from what a control allows."""
    at, suspect = intake.time(message.timestamp, "/timestamp")
    ended = message.alarm_ended or False
    fault = message.grid_event_fault or ""
    return asks.GiveNotice(
        Notice(
            kind=NoticeKind.DER_ALARM,
            at=at,
            timed=not suspect,
            status="Ended" if ended else "Alarm",
            severity=Severity.NOTICE if ended else Severity.ALERT,
            subject=message.control_type,
            text=redacted(f"{fault} {message.extra_info or ''}".strip())[:MAX_TEXT],
        )
    )


def _der_control(message: m.NotifyDERStartStopRequest, intake: Intake) -> asks.GiveNotice:
    """R02: a scheduled control began or ended."""
    at, suspect = intake.time(message.timestamp, "/timestamp")
    superseded = " ".join(message.superseded_ids or ())
    return asks.GiveNotice(
        Notice(
            kind=NoticeKind.DER_CONTROL,
            at=at,
            timed=not suspect,
            status="Started" if message.started else "Ended",
            subject=message.control_id,
            text=f"supersedes {superseded}" if superseded else "",
        )
    )


def _priority(message: m.NotifyPriorityChargingRequest, intake: Intake) -> asks.GiveNotice:
    """K22: the driver asked for all the power there is, or no longer does."""
    return asks.GiveNotice(
        learned=hurry(message.transaction_id, begins=message.activated),
        notice=Notice(
            kind=NoticeKind.PRIORITY_CHARGING,
            at=intake.received_at,
            status="Activated" if message.activated else "Deactivated",
            subject=message.transaction_id,
        ),
    )


INBOUND: Mapping[str, Inbound] = {
    "NotifyDERAlarm": tell(m.NotifyDERAlarmRequest, _der_alarm, m.NotifyDERAlarmResponse()),
    "NotifyDERStartStop": tell(m.NotifyDERStartStopRequest, _der_control, m.NotifyDERStartStopResponse()),
    "NotifyPriorityCharging": tell(
        m.NotifyPriorityChargingRequest, _priority, m.NotifyPriorityChargingResponse()
    ),
}
