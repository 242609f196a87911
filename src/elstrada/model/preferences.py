"""What a driver wants of a session that goes on, and what its CPO says to that. Source: OCPI 2.3.0 mod_sessions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class ProfileType(StrEnum):
    """How a driver wants to charge."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"
    """Without a special wish."""


class ChargingPreferences(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A driver's wishes for one session."""

    profile_type: ProfileType
    departure_time: datetime | None = None
    energy_need_kwh: Decimal | None = None
    discharge_allowed: bool = False
    """As long as the car has its energy when it leaves."""


class PreferencesAnswer(StrEnum):
    """What the CPO makes of them."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"
