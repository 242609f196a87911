"""What a driver wants of a session, and charging profiles, to and from the model."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

from elstrada.model import preferences as m_preferences
from elstrada.model.profile import Period, RateUnit, Schedule
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.scalars import Instant, instant, moment, whole
from elstrada.ocpi.v221 import profiles, sessions
from elstrada.ocpi.v221.translate.values import closed, maybe, number_or_none

_TENTH = Decimal("0.1")
MOST_PERIODS = 1024
"""As many as an OCPP schedule has."""
MOST_S = 31 * 24 * 3600
"""The longest profile, and the latest start of a period in one: no session lasts so long."""
MOST_RATE = Decimal(10_000_000)
"""The greatest limit in A or W."""


def preferences_from_wire(wire: sessions.ChargingPreferences) -> m_preferences.ChargingPreferences:
    """Raises: Mismatch: an unknown type, or an energy that nobody can mean."""
    need = wire.energy_need
    if need is not None and not 0 <= need <= MOST_RATE:
        raise Mismatch(f"expected 0 to {MOST_RATE} kWh, got {need} - at `$.energy_need`")
    return m_preferences.ChargingPreferences(
        profile_type=closed(m_preferences.ProfileType, wire.profile_type, "/profile_type"),
        departure_time=moment(wire.departure_time),
        energy_need_kwh=need,
        discharge_allowed=wire.discharge_allowed,
    )


def preferences_to_wire(wanted: m_preferences.ChargingPreferences) -> sessions.ChargingPreferences:
    return sessions.ChargingPreferences(
        profile_type=wanted.profile_type.value,
        departure_time=instant(wanted.departure_time),
        energy_need=number_or_none(wanted.energy_need_kwh),
        discharge_allowed=wanted.discharge_allowed,
    )


def schedule_from_wire(wire: profiles.ChargingProfile) -> Schedule:
    """A profile's limits, in tenths, never more than it says.

    Raises:
        Mismatch: it has no periods, too many, or some that do not follow each other; or an unknown unit.
    """
    at = "$.charging_profile"
    told = wire.charging_profile_period
    if not 0 < len(told) <= MOST_PERIODS:
        raise Mismatch(
            f"expected 1 to {MOST_PERIODS} periods, got {len(told)} - at `{at}.charging_profile_period`"
        )
    periods = tuple(
        Period(start_s=_seconds(one.start_period, "start_period"), limit=_tenths(one.limit, "limit"))
        for one in told
    )
    starts = [one.start_s for one in periods]
    if starts[0] != 0 or any(later <= sooner for sooner, later in pairwise(starts)):
        raise Mismatch(f"expected starts that rise from 0 - at `{at}.charging_profile_period`")
    duration_s = maybe(lambda value: _seconds(value, "duration"), wire.duration)
    if duration_s == 0:
        raise Mismatch(f"expected at least a second - at `{at}.duration`")
    return Schedule(
        unit=closed(RateUnit, wire.charging_rate_unit, "/charging_profile/charging_rate_unit").value,
        periods=periods,
        start=moment(wire.start_date_time),
        duration_s=duration_s,
        min_rate=maybe(lambda value: _tenths(value, "min_charging_rate"), wire.min_charging_rate),
    )


def schedule_to_wire(schedule: Schedule) -> profiles.ChargingProfile:
    """The wire's profile of a schedule all of whose periods have a limit."""
    return profiles.ChargingProfile(
        start_date_time=instant(schedule.start),
        duration=maybe(Decimal, schedule.duration_s),
        charging_rate_unit=schedule.unit,
        min_charging_rate=maybe(lambda value: _tenths(value, "min_charging_rate"), schedule.min_rate),
        charging_profile_period=tuple(_period(one) for one in schedule.periods),
    )


def active_from_wire(wire: profiles.ActiveChargingProfile) -> Schedule:
    """An active profile: its start is when the station reckoned it.

    Raises:
        Mismatch: as ``schedule_from_wire``.
    """
    told = schedule_from_wire(wire.charging_profile)
    return Schedule(
        unit=told.unit,
        periods=told.periods,
        start=wire.start_date_time.at,
        duration_s=told.duration_s,
        min_rate=told.min_rate,
    )


def active_to_wire(schedule: Schedule) -> profiles.ActiveChargingProfile:
    assert schedule.start is not None, "an active profile says when it was reckoned"
    return profiles.ActiveChargingProfile(
        start_date_time=Instant(schedule.start), charging_profile=schedule_to_wire(schedule)
    )


def _period(period: Period) -> profiles.ChargingProfilePeriod:
    assert period.limit is not None, "OCPI knows no period without a limit"
    return profiles.ChargingProfilePeriod(
        start_period=Decimal(period.start_s), limit=_tenths(period.limit, "limit")
    )


def _seconds(value: Decimal, name: str) -> int:
    if not 0 <= value <= MOST_S:
        raise Mismatch(f"expected 0 to {MOST_S} s, got {value} - at `$.charging_profile…{name}`")
    return whole(value)


def _tenths(value: Decimal, name: str) -> Decimal:
    if not 0 <= value <= MOST_RATE:
        raise Mismatch(f"expected 0 to {MOST_RATE}, got {value} - at `$.charging_profile…{name}`")
    return value.quantize(_TENTH, ROUND_DOWN)
