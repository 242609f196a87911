"""Values for a station in the words of its version, in as few messages as it takes, and what it answered.

Source: OCPP 1.6 §5.3; OCPP 2.0.1 part 2, B05, B05.FR.11 (ItemsPerMessage) and BytesPerMessage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from elstrada.model.configuring import MessageLimits, Outcome, SetResult
from elstrada.model.device import Protocol
from elstrada.model.mirror import Variable
from elstrada.ocpp.portions import FRAME_BYTES, PORTIONED, portions

_SET = PORTIONED["SetVariables"]
_encode = msgspec.json.Encoder().encode


class SetCall(msgspec.Struct, frozen=True):
    """One call that sets something."""

    action: str
    fields: dict[str, object]
    keys: tuple[str, ...]
    """Of the variables it sets."""


def of_version(key: str, protocol: Protocol) -> bool:
    """Is it a name that stations of this version know? Those of 1.6 have no component."""
    return (Variable.named(key).component is None) == (protocol is Protocol.OCPP16)


def set_calls(protocol: Protocol, values: Mapping[str, str], limits: MessageLimits) -> Iterator[SetCall]:
    """The calls that set these values, of which all are names of the version.

    A single value that exceeds ``limits.bytes`` has a call of its own, which the station will refuse.
    """
    if protocol is Protocol.OCPP16:
        for key, value in values.items():
            yield SetCall("ChangeConfiguration", {"key": key, "value": value}, (key,))
        return
    keys = tuple(values)
    data = [_set_variable(Variable.named(key), value) for key, value in values.items()]
    around = FRAME_BYTES + len(_encode({_SET.items: []}))
    for part in portions([len(_encode(one)) for one in data], around, limits):
        yield SetCall("SetVariables", {_SET.items: data[part]}, keys[part])


def _set_variable(variable: Variable, value: str) -> dict[str, object]:
    return {"attributeValue": value, **place_of(variable)}


def place_of(variable: Variable) -> dict[str, object]:
    """Component and variable as OCPP 2.x names them."""
    component: dict[str, object] = {"name": variable.component}
    if variable.component_instance is not None:
        component["instance"] = variable.component_instance
    if variable.evse_id is not None:
        evse = {"id": variable.evse_id}
        component["evse"] = (
            evse if variable.connector_id is None else evse | {"connectorId": variable.connector_id}
        )
    name: dict[str, object] = {"name": variable.name}
    if variable.instance is not None:
        name["instance"] = variable.instance
    return {"component": component, "variable": name}


# --- answers ----------------------------------------------------------------------------------------


class _Named(msgspec.Struct, rename="camel"):
    name: str
    instance: str | None = None


class _Evse(msgspec.Struct, rename="camel"):
    id: int
    connector_id: int | None = None


class _Component(_Named, rename="camel"):
    evse: _Evse | None = None


class _Info(msgspec.Struct, rename="camel"):
    reason_code: str = ""
    additional_info: str = ""


class _Result(msgspec.Struct, rename="camel"):
    attribute_status: str
    component: _Component
    variable: _Named
    attribute_status_info: _Info | None = None

    @property
    def key(self) -> str:
        evse = self.component.evse
        return Variable(
            component=self.component.name,
            component_instance=self.component.instance,
            evse_id=evse and evse.id,
            connector_id=evse and evse.connector_id,
            name=self.variable.name,
            instance=self.variable.instance,
        ).key


class _Response(msgspec.Struct, rename="camel"):
    status: str = ""
    set_variable_result: tuple[_Result, ...] = ()


_read = msgspec.json.Decoder(_Response).decode
_RESULTS = {
    "Accepted": SetResult.SET,
    "RebootRequired": SetResult.AFTER_REBOOT,
    "NotSupported": SetResult.UNKNOWN,
    "UnknownComponent": SetResult.UNKNOWN,
    "UnknownVariable": SetResult.UNKNOWN,
}


def outcomes(call: SetCall, response: str | None, failed: str) -> tuple[Outcome, ...]:
    """What became of each value of a call.

    Args:
        response: what the station answered, as JSON; None: nothing, or an error.
        failed: why there is no response.
    """
    try:
        answered = None if response is None else _read(response)
    except msgspec.ValidationError as problem:
        answered, failed = None, f"its answer cannot be read: {problem}"[:200]
    if answered is None:
        return tuple(Outcome(key, SetResult.NOT_ANSWERED, failed) for key in call.keys)
    if call.action == "ChangeConfiguration":
        return (_outcome(call.keys[0], answered.status),)
    told = {result.key.lower(): result for result in answered.set_variable_result}
    return tuple(_of_result(key, told.get(key.lower())) for key in call.keys)


def _of_result(key: str, result: _Result | None) -> Outcome:
    if result is None:
        return Outcome(key, SetResult.NOT_ANSWERED, "its answer does not name it")
    info = result.attribute_status_info
    words = (result.attribute_status, info and info.reason_code, info and info.additional_info)
    return _outcome(key, result.attribute_status, ", ".join(word for word in words if word))


def _outcome(key: str, status: str, detail: str = "") -> Outcome:
    return Outcome(key, _RESULTS.get(status, SetResult.REJECTED), detail or status)
