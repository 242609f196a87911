"""Verbs on bookings of our drivers at partners' locations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.booking import (
    FINAL,
    LIVING,
    BookingLocation,
    BookingOption,
    BookingRequest,
    CanceledReason,
    Cancellation,
    Period,
)
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import line_of, own_party, sane_moment
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.partner_reservations import active_peer, own_token
from elstrada.roles.desk.shapes import Count, Moment, Text36
from elstrada.roles.roaming.booker import ASKED, Asked
from elstrada.roles.roaming.rows import identity_of
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where

_Own = Annotated[str | None, Meta(description="Our eMSP; needed only if there are several.")]
_Partner = Annotated[str, Meta(description="Our name for the connection; see `elstrada partner list`.")]
_Request = Annotated[Text36, Meta(description="Our id of it; see `elstrada partner bookings`.")]
_SEE = "see `elstrada partner bookings`"
_LIVING = sorted({ASKED, *(state.value for state in LIVING)})


class LookForSlots(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Partner
    location: Annotated[str | None, Meta(description="Only at this one of the partner's.")] = None
    since: Annotated[Moment | None, Meta(description="Only what is free after this.")] = None
    until: Annotated[Moment | None, Meta(description="Only what is free before this.")] = None
    party: _Own = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 100
    after: After = None


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Partner
    place: Annotated[Text36, Meta(description="What to book; see `elstrada partner slots`.")]
    token: Annotated[Text36, Meta(description="Uid of a token of ours.")]
    since: Annotated[Moment, Meta(description="Its start, with its offset from UTC.")]
    until: Annotated[Moment, Meta(description="Its end.")]
    evse: Annotated[Text36 | None, Meta(description="Uid of an EVSE; by default any.")] = None
    party: _Own = None


class Rebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    request: _Request
    since: Annotated[Moment | None, Meta(description="Another start.")] = None
    until: Annotated[Moment | None, Meta(description="Another end.")] = None
    token: Annotated[Text36 | None, Meta(description="Uid of another token of ours.")] = None
    party: _Own = None


class Unbook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    request: _Request
    reason: Annotated[CanceledReason, Meta(description="In OCPI's words.")] = CanceledReason.NO_CANCELED
    party: _Own = None


class ListBooked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Annotated[str | None, Meta(description="Only at this one's locations.")] = None
    ended: Annotated[bool, Meta(description="Also those that are over, or came to nothing.")] = False
    party: _Own = None
    limit: Annotated[Count, Meta(description="Most lines, those that begin last first.")] = 100
    after: After = None


class SlotLine(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    """The CPO."""
    place: str
    location_id: str
    increment: int | None
    """Minutes."""
    slots: str
    """What is free, in UTC, with a blank between two: 2026-03-01T08:00Z/2026-03-01T12:00Z."""
    last_updated: datetime


class BookedLine(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    booking_id: str | None
    """The partner's."""
    peer_id: str
    party: str
    """The CPO."""
    location_id: str
    booking_location_id: str
    state: str
    """OCPI's word; ASKED: no answer yet, ask again with rebook; REFUSED: the partner would not decide."""
    detail: str
    """What the partner said last."""
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime


async def look(desk: Desk, params: LookForSlots) -> Page[SlotLine]:
    """What partners told us last of what is free. The partner has the last word when it is booked."""
    where: Where = {
        "owner": str((await own_party(desk, params.party, Role.EMSP)).id),
        "peer_id": params.partner,
    }
    if params.location is not None:
        where = {**where, "location_id": params.location}
    low, high = sane_moment(params.since, "/since"), sane_moment(params.until, "/until")

    def fits(row: Row) -> bool:
        return bool(_free(_place(row), low, high)) or (low is None and high is None)

    rows = await page_of(
        desk,
        t.booking_location,
        [where],
        ("party", "booking_location_id"),
        limit=params.limit,
        after=params.after,
        fits=fits,
    )
    return rows.lines(lambda row: _slot_line(row, low, high))


def _place(row: Row) -> BookingLocation:
    return msgspec.json.decode(str(row["document"]), type=BookingLocation)


def _free(place: BookingLocation, low: datetime | None, high: datetime | None) -> list[Period]:
    return [
        slot.period
        for calendar in place.calendars
        for slot in calendar.available_timeslots
        if (low is None or low < slot.period.end) and (high is None or slot.period.start < high)
    ]


def _slot_line(row: Row, low: datetime | None, high: datetime | None) -> SlotLine:
    place = _place(row)
    increments = [calendar.timeslot_increment for calendar in place.calendars]
    free = (f"{one.start:%Y-%m-%dT%H:%MZ}/{one.end:%Y-%m-%dT%H:%MZ}" for one in _free(place, low, high))
    return SlotLine(
        party=str(place.party),
        place=place.id,
        location_id=place.location_id,
        increment=increments[0] if increments else None,
        slots=" ".join(free),
        last_updated=place.last_updated,
    )


