"""Whether a station may work with us: what its BootNotification is answered."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Admission(StrEnum):
    """Source: OCPP 1.6 §4.2; OCPP 2.0.1 part 2, B01 to B03."""

    ACCEPTED = "ACCEPTED"
    PENDING = "PENDING"
    """Held: we may ask it and set it up, and it may not work yet."""
    REJECTED = "REJECTED"
    """Nothing is sent to it."""


class AdmittedBy(StrEnum):
    """Who decided on a station's admission."""

    RULE = "RULE"
    """The installation's, ``stations.onboarding``."""
    OPERATOR = "OPERATOR"
    """Whose word goes before the rule's, whatever the station becomes."""


class Make(msgspec.Struct, frozen=True, omit_defaults=True):
    """What kind of station booted; stations of one make are set up alike."""

    vendor: str
    model: str
    firmware: str | None = None

    def __str__(self) -> str:
        return f"{self.vendor} {self.model}, firmware {self.firmware or 'not told'}"


class StationAdmission(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The decision on a station. Told to it when it boots next, and in force from then on."""

    state: Admission = Admission.ACCEPTED
    by: AdmittedBy = AdmittedBy.RULE
    make: Make | None = None
    """RULE: the make it was held or accepted with; None: the rule was not asked."""
    reason: str = ""
