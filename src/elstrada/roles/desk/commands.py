"""The verb that has a station do something."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.shapes import Number, Text36, Text50
from elstrada.roles.gateway import reach
from elstrada.spine import tables as t
from elstrada.spine.post import NobodyThere, NoReply

POST_SPARE_S = 5


class CommandStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    command: Annotated[CommandName, Meta(description="What it shall do.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    evse: Annotated[Number | None, Meta(description="EVSE number (1.6: connector).")] = None
    connector: Annotated[Number | None, Meta(description="Connector of the EVSE.")] = None
    session: Annotated[str | None, Meta(description="STOP: which session.")] = None
    token: Annotated[Text36 | None, Meta(description="START: uid of the token to charge.")] = None
    hard: Annotated[bool, Meta(description="RESET: at once, ending sessions.")] = False
    inoperative: Annotated[bool, Meta(description="CHANGE_AVAILABILITY: out of service.")] = False
    message: Annotated[Text50 | None, Meta(description="TRIGGER: which OCPP message.")] = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for it; by default limits.command_s."),
    ] = None


class CommandEnd(msgspec.Struct, frozen=True):
    command_id: str
    result: CommandResult
    detail: str


async def command_station(desk: Desk, params: CommandStation) -> CommandEnd:
    """Have a station do something, and wait for how it ended."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    hint = "see `elstrada station list`"
    what = f"station {params.station[:48]!r} of {owner}"
    await needed(desk, t.station, what, hint, owner=str(owner), station_id=params.station)
    _check_command(params)
    command = Command(
        command_id=desk.chance.uuid(),
        name=params.command,
        asked_by=owner,
        evse_id=params.evse,
        connector_id=params.connector,
        session_id=params.session,
        token=PresentedToken(params.token) if params.token else None,
        hard=params.hard,
        operative=not params.inoperative,
        message=params.message,
        deadline_s=params.deadline_s or desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    return _end(command.command_id, params, await given(desk, params.station, command))


async def given(desk: Desk, station: str, command: Command) -> CommandDone:
    """Give a station a command, and wait for how it ended."""
    assert desk.post is not None, "the table says that this verb needs the post"
    try:
        # The station's own deadline ends the command; the post's is there in case the node is gone.
        answer = await reach.command(
            desk.spine,
            desk.post,
            command.asked_by,
            station,
            command,
            timeout_s=command.deadline_s + POST_SPARE_S,
        )
    except NobodyThere:
        return CommandDone(CommandResult.OFFLINE)
    except NoReply as problem:
        return CommandDone(CommandResult.TIMEOUT, str(problem))
    assert isinstance(answer, CommandDone), "a command is answered by how it ended"
    return answer


_NEEDED = {
    CommandName.START: ("token", "evse"),
    CommandName.STOP: ("session",),
    CommandName.UNLOCK: ("evse",),
    CommandName.TRIGGER: ("message",),
}
"""What a command cannot do without."""


def _check_command(params: CommandStation) -> None:
    if params.command is CommandName.CALL:
        raise Refused(Kind.USAGE, "a call has fields of its own", "use `elstrada station call`", "/command")
    for name in _NEEDED.get(params.command, ()):
        if getattr(params, name) is None:
            raise Refused(Kind.USAGE, f"{params.command.value} needs --{name}", pointer=f"/{name}")


_DONE = {CommandResult.ACCEPTED, CommandResult.SCHEDULED}
_AWAY = {CommandResult.OFFLINE, CommandResult.TIMEOUT}


def _end(command_id: str, params: CommandStation, answer: CommandDone) -> CommandEnd:
    if answer.result in _DONE:
        return CommandEnd(command_id, answer.result, answer.detail)
    raise not_done(params.station, params.command.value, command_id, answer)


def not_done(station: str, what: str, command_id: str, answer: CommandDone) -> Refused:
    """The refusal of a command that a station did not do."""
    kind = Kind.UNREACHABLE if answer.result in _AWAY else Kind.REFUSED
    detail = f" ({answer.detail})" if answer.detail else ""
    says = f"{station} answered {what} with {answer.result.value}{detail}"
    return Refused(kind, says, f"the command is {command_id}")


COMMAND = Verb(
    "station command",
    "Have a station do something.",
    CommandStation,
    CommandEnd,
    command_station,
    Part.POST,
    arguments=2,
)