async def book(desk: Desk, params: Book) -> BookedLine:
    """Have a partner keep an EVSE in a period."""
    own = (await own_party(desk, params.party, Role.EMSP)).id
    period = _period(params.since, params.until, desk.clock.now())
    peer = await active_peer(desk, str(own), params.partner)
    where = {"owner": str(own), "peer_id": params.partner, "booking_location_id": params.place}
    rows = await desk.spine.find(t.booking_location, where, limit=1)
    if not rows:
        says = f"partner {params.partner} told of nothing to book that is called {params.place!r}"
        raise Refused(Kind.MISSING, says, "see `elstrada partner slots`", "/place")
    place = _place(rows[0])
    token = await own_token(desk, str(own), params.token)
    request = BookingRequest(
        party=own,
        request_id=desk.chance.uuid(),
        option=None if params.evse is None else BookingOption(evse_uid=params.evse),
        location_id=place.location_id,
        booking_location_id=place.id,
        tokens=(identity_of(token),),
        period=period,
        authorization_reference=desk.chance.uuid(),
    )
    assert desk.commander is not None, "the table says that this verb needs the commander"
    return _said(params.partner, await desk.commander.book(peer, place.party, request, None))


async def rebook(desk: Desk, params: Rebook) -> BookedLine:
    """Change a booking of ours; without a change, ask again for what was not answered."""
    own, row, request = await _known(desk, params.party, params.request)
    since, until = params.since or request.period.start, params.until or request.period.end
    if params.since or params.until:
        request = msgspec.structs.replace(request, period=_period(since, until, desk.clock.now()))
    if params.token is not None:
        identity = identity_of(await own_token(desk, own, params.token))
        request = msgspec.structs.replace(request, tokens=(identity,))
    return await _again(desk, own, row, msgspec.structs.replace(request, canceled=None))


async def unbook(desk: Desk, params: Unbook) -> BookedLine:
    """Have a partner cancel a booking of ours."""
    own, row, request = await _known(desk, params.party, params.request)
    canceled = Cancellation(params.reason, Role.EMSP.value)
    return await _again(desk, own, row, msgspec.structs.replace(request, canceled=canceled))


async def _known(desk: Desk, party: str | None, number: str) -> tuple[str, Row, BookingRequest]:
    own = str((await own_party(desk, party, Role.EMSP)).id)
    rows = await desk.spine.find(t.roamed_booking, {"owner": own, "request_id": number}, limit=1)
    what = f"booking {number!r} of {own} at a partner's"
    if not rows:
        raise Refused(Kind.MISSING, f"there is no {what}", _SEE, "/request")
    row = rows[0]
    if row["state"] in {state.value for state in FINAL}:
        raise Refused(Kind.CONFLICT, f"{what} is over: {row['state']}", "book anew", "/request")
    return own, row, msgspec.json.decode(str(row["request"]), type=BookingRequest)


async def _again(desk: Desk, own: str, row: Row, request: BookingRequest) -> BookedLine:
    assert desk.commander is not None, "the table says that this verb needs the commander"
    peer = await active_peer(desk, own, str(row["peer_id"]))
    cpo = PartyId.parse(str(row["party"]))
    return _said(peer.id, await desk.commander.book(peer, cpo, request, row))


def _said(partner: str, asked: Asked) -> BookedLine:
    """The booking as the partner told it: one that it rejected is an answer as well."""
    if asked.problem:
        kind = Kind.UNREACHABLE if asked.unreachable else Kind.REFUSED
        number = asked.row.get("request_id")
        hint = f"ask again with `elstrada partner rebook {number}`" if asked.unreachable else _SEE
        raise Refused(kind, f"{partner} answered the booking request with {asked.problem}", hint)
    return line_of(BookedLine, asked.row)


def _period(since: datetime, until: datetime, now: datetime) -> Period:
    start, end = sane_moment(since, "/since"), sane_moment(until, "/until")
    assert start is not None
    assert end is not None
    if end <= start:
        raise Refused(Kind.USAGE, "the end is not after the start", pointer="/until")
    if end <= now:
        raise Refused(Kind.USAGE, f"{end:%Y-%m-%d %H:%M:%SZ} is past", pointer="/until")
    return Period(start, end)


async def list_booked(desk: Desk, params: ListBooked) -> Page[BookedLine]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.EMSP)).id)}
    if params.partner is not None:
        where = {**where, "peer_id": params.partner}
    wheres = [where] if params.ended else [{**where, "state": state} for state in _LIVING]
    order = ("-starts_at",)
    rows = await page_of(desk, t.roamed_booking, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(BookedLine, row))


VERBS = (
    Verb(
        "partner slots",
        "Look for what can be booked at a partner's locations, and when.",
        LookForSlots,
        tuple[SlotLine, ...],
        look,
        reads=True,
    ),
    Verb(
        "partner book",
        "Have a partner keep an EVSE for a token of ours in a period.",
        Book,
        BookedLine,
        book,
        Part.COMMANDER,
        arguments=1,
        look="partner bookings",
    ),
    Verb(
        "partner rebook",
        "Change a booking of ours at a partner's, or ask for it again.",
        Rebook,
        BookedLine,
        rebook,
        Part.COMMANDER,
        look="partner bookings",
    ),
    Verb(
        "partner unbook",
        "Cancel a booking of ours at a partner's.",
        Unbook,
        BookedLine,
        unbook,
        Part.COMMANDER,
        look="partner bookings",
    ),
    Verb(
        "partner bookings",
        "List bookings of our drivers at partners' locations.",
        ListBooked,
        tuple[BookedLine, ...],
        list_booked,
        reads=True,
    ),
)
