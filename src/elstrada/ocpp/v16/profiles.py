"""Charging profiles in OCPP 1.6 (§3.13): it has no report, so what lies in a station is what we set."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.mirror import Learned
from elstrada.model.profile import OURS, Limit, Period, Profile, Purpose, RateUnit, Schedule, SessionProfile
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.mirror import words
from elstrada.ocpp.profiles import KIND, ProfileWords, Where, cleared, in_order, item
from elstrada.ocpp.schema import Reader
from elstrada.ocpp.table import Learning, learn
from elstrada.ocpp.times import read_plan_time, wire_time
from elstrada.ocpp.v16 import messages as m
from elstrada.ocpp.wire import Wire

_ACCEPTED = "Accepted"
_MAX = m.ChargingProfilePurpose.CHARGE_POINT_MAX_PROFILE.value

# --- what answers tell ------------------------------------------------------------------------------


def _set(request: m.SetChargingProfileRequest, response: m.SetChargingProfileResponse) -> Learned:
    """§3.13.2: one with the same number is replaced, and one with the same level and purpose."""
    if response.status != _ACCEPTED:
        return Learned()
    profile = _profile(request.cs_charging_profiles, request.connector_id)
    same = {"evse_id": profile.evse_id, "stack_level": profile.stack_level}
    return Learned(items=(item(profile),), cleared=cleared(same, profile.purpose))


def _started(request: m.RemoteStartTransactionRequest, response: m.RemoteStartTransactionResponse) -> Learned:
    """§5.11: a start may bring the profile of the session that is to begin."""
    if response.status != _ACCEPTED or request.charging_profile is None:
        return Learned()
    return Learned(items=(item(_profile(request.charging_profile, request.connector_id)),))


def _cleared(request: m.ClearChargingProfileRequest, response: m.ClearChargingProfileResponse) -> Learned:
    """§5.5. Unknown says that there is none of these."""
    if response.status not in (_ACCEPTED, "Unknown"):
        return Learned()
    if request.id is not None:
        return Learned(gone=((KIND, str(request.id)),))
    fields = {"evse_id": request.connector_id, "stack_level": request.stack_level}
    named = request.charging_profile_purpose
    return Learned(cleared=cleared(fields, named and _purpose(named)))


FROM_ANSWERS: Mapping[str, Learning] = {
    "ClearChargingProfile": learn(m.ClearChargingProfileRequest, m.ClearChargingProfileResponse, _cleared),
    "RemoteStartTransaction": learn(
        m.RemoteStartTransactionRequest, m.RemoteStartTransactionResponse, _started
    ),
    "SetChargingProfile": learn(m.SetChargingProfileRequest, m.SetChargingProfileResponse, _set),
}


def _profile(told: m.ChargingProfile, connector_id: int | None) -> Profile:
    return Profile(
        id=told.charging_profile_id,
        evse_id=connector_id,
        stack_level=told.stack_level,
        purpose=_purpose(told.charging_profile_purpose),
        kind=told.charging_profile_kind,
        transaction_id=None if told.transaction_id is None else str(told.transaction_id),
        recurrency=told.recurrency_kind,
        valid_from=read_plan_time(told.valid_from),
        valid_to=read_plan_time(told.valid_to),
        source=OURS,
        schedules=(_schedule(told.charging_schedule),),
        wire=msgspec.Raw(words(told).encode()),
    )


def _purpose(told: str) -> str:
    return Purpose.STATION_MAX.value if told == _MAX else told


def _schedule(told: m.ChargingSchedule) -> Schedule:
    periods = (
        Period(start_s=one.start_period, limit=one.limit, phases=one.number_phases)
        for one in told.charging_schedule_period
    )
    return Schedule(
        unit=told.charging_rate_unit,
        periods=in_order(periods),
        start=read_plan_time(told.start_schedule),
        duration_s=told.duration,
        min_rate=told.min_charging_rate,
    )


# --- what we say ------------------------------------------------------------------------------------


def _limited(limit: Limit) -> Wire:
    purpose = _MAX if limit.purpose is Purpose.STATION_MAX else limit.purpose.value
    transaction = limit.transaction_id
    return m.SetChargingProfileRequest(
        connector_id=limit.evse_id,
        cs_charging_profiles=m.ChargingProfile(
            charging_profile_id=limit.profile_id,
            stack_level=limit.stack_level,
            charging_profile_purpose=purpose,
            charging_profile_kind=m.ChargingProfileKind.ABSOLUTE,
            transaction_id=None if transaction is None else int(transaction),
            charging_schedule=m.ChargingSchedule(
                charging_rate_unit=limit.unit.value,
                charging_schedule_period=(m.ChargingSchedulePeriod(start_period=0, limit=limit.limit),),
                start_schedule=wire_time(limit.start),
                duration=limit.duration_s,
            ),
        ),
    )


def _steered(profile: SessionProfile) -> Wire:
    """§3.13.1: a TxProfile names its transaction. Without a start it is relative to the session's."""
    schedule, kinds = profile.schedule, m.ChargingProfileKind
    begins = None if schedule.start is None else wire_time(schedule.start)
    return m.SetChargingProfileRequest(
        connector_id=profile.evse_id,
        cs_charging_profiles=m.ChargingProfile(
            charging_profile_id=profile.profile_id,
            stack_level=profile.stack_level,
            charging_profile_purpose=m.ChargingProfilePurpose.TX_PROFILE,
            charging_profile_kind=kinds.RELATIVE if begins is None else kinds.ABSOLUTE,
            transaction_id=int(profile.transaction_id),
            charging_schedule=m.ChargingSchedule(
                charging_rate_unit=schedule.unit,
                charging_schedule_period=tuple(_period(one) for one in schedule.periods),
                start_schedule=begins,
                duration=schedule.duration_s,
                min_charging_rate=schedule.min_rate,
            ),
        ),
    )


def _period(period: Period) -> m.ChargingSchedulePeriod:
    assert period.limit is not None, "what we set limits"
    return m.ChargingSchedulePeriod(
        start_period=period.start_s, limit=period.limit, number_phases=period.phases
    )


def _again(profile: Profile) -> dict[str, object]:
    return {"connectorId": profile.evse_id or 0, "csChargingProfiles": profile.wire}


def _clear(profile_id: int) -> Wire:
    return m.ClearChargingProfileRequest(id=profile_id)


def _asked(evse_id: int, duration_s: int, unit: RateUnit | None) -> Wire:
    return m.GetCompositeScheduleRequest(
        connector_id=evse_id, duration=duration_s, charging_rate_unit=unit and unit.value
    )


_composite = Reader(m.GetCompositeScheduleResponse)


def _composed(payload: bytes) -> Schedule | None:
    read = _composite.read(payload)
    if (
        isinstance(read, Refusal)
        or read.message.status != _ACCEPTED
        or read.message.charging_schedule is None
    ):
        return None
    told = _schedule(read.message.charging_schedule)
    return msgspec.structs.replace(told, start=read_plan_time(read.message.schedule_start) or told.start)


_KEYS = Where(
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
)
WORDS = ProfileWords(
    limited=_limited,
    steered=_steered,
    again=_again,
    cleared=_clear,
    asked=_asked,
    composed=_composed,
    abilities=("GetConfiguration", m.GetConfigurationRequest(key=msgspec.structs.astuple(_KEYS))),
    keys=_KEYS,
    number="chargingProfileId",
)
