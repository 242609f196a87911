"""Charging profiles in OCPP 2.1: as in 2.0.1, and the dynamic ones (K28)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

import msgspec

from elstrada.model import answers, asks
from elstrada.model.mirror import Adjusted, Item, ItemKind, Learned
from elstrada.model.needs import Needs, NeedsAnswer
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.schema import Reader
from elstrada.ocpp.table import Inbound, Learning, ask, learn
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v201 import messages as v201_messages
from elstrada.ocpp.v201 import needs
from elstrada.ocpp.v201 import profiles as v201
from elstrada.ocpp.wire import Wire, encode

_STATUS = m.ChargingProfileStatusEnumType

# --- what stations ask ------------------------------------------------------------------------------


def _needs_told(message: m.NotifyEVChargingNeedsRequest, intake: Intake) -> asks.TellNeeds:
    """K15, K18, K19: of ISO 15118-2 and -20."""
    told = needs.needs_of(cast("v201_messages.NotifyEVChargingNeedsRequest", message), intake)
    more = message.charging_needs.v2x_charging_parameters
    return needs.needs_told(told if more is None else _with_v2x(told, more, intake), message, intake)


def _with_v2x(told: Needs, more: m.V2XChargingParametersType, intake: Intake) -> Needs:
    """Q01: what cars of ISO 15118-20 say instead, or besides. Here the limits of car and EVSE are one already."""

    def of(name: str) -> Decimal | None:
        """An amount; of a power that is told by phase, the sum (V2XChargingParametersType)."""
        phases = (getattr(more, f"{name}{phase}", None) for phase in ("", "_l2", "_l3"))
        known = [value for value in phases if value is not None]
        at = f"/chargingNeeds/v2xChargingParameters/{name}"
        return needs.figure(sum(known, Decimal(0)), at, intake) if known else None

    wanted = more.ev_target_energy_request
    if wanted is None:
        wanted = more.ev_max_energy_request
    return msgspec.structs.replace(
        told,
        energy_wh=told.energy_wh if wanted is None else max(int(wanted), 0),
        min_a=told.min_a or of("min_charge_current"),
        max_a=told.max_a or of("max_charge_current"),
        max_voltage=told.max_voltage or of("max_voltage"),
        min_w=told.min_w or of("min_charge_power"),
        max_w=told.max_w or of("max_charge_power"),
    )


def _needs_answered(answer: answers.NeedsAnswered) -> Wire:
    info = m.StatusInfoType(reason_code="Unspecified", additional_info=answer.why[: needs.MAX_INFO])
    return m.NotifyEVChargingNeedsResponse(
        status=_NEEDS_STATUSES[answer.result], status_info=info if answer.why else None
    )


_NEEDS_STATUS = m.NotifyEVChargingNeedsStatusEnumType
_NEEDS_STATUSES: Mapping[NeedsAnswer, str] = {
    NeedsAnswer.PLANNED: _NEEDS_STATUS.ACCEPTED,
    NeedsAnswer.LATER: _NEEDS_STATUS.PROCESSING,
    NeedsAnswer.NO_PLAN: _NEEDS_STATUS.NO_CHARGING_PROFILE,
    # It tells a car of ISO 15118-20 that it cannot have this kind of energy transfer.
    NeedsAnswer.NOT_ALLOWED: _NEEDS_STATUS.REJECTED,
}


def _pulled(message: m.PullDynamicScheduleUpdateRequest, _: Intake) -> asks.PullSetpoint:
    return asks.PullSetpoint(message.charging_profile_id)


def _setpoint(answer: answers.Setpoint) -> Wire:
    """K28.FR.07 and .12."""
    if answer.update is None:
        return m.PullDynamicScheduleUpdateResponse(
            status=_STATUS.REJECTED, status_info=m.StatusInfoType(reason_code="InvalidProfile")
        )
    update = msgspec.json.decode(answer.update, type=m.ChargingScheduleUpdateType)
    return m.PullDynamicScheduleUpdateResponse(status=_STATUS.ACCEPTED, schedule_update=update)


INBOUND: Mapping[str, Inbound] = {
    "NotifyEVChargingNeeds": ask(m.NotifyEVChargingNeedsRequest, _needs_told, _needs_answered),
    "PullDynamicScheduleUpdate": ask(m.PullDynamicScheduleUpdateRequest, _pulled, _setpoint),
}

# --- what answers tell ------------------------------------------------------------------------------


def _updated(request: m.UpdateDynamicScheduleRequest, response: m.UpdateDynamicScheduleResponse) -> Learned:
    """K28.FR.06."""
    if response.status != _STATUS.ACCEPTED:
        return Learned()
    update = encode(request.schedule_update).decode()
    return Learned(adjusted=Adjusted(request.charging_profile_id, update))


def hurry(transaction_id: str, *, begins: bool) -> Learned:
    """A session's driver is in a hurry, or no longer is (K21, K22)."""
    kind = ItemKind.PRIORITY_CHARGING
    if begins:
        return Learned(items=(Item(kind, transaction_id, "{}"),))
    return Learned(gone=((kind, transaction_id),))


def _prioritized(request: m.UsePriorityChargingRequest, response: m.UsePriorityChargingResponse) -> Learned:
    """K21."""
    if response.status != m.PriorityChargingStatusEnumType.ACCEPTED:
        return Learned()
    return hurry(request.transaction_id, begins=request.activate)


def _allowed(
    request: m.NotifyAllowedEnergyTransferRequest, response: m.NotifyAllowedEnergyTransferResponse
) -> Learned:
    """Block Q: what a session may have besides charging."""
    if response.status != m.NotifyAllowedEnergyTransferStatusEnumType.ACCEPTED:
        return Learned()
    allowed = msgspec.json.encode(request.allowed_energy_transfer).decode()
    return Learned(items=(Item(ItemKind.ALLOWED_TRANSFER, request.transaction_id, allowed),))


FROM_ANSWERS: Mapping[str, Learning] = {
    "NotifyAllowedEnergyTransfer": learn(
        m.NotifyAllowedEnergyTransferRequest, m.NotifyAllowedEnergyTransferResponse, _allowed
    ),
    "UsePriorityCharging": learn(m.UsePriorityChargingRequest, m.UsePriorityChargingResponse, _prioritized),
    "UpdateDynamicSchedule": learn(m.UpdateDynamicScheduleRequest, m.UpdateDynamicScheduleResponse, _updated),
}

_composite = Reader(m.GetCompositeScheduleResponse)
WORDS = msgspec.structs.replace(v201.WORDS, composed=v201.composed_by(_composite))
