"""Which versions a platform speaks and where. Source: OCPI 2.2.1 version_information_endpoint."""

from __future__ import annotations

import msgspec


class Version(msgspec.Struct, frozen=True):
    version: str
    url: str


class EndpointUrl(msgspec.Struct, frozen=True, omit_defaults=True):
    """The standard's class Endpoint."""

    identifier: str
    role: str = ""
    """SENDER or RECEIVER. Absent in 2.1.1; for credentials it means nothing (R-12)."""
    url: str = ""


class VersionDetails(msgspec.Struct, frozen=True):
    version: str
    endpoints: tuple[EndpointUrl, ...]
