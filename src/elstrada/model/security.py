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


class SecuredBy(StrEnum):
    """Who changed what is demanded of a station."""

    STATION = "STATION"
    """Itself: it came with a higher profile than ever before."""
    OPERATOR = "OPERATOR"


class ClientCertificate(msgspec.Struct, frozen=True):
    """What a caller's certificate says; the TLS handshake has checked its chain, its use and its time."""

    common_name: str
    """Empty if it has none, or several."""
    organization: str
    """Likewise."""
    ends_at: datetime
    """A resumed connection may bring one that has ended since."""


class Secured(msgspec.Struct, frozen=True):
    """A caller came by TLS, to us or to a proxy before us."""

    certificate: ClientCertificate | None = None
