"""Whoever signs stations' certificates.

Source: OCPP 2.0.1 part 2, A02.FR.04 (the CSMS should not sign itself, but ask an authority).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec
from cryptography import x509


class Leaf(StrEnum):
    """What a certificate is for."""

    STATION = "STATION"
    """The station comes to us with it."""
    SECC = "SECC"
    """The station shows it to cars (ISO 15118-2)."""
    SECC_20 = "SECC_20"
    """Likewise (ISO 15118-20)."""
    COMBINED = "COMBINED"
    """Both."""

    @property
    def opens_our_door(self) -> bool:
        return self in (Leaf.STATION, Leaf.COMBINED)

    @property
    def is_for_cars(self) -> bool:
        return self is not Leaf.STATION


class Asked(msgspec.Struct, frozen=True):
    """A certificate signing request that was looked at and found right."""

    name: str
    """Its CN: the station's identity, or that of its SECC."""
    request: x509.CertificateSigningRequest
    leaf: Leaf = Leaf.STATION


class NotSigned(Exception):
    """The authority says no, or what it made cannot be used; asking again would not help."""


class NotNow(Exception):
    """The authority cannot be reached, or wants to be asked again later."""

    def __init__(self, says: str, after_s: float = 0) -> None:
        super().__init__(says)
        self.after_s = after_s
        """How long the authority wants to be left alone."""


class Authority(Protocol):
    """Signs what stations ask for."""

    async def sign(self, asked: Asked, now: datetime) -> tuple[x509.Certificate, ...]:
        """The station's certificate and those above it, in any order; a root may be among them.

        Raises:
            NotSigned: it never will.
            NotNow: it may later.
        """
        ...
