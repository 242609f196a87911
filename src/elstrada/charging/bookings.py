"""Bookings of a location's EVSEs: asked for, changed, cancelled, confirmed, used, over.

All bookings of a location are one stream, so that no two of one EVSE can overlap, in however many booking
locations it is. A booking is decided at once; only where the operator confirms by hand it is PENDING first.
Source: OCPI 2.3.0 mod_bookings 1.1, lifecycle and BookingTerms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from elstrada.charging.booking_hours import is_open, is_whole
from elstrada.model.booking import (
    LIVING,
    AccessMethod,
    Booked,
    Booking,
    BookingLocation,
    BookingOption,
    BookingPlan,
    BookingRequest,
    BookingState,
    BookingTerms,
    Cancellation,
    Period,
    RequestRecord,
    RequestState,
    Timeslot,
    minutes,
)
from elstrada.model.facts import BookingChanged, Fact
from elstrada.model.location import Evse, EvseStatus

MOST_EACH = 1000
"""Living bookings of one eMSP at a location."""
MOST_REQUESTS = 50
"""Requests for one booking; after them it can only be cancelled."""
NOT_CHOSEN = "#NA"
"""OCPI's word for an EVSE that is not chosen yet."""
_NEVER = frozenset({EvseStatus.REMOVED, EvseStatus.PLANNED})
_ONE_TOKEN = "a booking has one token: it is the one for which the station keeps the EVSE"  # noqa: S105  Words.

Books = Mapping[str, Booked]
"""A location's living bookings, by id."""

_PLAIN = BookingTerms(
    supported_access_methods=(AccessMethod.OPEN.value,),
    change_until_minutes=Decimal(0),
    cancel_until_minutes=Decimal(0),
)
"""What holds where a booking location has no terms."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What is there to be booked."""

    place: BookingLocation
    plan: BookingPlan
    evses: Mapping[str, Evse]
    """Of the location, by uid, as they are now."""

    @property
    def terms(self) -> BookingTerms:
        return self.place.terms or _PLAIN


class Answer(msgspec.Struct, frozen=True):
    """A booking as it is now."""

    booking: Booking
    fact: BookingChanged | None = None
    """None: nothing has changed."""
    says: str = ""
    """Why not, in English."""


# --- the state --------------------------------------------------------------------------------------------


def evolved(books: Books, fact: Fact) -> Books:
    """The living bookings after a fact."""
    if not isinstance(fact, BookingChanged):
        return books
    kept = {number: one for number, one in books.items() if number != fact.booked.id}
    return kept | {fact.booked.id: fact.booked} if fact.booked.state in LIVING else kept


def taken(books: Books, *, but: str | None = None) -> dict[str, list[Period]]:
    """The booked periods by EVSE."""
    periods: dict[str, list[Period]] = {}
    for one in books.values():
        if one.evse_uid is not None and one.id != but:
            periods.setdefault(one.evse_uid, []).append(one.period)
    return periods


# --- asked for --------------------------------------------------------------------------------------------


def requested(
    books: Books,
    offer: Offer,
    known: tuple[Booked, Booking] | None,
    request: BookingRequest,
    refs: tuple[str, ...],
    *,
    now: datetime,
    fresh: str,
) -> Answer:
    """A new booking, or another form of the one that has this request_id.

    Args:
        known: the booking of the same eMSP and request_id, if there is one; a request to cancel needs one.
        refs: the pseudonyms of the request's tokens.
        fresh: the id of a new booking.
    """
    if known is None:
        assert request.canceled is None, "there is a booking to cancel"
        return _made(books, offer, request, refs, now, fresh)
    booked, booking = known
    if booking.requests[-1].request == request:
        return Answer(booking, says=booked.says)  # It was sent again.
    if booked.state not in LIVING:
        return Answer(
            booking, says=f"the booking is over: {booked.state.value}; book anew with another request_id"
        )
    if request.canceled is not None:
        return _canceled(offer, booked, booking, request, now)
    return _changed(books, offer, booked, booking, request, refs, now)


