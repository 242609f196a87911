"""Calling a station for a verb of its own: in which version, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.roles.desk.commands import CommandEnd, given, not_done
from elstrada.roles.desk.face import Desk, Kind, Problem, Refused
from elstrada.spine import tables as t

if TYPE_CHECKING:
    from elstrada.ocpp.versions import Version


async def version_of(desk: Desk, owner: PartyId, station: str) -> Version:
    """The OCPP version of a station's last connection.

    Raises:
        Refused: it never had one.
    """
    from elstrada.ocpp.versions import VERSIONS  # It loads the messages of three versions.

    state = await desk.spine.get(t.station_state, owner=str(owner), station_id=station)
    version = None if state is None else VERSIONS.get(str(state["protocol"]))
    if version is None:
        says = f"{station} has never been connected, so nobody knows what it takes"
        raise Refused(Kind.UNREACHABLE, says, "see `elstrada station show`")
    return version


async def called(
    desk: Desk, owner: PartyId, station: str, action: str, payload: str, deadline_s: int | None
) -> tuple[str, CommandDone]:
    """Call a station.

    Args:
        payload: the action's fields, as JSON.
    Returns:
        The command's id, and how it ended.
    """
    command = Command(
        command_id=desk.chance.uuid(),
        name=CommandName.CALL,
        asked_by=owner,
        action=action,
        payload=payload,
        deadline_s=deadline_s or desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    return command.command_id, await given(desk, station, command)


_encode = msgspec.json.Encoder(decimal_format="number").encode


async def ask_station(
    desk: Desk,
    owner: PartyId,
    station: str,
    action: str,
    fields: Mapping[str, object],
    deadline_s: int | None = None,
) -> CommandEnd:
    """Have a station do what not every OCPP version has words for.

    Raises:
        Refused: its version knows no such thing, the fields do not conform, or it did not do it.
    """
    from elstrada.ocpp.table import Unsendable
    from elstrada.ocpp.versions import VERSIONS

    version = await version_of(desk, owner, station)
    if action not in version.to_station:
        able = [name for name, one in VERSIONS.items() if action in one.to_station]
        says = f"{station} speaks {version.protocol.value}, which has no {action}"
        raise Refused(Kind.REFUSED, says, f"stations of {' and '.join(able)} have it")
    payload = _encode(fields)
    written = version.write_call(action, payload)
    if isinstance(written, Unsendable):
        problems = tuple(Problem(one.pointer, one.text) for one in written.findings)
        raise Refused(Kind.INVALID, written.detail, "nothing was sent", problems=problems)
    command_id, done = await called(desk, owner, station, action, payload.decode(), deadline_s)
    if done.result is not CommandResult.ACCEPTED:
        raise not_done(station, action, command_id, done)
    return CommandEnd(command_id, done.result, done.detail)
