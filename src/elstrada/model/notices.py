"""Notices: what a station tells of itself besides its sessions, in one shape over all OCPP versions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class NoticeKind(StrEnum):
    """What a notice is about."""

    SECURITY_EVENT = "SECURITY_EVENT"
    FIRMWARE = "FIRMWARE"
    """How an update of the firmware goes."""
    LOG = "LOG"
    """How the upload of a log or of diagnostics goes."""
    PUBLISHED_FIRMWARE = "PUBLISHED_FIRMWARE"
    """How the publishing of a firmware at a Local Controller goes."""
    CHARGING_LIMIT = "CHARGING_LIMIT"
    """Somebody other than us limits the charging, or does so no longer."""
    RESERVATION = "RESERVATION"
    """A reservation ended without having been used."""
    EV_NEEDS = "EV_NEEDS"
    """A car said what it needs (ISO 15118)."""
    EV_SCHEDULE = "EV_SCHEDULE"
    """A car said how it will charge, and whether that is within the limits we set."""
    PRIORITY_CHARGING = "PRIORITY_CHARGING"
    DER_ALARM = "DER_ALARM"
    """The grid strays, or does so no longer."""
    DER_CONTROL = "DER_CONTROL"
    """A control of the grid began or ended."""
    BATTERY_SWAP = "BATTERY_SWAP"
    """A driver brought batteries, took some, or did not take them in time."""
    SETTLEMENT = "SETTLEMENT"
    """A terminal at a station settled a payment, or could not; ``document`` is a Settlement."""
    DATA_TRANSFER = "DATA_TRANSFER"
    """What a vendor's extension says; of vendors that the installation names."""


class Severity:
    """How severe a notice is, on the scale of monitors. Source: OCPP 2.1 part 2, EventDataType.severity."""

    CRITICAL = 3
    ERROR = 4
    ALERT = 5
    NOTICE = 7
    INFORMATIONAL = 8


ALARMING = Severity.ALERT
"""What is this severe or more (a lower number) is an alarm: somebody should look."""


class Notice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One notice. Holds no secret, no token and no personal data."""

    kind: NoticeKind
    at: datetime
    status: str
    """In OCPP's words: a security event's type, or how far a thing has come."""
    severity: int = Severity.INFORMATIONAL
    """0, the gravest, to 9."""
    timed: bool = False
    """Is ``at`` the station's word? False: it is the time of receipt."""
    subject: str = ""
    """What it is about: a reservation's or a control's id, a session's name at the station, a limit's source."""
    request_id: int | None = None
    """Of the request of ours that it belongs to."""
    evse_id: int | None = None
    text: str = ""
    answer: str = ""
    """What we answered, where that is a decision of ours."""
    document: str | None = None
    """The whole message as JSON, where it tells more than stands in the fields above."""


CRITICAL_EVENTS = frozenset(
    {
        "DiscardedRenewedClientCertificate",
        "FirmwareUpdated",
        "InvalidCentralSystemCertificate",
        "InvalidChargePointCertificate",
        "InvalidChargingStationCertificate",
        "InvalidCsmsCertificate",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidTLSCipherSuite",
        "InvalidTLSVersion",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
        "MemoryExhaustion",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "TamperDetectionActivated",
    }
)
"""Security events that a station must tell at once. Source: OCPP 2.1 appendices, security events, and the
1.6 security whitepaper, which names some after the Central System and the Charge Point."""
ROUTINE_EVENTS = frozenset({"FirmwareUpdated", "ResetOrReboot", "SettingSystemTime", "StartupOfTheDevice"})
"""Of these, those that every sound station tells in the course of its life: told at once, and no alarm."""


def severity_of_event(event: str) -> int:
    """How severe a security event is; what is not in the list is somebody's own, and somebody should look."""
    if event in ROUTINE_EVENTS:
        return Severity.NOTICE
    if event in CRITICAL_EVENTS:
        return Severity.CRITICAL
    return Severity.ALERT


def severity_of_progress(status: str) -> int:
    """How severe it is that an update or an upload has come this far."""
    failed = any(
        word in status for word in ("Failed", "Invalid", "Failure", "Denied", "Rejected", "BadMessage")
    )
    return Severity.ERROR if failed else Severity.INFORMATIONAL