def _made(
    books: Books, offer: Offer, request: BookingRequest, refs: tuple[str, ...], now: datetime, fresh: str
) -> Answer:
    uid = placed(books, offer, request, refs, now)
    rejected = isinstance(uid, Refusal)
    if rejected:
        state, answer, says = BookingState.REJECTED, RequestState.DECLINED, uid.says
    elif offer.plan.confirm:
        state, answer, says = BookingState.PENDING, RequestState.PENDING, ""
    else:
        state, answer, says = BookingState.RESERVED, RequestState.ACCEPTED, ""
    booked = Booked(
        id=fresh,
        request_id=request.request_id,
        made_for=request.party,
        booking_location_id=offer.place.id,
        location_id=offer.place.location_id,
        evse_uid=None,
        period=request.period,
        opens_at=request.period.start,
        token_refs=refs,
        authorization_reference=request.authorization_reference,
        state=state,
        says=says,
        made_at=now,
        last_updated=now,
    )
    booking = Booking(
        party=offer.place.party,
        id=fresh,
        request_id=request.request_id,
        location_id=offer.place.location_id,
        tariff_ids=offer.place.tariff_ids,
        slot=Timeslot(request.period),
        state=state,
        authorization_reference=request.authorization_reference,
        terms=offer.terms,
        requests=(RequestRecord(answer, request, now),),
        last_updated=now,
    )
    return _told(*_with(offer, booked, booking, request, refs, None if rejected else uid), says)


def _changed(
    books: Books,
    offer: Offer,
    booked: Booked,
    booking: Booking,
    request: BookingRequest,
    refs: tuple[str, ...],
    now: datetime,
) -> Answer:
    """Another period, token or EVSE for a living booking; what is declined leaves it as it was."""
    says = _unchangeable(booked, booking.terms, now)
    if len(booking.requests) >= MOST_REQUESTS:
        return Answer(booking, says=f"the booking has had {MOST_REQUESTS} requests, which is the most")
    uid = Refusal(says) if says else placed(books, offer, request, refs, now, but=booked)
    if isinstance(uid, Refusal):
        return _declined(booked, booking, request, uid.says, now)
    pending = booked.state is BookingState.PENDING
    answer = RequestState.PENDING if pending else RequestState.ACCEPTED
    booked, booking = _with(offer, booked, booking, request, refs, uid)
    return _told(*_noting(booked, booking, request, answer, "", now), "")


def _canceled(
    offer: Offer, booked: Booked, booking: Booking, request: BookingRequest, now: datetime
) -> Answer:
    """The eMSP wants it no more: in time, by the terms that were agreed on."""
    until = booked.period.start - minutes(booking.terms.cancel_until_minutes)
    if booked.state is BookingState.RESERVED and now > until:
        says = f"it could be cancelled until {until:%Y-%m-%dT%H:%M:%SZ}"
        return _declined(booked, booking, request, says, now)
    assert request.canceled is not None, "it is a request to cancel"
    return _ended(*_noting(booked, booking, request, RequestState.ACCEPTED, "", now), request.canceled)


def _declined(booked: Booked, booking: Booking, request: BookingRequest, says: str, now: datetime) -> Answer:
    if len(booking.requests) >= MOST_REQUESTS:
        return Answer(booking, says=says)
    return _told(*_noting(booked, booking, request, RequestState.DECLINED, says, now), says)


def _unchangeable(booked: Booked, terms: BookingTerms, now: datetime) -> str:
    if terms.change_not_allowed:
        return "by its terms the booking cannot be changed"
    until = booked.period.start - minutes(terms.change_until_minutes)
    if booked.state is BookingState.RESERVED and now > until:
        return f"it could be changed until {until:%Y-%m-%dT%H:%M:%SZ}"
    return ""


