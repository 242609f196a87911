"""The books of what can be booked at our locations, and what is: read, decided on, and committed.

Works on the memory alone, so that handlers, the sweep and the operator's desk all go through here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from elstrada.charging.booking_hours import slots, window
from elstrada.charging.bookings import Answer, Books, Offer, evolved, requested, taken, uses
from elstrada.model.booking import (
    LIVING,
    Booked,
    Booking,
    BookingLocation,
    BookingPlan,
    BookingRequest,
    BookingState,
    Calendar,
    Timeslot,
)
from elstrada.model.ids import PartyId, bookings_stream
from elstrada.model.location import Location
from elstrada.roles.keys import Keys
from elstrada.roles.roaming.holders import claimed_puts, kept_identity
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Between, Put, Row, RowMoved, Spine, StreamMoved, Work

CALENDAR = "1"
"""Id of the one calendar that each of our booking locations has."""
RELEASE, HELD = "RELEASE", "HELD"
"""States of what the station keeps for a booking; see ``keeper``."""
_TRIES = 10
_SNAPSHOT_EVERY = 20
_MOST_AT_A_LOCATION = 1000
_location = msgspec.json.Decoder(BookingLocation)
_plan = msgspec.json.Decoder(BookingPlan)
_booking = msgspec.json.Decoder(Booking)
_booked = msgspec.json.Decoder(Booked)
_books = msgspec.json.Decoder(dict[str, Booked])
_encode = msgspec.json.Encoder().encode


class NotBooked(Exception):
    """There is nothing to decide about; the message says what is missing."""


class Kept(NamedTuple):
    """A booking in the books."""

    booked: Booked
    booking: Booking
    paper: Row


# --- read -------------------------------------------------------------------------------------------------


async def books_of(spine: Spine, owner: PartyId, location_id: str) -> tuple[int, Books]:
    """The living bookings of a location, with the version of its stream."""
    loaded = await spine.load(bookings_stream(owner, location_id))
    books: Books = {} if loaded.snapshot is None else _books.decode(loaded.snapshot)
    for recorded in loaded.facts:
        books = evolved(books, recorded.fact)
    return loaded.version, books


def place_of(row: Row) -> BookingLocation:
    """As its record has it, of the record's date."""
    last_updated = row["last_updated"]
    assert isinstance(last_updated, datetime), "the column is a time"
    return msgspec.structs.replace(_location.decode(str(row["document"])), last_updated=last_updated)


def plan_of(row: Row) -> BookingPlan:
    assert row["plan"] is not None, "a booking location of ours has a plan"
    return _plan.decode(str(row["plan"]))


def booking_of(row: Row) -> Booking:
    return _booking.decode(str(row["document"]))


def booked_of(row: Row) -> Booked:
    return _booked.decode(str(row["document"]))


def text_of(value: msgspec.Struct) -> str:
    return _encode(value).decode()


def shown(row: Row, books: Books, now: datetime) -> BookingLocation:
    """A booking location of ours with its calendar as it is now; it has none while nothing is free."""
    place, plan = place_of(row), plan_of(row)
    free = slots(plan, taken(books), now)
    covered = window(plan, now)
    calendar = Calendar(
        id=CALENDAR,
        begin_from=covered.start,
        end_before=covered.end,
        timeslot_increment=plan.increment,
        available_timeslots=tuple(Timeslot(period) for period in free),
        last_updated=place.last_updated,
    )
    return msgspec.structs.replace(place, calendars=(calendar,) if free else ())


async def offer_of(spine: Spine, owner: PartyId, row: Row) -> Offer:
    """What a booking location of ours offers."""
    place = place_of(row)
    key = {"owner": str(owner), "party": str(owner), "location_id": place.location_id}
    found = await spine.get(t.location, **key)
    evses = () if found is None else msgspec.json.decode(str(found["document"]), type=Location).evses
    return Offer(place=place, plan=plan_of(row), evses={evse.uid: evse for evse in evses})


