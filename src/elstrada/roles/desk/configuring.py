"""Setting a station up by a document of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.charging.settings import fault_in, read_values
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.configuring import Outcome, SetResult
from elstrada.model.device import CommandName, CommandResult, Protocol
from elstrada.model.party import Role
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Problem, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.shapes import JsonText
from elstrada.roles.gateway.configuring import Configured, configure
from elstrada.spine import tables as t


class ConfigureStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    values: Annotated[
        JsonText,
        Meta(
            description='What it shall be set to, as {"OCPPCommCtrlr/HeartbeatInterval": "900", "HeartbeatInterval": "900"}.'
        ),
    ]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    reset: Annotated[
        bool, Meta(description="If a value needs it, reboot the station as soon as no session runs.")
    ] = False


class ConfigureEnd(msgspec.Struct, frozen=True):
    station: str
    outcomes: tuple[Outcome, ...]
    reboot: str
    """NEEDED, what a Reset was answered with, or empty: none is needed."""


async def configure_station(desk: Desk, params: ConfigureStation) -> ConfigureEnd:
    """Set values of a station, in as few messages as it takes, and tell what became of each."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    what = f"station {params.station[:48]!r} of {owner}"
    key = {"owner": str(owner), "station_id": params.station}
    await needed(desk, t.station, what, "see `elstrada station list`", **key)
    values = values_of(params.values)

    async def told(name: CommandName, action: str | None, payload: str | None) -> CommandDone:
        command = Command(
            command_id=desk.chance.uuid(),
            name=name,
            asked_by=owner,
            action=action,
            payload=payload,
            deadline_s=desk.waits.command_s,
            asked_at=desk.clock.now(),
        )
        done = await given(desk, params.station, command)
        if done.result is CommandResult.OFFLINE:
            raise not_done(params.station, action or name.value, command.command_id, done)
        return done

    async def call(action: str, fields: Mapping[str, object]) -> CommandDone:
        return await told(CommandName.CALL, action, msgspec.json.encode(fields).decode())

    state = await desk.spine.get(t.station_state, **key)
    if state is None or state["protocol"] is None:
        raise Refused(Kind.UNREACHABLE, f"{params.station} never connected", "its OCPP version is not known")
    station = Configured(
        spine=desk.spine,
        owner=owner,
        station_id=params.station,
        protocol=Protocol(str(state["protocol"])),
        call=call,
    )
    outcomes = await configure(station, values)
    reboot = ""
    if any(one.result is SetResult.AFTER_REBOOT for one in outcomes):
        reboot = (await told(CommandName.RESET, None, None)).result.value if params.reset else "NEEDED"
    return ConfigureEnd(params.station, outcomes, reboot)


def values_of(text: str) -> dict[str, str]:
    """The values of a document.

    Raises:
        Refused: it is none, with everything that is wrong with it.
    """
    try:
        values = read_values(text)
    except (ValueError, RecursionError) as problem:
        hint = 'expected a JSON object of texts, like {"HeartbeatInterval": "900"}'
        raise Refused(Kind.INVALID, str(problem), hint, "/values") from None
    problems = tuple(
        Problem(f"/{key.replace('~', '~0').replace('/', '~1')}", says)
        for key, value in values.items()
        if (says := fault_in(key, value))
    )
    if problems:
        raise Refused(Kind.INVALID, problems[0].says, "nothing was sent", "/values", problems)
    return values


def _shown(end: ConfigureEnd) -> str:
    lines = [
        f"{one.result.value:13} {one.key}{f'  ({one.detail})' if one.detail else ''}" for one in end.outcomes
    ]
    if end.reboot == "NEEDED":
        lines.append(f"\nIt must reboot: `elstrada station command {end.station} RESET`")
    elif end.reboot:
        lines.append(f"\nReset: {end.reboot}")
    return "\n".join(lines)


CONFIGURE = Verb(
    "station configure",
    "Set values of a station by a document. Exit code 0 says that it answered.",
    ConfigureStation,
    ConfigureEnd,
    configure_station,
    Part.POST,
    show=_shown,
    arguments=2,
)
