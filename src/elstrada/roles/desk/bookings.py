"""Verbs on bookings at locations of ours: what can be booked, and what is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.charging.bookings import Answer, Books, called_off, confirmed
from elstrada.model.booking import (
    LIVING,
    AccessMethod,
    BookingLocation,
    BookingOption,
    BookingPlan,
    BookingState,
    BookingTerms,
    CanceledReason,
    Cancellation,
    Policy,
)
from elstrada.model.ids import PartyId
from elstrada.model.location import Hours, Location, RegularHours
from elstrada.model.party import Role
from elstrada.roaming.news import Kind as News
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, line_of, needed, own_party, plain_id
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count, Text36
from elstrada.roles.desk.tidings import tidings
from elstrada.roles.roaming.booking_books import Kept, change_booking, kept, place_of, plan_of
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Where, Work

_OwnCpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]
_Minutes = Annotated[int, Meta(ge=0, le=525_600)]
_MinutesOrNone = Annotated[int, Meta(ge=1, le=525_600)] | None
_HOURS = re.compile(r"([1-7])(?:-([1-7]))? ([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)")
_SEE = "see `elstrada booking list`"


class Open(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    place: Annotated[Text36, Meta(description="Our name for what can be booked.")]
    location: Annotated[Text36, Meta(description="Id of a location of ours.")]
    evse: Annotated[tuple[Text36, ...], Meta(min_length=1, description="Uids of its EVSEs.")]
    hours: Annotated[
        tuple[str, ...],
        Meta(
            description="When it can be booked, local: '1-5 08:00-20:00' is Monday to Friday. Always if none."
        ),
    ] = ()
    increment: Annotated[
        int, Meta(ge=1, le=1440, description="Minutes: periods begin at and last whole ones.")
    ] = 15
    days: Annotated[int, Meta(ge=1, le=366, description="How many days from today can be booked.")] = 14
    confirm: Annotated[bool, Meta(description="We say yes or no to each booking by hand.")] = False
    change_until: Annotated[_Minutes, Meta(description="Minutes before the start; until then.")] = 0
    no_change: Annotated[bool, Meta(description="A booking cannot be changed.")] = False
    cancel_until: Annotated[_Minutes, Meta(description="Minutes before the start; until then.")] = 0
    early_start: Annotated[
        _MinutesOrNone, Meta(description="So many minutes before it the driver may start.")
    ] = None
    no_show: Annotated[
        _MinutesOrNone, Meta(description="So many minutes after the start it is released; else at its end.")
    ] = None
    late_stop: Annotated[
        _MinutesOrNone, Meta(description="So many minutes after its end charging may last.")
    ] = None
    shortest: Annotated[_MinutesOrNone, Meta(description="Minutes that a booking lasts at least.")] = None
    longest: Annotated[_MinutesOrNone, Meta(description="Minutes that a booking lasts at most.")] = None
    one_at_a_time: Annotated[bool, Meta(description="A token has no two bookings in one period.")] = False
    access: Annotated[tuple[AccessMethod, ...], Meta(description="Ways in; OPEN if none is named.")] = ()
    tariff: Annotated[tuple[Text36, ...], Meta(description="Ids of tariffs of ours.")] = ()
    terms: Annotated[
        Annotated[str, Meta(max_length=255, pattern="^https?://")] | None,
        Meta(description="URL of the terms."),
    ] = None
    required: Annotated[bool, Meta(description="Nobody charges there without a booking.")] = False
    party: _OwnCpo = None


class Close(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    place: Annotated[Text36, Meta(description="Our name for it; see `elstrada booking places`.")]
    party: _OwnCpo = None


class ListPlaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    location: Annotated[str | None, Meta(description="Only at this one.")] = None
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 100
    after: After = None


class ListBookings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    location: Annotated[str | None, Meta(description="Only at this one.")] = None
    ended: Annotated[bool, Meta(description="Also those that are over.")] = False
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="Most lines, those that begin last first.")] = 100
    after: After = None


class Answered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    booking: Annotated[Text36, Meta(description="Its id; " + _SEE + ".")]
    party: _OwnCpo = None


class Declined(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    booking: Annotated[Text36, Meta(description="Its id; " + _SEE + ".")]
    reason: Annotated[
        Annotated[str, Meta(max_length=255)], Meta(description="In words, for the partner.")
    ] = ""
    party: _OwnCpo = None


class CancelBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    booking: Annotated[Text36, Meta(description="Its id; " + _SEE + ".")]
    reason: Annotated[CanceledReason, Meta(description="In OCPI's words.")] = CanceledReason.BROKEN_CHARGER
    party: _OwnCpo = None


class PlaceLine(msgspec.Struct, frozen=True, kw_only=True):
    place: str
    location_id: str
    evses: int
    open: bool
    confirm: bool
    increment: int
    days_ahead: int
    last_updated: datetime


class BookingLine(msgspec.Struct, frozen=True, kw_only=True):
    booking_id: str
    state: BookingState
    made_for: str
    """The partner's party."""
    request_id: str
    booking_location_id: str
    location_id: str
    evse_uid: str | None
    starts_at: datetime
    ends_at: datetime
    session_id: str | None
    """FULFILLED: by this one."""
    says: str
    """Why, where it was rejected or a change of it declined."""


