"""Files that go to and come from stations: firmware, and logs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Purpose(StrEnum):
    """What an address is good for, and nothing else."""

    FIRMWARE = "FIRMWARE"
    """The station fetches an image."""
    LOG = "LOG"
    """The station leaves a log."""


class LogKind(StrEnum):
    """Which of its logs a station shall send."""

    DIAGNOSTICS = "DIAGNOSTICS"
    SECURITY = "SECURITY"


class TransferState(StrEnum):
    """How far a transfer is, as far as we see it; the station tells its own part."""

    OPEN = "OPEN"
    """The address is good until it expires."""
    DONE = "DONE"
    """A log came whole; the address is used."""
    CLOSED = "CLOSED"
    """The address is good no more: the station refused, or something newer took its place."""


class UpdateOrder(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A station shall fetch an image and install it."""

    location: str
    """URL."""
    request_id: int
    retrieve_at: datetime
    install_at: datetime | None = None
    """None: as soon as it can."""
    retries: int | None = None
    """After a first try that failed."""
    retry_interval_s: int | None = None
    signature: str | None = None
    """Base64, of the image."""
    certificate: str | None = None
    """PEM, of whoever signed it."""


class LogOrder(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A station shall leave a log."""

    location: str
    """URL beneath which it puts a file of a name it chooses."""
    request_id: int
    kind: LogKind = LogKind.DIAGNOSTICS
    oldest_at: datetime | None = None
    latest_at: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
