"""The verb that calls a station with any action of its OCPP version."""

from __future__ import annotations

import difflib
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.charging.calls import barred
from elstrada.model.device import CommandResult, Station
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.security import StationSecurity
from elstrada.roles.desk.calling import called
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Problem, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.portions import joined, portions
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
    """Of several messages, the first that the station could not do, else the last."""
    action: str
    result: CommandResult
    """What the response's status means, or those of its parts; ACCEPTED where it has none."""
    detail: str
    """The status, or which parts were not done, and where the response strays from its schema."""
    response: msgspec.Raw
    """As the station sent it, without secrets and tokens."""


async def call_station(desk: Desk, params: CallStation) -> CallEnd:
    """Call a station with fields of the operator's choice, and wait for what it answers.

    A list longer than the station takes goes in several messages, one after the other, each with the deadline; one
    that is not answered ends it, and what the station was told before stays.
    """
    owner = (await own_party(desk, params.party, Role.CPO)).id
    hint = "see `elstrada station list`"
    what = f"station {params.station[:48]!r} of {owner}"
    record = await needed(desk, t.station, what, hint, owner=str(owner), station_id=params.station)
    _check_security(params, msgspec.json.decode(str(record["document"]), type=Station).security)
    await _check_call(desk, params, owner)
    ends = [
        await _called(desk, params, owner, payload)
        for payload in await portions(desk, str(owner), params.station, params.action, params.payload)
    ]
    if len(ends) == 1:
        return ends[0]
    told = next((end for end in ends if end.result is not CommandResult.ACCEPTED), ends[-1])
    response = joined(params.action, [bytes(end.response).decode() for end in ends])
    detail = f"{told.detail}, in {len(ends)} messages"
    return msgspec.structs.replace(told, detail=detail, response=msgspec.Raw(response.encode()))


async def _called(desk: Desk, params: CallStation, owner: PartyId, payload: str) -> CallEnd:
    """One message to the station, and its answer."""
    command_id, answer = await called(desk, owner, params.station, params.action, payload, params.deadline_s)
    if answer.response is None:
        raise not_done(params.station, params.action, command_id, answer)
    response = msgspec.Raw(answer.response.encode())
    return CallEnd(command_id, params.action, answer.result, answer.detail, response)


def _check_security(params: CallStation, security: StationSecurity) -> None:
    """Refuse what would lower the station's security, or lock it out (T4, T5)."""
    try:
        fields: object = msgspec.json.decode(params.payload)
    except (msgspec.DecodeError, RecursionError):
        return  # What is no JSON is refused by whoever sends it.
    found = barred(params.action, fields, security)
    if found is None:
        return
    verb = (
        f"use `elstrada station password {params.station}`"
        if found.password
        else f"if that is meant, first `elstrada station secure {params.station} --minimum-profile 2 --lower`"
    )
    problems = (Problem(found.pointer, found.says),)
    raise Refused(Kind.CONFLICT, f"{params.action}: {found.says}", verb, "/payload", problems)


async def _check_call(desk: Desk, params: CallStation, owner: PartyId) -> None:
    """Refuse what the station's OCPP version does not know, or what has no sense, before anybody is asked.

    The version is that of the station's last connection; the gateway looks again when it sends the call.
    """
    # The messages of three versions take a tenth of a second to load, which other verbs are spared.
    from elstrada.ocpp.sense import senseless
    from elstrada.ocpp.table import Unsendable
    from elstrada.ocpp.versions import VERSIONS

    state = await desk.spine.get(t.station_state, owner=str(owner), station_id=params.station)
    version = VERSIONS.get(str(state["protocol"])) if state is not None else None
    if version is None:
        return
    written = version.write_call(params.action, params.payload.encode())
    if not isinstance(written, Unsendable):
        findings = senseless(params.action, msgspec.json.decode(params.payload))
        if not findings:
            return
        first = findings[0]
        written = Unsendable(f"{params.action} {first.pointer}: {first.text}", findings)
    if params.action not in version.to_station:
        near = difflib.get_close_matches(params.action, sorted(version.to_station), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see docs/protocols/ocpp.md"
        raise Refused(Kind.USAGE, written.detail, hint, "/action")
    problems = tuple(Problem(finding.pointer, finding.text) for finding in written.findings)
    raise Refused(Kind.INVALID, written.detail, "nothing was sent", "/payload", problems)


def shown(end: CallEnd) -> str:
    """How an answer reads for people."""
    response = msgspec.json.format(bytes(end.response), indent=2).decode()
    return f"{end.result.value} ({end.detail})\n{response}"


CALL = Verb(
    "station call",
    "Call a station with any action of its OCPP version. Exit code 0 says that it answered.",
    CallStation,
    CallEnd,
    call_station,
    Part.POST,
    show=shown,
    arguments=3,
)