async def open_place(desk: Desk, params: Open) -> PlaceLine:
    """Let partners book EVSEs of a location, on these terms. What is booked already stays."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    name = plain_id(params.place, what="a name for what can be booked", pointer="/place")
    key = {"owner": str(owner), "party": str(owner), "location_id": params.location}
    row = await needed(desk, t.location, f"location {params.location!r} of {owner}", **key)
    location = msgspec.json.decode(str(row["document"]), type=Location)
    strange = [uid for uid in params.evse if uid not in {evse.uid for evse in location.evses}]
    if strange:
        says = f"location {location.id} has no EVSE with the uid {strange[0]!r}"
        raise Refused(Kind.MISSING, says, pointer="/evse")
    before = await desk.spine.get(
        t.booking_location, owner=str(owner), party=str(owner), booking_location_id=name
    )
    if before is not None and before["location_id"] != params.location:
        says = f"{name} is at location {before['location_id']}"
        raise Refused(Kind.CONFLICT, says, "give what is elsewhere another name", "/location")
    place = BookingLocation(
        party=owner,
        id=name,
        location_id=params.location,
        option=BookingOption(evse_uid=params.evse[0]) if len(params.evse) == 1 else BookingOption(),
        policy=Policy(params.required),
        tariff_ids=params.tariff,
        terms=_terms(params),
        last_updated=desk.clock.now(),
    )
    plan = BookingPlan(
        evse_uids=params.evse,
        time_zone=location.time_zone,
        hours=_hours(params.hours),
        increment=params.increment,
        days_ahead=params.days,
        confirm=params.confirm,
    )
    return await _keep(desk, owner, place, plan)


def _terms(params: Open) -> BookingTerms:
    def told(value: int | None) -> Decimal | None:
        return None if value is None else Decimal(value)

    return BookingTerms(
        supported_access_methods=tuple(one.value for one in params.access) or (AccessMethod.OPEN.value,),
        change_until_minutes=Decimal(params.change_until),
        cancel_until_minutes=Decimal(params.cancel_until),
        change_not_allowed=params.no_change,
        early_start_allowed=params.early_start is not None,
        early_start_time=told(params.early_start),
        noshow_timeout=told(params.no_show),
        late_stop_allowed=params.late_stop is not None,
        late_stop_time=told(params.late_stop),
        overlapping_bookings_allowed=not params.one_at_a_time,
        min_booking_duration=told(params.shortest),
        max_booking_duration=told(params.longest),
        booking_terms=params.terms,
    )


def _hours(told: tuple[str, ...]) -> Hours:
    """'1-5 08:00-20:00': weekdays from Monday on, and local times."""
    regular: list[RegularHours] = []
    for text in told:
        found = _HOURS.fullmatch(text.strip())
        if found is None or found[3] >= "24" or found[4] > "24:00":
            says = f"not bookable hours: {text[:40]!r}; expected like '1-5 08:00-20:00', 1 being Monday"
            raise Refused(Kind.USAGE, says, pointer="/hours")
        first, last = int(found[1]), int(found[2] or found[1])
        regular += [RegularHours(day, found[3], found[4]) for day in range(first, last + 1)]
    return Hours(twentyfourseven=not regular, regular_hours=tuple(regular))


async def close_place(desk: Desk, params: Close) -> PlaceLine:
    """Have nothing new booked there. What is booked stays, and may still be cancelled."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    what, hint = f"booking location {params.place!r} of {owner}", "see `elstrada booking places`"
    key = {"owner": str(owner), "party": str(owner), "booking_location_id": params.place}
    row = await needed(desk, t.booking_location, what, hint, **key)
    place = msgspec.structs.replace(place_of(row), last_updated=desk.clock.now())
    return await _keep(desk, owner, place, msgspec.structs.replace(plan_of(row), open=False))


