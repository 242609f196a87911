"""Setting a station up: what it shall be set to, and what became of each value."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SetResult(StrEnum):
    """What became of one value."""

    SET = "SET"
    AFTER_REBOOT = "AFTER_REBOOT"
    """Taken, and in force once the station has rebooted."""
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    """The station has no such variable or key."""
    NOT_ANSWERED = "NOT_ANSWERED"
    """The call with it failed; whether it was set is not known."""
    OTHER_VERSION = "OTHER_VERSION"
    """It is a name of another OCPP version, and was not sent."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one value."""

    key: str
    """The variable's, or the 1.6 configuration key."""
    result: SetResult
    detail: str = ""
    """In the station's words."""

    @property
    def done(self) -> bool:
        """Is there nothing left to do about it, but a reboot?"""
        return self.result in (SetResult.SET, SetResult.AFTER_REBOOT, SetResult.OTHER_VERSION)


class MessageLimits(msgspec.Struct, frozen=True):
    """How much a station takes in one message. Source: OCPP 2.0.1 part 2, DeviceDataCtrlr and MonitoringCtrlr."""

    items: int = 1
    """One is right for every station."""
    bytes: int | None = None
    """Of the whole message."""
