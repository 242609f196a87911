"""Charging profiles in OCPP 2.0.1 (part 2, K); 2.1 adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import product
from typing import Any

import msgspec

from elstrada.model.mirror import Cleared, Expected, Item, Learned, Part
from elstrada.model.needs import PlannedProfile
from elstrada.model.profile import OURS, Limit, Period, Profile, Purpose, RateUnit, Schedule, SessionProfile
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.mirror import words
from elstrada.ocpp.profiles import KIND, ProfileWords, Where, cleared, in_order, item
from elstrada.ocpp.schema import Reader
from elstrada.ocpp.table import Inbound, Learning, keep, learn
from elstrada.ocpp.times import read_plan_time, wire_time
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.wire import Wire

_ACCEPTED = "Accepted"
_SOURCES = frozenset(source.value for source in m.ChargingLimitSourceEnumType)

# --- what stations tell -----------------------------------------------------------------------------


def _reported(message: m.ReportChargingProfilesRequest, intake: Intake) -> Learned:
    """K09: one message per source and EVSE, or more; they are not numbered."""
    evse_id = intake.number(message.evse_id, "/evseId")
    part = Part(kind=KIND, request_id=message.request_id, seq_no=None, last=not message.tbc)
    items = tuple(
        item(profile_of(one, evse_id, message.charging_limit_source)) for one in message.charging_profile
    )
    return Learned(items=items, part=part)


EXTERNAL_ID = -1
"""Of a limit that somebody else set, and that the station told us of without the number of its profile."""
_FROM_OUTSIDE = (Purpose.EXTERNAL, Purpose.LOCAL_GENERATION)


def external_limit(message: m.NotifyChargingLimitRequest, evse_id: int, at: datetime) -> Learned:
    """K11, K12: what somebody else limits, in place of what the same one limited there before; of 2.1 too.

    Without a schedule nobody says how much. One that names no begin holds from now.
    """
    limit = message.charging_limit
    source = limit.charging_limit_source
    # 2.1: it may be no limit, but what is generated on the spot and comes on top (K27).
    generated = getattr(limit, "is_local_generation", None)
    purpose = Purpose.LOCAL_GENERATION if generated else Purpose.EXTERNAL
    schedules = tuple(_begun(schedule_of(one), at) for one in message.charging_schedule or ())
    told = Profile(
        id=EXTERNAL_ID,
        evse_id=evse_id,
        stack_level=0,
        purpose=purpose,
        kind=m.ChargingProfileKindEnumType.ABSOLUTE,
        source=source,
        schedules=schedules,
        wire=msgspec.Raw(words(message).encode()),
    )
    kept = Item(KIND, f"{source}/{evse_id}", item(told).document)
    return Learned(items=(kept,) if schedules else (), cleared=external_cleared(source, evse_id))


def _begun(schedule: Schedule, at: datetime) -> Schedule:
    return msgspec.structs.replace(schedule, start=schedule.start or at)


def external_cleared(source: str, evse_id: int | None) -> tuple[Cleared, ...]:
    """K13, K14: what somebody else limits no longer; without an EVSE nowhere at the station."""
    place = () if evse_id is None else (("evse_id", evse_id),)
    return tuple(
        Cleared(KIND, (("source", source), ("purpose", purpose.value), *place)) for purpose in _FROM_OUTSIDE
    )


INBOUND: Mapping[str, Inbound] = {
    "ReportChargingProfiles": keep(
        m.ReportChargingProfilesRequest, _reported, m.ReportChargingProfilesResponse()
    ),
}

# --- what answers tell ------------------------------------------------------------------------------


def _asked_for(request: m.GetChargingProfilesRequest, response: m.GetChargingProfilesResponse) -> Learned:
    """K09. All are asked for without criteria, or by every source (K09.FR.03 demands a criterion)."""
    criteria = request.charging_profile
    narrow = (criteria.charging_profile_purpose, criteria.stack_level, criteria.charging_profile_id)
    sources = criteria.charging_limit_source
    anybody = sources is None or set(sources) >= _SOURCES
    whole = request.evse_id is None and anybody and all(one is None for one in narrow)
    if response.status == m.GetChargingProfileStatusEnumType.NO_PROFILES:
        if whole:
            return Learned(replaces=frozenset({KIND}))
        return Learned(cleared=tuple(_none_of(request, () if anybody else sources or ())))
    if response.status != _ACCEPTED:
        return Learned()
    return Learned(expected=Expected(kind=KIND, request_id=request.request_id, whole=whole))


def _none_of(request: m.GetChargingProfilesRequest, sources: Iterable[str]) -> Iterable[Cleared]:
    """What there is none of, for every number and source that was asked for."""
    criteria = request.charging_profile
    rest = (
        ("purpose", criteria.charging_profile_purpose),
        ("stack_level", criteria.stack_level),
        ("evse_id", request.evse_id),
    )
    for number, source in product(criteria.charging_profile_id or (None,), tuple(sources) or (None,)):
        fields = (("id", number), ("source", source), *rest)
        yield Cleared(KIND, tuple((name, value) for name, value in fields if value is not None))


def _set(request: m.SetChargingProfileRequest, response: m.SetChargingProfileResponse) -> Learned:
    """K01.FR.05: one with the same number is replaced."""
    if response.status != _ACCEPTED:
        return Learned()
    return Learned(items=(_ours(request.charging_profile, request.evse_id),))


def _started(
    request: m.RequestStartTransactionRequest, response: m.RequestStartTransactionResponse
) -> Learned:
    """F01: a start may bring the profile of the session that is to begin, or has begun."""
    profile = request.charging_profile
    if response.status != _ACCEPTED or profile is None:
        return Learned()
    begun = msgspec.structs.replace(
        profile_of(profile, request.evse_id, OURS), transaction_id=response.transaction_id
    )
    return Learned(items=(item(begun),))


def _cleared(request: m.ClearChargingProfileRequest, response: m.ClearChargingProfileResponse) -> Learned:
    """K10. Unknown says that there is none of these that we could clear."""
    if response.status == _ACCEPTED and request.charging_profile_id is not None:
        return Learned(gone=((KIND, str(request.charging_profile_id)),))
    if response.status not in (_ACCEPTED, "Unknown"):
        return Learned()
    criteria = request.charging_profile_criteria or m.ClearChargingProfileType()
    fields = {
        "id": request.charging_profile_id,
        "evse_id": criteria.evse_id,
        "stack_level": criteria.stack_level,
    }
    return Learned(cleared=cleared(fields, criteria.charging_profile_purpose))


FROM_ANSWERS: Mapping[str, Learning] = {
    "ClearChargingProfile": learn(m.ClearChargingProfileRequest, m.ClearChargingProfileResponse, _cleared),
    "GetChargingProfiles": learn(m.GetChargingProfilesRequest, m.GetChargingProfilesResponse, _asked_for),
    "RequestStartTransaction": learn(
        m.RequestStartTransactionRequest, m.RequestStartTransactionResponse, _started
    ),
    "SetChargingProfile": learn(m.SetChargingProfileRequest, m.SetChargingProfileResponse, _set),
}


def _ours(told: m.ChargingProfileType, evse_id: int) -> Item:
    return item(profile_of(told, evse_id, OURS))


def profile_of(told: m.ChargingProfileType, evse_id: int | None, source: str) -> Profile:
    """A profile in our words; of 2.1 too, whose type has every field of this one."""
    return Profile(
        id=told.id,
        evse_id=evse_id,
        stack_level=told.stack_level,
        purpose=told.charging_profile_purpose,
        kind=told.charging_profile_kind,
        transaction_id=told.transaction_id,
        recurrency=told.recurrency_kind,
        valid_from=read_plan_time(told.valid_from),
        valid_to=read_plan_time(told.valid_to),
        source=source,
        schedules=tuple(schedule_of(one) for one in told.charging_schedule),
        wire=msgspec.Raw(words(told).encode()),
    )


def schedule_of(told: m.ChargingScheduleType) -> Schedule:
    """A schedule in our words; of 2.1 too."""
    return Schedule(
        unit=told.charging_rate_unit,
        periods=_periods(told.charging_schedule_period),
        start=read_plan_time(told.start_schedule),
        duration_s=told.duration,
        min_rate=told.min_charging_rate,
    )


def _periods(told: Iterable[m.ChargingSchedulePeriodType]) -> tuple[Period, ...]:
    return in_order(
        Period(
            start_s=one.start_period,
            limit=one.limit,
            phases=one.number_phases,
            mode=getattr(one, "operation_mode", None),
            setpoint=getattr(one, "setpoint", None),
            discharge_limit=getattr(one, "discharge_limit", None),
        )
        for one in told
    )


# --- what we say ------------------------------------------------------------------------------------


def _limited(limit: Limit) -> Wire:
    return m.SetChargingProfileRequest(
        evse_id=limit.evse_id,
        charging_profile=_absolute(
            limit.profile_id,
            limit.purpose,
            limit.stack_level,
            limit.transaction_id,
            Schedule(
                unit=limit.unit.value,
                periods=(Period(start_s=0, limit=limit.limit),),
                start=limit.start,
                duration_s=limit.duration_s,
            ),
        ),
    )


def _planned(plan: PlannedProfile) -> Wire:
    """K15 to K17: a TxProfile that names its transaction."""
    return m.SetChargingProfileRequest(
        evse_id=plan.evse_id,
        charging_profile=_absolute(
            plan.profile_id, Purpose.TX, plan.stack_level, plan.transaction_id, plan.schedule
        ),
    )


def _steered(profile: SessionProfile) -> Wire:
    """K01: a TxProfile that names its transaction. Without a start it is relative to the session's."""
    return m.SetChargingProfileRequest(
        evse_id=profile.evse_id,
        charging_profile=_profile(
            profile.profile_id, Purpose.TX, profile.stack_level, profile.transaction_id, profile.schedule
        ),
    )