async def _keep(desk: Desk, owner: PartyId, place: BookingLocation, plan: BookingPlan) -> PlaceLine:
    row: Row = {
        "owner": str(owner),
        "party": str(owner),
        "booking_location_id": place.id,
        "location_id": place.location_id,
        "peer_id": "",
        "document": document(place),
        "plan": document(plan),
        "last_updated": place.last_updated,
    }
    marks = await tidings(desk, owner, News.BOOKING_LOCATION, place.id)
    await desk.spine.commit(Work(writes=(Put(t.booking_location, row), *marks)))
    return _place_line(row)


def _place_line(row: Row) -> PlaceLine:
    plan = plan_of(row)
    return PlaceLine(
        place=str(row["booking_location_id"]),
        location_id=str(row["location_id"]),
        evses=len(plan.evse_uids),
        open=plan.open,
        confirm=plan.confirm,
        increment=plan.increment,
        days_ahead=plan.days_ahead,
        last_updated=place_of(row).last_updated,
    )


async def list_places(desk: Desk, params: ListPlaces) -> Page[PlaceLine]:
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    where: Where = {"owner": owner, "peer_id": ""}
    if params.location is not None:
        where = {**where, "location_id": params.location}
    order = ("party", "booking_location_id")
    rows = await page_of(desk, t.booking_location, [where], order, limit=params.limit, after=params.after)
    return rows.lines(_place_line)


async def list_bookings(desk: Desk, params: ListBookings) -> Page[BookingLine]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.CPO)).id)}
    if params.location is not None:
        where = {**where, "location_id": params.location}
    living = [{**where, "state": state.value} for state in sorted(LIVING)]
    wheres = [where] if params.ended else living
    rows = await page_of(desk, t.booking, wheres, ("-starts_at",), limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(BookingLine, row))


async def accept(desk: Desk, params: Answered) -> BookingLine:
    """Confirm a booking that waits for it."""
    return await _answer(desk, params.party, params.booking, yes=True, says="")


async def decline(desk: Desk, params: Declined) -> BookingLine:
    """Reject a booking that waits to be confirmed."""
    return await _answer(desk, params.party, params.booking, yes=False, says=params.reason)


async def _answer(desk: Desk, party: str | None, booking: str, *, yes: bool, says: str) -> BookingLine:
    def become(known: Kept, _: Books) -> Answer:
        if known.booked.state is not BookingState.PENDING:
            raise _not_now(booking, known.booked.state.value, "it waits for nobody")
        return confirmed(known.booked, known.booking, yes=yes, says=says, now=desk.clock.now())

    return await _become(desk, party, booking, become)


async def cancel(desk: Desk, params: CancelBooking) -> BookingLine:
    """Cancel a partner's booking, whatever its terms; the partner is told why."""
    reason = Cancellation(params.reason, Role.CPO.value)

    def become(known: Kept, _: Books) -> Answer:
        return called_off(known.booked, known.booking, reason, "", desk.clock.now())

    return await _become(desk, params.party, params.booking, become)


async def _become(
    desk: Desk, party: str | None, booking: str, decide: Callable[[Kept, Books], Answer]
) -> BookingLine:
    owner = (await own_party(desk, party, Role.CPO)).id
    row = await needed(
        desk, t.booking, f"booking {booking!r} of {owner}", _SEE, owner=str(owner), booking_id=booking
    )
    if await change_booking(desk.spine, owner, booking, decide) is None:
        known = await kept(desk.spine, owner, booking)
        state = str(row["state"]) if known is None else known.booked.state.value
        raise _not_now(booking, state, "it is over")
    row = await needed(desk, t.booking, f"booking {booking!r}", owner=str(owner), booking_id=booking)
    return line_of(BookingLine, row)


def _not_now(booking: str, state: str, says: str) -> Refused:
    return Refused(Kind.CONFLICT, f"booking {booking} is {state}: {says}", _SEE, "/booking")


VERBS = (
    Verb(
        "booking open",
        "Let partners book EVSEs of a location of ours, on these terms.",
        Open,
        PlaceLine,
        open_place,
        arguments=1,
        look="booking places",
    ),
    Verb(
        "booking close",
        "Have nothing new booked there.",
        Close,
        PlaceLine,
        close_place,
        look="booking places",
    ),
    Verb(
        "booking places",
        "List what can be booked at our locations.",
        ListPlaces,
        tuple[PlaceLine, ...],
        list_places,
        reads=True,
    ),
    Verb(
        "booking list",
        "List partners' bookings at our locations, and how they ended.",
        ListBookings,
        tuple[BookingLine, ...],
        list_bookings,
        reads=True,
    ),
    Verb("booking accept", "Confirm a booking that waits for it.", Answered, BookingLine, accept),
    Verb("booking decline", "Reject a booking that waits to be confirmed.", Declined, BookingLine, decline),
    Verb("booking cancel", "Cancel a partner's booking.", CancelBooking, BookingLine, cancel),
)
