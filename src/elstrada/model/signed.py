"""What a verifier says of the signed meter values of a session."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class SignatureStatus(StrEnum):
    """Of one signed value; of several the first of these that applies to any."""

    NOT_MATCHING = "NOT_MATCHING"
    """The signature is not of this content and key: one of the three was changed, or belongs to another."""
    UNREADABLE = "UNREADABLE"
    """Content, signature or key cannot be read."""
    NO_KEY = "NO_KEY"
    """There is no public key to hold it against."""
    UNVERIFIED = "UNVERIFIED"
    """Of a format without a verifier here, or one of more than are looked at: it is passed on as it came."""
    VERIFIED = "VERIFIED"
    """It is what the holder of the key signed."""


class SignedCheck(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was found in the signed values of a session."""

    status: SignatureStatus
    values: tuple[SignatureStatus, ...] = ()
    """Of each value, in their order."""
    wrong: str = ""
    """What is not in order: a signature, the pages, the serial number. Sentences, parted by semicolons."""
    unverified: str = ""
    """Why nobody can say whether they are genuine; empty: that was found out."""
    register_start: Decimal | None = None
    """kWh, of the same register as the end; None: no value tells it."""
    register_end: Decimal | None = None
    left_out: tuple[str, ...] = ()
    """Of our own CDRs: what was signed and has no room in one, each a sentence."""

    @property
    def energy_kwh(self) -> Decimal | None:
        """What was signed for; None: start or end is missing."""
        if self.register_start is None or self.register_end is None:
            return None
        return self.register_end - self.register_start
