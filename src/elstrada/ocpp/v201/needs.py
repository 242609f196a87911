"""What cars say by ISO 15118, through OCPP 2.0.1 (K15 to K17): what they need, and how they will charge."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from elstrada.model import answers, asks
from elstrada.model.needs import Needs, NeedsAnswer
from elstrada.model.notices import Notice, NoticeKind
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.mirror import words
from elstrada.ocpp.notices import MAX_TEXT, said_of
from elstrada.ocpp.table import Inbound, ask
from elstrada.ocpp.times import read_plan_time
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.v201.profiles import schedule_of
from elstrada.ocpp.wire import Wire

MOST_FIGURE = 10_000_000
"""A, V, W or Wh: more than any car has."""
MAX_INFO = 512
"""Characters of additionalInfo. Source: OCPP 2.0.1 part 2, StatusInfoType."""
_STATUS = m.NotifyEVChargingNeedsStatusEnumType
_STATUSES: Mapping[NeedsAnswer, str] = {
    NeedsAnswer.PLANNED: _STATUS.ACCEPTED,  # K15.FR.03
    NeedsAnswer.LATER: _STATUS.PROCESSING,  # K15.FR.05
    NeedsAnswer.NO_PLAN: _STATUS.REJECTED,  # K15.FR.04
    NeedsAnswer.NOT_ALLOWED: _STATUS.REJECTED,
}

# --- what a car needs -------------------------------------------------------------------------------


def needs_told(needs: Needs, message: Wire, intake: Intake) -> asks.TellNeeds:
    """How much, of what kind, and until when, in any version."""
    leaves = "" if needs.departure is None else f"leaves at {needs.departure:%F %TZ}"
    notice = Notice(
        kind=NoticeKind.EV_NEEDS,
        at=intake.received_at,
        status=needs.transfer[:MAX_TEXT],
        evse_id=needs.evse_id,
        text=leaves,
        document=said_of(message),
    )
    return asks.TellNeeds(needs, notice)


def needs_of(message: m.NotifyEVChargingNeedsRequest, intake: Intake) -> Needs:
    """Of 2.1 too, whose message has every field of this one."""
    told = message.charging_needs
    ac, dc = told.ac_charging_parameters, told.dc_charging_parameters
    needs = Needs(
        evse_id=intake.number(message.evse_id, "/evseId"),
        told_at=intake.received_at,
        transfer=told.requested_energy_transfer,
        departure=read_plan_time(told.departure_time),
        max_periods=message.max_schedule_tuples,
        wire=msgspec.Raw(words(message).encode()),
    )
    if ac is not None:
        at = "/chargingNeeds/acChargingParameters"
        energy = figure(ac.energy_amount, f"{at}/energyAmount", intake)
        needs = msgspec.structs.replace(
            needs,
            energy_wh=None if energy is None else int(energy),
            min_a=figure(ac.ev_min_current, f"{at}/evMinCurrent", intake),
            max_a=figure(ac.ev_max_current, f"{at}/evMaxCurrent", intake),
            max_voltage=figure(ac.ev_max_voltage, f"{at}/evMaxVoltage", intake),
        )
    if dc is not None:
        at = "/chargingNeeds/dcChargingParameters"
        needs = msgspec.structs.replace(
            needs,
            energy_wh=_energy(dc, intake),
            max_a=figure(dc.ev_max_current, f"{at}/evMaxCurrent", intake),
            max_voltage=figure(dc.ev_max_voltage, f"{at}/evMaxVoltage", intake),
            max_w=figure(dc.ev_max_power, f"{at}/evMaxPower", intake),
        )
    return needs


def _energy(dc: m.DCChargingParametersType, intake: Intake) -> int | None:
    """What it asks for; else what fits into the battery, up to where the car calls it full."""
    at = "/chargingNeeds/dcChargingParameters"
    asked = figure(dc.energy_amount, f"{at}/energyAmount", intake)
    if asked is not None:
        return int(asked)
    capacity = figure(dc.ev_energy_capacity, f"{at}/evEnergyCapacity", intake)
    if capacity is None or dc.state_of_charge is None:
        return None
    full = 100 if dc.full_so_c is None else dc.full_so_c
    return int(capacity * max(full - dc.state_of_charge, 0) / 100)


def figure(value: Decimal | int | None, pointer: str, intake: Intake) -> Decimal | None:
    """An amount that a car can have; None: none, or one that nobody can believe."""
    if value is None:
        return None
    if 0 <= value <= MOST_FIGURE:
        return Decimal(value)
    intake.doubt(pointer, "figure", f"expected 0 to {MOST_FIGURE}, got {str(value)[:30]}")
    return None


def _needs_told(message: m.NotifyEVChargingNeedsRequest, intake: Intake) -> asks.TellNeeds:
    """K15."""
    return needs_told(needs_of(message, intake), message, intake)


def _needs_answered(answer: answers.NeedsAnswered) -> Wire:
    info = m.StatusInfoType(reason_code="Unspecified", additional_info=answer.why[:MAX_INFO])
    return m.NotifyEVChargingNeedsResponse(
        status=_STATUSES[answer.result], status_info=info if answer.why else None
    )


# --- how it will charge -----------------------------------------------------------------------------


def _schedule_told(message: m.NotifyEVChargingScheduleRequest, intake: Intake) -> asks.CheckSchedule:
    """K15.FR.10, K17.FR.10."""
    evse_id = intake.number(message.evse_id, "/evseId")
    base, _ = intake.time(message.time_base, "/timeBase")
    schedule = schedule_of(message.charging_schedule)
    notice = Notice(
        kind=NoticeKind.EV_SCHEDULE,
        at=intake.received_at,
        status="Told",
        evse_id=evse_id,
        document=said_of(message),
    )
    # The periods count from timeBase, whatever start the schedule names besides.
    wire = msgspec.Raw(words(message).encode())
    return asks.CheckSchedule(evse_id, msgspec.structs.replace(schedule, start=base), notice, wire)


def _checked(answer: answers.ScheduleChecked) -> Wire:
    """K15.FR.11 and .12, K17.FR.11 and .12."""
    status = m.GenericStatusEnumType
    return m.NotifyEVChargingScheduleResponse(status=status.ACCEPTED if answer.within else status.REJECTED)


INBOUND: Mapping[str, Inbound] = {
    "NotifyEVChargingNeeds": ask(m.NotifyEVChargingNeedsRequest, _needs_told, _needs_answered),
    "NotifyEVChargingSchedule": ask(m.NotifyEVChargingScheduleRequest, _schedule_told, _checked),
}
