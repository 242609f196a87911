"""The verb that gives a station a new password."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.table import STARTED_BY
from elstrada.roles.gateway.passwords import NotOffered, Passwords
from elstrada.roles.gateway.reach import where_is
from elstrada.spine import tables as t

HEARD_S = 1.5
"""So long after it was written, every node that stations may come to knows of an offered password."""
BY_HAND = "put it into the station; the old one is taken until the station comes with it"


class ChangePassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    by_hand: Annotated[
        bool, Meta(description="Show it instead of telling the station, for somebody who puts it in there.")
    ] = False
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for the answer; by default limits.command_s."),
    ] = None


class PasswordEnd(msgspec.Struct, frozen=True):
    party: str
    station: str
    result: str
    """``changed``: the old one is worth nothing any more; ``offered``: both are taken until it comes with the new one."""
    detail: str
    password: str | None = None
    """By hand only."""


async def change_password(desk: Desk, params: ChangePassword) -> PasswordEnd:
    """Make a new password, keep it beside the old one, and have the station take it."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    what = f"station {params.station[:48]!r} of {owner}"
    await needed(
        desk, t.station, what, "see `elstrada station list`", owner=str(owner), station_id=params.station
    )
    if not params.by_hand:
        await _within_reach(desk, owner, params.station)
    passwords = Passwords(desk.spine, desk.keys, desk.clock)
    try:
        secret = await passwords.offer(owner, params.station, desk.chance.secret(), anew=params.by_hand)
    except NotOffered as why:
        hint = "have it reconnect (a RESET does), or say --by-hand if it cannot come any more"
        raise Refused(Kind.CONFLICT, f"{params.station}: {why}", hint) from None
    if secret is None:
        raise Refused(Kind.MISSING, f"there is no {what} any more", pointer="/station")
    if params.by_hand:
        return PasswordEnd(str(owner), params.station, "offered", BY_HAND, secret)
    return await _tell(desk, params, owner, passwords)


async def _within_reach(desk: Desk, owner: PartyId, station_id: str) -> None:
    if desk.post is None:
        raise Refused(Kind.UNREACHABLE, "station password needs a running server", STARTED_BY)
    if await where_is(desk.spine, owner, station_id) is None:
        says = f"{station_id} is not connected; nothing was changed"
        raise Refused(Kind.UNREACHABLE, says, "repeat it when it is, or say --by-hand")


async def _tell(desk: Desk, params: ChangePassword, owner: PartyId, passwords: Passwords) -> PasswordEnd:
    await asyncio.sleep(HEARD_S)  # It may reconnect with it at once, wherever it gets in.
    command = Command(
        command_id=desk.chance.uuid(),
        name=CommandName.CHANGE_PASSWORD,
        asked_by=owner,
        deadline_s=params.deadline_s or desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    answer = await given(desk, params.station, command)
    if answer.result is CommandResult.ACCEPTED:
        return PasswordEnd(str(owner), params.station, "changed", answer.detail)
    if answer.result is CommandResult.SCHEDULED:
        detail = f"{answer.detail}: it takes the new one when it has rebooted"
        return PasswordEnd(str(owner), params.station, "offered", detail)
    await passwords.withdraw(owner, params.station)  # If no gateway was reached.
    raise await _refusal(desk, params, owner, command.command_id, answer)


async def _refusal(
    desk: Desk, params: ChangePassword, owner: PartyId, command_id: str, answer: CommandDone
) -> Refused:
    row = await desk.spine.get(t.station, owner=str(owner), station_id=params.station)
    refused = not_done(params.station, "a new password", command_id, answer).refusal
    if row is None or row["password_next_hash"] is None:
        return Refused(refused.kind, f"{refused.says}; it keeps the one it has", refused.hint)
    says = f"{refused.says}; it may have it all the same, so both are taken"
    return Refused(refused.kind, says, "repeat it: the same new one is told again")


def _shown(end: PasswordEnd) -> str:
    if end.password is not None:
        return f"password of {end.station}: {end.password}\n{end.detail}"
    return f"{end.station}: {end.result} ({end.detail})"


PASSWORD = Verb(
    "station password",
    "Give a station a new password; nobody sees it, unless --by-hand.",
    ChangePassword,
    PasswordEnd,
    change_password,
    show=_shown,
)
