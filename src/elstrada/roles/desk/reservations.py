"""Verbs on reservations of stations of ours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.reservation import ReservationState, ReservationWish
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party, sane_moment
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count, Moment, TokenUid
from elstrada.roles.desk.token_shown import Additional, TokenType, shown_token
from elstrada.spine import tables as t
from elstrada.spine.face import Where
from elstrada.spine.paging import EVER

_Station = Annotated[str, Meta(description="Its identity.")]
_OwnCpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]
_Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Minutes = Annotated[Annotated[int, Meta(ge=1, le=10_080)] | None, Meta(description="For so long from now.")]
Until = Annotated[Moment | None, Meta(description="Until then, with its offset from UTC.")]


class Reserve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: _Station
    token: Annotated[
        TokenUid, Meta(description="Uid of the token that may charge; others of its group as well.")
    ]
    until: Until = None
    minutes: Minutes = None
    evse: Annotated[
        Annotated[int, Meta(ge=1, le=9999)] | None,
        Meta(description="EVSE number (1.6: connector); by default any that is free."),
    ] = None
    connector_type: Annotated[
        Annotated[str, Meta(min_length=1, max_length=20)] | None,
        Meta(description="Instead: any with such a connector, in OCPP's words, like cType2."),
    ] = None
    token_type: TokenType = None
    additional: Additional = ()
    replace: Annotated[
        _Number | None, Meta(description="Number of the reservation that this one replaces.")
    ] = None
    party: _OwnCpo = None


class Unreserve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: _Station
    number: Annotated[_Number, Meta(description="Of the reservation; see `elstrada station reservations`.")]
    party: _OwnCpo = None


class ListReservations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str | None, Meta(description="Only this one's.")] = None
    ended: Annotated[bool, Meta(description="Also those that are over.")] = False
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="Most lines, those that end last first.")] = 100
    after: After = None


class ReservationLine(msgspec.Struct, frozen=True, kw_only=True):
    station_id: str
    number: int
    """Under which the station knows it."""
    state: ReservationState
    evse_id: int
    """0: any."""
    token_ref: str
    made_for: str
    """Who asked for it: a partner, or the station's owner."""
    partner_ref: str | None
    """By which the partner knows it."""
    reserved_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    """CANCELED: the party; USED: the session."""
    detail: str | None


async def reserve(desk: Desk, params: Reserve) -> ReservationLine:
    """Have a station keep an EVSE for a token."""
    if params.evse is not None and params.connector_type is not None:
        says = "an EVSE and a type of connector are named; expected one of them, or none"
        raise Refused(Kind.USAGE, says, pointer="/connector_type")
    wish = ReservationWish(
        expires_at=time_of(desk, params.until, params.minutes),
        connector_type=params.connector_type,
        replaces=params.replace,
    )
    owner = await _owner_of(desk, params.party, params.station)
    command = _command(
        desk,
        owner,
        CommandName.RESERVE,
        evse_id=params.evse,
        token=shown_token(params.token, params.token_type, params.additional),
        reservation=wish,
    )
    await _done(desk, params.station, "ReserveNow", command)
    rows = await desk.spine.find(
        t.reservation, {"owner": str(owner), "command_id": command.command_id}, limit=1
    )
    assert rows, "a reservation that the station keeps is in the view"
    return line_of(ReservationLine, rows[0])


async def unreserve(desk: Desk, params: Unreserve) -> ReservationLine:
    """Have a station keep a reservation no longer. A partner who made it is told."""
    owner = await _owner_of(desk, params.party, params.station)
    key = {"owner": str(owner), "station_id": params.station}
    found = await desk.spine.find(t.reservation, {**key, "number": params.number}, limit=1)
    what = f"reservation {params.number} at {params.station}"
    if not found:
        raise Refused(Kind.MISSING, f"there is no {what}", "see `elstrada station reservations`", "/number")
    if found[0]["ended_at"] is not None:
        says = f"{what} is over: {found[0]['state']}"
        raise Refused(Kind.CONFLICT, says, "see `elstrada station reservations --ended`", "/number")
    command = _command(desk, owner, CommandName.CANCEL_RESERVATION, reservation_id=params.number)
    await _done(desk, params.station, "CancelReservation", command)
    rows = await desk.spine.find(t.reservation, {**key, "number": params.number}, limit=1)
    return line_of(ReservationLine, rows[0])


async def list_reservations(desk: Desk, params: ListReservations) -> Page[ReservationLine]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.CPO)).id), "expires_at": EVER}
    if params.station is not None:
        await _owner_of(desk, params.party, params.station)
        where = {**where, "station_id": params.station}
    if not params.ended:
        where = {**where, "ended_at": None}
    order = ("-expires_at",)
    rows = await page_of(desk, t.reservation, [where], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(ReservationLine, row))


def time_of(desk: Desk, until: datetime | None, minutes: int | None) -> datetime:
    """The end that was named, by one of the two."""
    now = desk.clock.now()
    if (until is None) == (minutes is None):
        says = "a reservation has an end: expected either --until or --minutes"
        raise Refused(Kind.USAGE, says, pointer="/until")
    end = sane_moment(until, "/until") if minutes is None else now + timedelta(minutes=minutes)
    assert end is not None, "one of the two is there"
    if end <= now:
        raise Refused(Kind.USAGE, f"{end:%Y-%m-%d %H:%M:%SZ} is past", pointer="/until")
    return end


async def _owner_of(desk: Desk, party: str | None, station: str) -> PartyId:
    owner = (await own_party(desk, party, Role.CPO)).id
    what = f"station {station[:48]!r} of {owner}"
    await needed(desk, t.station, what, "see `elstrada station list`", owner=str(owner), station_id=station)
    return owner


def _command(
    desk: Desk,
    owner: PartyId,
    name: CommandName,
    *,
    evse_id: int | None = None,
    token: PresentedToken | None = None,
    reservation: ReservationWish | None = None,
    reservation_id: int | None = None,
) -> Command:
    return Command(
        command_id=desk.chance.uuid(),
        name=name,
        asked_by=owner,
        evse_id=evse_id,
        token=token,
        reservation=reservation,
        reservation_id=reservation_id,
        deadline_s=desk.waits.command_s,
        asked_at=desk.clock.now(),
    )


async def _done(desk: Desk, station: str, what: str, command: Command) -> None:
    """Have it done, or say why it was not."""
    answer = await given(desk, station, command)
    if answer.result is not CommandResult.ACCEPTED:
        raise not_done(station, what, command.command_id, answer)


VERBS = (
    Verb(
        "station reserve",
        "Have a station keep an EVSE, or any, for a token.",
        Reserve,
        ReservationLine,
        reserve,
        Part.POST,
        arguments=1,
    ),
    Verb(
        "station unreserve",
        "Have a station keep a reservation no longer.",
        Unreserve,
        ReservationLine,
        unreserve,
        Part.POST,
        arguments=2,
    ),
    Verb(
        "station reservations",
        "List reservations of stations, by who made them, and how they ended.",
        ListReservations,
        tuple[ReservationLine, ...],
        list_reservations,
        reads=True,
    ),
)
