"""What OCPP 2.1 tells of the grid's controls in a station (R02 to R05)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from elstrada.model.mirror import Cleared, DerControl, Expected, Item, ItemKind, Learned, Part
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.mirror import words
from elstrada.ocpp.table import Inbound, Learning, keep, learn
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.wire import Wire

_KIND = ItemKind.DER_CONTROL
_TYPE = m.DERControlEnumType
_ACCEPTED = m.DERControlStatusEnumType.ACCEPTED
_NOT_FOUND = m.DERControlStatusEnumType.NOT_FOUND
_encode = msgspec.json.Encoder().encode


def _reported(message: m.ReportDERControlRequest, _: Intake) -> Learned:
    """R04. Messages of a report are not numbered."""
    part = Part(kind=_KIND, request_id=message.request_id, seq_no=None, last=not message.tbc)
    return Learned(items=tuple(_item(one) for one in _controls(message)), part=part)


def _controls(message: m.ReportDERControlRequest) -> Iterable[DerControl]:
    for one in message.curve or ():
        yield _control(one, one.curve_type, one.curve)
    for one in message.enter_service or ():
        yield _setting(one.id, _TYPE.ENTER_SERVICE, one.enter_service)
    for one in message.fixed_pf_absorb or ():
        yield _control(one, _TYPE.FIXED_PF_ABSORB, one.fixed_pf)
    for one in message.fixed_pf_inject or ():
        yield _control(one, _TYPE.FIXED_PF_INJECT, one.fixed_pf)
    for one in message.fixed_var or ():
        yield _control(one, _TYPE.FIXED_VAR, one.fixed_var)
    for one in message.freq_droop or ():
        yield _control(one, _TYPE.FREQ_DROOP, one.freq_droop)
    for one in message.gradient or ():
        yield _setting(one.id, _TYPE.GRADIENTS, one.gradient)
    for one in message.limit_max_discharge or ():
        yield _control(one, _TYPE.LIMIT_MAX_DISCHARGE, one.limit_max_discharge)


_Told = (
    m.DERCurveGetType | m.FixedPFGetType | m.FixedVarGetType | m.FreqDroopGetType | m.LimitMaxDischargeGetType
)


def _control(told: _Told, kind: str, terms: Wire) -> DerControl:
    return DerControl(
        id=told.id,
        type=kind,
        is_default=told.is_default,
        superseded=told.is_superseded,
        terms=msgspec.Raw(words(terms).encode()),
    )


def _setting(control_id: str, kind: str, terms: Wire) -> DerControl:
    """EnterService and Gradients are never scheduled."""
    return DerControl(id=control_id, type=kind, is_default=True, terms=msgspec.Raw(words(terms).encode()))


def _item(control: DerControl) -> Item:
    return Item(_KIND, control.id, _encode(control).decode())


def _asked(request: m.GetDERControlRequest, response: m.GetDERControlResponse) -> Learned:
    """R04. NotFound says that there is none of what was asked for."""
    filters = (request.is_default, request.control_type, request.control_id)
    whole = all(one is None for one in filters)
    if response.status == _NOT_FOUND:
        return Learned(cleared=(Cleared(_KIND, _fields(*filters)),))
    if response.status != _ACCEPTED:
        return Learned()
    return Learned(expected=Expected(kind=_KIND, request_id=request.request_id, whole=whole))


def _fields(
    is_default: bool | None, control_type: str | None, control_id: str | None
) -> tuple[tuple[str, str | int | bool | None], ...]:
    named = (("is_default", is_default), ("type", control_type), ("id", control_id))
    return tuple((name, value) for name, value in named if value is not None)


def _set(request: m.SetDERControlRequest, response: m.SetDERControlResponse) -> Learned:
    """R01 to R03. Controls that this one supersedes stay; the next report says so of each."""
    if response.status != _ACCEPTED:
        return Learned()
    control = DerControl(
        id=request.control_id,
        type=request.control_type,
        is_default=request.is_default,
        terms=msgspec.Raw(words(_terms(request)).encode()),
    )
    return Learned(items=(_item(control),))


def _terms(request: m.SetDERControlRequest) -> Wire:
    """R01.FR.03: exactly one of them is given; a request with none is its own terms."""
    given = (
        request.curve,
        request.enter_service,
        request.fixed_pf_absorb,
        request.fixed_pf_inject,
        request.fixed_var,
        request.freq_droop,
        request.gradient,
        request.limit_max_discharge,
    )
    return next((one for one in given if one is not None), request)


def _cleared(request: m.ClearDERControlRequest, response: m.ClearDERControlResponse) -> Learned:
    """R04: one control, or all defaults or all scheduled ones, of a type or of any."""
    if response.status not in (_ACCEPTED, _NOT_FOUND):
        return Learned()
    if request.control_id is not None:
        return Learned(gone=((_KIND, request.control_id),))
    return Learned(cleared=(Cleared(_KIND, _fields(request.is_default, request.control_type, None)),))


INBOUND: Mapping[str, Inbound] = {
    "ReportDERControl": keep(m.ReportDERControlRequest, _reported, m.ReportDERControlResponse()),
}
FROM_ANSWERS: Mapping[str, Learning] = {
    "ClearDERControl": learn(m.ClearDERControlRequest, m.ClearDERControlResponse, _cleared),
    "GetDERControl": learn(m.GetDERControlRequest, m.GetDERControlResponse, _asked),
    "SetDERControl": learn(m.SetDERControlRequest, m.SetDERControlResponse, _set),
}