def _absolute(
    number: int, purpose: Purpose, level: int, transaction_id: str | None, schedule: Schedule
) -> m.ChargingProfileType:
    assert schedule.start is not None, "absolute profiles say when they begin (rule 29)"
    return _profile(number, purpose, level, transaction_id, schedule)


def _profile(
    number: int, purpose: Purpose, level: int, transaction_id: str | None, schedule: Schedule
) -> m.ChargingProfileType:
    kinds, start = m.ChargingProfileKindEnumType, schedule.start
    return m.ChargingProfileType(
        id=number,
        stack_level=level,
        charging_profile_purpose=purpose.value,
        charging_profile_kind=kinds.RELATIVE if start is None else kinds.ABSOLUTE,
        transaction_id=transaction_id,
        charging_schedule=(
            m.ChargingScheduleType(
                id=number,
                charging_rate_unit=schedule.unit,
                charging_schedule_period=tuple(_period(one) for one in schedule.periods),
                start_schedule=None if start is None else wire_time(start),
                duration=schedule.duration_s,
                min_charging_rate=schedule.min_rate,
            ),
        ),
    )


def _period(period: Period) -> m.ChargingSchedulePeriodType:
    assert period.limit is not None, "what we set limits"
    return m.ChargingSchedulePeriodType(
        start_period=period.start_s, limit=period.limit, number_phases=period.phases
    )