async def places_at(spine: Spine, owner: PartyId, location_id: str) -> list[Row]:
    """Our booking locations at a location."""
    where = {"owner": str(owner), "party": str(owner), "location_id": location_id}
    return await spine.find(t.booking_location, where, limit=_MOST_AT_A_LOCATION)


async def kept(spine: Spine, owner: PartyId, booking_id: str) -> Kept | None:
    """A booking by its id; None: there is none, or what is personal of it is gone."""
    papers = await spine.find(t.booking_paper, {"owner": str(owner), "booking_id": booking_id}, limit=1)
    row = await spine.get(t.booking, owner=str(owner), booking_id=booking_id)
    if not papers or row is None:
        return None
    return Kept(booked_of(row), booking_of(papers[0]), papers[0])


# --- asked for --------------------------------------------------------------------------------------------


async def request_booking(
    spine: Spine,
    keys: Keys,
    owner: PartyId,
    row: Row,
    request: BookingRequest,
    now: datetime,
    fresh: str,
) -> Answer:
    """Decide on a request at one of our booking locations, and commit what follows.

    Args:
        row: the booking location's.
    Raises:
        NotBooked: it is about a booking that there is not, or of another location.
        RowMoved, StreamMoved: the books change too often; nothing was done.
    """
    offer = await offer_of(spine, owner, row)
    refs = tuple(keys.token_ref(token.uid) for token in request.tokens)
    claims = tuple(await _claims(spine, owner, request, refs))
    for left in reversed(range(_TRIES)):
        # The books first: what is known of the booking is then never older than they are.
        version, books = await books_of(spine, owner, offer.place.location_id)
        known = await _known(spine, owner, request, books)
        pair = None if known is None else (books.get(known.booked.id, known.booked), known.booking)
        answer = requested(books, offer, pair, request, refs, now=now, fresh=fresh)
        if answer.fact is None:
            return answer
        try:
            await _commit(spine, owner, version, books, answer, known, claims)
        except (RowMoved, StreamMoved):
            if not left:
                raise
            continue
        return answer
    raise AssertionError("the last try returns or raises")


async def change_booking(
    spine: Spine,
    owner: PartyId,
    booking_id: str,
    decide: Callable[[Kept, Books], Answer | None],
) -> Answer | None:
    """Have something become of a living booking, by what is known of it as of the commit.

    Args:
        decide: None: nothing becomes of it.
    Raises:
        RowMoved, StreamMoved: the books change too often; nothing was done.
    """
    for left in reversed(range(_TRIES)):
        first = await kept(spine, owner, booking_id)
        if first is None:
            return None
        version, books = await books_of(spine, owner, first.booked.location_id)
        known = await kept(spine, owner, booking_id)
        if known is None or booking_id not in books:
            return None
        answer = decide(known._replace(booked=books[booking_id]), books)
        if answer is None or answer.fact is None:
            return answer
        try:
            await _commit(spine, owner, version, books, answer, known, ())
        except (RowMoved, StreamMoved):
            if not left:
                raise
            continue
        return answer
    raise AssertionError("the last try returns or raises")


async def _claims(spine: Spine, owner: PartyId, request: BookingRequest, refs: tuple[str, ...]) -> list[Put]:
    """The writes of whom the request's tokens mean (as of sessions and CDRs).

    Raises:
        NotBooked: one is known with another contract.
    """
    puts: list[Put] = []
    for identity, ref in zip(request.tokens, refs, strict=True):
        known = await kept_identity(spine, owner, ref, identity.party)
        if known is not None and known.contract_id.casefold() != identity.contract_id.casefold():
            raise NotBooked("tokens: this uid is known with another contract_id")
        puts += await claimed_puts(spine, owner, identity, ref)
    return puts


