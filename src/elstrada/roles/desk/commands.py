"""The verbs that have a station do something, and list what it was told to do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.charging.remote import NEVER_TOLD
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.party import Role
from elstrada.model.token import NO_AUTHORIZATION
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count, Number, Text50, TokenUid
from elstrada.roles.desk.token_shown import Additional, TokenType, shown_token
from elstrada.roles.gateway import reach
from elstrada.spine import tables as t
from elstrada.spine.face import Row
from elstrada.spine.paging import EVER
from elstrada.spine.post import NobodyThere, NoReply

POST_SPARE_S = 5


class Plain(StrEnum):
    """The commands that need no verb of their own."""

    START = CommandName.START.value
    STOP = CommandName.STOP.value
    RESET = CommandName.RESET.value
    UNLOCK = CommandName.UNLOCK.value
    TRIGGER = CommandName.TRIGGER.value
    CHANGE_AVAILABILITY = CommandName.CHANGE_AVAILABILITY.value


class CommandStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    command: Annotated[Plain, Meta(description="What it shall do.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    evse: Annotated[Number | None, Meta(description="EVSE number (1.6: connector).")] = None
    connector: Annotated[Number | None, Meta(description="Connector of the EVSE.")] = None
    session: Annotated[str | None, Meta(description="STOP: which session.")] = None
    token: Annotated[TokenUid | None, Meta(description="START: uid of the token to charge.")] = None
    token_type: TokenType = None
    additional: Additional = ()
    no_authorization: Annotated[
        bool, Meta(description="START: without a token (OCPP 2.x); nobody is billed for it.")
    ] = False
    hard: Annotated[bool, Meta(description="RESET: at once, ending sessions.")] = False
    inoperative: Annotated[bool, Meta(description="CHANGE_AVAILABILITY: out of service.")] = False
    message: Annotated[Text50 | None, Meta(description="TRIGGER: which OCPP message.")] = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for it; by default limits.command_s."),
    ] = None
    command_id: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9-]{8,36}$")] | None,
        Meta(description="A name of yours for it: repeated under the same it is not given again."),
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
    if params.command_id is not None:
        before = await desk.spine.get(t.command, owner=str(owner), command_id=params.command_id)
        if before is not None:
            return _end(params.command_id, params, _as_it_ended(params, before), again=True)
    command = Command(
        command_id=params.command_id or desk.chance.uuid(),
        name=CommandName(params.command),
        asked_by=owner,
        evse_id=params.evse,
        connector_id=params.connector,
        session_id=params.session,
        token=_token(params),
        hard=params.hard,
        operative=not params.inoperative,
        message=params.message,
        deadline_s=params.deadline_s or desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    return _end(command.command_id, params, await given(desk, params.station, command))


def _as_it_ended(params: CommandStation, before: Row) -> CommandDone:
    """How a command ended that is asked for again."""
    command_id, what = params.command_id, params.command.value
    if (before["station_id"], before["name"]) != (params.station, what):
        says = f"command {command_id} is another: {before['name']} of {before['station_id']}"
        raise Refused(Kind.CONFLICT, says, "give each command an id of its own", "/command_id")
    if before["result"] is None:
        says = f"command {command_id} is under way, or its station has not said yet how it ended"
        raise Refused(Kind.UNKNOWN, says, f"see `elstrada station commands {params.station}`")
    result, detail = CommandResult(str(before["result"])), str(before["detail"] or "")
    unsent = result is CommandResult.OFFLINE or (result is CommandResult.TIMEOUT and detail in NEVER_TOLD)
    return CommandDone(result, detail, unsent=unsent)


async def given(desk: Desk, station: str, command: Command) -> CommandDone:
    """Give a station a command, and wait for how it ended.

    Raises:
        Refused: its node went meanwhile, so that nobody knows.
    """
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
        return CommandDone(CommandResult.OFFLINE, "the station is not connected", unsent=True)
    except NoReply as problem:
        says = (
            f"nobody knows whether {command.name.value} was done: {station}'s node gave no answer: {problem}"
        )
        hint = f"see `elstrada station commands {station}`; the command is {command.command_id}"
        raise Refused(Kind.UNKNOWN, says, hint) from None
    assert isinstance(answer, CommandDone), "a command is answered by how it ended"
    return answer


_NEEDED = {
    Plain.START: ("token", "evse"),
    Plain.STOP: ("session",),
    Plain.UNLOCK: ("evse",),
    Plain.TRIGGER: ("message",),
}
"""What a command cannot do without."""


def _token(params: CommandStation) -> PresentedToken | None:
    if params.no_authorization:
        return PresentedToken("", NO_AUTHORIZATION)
    return shown_token(params.token, params.token_type, params.additional) if params.token else None


def _check_command(params: CommandStation) -> None:
    if params.no_authorization and (params.command is not Plain.START or params.token is not None):
        says = "--no-authorization is for a START without --token"
        raise Refused(Kind.USAGE, says, pointer="/no_authorization")
    for name in _NEEDED.get(params.command, ()):
        if getattr(params, name) is None and not (name == "token" and params.no_authorization):
            raise Refused(Kind.USAGE, f"{params.command.value} needs --{name}", pointer=f"/{name}")


_DONE = {CommandResult.ACCEPTED, CommandResult.SCHEDULED}
_AWAY = {CommandResult.OFFLINE, CommandResult.TIMEOUT}


def _end(command_id: str, params: CommandStation, answer: CommandDone, *, again: bool = False) -> CommandEnd:
    if answer.result in _DONE:
        return CommandEnd(command_id, answer.result, answer.detail)
    raise not_done(params.station, params.command.value, command_id, answer, again=again)


def not_done(
    station: str, what: str, command_id: str, answer: CommandDone, *, again: bool = False
) -> Refused:
    """The refusal of a command that a station did not do, or perhaps did without saying so.

    Args:
        again: it is told from the record, which does not say who refused it.
    """
    ended = f"{answer.result.value} ({answer.detail})" if answer.detail else answer.result.value
    if answer.result is CommandResult.TIMEOUT and not answer.unsent:
        says = f"nobody knows whether {what} was done: {station} was told, and gave no answer: {ended}"
        hint = f"the command is {command_id}: see `elstrada station commands {station}` before you repeat it"
        return Refused(Kind.UNKNOWN, says, hint)
    kind = Kind.UNREACHABLE if answer.result in _AWAY else Kind.REFUSED
    if answer.unsent:
        says = f"{what} was not sent to {station}: {ended}"
    elif again:
        says = f"{what} was not done by {station}: {ended}"
    else:
        says = f"{station} answered {what} with {ended}"
    return Refused(kind, says, f"the command is {command_id}")


class ListCommands(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the latest first.")] = 100
    after: After = None


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    command_id: str
    name: str | None
    asked_by: str | None
    session_id: str | None
    result: str | None
    """None: it is under way."""
    detail: str | None
    """Of an accepted START also that no session followed it."""
    requested_at: datetime | None
    answered_at: datetime | None


async def list_commands(desk: Desk, params: ListCommands) -> Page[CommandLine]:
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    key = {"owner": owner, "station_id": params.station}
    what = f"station {params.station[:48]!r} of {owner}"
    await needed(desk, t.station, what, "see `elstrada station list`", **key)
    where = {**key, "requested_at": EVER}
    order = ("-requested_at",)
    rows = await page_of(desk, t.command, [where], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(CommandLine, row))


COMMANDS = Verb(
    "station commands",
    "List what a station was told to do, by whom, and how it ended.",
    ListCommands,
    tuple[CommandLine, ...],
    list_commands,
    arguments=1,
    reads=True,
)
COMMAND = Verb(
    "station command",
    "Have a station do something.",
    CommandStation,
    CommandEnd,
    command_station,
    Part.POST,
    arguments=2,
)