# --- which EVSE -------------------------------------------------------------------------------------------


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing can be booked."""

    says: str


def placed(
    books: Books,
    offer: Offer,
    request: BookingRequest,
    refs: tuple[str, ...],
    now: datetime,
    but: Booked | None = None,
) -> str | Refusal:
    """The EVSE that the request gets.

    Args:
        but: the booking that it changes, which is in nobody's way; its EVSE is kept if that can be.
    """
    says = next(_wrong(books, offer, request, refs, now, but), None)
    if says is not None:
        return Refusal(says)
    busy = taken(books, but=but.id if but else None)
    free = [
        uid
        for uid in _suitable(offer, request)
        if not any(request.period.overlaps(other) for other in busy.get(uid, ()))
    ]
    if but is not None and but.evse_uid in free:
        return but.evse_uid or free[0]
    return free[0] if free else Refusal("nothing that suits is free in that period; see the calendar")


def _wrong(
    books: Books,
    offer: Offer,
    request: BookingRequest,
    refs: tuple[str, ...],
    now: datetime,
    but: Booked | None,
) -> Iterator[str]:
    """What is wrong with a request, whatever is free."""
    plan, period = offer.plan, request.period
    if not plan.open:
        yield "nothing can be booked here at present"
    if request.location_id.casefold() != offer.place.location_id.casefold():
        yield f"{offer.place.id} is at location {offer.place.location_id}"
    if period.start < now:
        yield "the period begins in the past"
    if not is_open(plan, period, now):
        yield "the period is outside the hours of the calendar"
    if not is_whole(plan, period):
        yield f"periods begin at and last whole increments of {plan.increment} minutes"
    yield from _against_terms(offer.terms, request)
    if len(refs) != 1:
        yield _ONE_TOKEN
    others = [one for one in books.values() if but is None or one.id != but.id]
    if offer.terms.overlapping_bookings_allowed is False and any(
        period.overlaps(one.period) for one in others if set(refs) & set(one.token_refs)
    ):
        yield "the token has another booking in that period"
    if sum(one.made_for == request.party for one in others) >= MOST_EACH:
        yield f"you have {MOST_EACH} bookings at this location, which is the most"
    if not _suitable(offer, request):
        yield "no EVSE here is what booking_option and power_required ask for"


def _against_terms(terms: BookingTerms, request: BookingRequest) -> Iterator[str]:
    lasts = request.period.end - request.period.start
    if terms.min_booking_duration is not None and lasts < minutes(terms.min_booking_duration):
        yield f"a booking lasts {terms.min_booking_duration} minutes at least"
    if terms.max_booking_duration is not None and lasts > minutes(terms.max_booking_duration):
        yield f"a booking lasts {terms.max_booking_duration} minutes at most"
    unknown = {entry.method for entry in request.access_information} - set(terms.supported_access_methods)
    if unknown:
        yield f"access_information: {', '.join(sorted(unknown))[:60]} is no way in here"


def _suitable(offer: Offer, request: BookingRequest) -> list[str]:
    """The EVSEs that are what is asked for, in the plan's order."""
    wanted = request.option or BookingOption()
    if not _offered(wanted, offer.place.option):
        return []
    return [
        uid
        for uid in offer.plan.evse_uids
        if (evse := offer.evses.get(uid)) is not None
        and evse.status not in _NEVER
        and wanted.evse_uid in (None, NOT_CHOSEN, uid)
        and _has_connector(evse, wanted, request.power_required)
        and wanted.parking_id in (None, *(parking.parking_id for parking in evse.parking))
    ]


def _has_connector(evse: Evse, wanted: BookingOption, power_kw: int | None) -> bool:
    return any(
        (not wanted.connector_types or one.standard in wanted.connector_types)
        and (not wanted.connector_format or one.format in wanted.connector_format)
        and (not wanted.power_types or one.power_type in wanted.power_types)
        and wanted.connector_id in (None, NOT_CHOSEN, one.id)
        and (power_kw is None or one.max_electric_power is None or power_kw * 1000 <= one.max_electric_power)
        for one in evse.connectors
    )


_FITS_IN = (
    *("max_vehicle_weight", "max_vehicle_height", "max_vehicle_length", "max_vehicle_width"),
    *("min_parking_space_length", "min_parking_space_width"),
)
_NEEDS = ("dangerous_goods_allowed", "drive_through", "refrigeration_outlet")


def _offered(wanted: BookingOption, given: BookingOption | None) -> bool:
    """Is what the vehicle needs there, as far as the booking location says?"""
    if given is None:
        return True
    if given.vehicle_types and not set(wanted.vehicle_types) <= set(given.vehicle_types):
        return False
    for name in _FITS_IN:
        size, room = getattr(wanted, name), getattr(given, name)
        if size is not None and room is not None and size > room:
            return False
    return all(not getattr(wanted, name) or getattr(given, name) is not False for name in _NEEDS)


# --- what follows -----------------------------------------------------------------------------------------


def confirmed(booked: Booked, booking: Booking, *, yes: bool, says: str, now: datetime) -> Answer:
    """The operator's word on a booking that waits for it."""
    state = BookingState.RESERVED if yes else BookingState.REJECTED
    answer = RequestState.ACCEPTED if yes else RequestState.DECLINED
    return _told(*_now(booked, booking, state, now, says=says, answer=answer), says)


def called_off(booked: Booked, booking: Booking, reason: Cancellation, says: str, now: datetime) -> Answer:
    """The operator cancels a booking, whatever its terms."""
    booked, booking = _now(booked, booking, booked.state, now, says=says)
    return _ended(booked, booking, reason)


def fulfilled(booked: Booked, booking: Booking, session_id: str, now: datetime) -> Answer:
    """Its driver charges."""
    booked = msgspec.structs.replace(booked, session_id=session_id)
    return _told(*_now(booked, booking, BookingState.FULFILLED, now), "")


