"""How a station proves who it is: the security profiles of OCPP, and what is demanded of a station."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec


class SecurityProfile(IntEnum):
    """The higher, the safer. Source: OCPP 1.6 security whitepaper §2; OCPP 2.0.1 part 2, A00."""

    BASIC = 1
    """A password, readable on the way."""
    BASIC_TLS = 2
    """A password, by TLS."""
    CERTIFICATE = 3
    """A client certificate."""


class StationSecurity(msgspec.Struct, frozen=True, omit_defaults=True):
    """With which profile a station must come, and with which it has."""

    minimum: SecurityProfile = SecurityProfile.BASIC
    proven: SecurityProfile = SecurityProfile.BASIC
    """The highest with which it ever spoke to us."""


class Signatures(StrEnum):
    """What is made of signatures under a station's messages. Source: OCPP 2.0.1 and 2.1 part 4 chapter 7."""

    OFF = "off"
    """Signed messages are read; their signatures are not looked at, as TLS protects the way already."""
    CHECKED = "checked"
    """A signature must be good where there is one."""
    REQUIRED = "required"
    """And there must be one under what moves money, identity or trust."""


class SecuredBy(StrEnum):
    """Who changed what is demanded of a station."""

    STATION = "STATION"
    """Itself: it came with a higher profile than ever before."""
    OPERATOR = "OPERATOR"


class PasswordStep(StrEnum):
    """What became of a station's new password."""

    OFFERED = "OFFERED"
    """It may be shown from now on, beside the one before: the station is told, or somebody goes there."""
    ACCEPTED = "ACCEPTED"
    """The station has it; the one before is worth nothing any more (A01.FR.03)."""
    REFUSED = "REFUSED"
    """The station does not have it, for certain; the one before stays (A01.FR.04)."""
    USED = "USED"
    """The station has come with it; the one before is worth nothing any more."""


class NewPassword(msgspec.Struct, frozen=True):
    """Somebody showed the password that a station is offered. Both are keyed hashes."""

    shown: bytes
    """Of what was shown: bytes, or their hexadecimal text (rule 7)."""
    offered: bytes
    """Of what is offered."""


class ClientCertificate(msgspec.Struct, frozen=True):
    """What a caller's certificate says; the TLS handshake has checked its chain, its use and its time."""

    common_name: str
    """Empty if it has none, or several."""
    organization: str
    """Likewise."""
    ends_at: datetime
    """A resumed connection may bring one that has ended since."""
    begins_at: datetime | None = None
    serial: str = ""
    """Hexadecimal, lower case, without leading zeros."""
    issuer: str = ""
    fingerprint: str = ""
    """SHA-256 of it, hexadecimal."""


class Secured(msgspec.Struct, frozen=True):
    """A caller came by TLS, to us or to a proxy before us."""

    certificate: ClientCertificate | None = None
