"""Charging profiles: limits of a session over time, and the two answers to each request. Source: OCPI 2.2.1 and 2.3.0
mod_charging_profiles, which are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.profile import RateUnit
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import URL


class ProfileResponseType(StrEnum):
    """The synchronous answer: did the CPO take the request?"""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ProfileResultType(StrEnum):
    """The later answer, posted once to response_url: what did the station say?"""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    """The station has no such profile."""


class ChargingProfilePeriod(msgspec.Struct, frozen=True, kw_only=True):
    start_period: Decimal
    """Whole seconds after the profile's start."""
    limit: Decimal
    """A per phase, or W; tenths at most."""


class ChargingProfile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    start_date_time: Instant | None = None
    """Absent: the profile begins with the charging."""
    duration: Decimal | None = None
    """Whole seconds."""
    charging_rate_unit: str
    min_charging_rate: Decimal | None = None
    charging_profile_period: tuple[ChargingProfilePeriod, ...] = ()


class ActiveChargingProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What the EVSE has reckoned from all that limits it."""

    start_date_time: Instant
    charging_profile: ChargingProfile


class SetChargingProfile(msgspec.Struct, frozen=True, kw_only=True):
    charging_profile: ChargingProfile
    response_url: str


class ChargingProfileResponse(msgspec.Struct, frozen=True, kw_only=True):
    result: str
    timeout: Decimal
    """Whole seconds."""


class ActiveChargingProfileResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Posted bare, as the other two results."""

    result: str
    profile: ActiveChargingProfile | None = None


class ChargingProfileResult(msgspec.Struct, frozen=True, kw_only=True):
    result: str


class ClearProfileResult(msgspec.Struct, frozen=True, kw_only=True):
    result: str


_RESULT = Limits(values={"result": frozenset(ProfileResultType)})
LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    ChargingProfile: Limits(values={"charging_rate_unit": frozenset(RateUnit)}),
    SetChargingProfile: Limits(lengths={"response_url": URL}),
    ChargingProfileResponse: Limits(values={"result": frozenset(ProfileResponseType)}),
    ActiveChargingProfileResult: _RESULT,
    ChargingProfileResult: _RESULT,
    ClearProfileResult: _RESULT,
}