async def _known(spine: Spine, owner: PartyId, request: BookingRequest, books: Books) -> Kept | None:
    """The booking that has this request_id.

    Raises:
        NotBooked: there is none to cancel, or it is at another location, or over for long.
    """
    key = {
        "owner": str(owner),
        "made_for": str(request.party),
        "request_id": request.request_id.upper(),
    }
    paper = await spine.get(t.booking_paper, **key)
    rows = await spine.find(t.booking, key, limit=1)
    if paper is None:
        if rows:
            raise NotBooked("request_id: that booking has been over for long; book anew with another")
        if request.canceled is not None:
            raise NotBooked("request_id: there is no booking to cancel")
        return None
    booking = booking_of(paper)
    if booking.location_id.casefold() != request.location_id.casefold():
        raise NotBooked(f"request_id: that booking is at location {booking.location_id}")
    assert rows, "a paper is written together with its fact"
    return Kept(booked_of(rows[0]), booking, paper)


async def _commit(
    spine: Spine,
    owner: PartyId,
    version: int,
    books: Books,
    answer: Answer,
    known: Kept | None,
    claims: tuple[Put, ...],
) -> None:
    """The fact, the booking's record and the dates of what is free now, all at once."""
    assert answer.fact is not None, "something has changed"
    booked = answer.fact.booked
    after = evolved(books, answer.fact)
    snapshot = _encode(after) if version % _SNAPSHOT_EVERY == _SNAPSHOT_EVERY - 1 else None
    append = Append(bookings_stream(owner, booked.location_id), version, (answer.fact,), snapshot)
    is_other = taken(after) != taken(books)
    places = await places_at(spine, owner, booked.location_id) if is_other else []
    writes = (_paper(owner, booked, answer.booking, known), *(_raised(row, booked) for row in places))
    await spine.commit(Work(appends=(append,), writes=(*writes, *claims)))


def _paper(owner: PartyId, booked: Booked, booking: Booking, known: Kept | None) -> Put:
    row: dict[str, object] = {
        "owner": str(owner),
        "made_for": str(booked.made_for),
        "request_id": booked.request_id.upper(),
        "booking_id": booked.id,
        "document": text_of(booking),
        "ended_at": None if booked.state in LIVING else booked.last_updated,
    }
    if known is None:
        return Put(t.booking_paper, row, {})  # type: ignore[arg-type]  All are cells.
    before = known.booked
    is_other = (before.evse_uid, before.period, before.token_refs) != (
        booked.evse_uid,
        booked.period,
        booked.token_refs,
    )
    is_off = booked.state in (BookingState.CANCELED, BookingState.REJECTED)
    if known.paper["hold"] is not None and (is_other or is_off):
        row |= {"hold": RELEASE, "hold_next_at": booked.last_updated}
    expected = {"document": known.paper["document"], "hold": known.paper["hold"]}
    return Put(t.booking_paper, row, expected)  # type: ignore[arg-type]


def _raised(row: Row, booked: Booked) -> Put:
    """Its calendar is another now, so that a list by date finds it (R-35)."""
    key = {name: row[name] for name in ("owner", "party", "booking_location_id")}
    return Put(t.booking_location, {**key, "last_updated": booked.last_updated})


# --- sessions ---------------------------------------------------------------------------------------------


async def booking_of_session(
    spine: Spine,
    owner: PartyId,
    session_id: str,
    place: tuple[str, str],
    token_ref: str | None,
    started_at: datetime,
) -> Booked | None:
    """The booking that a session fulfils, whether it is known to or not yet.

    Args:
        place: location id and EVSE uid.
    """
    used = await spine.find(t.booking, {"owner": str(owner), "session_id": session_id}, limit=1)
    if used:
        return booked_of(used[0])
    where = {
        "owner": str(owner),
        "location_id": place[0],
        "evse_uid": place[1],
        "opens_at": Between(high=started_at + timedelta(microseconds=1)),
    }
    rows = await spine.find(t.booking, where, order=("-opens_at",), limit=_MOST_BACK)
    unused = (one for one in map(booked_of, rows) if one.state is BookingState.RESERVED)
    fit = [one for one in unused if uses(one, token_ref, place[1], started_at)]
    # Of two that touch, an early start is the earlier one's.
    return min(fit, key=lambda one: one.period.start, default=None)


_MOST_BACK = 20
"""Bookings of an EVSE that are looked at, backwards from when a session began."""
