"""Bookings: at our locations for partners to make and read; at theirs, as they tell us of what we booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from elstrada.model.booking import Booking, BookingLocation, Calendar
from elstrada.model.party import Role
from elstrada.ocpi.body import Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Bookings
from elstrada.ocpi.patch import changes_identity, is_older, patch_time, without_identity
from elstrada.ocpi.scalars import Instant, same
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.ocpi.v230.endpoints import SAMPLED
from elstrada.roles.roaming.booking_books import (
    NotBooked,
    booking_of,
    books_of,
    place_of,
    request_booking,
    shown,
)
from elstrada.roles.roaming.rows import booking_location_row, roamed_booking_row
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of, misplaced, owner_in_path
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Row, RowMoved, StreamMoved, Where, Work

_Change = Callable[[Calendar | None], Calendar | None]
_SLOTS = ("timeslot_from", "timeslot_to")
_MOST = 10_000
_TRIES = 5
_BUSY = Refusal(Why.BUSY, "it changes too often; try again")
_NO_PLACE = Refusal(Why.INVALID, "booking_location_id: nothing of that id can be booked here")


def _words(visit: Visit) -> Bookings:
    words = visit.words.bookings
    assert words is not None, "no version without bookings has their endpoints"
    return words


# --- ours: what can be booked -----------------------------------------------------------------------------


async def list_booking_locations(visit: Visit) -> Result:
    """A page of what can be booked, in the order of the ids; by time slots, what is free in a stretch."""
    try:
        low, high = (_moment(visit, name) for name in _SLOTS)
    except ValueError as problem:
        return Refusal(Why.INVALID, str(problem))
    where: Where = {"owner": visit.owner, "party": visit.owner, "last_updated": visit.between()}
    order = ("booking_location_id",)
    rows = await visit.means.spine.find(t.booking_location, where, order=order, limit=_MOST)
    found = [place for row in rows if (place := await _seen(visit, row)) is not None]
    fit = [place for place in found if (low is None and high is None) or _has_slot(place, low, high)]
    window = visit.call.window
    assert window is not None, "the list is paged"
    cut = fit[window.offset : window.offset + window.limit]
    items = tuple(_words(visit).location.write(place).value for place in cut)
    own = urlencode({name: told for name, told in visit.call.query.items() if name in _SLOTS})
    url = f"{visit.list_url}/booking_locations" + (f"?{own}" if own else "")
    return Listing(items, url, len(fit))


async def show_booking_location(visit: Visit) -> Result:
    place = await _shown(visit)
    return NOT_HERE if place is None else Found(_words(visit).location.write(place).value)


async def show_booking_calendar(visit: Visit) -> Result:
    return _calendar_of(visit, await _shown(visit))


async def _shown(visit: Visit) -> BookingLocation | None:
    name = visit.call.path["booking_location_id"]
    key = {"owner": visit.owner, "party": visit.owner, "booking_location_id": name}
    row = await visit.means.spine.get(t.booking_location, **key)
    return None if row is None else await _seen(visit, row)


async def _seen(visit: Visit, row: Row) -> BookingLocation | None:
    """A booking location with its calendar; None: it is at a location that the caller may not see."""
    location_id = str(row["location_id"])
    location = await visit.stock.location(visit.own.id, location_id)
    if location is None or visit.seen(location) is None:
        return None
    _, books = await books_of(visit.means.spine, visit.own.id, location_id)
    return shown(row, books, visit.means.clock.now())


def _has_slot(place: BookingLocation, low: datetime | None, high: datetime | None) -> bool:
    """Has it a slot that begins, or goes on, in the stretch?"""
    return any(
        (low is None or low < slot.period.end) and (high is None or slot.period.start < high)
        for calendar in place.calendars
        for slot in calendar.available_timeslots
    )


def _moment(visit: Visit, name: str) -> datetime | None:
    told = visit.call.query.get(name)
    if told is None:
        return None
    try:
        return Instant.parse(told).at
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _calendar_of(visit: Visit, place: BookingLocation | None) -> Result:
    wanted = visit.call.path["calendar_id"]
    calendars = () if place is None else place.calendars
    found = next((one for one in calendars if same(one.id, wanted)), None)
    return NOT_HERE if found is None else Found(_words(visit).calendar.write(found).value)


# --- ours: what is booked ---------------------------------------------------------------------------------


async def list_bookings(visit: Visit) -> Result:
    """A page of the caller's own bookings, in the order they were made: that never changes."""
    where: Where = {
        "owner": visit.owner,
        "made_for": any_of(visit.parties(Role.EMSP)),
        "last_updated": visit.between(),
    }
    found = await page(visit, t.booking, where, "made_for", ("made_at",))
    if isinstance(found, Refusal):
        return found
    ids = AnyOf(tuple(row["booking_id"] for row in found.rows))
    where = {"owner": visit.owner, "booking_id": ids}
    papers = await visit.means.spine.find(t.booking_paper, where, limit=len(found.rows) or 1)
    by_id = {row["booking_id"]: booking_of(row) for row in papers}
    told = [by_id[row["booking_id"]] for row in found.rows if row["booking_id"] in by_id]
    items = tuple(_words(visit).booking.write(booking).value for booking in told)
    return Listing(items, visit.list_url, found.total, found.place)


