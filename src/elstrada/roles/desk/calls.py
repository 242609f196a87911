"""The verb that calls a station with any action of its OCPP version."""

from __future__ import annotations

import difflib
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Problem, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.shapes import JsonText, Text50
from elstrada.spine import tables as t


class CallStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    action: Annotated[Text50, Meta(description="An OCPP action, such as GetVariables.")]
    payload: Annotated[
        JsonText, Meta(description="Its fields as JSON, from @FILE, or from standard input; by default none.")
    ] = "{}"
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for the answer; by default limits.command_s."),
    ] = None


class CallEnd(msgspec.Struct, frozen=True):
    """What a station answered. A status that says no is an answer too."""

    command_id: str
    action: str
    result: CommandResult
    """What the response's status means; ACCEPTED where it has none."""
    detail: str
    """The status, and where the response strays from its schema."""
    response: msgspec.Raw
    """As the station sent it, without secrets and tokens."""


async def call_station(desk: Desk, params: CallStation) -> CallEnd:
    """Call a station with fields of the operator's choice, and wait for what it answers."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    hint = "see `elstrada station list`"
    what = f"station {params.station[:48]!r} of {owner}"
    await needed(desk, t.station, what, hint, owner=str(owner), station_id=params.station)
    await _check_call(desk, params, owner)
    command = Command(
        command_id=desk.chance.uuid(),
        name=CommandName.CALL,
        asked_by=owner,
        action=params.action,
        payload=params.payload,
        deadline_s=params.deadline_s or desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    answer = await given(desk, params.station, command)
    if answer.response is None:
        raise not_done(params.station, params.action, command.command_id, answer)
    response = msgspec.Raw(answer.response.encode())
    return CallEnd(command.command_id, params.action, answer.result, answer.detail, response)


async def _check_call(desk: Desk, params: CallStation, owner: PartyId) -> None:
    """Refuse what the station's OCPP version does not know, before anybody is asked.

    The version is that of the station's last connection; the gateway looks again when it sends the call.
    """
    # The messages of three versions take a tenth of a second to load, which other verbs are spared.
    from elstrada.ocpp.table import Unsendable
    from elstrada.ocpp.versions import VERSIONS

    state = await desk.spine.get(t.station_state, owner=str(owner), station_id=params.station)
    version = VERSIONS.get(str(state["protocol"])) if state is not None else None
    if version is None:
        return
    written = version.write_call(params.action, params.payload.encode())
    if not isinstance(written, Unsendable):
        return
    if params.action not in version.to_station:
        near = difflib.get_close_matches(params.action, sorted(version.to_station), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see docs/protocols/ocpp.md"
        raise Refused(Kind.USAGE, written.detail, hint, "/action")
    problems = tuple(Problem(finding.pointer, finding.text) for finding in written.findings)
    raise Refused(Kind.INVALID, written.detail, "nothing was sent", "/payload", problems)


def _shown(end: CallEnd) -> str:
    response = msgspec.json.format(bytes(end.response), indent=2).decode()
    return f"{end.result.value} ({end.detail})\n{response}"


CALL = Verb(
    "station call",
    "Call a station with any action of its OCPP version. Exit code 0 says that it answered.",
    CallStation,
    CallEnd,
    call_station,
    Part.POST,
    show=_shown,
    arguments=3,
)
