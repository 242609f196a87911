"""Partners' bookings at our locations: the list, and the page of one. Nothing personal stands in either (T28)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.booking import Booked, BookingState
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine, Where
from elstrada.web.operator.cdrs import standing_cdr
from elstrada.web.operator.listing import LocationKey, Part, part_of, place_names
from elstrada.web.operator.reading import owners_in

_ORDER = ("-starts_at",)


class BookingLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    booking_id: str
    place: str
    """The location's name, or its id."""
    evse_uid: str
    """Empty: it was rejected before one was chosen."""
    made_for: str
    starts_at: datetime
    ends_at: datetime
    state: BookingState


class Bookings(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list."""

    state: BookingState | None
    """None: any."""
    part: Part[BookingLine]
    states: tuple[BookingState, ...] = tuple(BookingState)
    """Among which one can choose."""


class BookingPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one booking says."""

    line: BookingLine
    request_id: str
    booking_location_id: str
    location_id: str
    opens_at: datetime
    given_up_at: datetime
    """When it is over if nobody came."""
    made_at: datetime
    last_updated: datetime
    says: str
    canceled: str
    """Why, in OCPI's word; empty: it was not."""
    canceled_by: str
    session_id: str
    """That fulfilled it; empty: none did."""
    station_id: str
    """Where that was."""
    cdr_id: str
    """Of that session; empty: it has none yet."""


async def read_bookings(spine: Spine, state: str, after: str) -> Bookings:
    """The bookings in a state, those that begin last first.

    Args:
        state: any other word than a state's is none.

    Raises:
        NoPlace: ``after`` is no place in this list.
    """
    wanted = BookingState(state) if state in set(BookingState) else None
    own: Where = {} if wanted is None else {"state": wanted.value}
    wheres = [{"owner": owner, **own} for owner in await owners_in(spine, t.booking)]
    part = await part_of(spine, t.booking, wheres, _ORDER, after)
    names = await place_names(spine, [_at(row) for row in part.lines])
    return Bookings(state=wanted, part=part.of(lambda row: _line(row, names.get(_at(row), ""))))


async def read_booking(spine: Spine, owner: str, booking_id: str) -> BookingPage | None:
    """One booking; None if there is none of that id."""
    row = await spine.get(t.booking, owner=owner, booking_id=booking_id)
    if row is None:
        return None
    booked = msgspec.json.decode(str(row["document"]), type=Booked)
    session_id = booked.session_id or ""
    session = await spine.get(t.session, owner=owner, session_id=session_id) if session_id else None
    names = await place_names(spine, [_at(row)])
    return BookingPage(
        line=_line(row, names.get(_at(row), "")),
        request_id=booked.request_id,
        booking_location_id=booked.booking_location_id,
        location_id=booked.location_id,
        opens_at=booked.opens_at,
        given_up_at=booked.given_up_at,
        made_at=booked.made_at,
        last_updated=booked.last_updated,
        says=booked.says,
        canceled="" if booked.canceled is None else booked.canceled.reason.value,
        canceled_by="" if booked.canceled is None else booked.canceled.by,
        session_id=session_id,
        station_id="" if session is None else str(session["station_id"]),
        cdr_id=await standing_cdr(spine, owner, session_id),
    )


def _at(row: Row) -> LocationKey:
    return str(row["owner"]), str(row["owner"]), str(row["location_id"])


def _line(row: Row, place: str) -> BookingLine:
    return BookingLine(
        owner=str(row["owner"]),
        booking_id=str(row["booking_id"]),
        place=place or str(row["location_id"]),
        evse_uid=str(row["evse_uid"] or ""),
        made_for=str(row["made_for"]),
        starts_at=msgspec.convert(row["starts_at"], datetime),
        ends_at=msgspec.convert(row["ends_at"], datetime),
        state=BookingState(str(row["state"])),
    )
