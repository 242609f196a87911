"""Responses that have no status of their own, but one for each thing that was asked for: what they mean.

Source: OCPP 2.0.1 part 2, B05, N04, N06; 2.1 part 2, I10. What was not read (GetVariables) is an answer all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from elstrada.model.device import CommandResult
from elstrada.ocpp.results import RESULT_OF_STATUS
from elstrada.ocpp.v21 import messages as m21
from elstrada.ocpp.v201 import messages as m201
from elstrada.ocpp.wire import Wire

_DONE = frozenset({"Accepted", "RebootRequired"})


class Part(msgspec.Struct, frozen=True):
    """What became of one thing."""

    name: str
    status: str


def parts_of(response: Wire) -> tuple[Part, ...]:
    """The parts of a response; none: it has no such parts."""
    return tuple(_parts(response))


def _parts(response: Wire) -> Iterator[Part]:
    match response:
        case m201.SetVariablesResponse() | m21.SetVariablesResponse():
            for one in response.set_variable_result:
                yield Part(_variable(one.component, one.variable), one.attribute_status)
        case m201.SetVariableMonitoringResponse() | m21.SetVariableMonitoringResponse():
            for one in response.set_monitoring_result:
                yield Part(f"{one.type} of {_variable(one.component, one.variable)}", one.status)
        case m201.ClearVariableMonitoringResponse() | m21.ClearVariableMonitoringResponse():
            for one in response.clear_monitoring_result:
                yield Part(str(one.id), one.status)
        case m21.ClearTariffsResponse():
            for one in response.clear_tariffs_result:
                yield Part(one.tariff_id or "all", one.status)
        case _:
            return


def _variable(
    component: m201.ComponentType | m21.ComponentType, variable: m201.VariableType | m21.VariableType
) -> str:
    return f"{component.name}/{variable.name}"


def meaning(parts: tuple[Part, ...]) -> tuple[CommandResult, str]:
    """How a command ended by what became of its parts, and which of them were not done.

    All done is ACCEPTED, some done is FAILED. Where nothing was done, the result is theirs if they have one in
    common, else REJECTED.
    """
    refused = [one for one in parts if one.status not in _DONE]
    if not refused:
        return CommandResult.ACCEPTED, "answered"
    named = ", ".join(f"{one.name} {one.status}" for one in refused)
    detail = f"{len(refused)} of {len(parts)} not done: {named}"
    if len(refused) < len(parts):
        return CommandResult.FAILED, detail
    results = {RESULT_OF_STATUS.get(one.status, CommandResult.FAILED) for one in refused}
    return (results.pop() if len(results) == 1 else CommandResult.REJECTED), detail
