"""How a station can come to its CSMS: network connection profiles, each in a slot of the station.

Source: OCPP 2.0.1 part 2, B09, B10 and NetworkConnectionProfileType; 2.1 has them in its device model as well.
"""

from __future__ import annotations

import msgspec


class NetworkProfile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What lies in a slot, as far as known. Holds no password, key or PIN."""

    slot: int
    url: str | None = None
    """Of the CSMS, without the station's identity."""
    interface: str | None = None
    """In OCPP's words, such as Wired0."""
    security_profile: int | None = None
    timeout_s: int | None = None
    """For an answer to a message."""
    identity: str | None = None
    """By which it comes there (2.1); None: its own."""
    apn: str | None = None
    """Name of a mobile network's access point."""
    vpn: str | None = None
    """A VPN's server."""