async def post_booking(visit: Visit) -> Result:
    """A request: a booking, another form of it, or none any more. Sent again, it gets the same answer."""
    request = _words(visit).read_request(visit.body)
    if request.party not in visit.parties(Role.EMSP):
        return Refusal(Why.INVALID, "party_id: only bookings of your own can be asked for (R-09)")
    if any(token.party not in visit.parties(Role.EMSP) for token in request.tokens):
        return Refusal(Why.INVALID, "tokens: only tokens of your own may be used")
    for name in ("request_id", "authorization_reference"):
        if not 1 <= len(getattr(request, name)) <= 36:
            return Refusal(Why.INVALID, f"{name}: expected 1 to 36 characters")
    location = await visit.stock.location(visit.own.id, request.location_id)
    if location is None or visit.seen(location) is None:
        return Refusal(Why.UNKNOWN_LOCATION, "location_id: no such location")
    row = await _place_to_book(visit, request.location_id, request.booking_location_id)
    if row is None:
        return _NO_PLACE
    means = visit.means
    try:
        answer = await request_booking(
            means.spine, means.keys, visit.own.id, row, request, means.clock.now(), means.chance.uuid()
        )
    except NotBooked as problem:
        return Refusal(Why.INVALID, str(problem))
    except (RowMoved, StreamMoved):
        return _BUSY
    return Found(_words(visit).booking.write(answer.booking).value, answer.says)


async def _place_to_book(visit: Visit, location_id: str, name: str | None) -> Row | None:
    """The booking location of that id; where none is named, as in a sample of the text, the only one there."""
    where: Where = {"owner": visit.owner, "party": visit.owner, "location_id": location_id}
    rows = await visit.means.spine.find(t.booking_location, where, limit=_MOST)
    named = [row for row in rows if name is None or same(str(row["booking_location_id"]), name)]
    return named[0] if len(named) == 1 else None


# --- theirs: what can be booked ---------------------------------------------------------------------------


async def get_booking_location(visit: Visit) -> Result:
    row = await _row(visit)
    return NOT_HERE if row is None else Found(_words(visit).location.write(place_of(row)).value)


async def get_booking_calendar(visit: Visit) -> Result:
    row = await _row(visit)
    return _calendar_of(visit, None if row is None else place_of(row))


async def put_booking_location(visit: Visit) -> Result:
    place = _words(visit).location.read(visit.body).value
    owner = place.party
    wrong = misplaced(
        visit,
        country_code=owner.country_code,
        party_id=owner.party_id,
        booking_location_id=place.id,
    )
    if wrong is not None:
        return wrong
    for _ in range(_TRIES):
        row = await _row(visit, place.id)
        if row is not None and _is_older(visit, place.last_updated, place_of(row).last_updated):
            return Done()  # We know better already.
        if await _keep(visit, place, row):
            return Done(created=row is None)
    return _BUSY


async def put_booking_calendar(visit: Visit) -> Result:
    calendar = _words(visit).calendar.read(visit.body).value
    wrong = misplaced(visit, calendar_id=calendar.id)
    return wrong or await _change_calendar(visit, lambda _: calendar, creates=True)


async def patch_booking_location(visit: Visit) -> Result:
    name = changes_identity({"id": visit.call.path["booking_location_id"]}, visit.call.patch)
    if name is not None:
        return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    patch = _patch(visit)
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is None:
            return NOT_HERE
        place = place_of(row)
        if _is_older(visit, patch_time(patch), place.last_updated):
            return Done()  # We know better already.
        if await _keep(visit, _words(visit).location.patched(place, patch, place.party), row):
            return Done()
    return _BUSY


async def patch_booking_calendar(visit: Visit) -> Result:
    """Some of a calendar's fields; its booking location is of the same date then, as the text demands."""
    patch = _patch(visit)
    return await _change_calendar(
        visit, lambda before: None if before is None else _words(visit).calendar.patched(before, patch)
    )


async def _change_calendar(visit: Visit, change: _Change, *, creates: bool = False) -> Result:
    wanted = visit.call.path["calendar_id"]
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is None:
            return NOT_HERE
        place = place_of(row)
        before = next((one for one in place.calendars if same(one.id, wanted)), None)
        after = change(before)
        if after is None:
            return NOT_HERE
        if before is not None and _is_older(visit, after.last_updated, before.last_updated):
            return Done()  # We know better already.
        others = [one for one in place.calendars if one is not before]
        is_before = _is_older(visit, after.last_updated, place.last_updated)
        later = place.last_updated if is_before else after.last_updated
        changed = msgspec.structs.replace(place, calendars=(*others, after), last_updated=later)
        if await _keep(visit, changed, row):
            return Done(created=creates and before is None)
    return _BUSY