def _again(profile: Profile) -> dict[str, object]:
    return {"evseId": profile.evse_id or 0, "chargingProfile": profile.wire}


def _clear(profile_id: int) -> Wire:
    return m.ClearChargingProfileRequest(charging_profile_id=profile_id)


def _asked(evse_id: int, duration_s: int, unit: RateUnit | None) -> Wire:
    return m.GetCompositeScheduleRequest(
        duration=duration_s, evse_id=evse_id, charging_rate_unit=unit and unit.value
    )


def _listed(request_id: int, numbers: tuple[int, ...]) -> Wire:
    """K09."""
    wanted = m.ChargingProfileCriterionType(charging_profile_id=numbers)
    return m.GetChargingProfilesRequest(request_id=request_id, charging_profile=wanted)


def composed_by(reader: Reader[Any]) -> Callable[[bytes], Schedule | None]:
    """What reads the answer to a GetCompositeSchedule, of 2.1 too."""

    def composed(payload: bytes) -> Schedule | None:
        read = reader.read(payload)
        if isinstance(read, Refusal) or read.message.status != _ACCEPTED or read.message.schedule is None:
            return None
        told = read.message.schedule
        return Schedule(
            unit=told.charging_rate_unit,
            periods=_periods(told.charging_schedule_period),
            start=read_plan_time(told.schedule_start),
            duration_s=told.duration,
        )

    return composed


_CTRLR = "SmartChargingCtrlr"
_KEYS = Where(
    f"{_CTRLR}/RateUnit",
    f"{_CTRLR}/ProfileStackLevel",
    f"{_CTRLR}/PeriodsPerSchedule",
    f"{_CTRLR}/Entries[ChargingProfiles]",
)
_ABILITIES = tuple(
    m.GetVariableDataType(component=m.ComponentType(name=_CTRLR), variable=m.VariableType(name=name))
    for name in ("RateUnit", "ProfileStackLevel", "PeriodsPerSchedule")
)
WORDS = ProfileWords(
    limited=_limited,
    steered=_steered,
    again=_again,
    cleared=_clear,
    asked=_asked,
    composed=composed_by(Reader(m.GetCompositeScheduleResponse)),
    abilities=("GetVariables", m.GetVariablesRequest(get_variable_data=_ABILITIES)),
    keys=_KEYS,
    number="id",
    listed=_listed,
    planned=_planned,
)
