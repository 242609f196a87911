"""Agreements: what a party of ours sees, sends and pays with a party of a peer, or with all of them.

Where none was ever made, ``DEFAULT`` holds: all that the two sides' roles permit.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.examination import Examination
from elstrada.model.ids import PartyId

ALL_PARTIES = "*"
"""Stands where a party could, for an agreement with all of a peer's."""


class Which(StrEnum):
    """Which of our locations are meant."""

    ALL = "ALL"
    LISTED = "LISTED"
    """Only those named."""
    EXCLUDED = "EXCLUDED"
    """All but those named."""


class Places(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Locations, named by any of three things; one is enough."""

    which: Which = Which.ALL
    locations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    """ISO 3166-1 alpha-3, as locations have it."""


class PartnerTariff(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The tariff of ours that a partner is shown and pays, instead of the connector's own."""

    tariff_id: str
    location_id: str | None = None
    """Absent: wherever no other entry says more."""
    evse_uid: str | None = None
    connector_id: str | None = None


class Asking(StrEnum):
    """Whether a token's eMSP is asked while its driver stands at our station."""

    BY_TOKEN = "BY_TOKEN"  # noqa: S105  A policy, no secret.
    """As the token's whitelist says (R-49)."""
    ALWAYS = "ALWAYS"
    """Whatever its whitelist says."""
    WHITELIST = "WHITELIST"
    """Nobody is asked: a token that we have and that is valid charges, but of whitelist NEVER."""
    NEVER = "NEVER"
    """No token that is shown at a station charges; only what its eMSP starts itself."""


class Silence(StrEnum):
    """What holds when its eMSP was asked and did not answer."""

    BY_TOKEN = "BY_TOKEN"  # noqa: S105  A policy, no secret.
    """As the token's whitelist says (R-49)."""
    REFUSE = "REFUSE"
    ALLOW = "ALLOW"
    """Whatever its whitelist says, if we have the token and it is valid."""


class Bounds(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The most that a partner's drivers may have of us; None: as much as they like."""

    open_sessions: int | None = None
    """That run at once."""
    energy_wh: int | None = None
    """In CDRs of a calendar month, UTC."""
    cost: Decimal | None = None
    """Likewise, before taxes, in our party's currency."""

    @property
    def is_empty(self) -> bool:
        return self.open_sessions is None and self.energy_wh is None and self.cost is None


class Agreement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is agreed with one party of a peer, or with all those without an agreement of their own."""

    party: PartyId | None = None
    """None: with all of them."""
    sends: tuple[str, ...] | None = None
    """Modules whose sender we are; None: all that our roles have."""
    receives: tuple[str, ...] | None = None
    """Modules whose receiver we are; None: likewise."""
    places: Places = Places()
    tariffs: tuple[PartnerTariff, ...] = ()
    asking: Asking = Asking.BY_TOKEN
    silence: Silence = Silence.BY_TOKEN
    bounds: Bounds = Bounds()
    cdrs: Examination = Examination()
    """How the CDRs that it sends us are examined."""
    valid_from: datetime | None = None
    """From when on it holds; before that nothing is agreed."""
    valid_to: datetime | None = None
    """Until when, this moment excluded; CDRs of what began before are settled all the same."""

    def holds(self, at: datetime) -> bool:
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_to is None or at < self.valid_to)


DEFAULT = Agreement()


class Standing(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an agreement says of a token shown at a station: filled in before anything is decided."""

    refusal: str = ""
    """Why it may not charge here; empty: it may."""
    asking: Asking = Asking.BY_TOKEN
    silence: Silence = Silence.BY_TOKEN
    tariff_id: str = ""
    """By which its session is priced; empty: its connector's."""