def given_up(booked: Booked, booking: Booking, now: datetime) -> Answer | None:
    """What becomes of a booking by time alone: nobody came, or nobody confirmed it."""
    if booked.state is BookingState.PENDING and booked.period.start <= now:
        return confirmed(booked, booking, yes=False, says="it was not confirmed in time", now=now)
    if booked.state is BookingState.RESERVED and booked.given_up_at <= now:
        return _told(*_now(booked, booking, BookingState.NO_SHOW, now, says="nobody came"), "nobody came")
    return None


def uses(booked: Booked, token_ref: str | None, evse_uid: str, started_at: datetime) -> bool:
    """Can a session be the one that was booked? One that began before it was booked is another."""
    return (
        booked.evse_uid == evse_uid
        and token_ref in booked.token_refs
        and max(booked.opens_at, booked.made_at) <= started_at < booked.given_up_at
    )


def kept_from(books: Books, booked: Booked) -> datetime:
    """When the station is to keep the EVSE: from when its driver may come, but not in another's time."""
    ends = (
        one.period.end
        for one in books.values()
        if one.evse_uid == booked.evse_uid and one.period.end <= booked.period.start
    )
    return max([booked.opens_at, *ends])


# --- forms of a booking -----------------------------------------------------------------------------------


def _with(
    offer: Offer,
    booked: Booked,
    booking: Booking,
    request: BookingRequest,
    refs: tuple[str, ...],
    uid: str | None,
) -> tuple[Booked, Booking]:
    """The booking as a request has it, at an EVSE."""
    terms, period = booking.terms, request.period
    early = minutes(terms.early_start_time) if terms.early_start_allowed else timedelta(0)
    late = None if terms.noshow_timeout is None else period.start + minutes(terms.noshow_timeout)
    booked = msgspec.structs.replace(
        booked,
        booking_location_id=offer.place.id,
        evse_uid=uid,
        period=period,
        opens_at=period.start - early,
        no_show_at=None if late is None else min(late, period.end),
        token_refs=refs,
        authorization_reference=request.authorization_reference,
    )
    option = request.option or BookingOption()
    booking = msgspec.structs.replace(
        booking,
        option=option if uid is None else msgspec.structs.replace(option, evse_uid=uid),
        tokens=request.tokens,
        slot=Timeslot(period, max_power=_power(offer, uid)),
        access_information=request.access_information,
        authorization_reference=request.authorization_reference,
    )
    return booked, booking


def _power(offer: Offer, uid: str | None) -> Decimal | None:
    evse = offer.evses.get(uid or "")
    told = [one.max_electric_power for one in evse.connectors if one.max_electric_power] if evse else []
    return Decimal(max(told)) if told else None


def _noting(
    booked: Booked, booking: Booking, request: BookingRequest, answer: RequestState, says: str, now: datetime
) -> tuple[Booked, Booking]:
    """With one more request, and what was said to it."""
    requests = (*booking.requests, RequestRecord(answer, request, now))
    booked, booking = _now(booked, booking, booked.state, now, says=says)
    return booked, msgspec.structs.replace(booking, requests=requests)


def _now(
    booked: Booked,
    booking: Booking,
    state: BookingState,
    now: datetime,
    *,
    says: str = "",
    answer: RequestState | None = None,
) -> tuple[Booked, Booking]:
    """In another state; ``answer`` is what its pending requests are told."""
    # A peer keeps what is newer: each form has a date of its own, as the wire writes it.
    at = max(now, booked.last_updated + timedelta(milliseconds=1))
    requests = booking.requests
    if answer is not None:
        requests = tuple(
            msgspec.structs.replace(one, state=answer) if one.state is RequestState.PENDING else one
            for one in requests
        )
    booked = msgspec.structs.replace(booked, state=state, says=says, last_updated=at)
    return booked, msgspec.structs.replace(booking, state=state, requests=requests, last_updated=at)


def _ended(booked: Booked, booking: Booking, reason: Cancellation) -> Answer:
    canceled = BookingState.CANCELED
    booked = msgspec.structs.replace(booked, state=canceled, canceled=reason)
    return _told(booked, msgspec.structs.replace(booking, state=canceled, canceled=reason), "")


def _told(booked: Booked, booking: Booking, says: str) -> Answer:
    return Answer(booking, BookingChanged(booked), says)


def due(books: Iterable[Booked], now: datetime) -> list[Booked]:
    """Those of which time alone makes something."""
    return [
        one
        for one in books
        if (one.state is BookingState.PENDING and one.period.start <= now)
        or (one.state is BookingState.RESERVED and one.given_up_at <= now)
    ]
