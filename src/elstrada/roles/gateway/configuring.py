"""Has a station tell its inventory, and sets it up: for whoever can call it, an operator or the rule."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from elstrada.model.answers import CommandDone
from elstrada.model.configuring import MessageLimits, Outcome, SetResult
from elstrada.model.device import CommandResult, Protocol
from elstrada.model.ids import PartyId
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.quirk import Quirk
from elstrada.ocpp.configuring import of_version, outcomes, place_of, set_calls
from elstrada.ocpp.portions import PORTIONED
from elstrada.ocpp.v16.keys import questions
from elstrada.spine import tables as t
from elstrada.spine.face import Spine

Call = Callable[[str, Mapping[str, object]], Awaitable[CommandDone]]
"""Calls the station with an action and its fields, and waits for how that ended."""
LOOK_S = 0.2
MOST_ITEMS = 1000
"""In one SetVariables, whatever the station says it takes."""


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """The station that is to be set up."""

    spine: Spine
    owner: PartyId
    station_id: str
    protocol: Protocol
    call: Call
    quirks: tuple[Quirk, ...] = ()

    @property
    def key(self) -> dict[str, str]:
        return {"owner": str(self.owner), "station_id": self.station_id}


# --- what it has ------------------------------------------------------------------------------------


async def tell_all(station: Configured, request_id: int) -> CommandDone:
    """Have it tell its whole device model, or its configuration; a 1.6 station's answer is all of it already.

    Returns:
        How that ended; of several questions the first that failed, else the last.
    """
    if station.protocol is not Protocol.OCPP16:
        fields = {"requestId": request_id, "reportBase": "FullInventory"}
        return await station.call("GetBaseReport", fields)
    done: CommandDone | None = None
    for question in questions(station.quirks):
        done = await station.call("GetConfiguration", question)
        if done.result is not CommandResult.ACCEPTED:
            return done
    assert done is not None, "there is a question at least"
    return done


async def told_all(station: Configured, request_id: int, deadline_s: float) -> bool:
    """Wait for the last message of what it was asked to tell; False: it did not come in time."""
    if station.protocol is Protocol.OCPP16:
        return True
    key = {**station.key, "kind": ItemKind.VARIABLE.value, "request_id": request_id}
    for _ in range(int(deadline_s / LOOK_S)):
        rows = await station.spine.find(t.station_report, key, limit=1)
        if rows and rows[0]["complete_at"] is not None:
            return True
        await asyncio.sleep(LOOK_S)
    return False


# --- setting it up ----------------------------------------------------------------------------------


async def configure(station: Configured, values: Mapping[str, str]) -> tuple[Outcome, ...]:
    """Set these values, in as few messages as the station takes; each has its outcome, in their order.

    A call that fails ends it: what would have been set after that is not answered.
    """
    ours = {key: value for key, value in values.items() if of_version(key, station.protocol)}
    found = {key: Outcome(key, SetResult.OTHER_VERSION, f"no name of {station.protocol}") for key in values}
    limits = await _limits(station) if len(ours) > 1 else MessageLimits()
    failed = ""
    for call in set_calls(station.protocol, ours, limits):
        done = None if failed else await station.call(call.action, call.fields)
        response = done.response if done else None
        if done is not None and response is None:
            failed = f"{done.result.value} ({done.detail})" if done.detail else done.result.value
        found |= {one.key: one for one in outcomes(call, response, failed)}
    return tuple(found[key] for key in values)


async def _limits(station: Configured) -> MessageLimits:
    """How much it takes in one message: by its mirror, else it is asked."""
    if station.protocol is Protocol.OCPP16:
        return MessageLimits()
    how = PORTIONED["SetVariables"]
    items, most_bytes = await _limit(station, how.most_items), await _limit(station, how.most_bytes)
    return MessageLimits(items=min(items or 1, MOST_ITEMS), bytes=most_bytes)


async def _limit(station: Configured, key: str) -> int | None:
    told = await _value(station.spine, str(station.owner), station.station_id, key)
    if told is None:
        await station.call("GetVariables", {"getVariableData": [place_of(Variable.named(key))]})
        # What it answered is in its mirror now.
    return await told_limit(station.spine, str(station.owner), station.station_id, key)


async def told_limit(spine: Spine, owner: str, station_id: str, key: str) -> int | None:
    """The value of a variable, where the station told it and it is a positive number."""
    told = await _value(spine, owner, station_id, key)
    return int(told) if told is not None and told.isdecimal() and int(told) > 0 else None


async def _value(spine: Spine, owner: str, station_id: str, key: str) -> str | None:
    kind = ItemKind.VARIABLE.value
    row = await spine.get(t.station_item, owner=owner, station_id=station_id, kind=kind, key=key)
    if row is None:
        return None
    variable = msgspec.json.decode(str(row["document"]), type=Variable)
    return next((one.value for one in variable.attributes if one.type == "Actual"), None)