async def _keep(visit: Visit, place: BookingLocation, before: Row | None) -> bool:
    row = booking_location_row(visit.own.id, place, visit.peer.id)
    expected: Row = {} if before is None else {"document": before["document"]}
    try:
        await visit.means.spine.commit(Work(writes=(Put(t.booking_location, row, expected),)))
    except RowMoved:
        return False
    return True


async def _row(visit: Visit, name: str | None = None) -> Row | None:
    found = name or visit.call.path["booking_location_id"]
    key = {"owner": visit.owner, "party": str(owner_in_path(visit)), "booking_location_id": found}
    return await visit.means.spine.get(t.booking_location, **key)


def _is_older(visit: Visit, told: datetime, known: datetime) -> bool:
    return is_older(told, known, visit.means.clock.now())


def _patch(visit: Visit) -> Object:
    renewed = _words(visit).renewed(visit.call.patch)
    assert isinstance(renewed, dict), "a patch is an object"
    patch_time(renewed)
    return without_identity(renewed)


# --- theirs: what we booked -------------------------------------------------------------------------------


async def get_booking(visit: Visit) -> Result:
    row = await _booked(visit)
    if row is None or row["document"] is None:
        return NOT_HERE
    return Found(_words(visit).booking.write(booking_of(row)).value)


async def put_booking(visit: Visit) -> Result:
    """A booking as the CPO has it now. The text names it by its id, and in one table by its request's."""
    booking = _words(visit).booking.read(visit.body).value
    owner, told = booking.party, visit.call.path["booking_id"]
    wrong = misplaced(visit, country_code=owner.country_code, party_id=owner.party_id)
    if wrong is not None:
        return wrong
    if not (same(told, booking.id) or same(told, booking.request_id)):
        return Refusal(Why.INVALID, "booking_id of the path is neither id nor request_id of the body")
    return await store_booking(visit, booking)


async def patch_booking(visit: Visit) -> Result:
    row = await _booked(visit)
    if row is None or row["document"] is None:
        return NOT_HERE
    booking = booking_of(row)
    name = changes_identity({"id": booking.id, "request_id": booking.request_id}, visit.call.patch)
    if name is not None:
        return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    patch = _patch(visit)
    if _is_older(visit, patch_time(patch), booking.last_updated):
        return Done()  # We know better already.
    changed = _words(visit).booking.patched(booking, patch, booking.party)
    return await store_booking(visit, changed)


async def store_booking(visit: Visit, booking: Booking) -> Result:
    """Keep what is newer, of a booking that we asked for."""
    if any(entry.request.party != visit.own.id for entry in booking.requests):
        return Refusal(Why.INVALID, "booking_requests: that is not a booking of ours")
    ref = visit.means.keys.token_ref
    for _ in range(_TRIES):
        key = {"owner": visit.owner, "party": str(booking.party), "request_id": booking.request_id}
        row = await visit.means.spine.get(t.roamed_booking, **key)
        known = row and row["last_updated"]
        if isinstance(known, datetime) and _is_older(visit, booking.last_updated, known):
            return Done()  # We know better already.
        now = visit.means.clock.now()
        changed = roamed_booking_row(visit.own.id, visit.peer.id, booking, ref, now, row)
        expected: Row = {} if row is None else {"document": row["document"], "state": row["state"]}
        try:
            await visit.means.spine.commit(Work(writes=(Put(t.roamed_booking, changed, expected),)))
        except RowMoved:
            continue
        return Done(created=row is None or row["document"] is None)
    return _BUSY


async def _booked(visit: Visit) -> Row | None:
    """By the CPO's id of it, or by the request's."""
    owner, told = str(owner_in_path(visit)), visit.call.path["booking_id"]
    where: Where = {"owner": visit.owner, "party": owner, "booking_id": told}
    rows = await visit.means.spine.find(t.roamed_booking, where, limit=1)
    if rows:
        return rows[0]
    return await visit.means.spine.get(t.roamed_booking, owner=visit.owner, party=owner, request_id=told)


_OWN: dict[str, Handler] = {
    "list_bookings": list_bookings,
    "post_booking": post_booking,
    "list_booking_locations": list_booking_locations,
    "show_booking_location": show_booking_location,
    "show_booking_calendar": show_booking_calendar,
    "get_booking": get_booking,
    "put_booking": put_booking,
    "patch_booking": patch_booking,
}
_PLACES: dict[str, Handler] = {
    "get_booking_location": get_booking_location,
    "put_booking_location": put_booking_location,
    "patch_booking_location": patch_booking_location,
    "get_booking_calendar": get_booking_calendar,
    "put_booking_calendar": put_booking_calendar,
    "patch_booking_calendar": patch_booking_calendar,
}
HANDLERS: dict[str, Handler] = _OWN | _PLACES | {name + SAMPLED: handler for name, handler in _PLACES.items()}
