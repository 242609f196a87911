"""Bookings decided: by the terms, within the hours, and never two of one EVSE at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.booking_hours import free_at, is_open, is_whole, openings, slots, window
from elstrada.charging.bookings import (
    Answer,
    Books,
    Offer,
    called_off,
    confirmed,
    evolved,
    fulfilled,
    given_up,
    kept_from,
    requested,
    taken,
    uses,
)
from elstrada.model.booking import (
    AccessInformation,
    Booked,
    Booking,
    BookingLocation,
    BookingOption,
    BookingPlan,
    BookingRequest,
    BookingState,
    BookingTerms,
    CanceledReason,
    Cancellation,
    Period,
    RequestState,
)
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, Evse, EvseStatus, ExceptionalPeriod, Hours, RegularHours
from elstrada.model.token import TokenIdentity

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
ZONE = "Europe/Stockholm"
CANCEL = Cancellation(CanceledReason.TRAFFIC, "EMSP")


def evse(uid: str, **changes: Any) -> Evse:
    connector = Connector(
        id="1",
        standard="IEC_62196_T2_COMBO",
        format="CABLE",
        power_type="DC",
        max_voltage=920,
        max_amperage=200,
        max_electric_power=150_000,
        last_updated=NOW,
    )
    made = Evse(uid=uid, status=EvseStatus.AVAILABLE, connectors=(connector,), last_updated=NOW)
    return msgspec.structs.replace(made, **changes)


def offer(
    plan: BookingPlan | None = None, *, evses: tuple[Evse, ...] = (), option: Any = None, **terms: Any
) -> Offer:
    plan = plan or BookingPlan(evse_uids=("E1", "E2"), time_zone=ZONE)
    there = evses or tuple(map(evse, plan.evse_uids))
    told = BookingTerms(**({"supported_access_methods": ("OPEN",)} | terms))
    place = BookingLocation(
        party=ELS, id="BL1", location_id="L1", option=option, terms=told, last_updated=NOW
    )
    return Offer(place=place, plan=plan, evses={one.uid: one for one in there})


def period(start: float, hours: float = 1.0) -> Period:
    """Args: start: hours from now."""
    begun = NOW + timedelta(hours=start)
    return Period(begun, begun + timedelta(hours=hours))


def request(number: str = "R-1", at: Period | None = None, **changes: Any) -> BookingRequest:
    made = BookingRequest(
        party=RET,
        request_id=number,
        location_id="L1",
        booking_location_id="BL1",
        tokens=(TokenIdentity(RET, f"04{number}", "RFID", "SERETC1"),),
        period=at or period(2),
        authorization_reference="ref-1",
    )
    return msgspec.structs.replace(made, **changes)


class Desk:
    """Keeps the books between requests."""

    def __init__(self, offered: Offer | None = None) -> None:
        self.offer, self.now = offered or offer(), NOW
        self.books: Books = {}
        self.known: dict[str, tuple[Booked, Booking]] = {}

    def ask(self, asked: BookingRequest, refs: tuple[str, ...] | None = None) -> Answer:
        refs = tuple(token.uid for token in asked.tokens) if refs is None else refs
        number = asked.request_id
        answer = requested(
            self.books, self.offer, self.known.get(number), asked, refs, now=self.now, fresh=f"B-{number}"
        )
        return self.noted(number, answer)

    def noted(self, number: str, answer: Answer | None) -> Answer:
        assert answer is not None
        if answer.fact is not None:
            self.books = evolved(self.books, answer.fact)
            self.known[number] = answer.fact.booked, answer.booking
        return answer


def state(answer: Answer) -> tuple[str, str]:
    return answer.booking.state.value, answer.booking.requests[-1].state.value


# --- made -------------------------------------------------------------------------------------------------


def test_a_free_period_is_reserved_at_an_evse() -> None:
    answer = Desk().ask(request())
    assert state(answer) == ("RESERVED", "ACCEPTED")
    assert answer.booking.option == BookingOption(evse_uid="E1")
    assert answer.booking.slot.max_power == 150_000
    assert answer.says == ""


def test_a_request_sent_again_gets_the_same_answer_and_no_fact() -> None:
    desk = Desk()
    first = desk.ask(request())
    again = desk.ask(request())
    assert again == Answer(first.booking)
    rejected = desk.ask(request("R-2", period(-3)))
    assert desk.ask(request("R-2", period(-3))) == Answer(rejected.booking, says=rejected.says)


def test_the_second_of_one_period_gets_the_other_evse_and_the_third_is_rejected() -> None:
    desk = Desk()
    uids = [desk.ask(request(f"R-{n}")).booking.option for n in range(3)]
    assert [one and one.evse_uid for one in uids] == ["E1", "E2", None]
    booked, booking = desk.known["R-2"]
    assert (booked.state, booked.evse_uid) == (BookingState.REJECTED, None)
    assert "nothing that suits is free" in booked.says
    assert booking.requests[-1].state is RequestState.DECLINED
    assert set(desk.books) == {"B-R-0", "B-R-1"}


def test_periods_that_only_touch_do_not_overlap() -> None:
    desk = Desk(offer(BookingPlan(evse_uids=("E1",), time_zone=ZONE)))
    assert state(desk.ask(request("R-1", period(2))))[0] == "RESERVED"
    assert state(desk.ask(request("R-2", period(3))))[0] == "RESERVED"
    assert state(desk.ask(request("R-3", period(2.75, 0.5))))[0] == "REJECTED"


SOON = {"change_until_minutes": Decimal(30), "cancel_until_minutes": Decimal(30)}


@pytest.mark.parametrize(
    ("asked", "offered", "says"),
    [
        (request(at=period(-1)), offer(), "in the past"),
        (request(at=period(24 * 30)), offer(), "outside the hours of the calendar"),
        (
            request(at=Period(NOW + timedelta(minutes=67), NOW + timedelta(hours=3))),
            offer(),
            "increments of 15",
        ),
        (request(at=period(2, 0.4)), offer(), "increments of 15"),
        (request(), offer(min_booking_duration=Decimal(90)), "90 minutes at least"),
        (request(), offer(max_booking_duration=Decimal(30)), "30 minutes at most"),
        (request(tokens=()), offer(), "one token"),
        (request(tokens=request("A").tokens + request("B").tokens), offer(), "one token"),
        (request(location_id="L2"), offer(), "is at location L1"),
        (request(option=BookingOption(evse_uid="E7")), offer(), "no EVSE here is what"),
        (request(option=BookingOption(connector_types=("CHADEMO",))), offer(), "no EVSE here is what"),
        (request(power_required=200), offer(), "no EVSE here is what"),
        (
            request(option=BookingOption(max_vehicle_height=Decimal(400))),
            offer(option=BookingOption(max_vehicle_height=Decimal(300))),
            "no EVSE here is what",
        ),
        (
            request(option=BookingOption(drive_through=True)),
            offer(option=BookingOption(drive_through=False)),
            "no EVSE here is what",
        ),
        (
            request(access_information=(AccessInformation("LICENSE_PLATE", "ABC123"),)),
            offer(),
            "LICENSE_PLATE is no way in here",
        ),
        (request(), offer(evses=(evse("E1", status=EvseStatus.REMOVED),)), "no EVSE here is what"),
        (
            request(),
            offer(BookingPlan(evse_uids=("E1",), time_zone=ZONE, open=False)),
            "nothing can be booked here at present",
        ),
    ],
)
def test_what_cannot_be_had_is_rejected_with_the_reason(
    asked: BookingRequest, offered: Offer, says: str
) -> None:
    answer = Desk(offered).ask(asked)
    assert state(answer) == ("REJECTED", "DECLINED")
    assert says in answer.says


def test_one_token_has_two_bookings_at_a_time_only_where_the_terms_let_it() -> None:
    for allowed, expected in ((False, "REJECTED"), (True, "RESERVED"), (None, "RESERVED")):
        desk = Desk(offer(overlapping_bookings_allowed=allowed))
        desk.ask(request("R-1"))
        assert desk.ask(request("R-2"), ("04R-1",)).booking.state.value == expected


def test_the_evse_that_is_named_is_the_one_that_is_booked() -> None:
    desk = Desk()
    assert desk.ask(request(option=BookingOption(evse_uid="E2"))).fact.booked.evse_uid == "E2"  # type: ignore[union-attr]
    other = desk.ask(request("R-2", option=BookingOption(evse_uid="#NA")))
    assert other.fact.booked.evse_uid == "E1"  # type: ignore[union-attr]


# --- changed and cancelled --------------------------------------------------------------------------------


def test_a_change_moves_the_booking_and_frees_what_it_had() -> None:
    desk = Desk(offer(BookingPlan(evse_uids=("E1",), time_zone=ZONE), **SOON))
    desk.ask(request())
    moved = desk.ask(request(at=period(2.5)))  # Over its own former period.
    assert state(moved) == ("RESERVED", "ACCEPTED")
    assert [entry.state for entry in moved.booking.requests] == [RequestState.ACCEPTED] * 2
    assert taken(desk.books) == {"E1": [period(2.5)]}


def test_a_change_that_cannot_be_leaves_the_booking_as_it_was() -> None:
    desk = Desk(offer(BookingPlan(evse_uids=("E1",), time_zone=ZONE), **SOON))
    first = desk.ask(request())
    desk.ask(request("R-2", period(4)))
    declined = desk.ask(request(at=period(4)))
    assert state(declined) == ("RESERVED", "DECLINED")
    assert declined.booking.slot == first.booking.slot
    assert "nothing that suits is free" in declined.says
    assert declined.booking.last_updated > first.booking.last_updated


@pytest.mark.parametrize(
    ("terms", "later_h", "expected"),
    [
        (SOON, 1.5, "ACCEPTED"),
        (SOON, 1.51, "DECLINED"),
        (SOON | {"change_not_allowed": True}, 0, "DECLINED"),
        ({}, 1.99, "ACCEPTED"),
    ],
)
def test_a_booking_can_be_changed_until_its_terms_say(
    terms: dict[str, Any], later_h: float, expected: str
) -> None:
    desk = Desk(offer(**terms))
    desk.ask(request())
    desk.now += timedelta(hours=later_h)
    assert state(desk.ask(request(at=period(3)))) == ("RESERVED", expected)


@pytest.mark.parametrize(("later_h", "expected"), [(1.5, "CANCELED"), (1.51, "RESERVED"), (2.5, "RESERVED")])
def test_a_booking_can_be_cancelled_until_its_terms_say(later_h: float, expected: str) -> None:
    desk = Desk(offer(**SOON))
    desk.ask(request())
    desk.now += timedelta(hours=later_h)
    answer = desk.ask(request(canceled=CANCEL))
    assert answer.booking.state.value == expected
    assert (answer.booking.canceled == CANCEL) == (expected == "CANCELED")
    assert bool(desk.books) == (expected == "RESERVED")


def test_a_booking_that_is_over_stays_so() -> None:
    desk = Desk()
    desk.ask(request())
    over = desk.ask(request(canceled=CANCEL))
    answer = desk.ask(request(at=period(5)))
    assert answer.fact is None
    assert answer.booking == over.booking
    assert "the booking is over: CANCELED" in answer.says


# --- confirmed, used, over --------------------------------------------------------------------------------

BY_HAND = BookingPlan(evse_uids=("E1",), time_zone=ZONE, confirm=True)


@pytest.mark.parametrize(
    ("yes", "expected"), [(True, ("RESERVED", "ACCEPTED")), (False, ("REJECTED", "DECLINED"))]
)
def test_what_the_operator_confirms_is_pending_first_and_keeps_its_period(
    yes: bool, expected: tuple[str, str]
) -> None:
    desk = Desk(offer(BY_HAND))
    assert state(desk.ask(request())) == ("PENDING", "PENDING")
    assert state(desk.ask(request("R-2")))[0] == "REJECTED"
    answer = desk.noted("R-1", confirmed(*desk.known["R-1"], yes=yes, says="no", now=NOW))
    assert state(answer) == expected


def test_what_nobody_confirms_is_rejected_when_it_would_begin() -> None:
    desk = Desk(offer(BY_HAND))
    desk.ask(request())
    assert given_up(*desk.known["R-1"], NOW + timedelta(hours=1.9)) is None
    answer = desk.noted("R-1", given_up(*desk.known["R-1"], NOW + timedelta(hours=2)))
    assert (answer.booking.state, answer.says) == (BookingState.REJECTED, "it was not confirmed in time")


@pytest.mark.parametrize(("terms", "after_h"), [({"noshow_timeout": Decimal(30)}, 2.5), ({}, 3.0)])
def test_a_booking_nobody_uses_is_a_no_show_when_its_terms_say_or_at_its_end(
    terms: dict[str, Any], after_h: float
) -> None:
    desk = Desk(offer(**terms))
    desk.ask(request())
    assert given_up(*desk.known["R-1"], NOW + timedelta(hours=after_h - 0.01)) is None
    answer = desk.noted("R-1", given_up(*desk.known["R-1"], NOW + timedelta(hours=after_h)))
    assert answer.booking.state is BookingState.NO_SHOW
    assert desk.books == {}


def test_its_token_at_its_evse_in_its_time_is_what_was_booked() -> None:
    desk = Desk(offer(noshow_timeout=Decimal(30), early_start_allowed=True, early_start_time=Decimal(10)))
    booked = desk.ask(request()).fact.booked  # type: ignore[union-attr]
    start = booked.period.start
    assert uses(booked, "04R-1", "E1", start)
    assert uses(booked, "04R-1", "E1", start - timedelta(minutes=10))
    assert not uses(booked, "04R-1", "E1", start - timedelta(minutes=11))
    assert not uses(booked, "04R-1", "E1", start + timedelta(minutes=30))
    assert not uses(booked, "04R-1", "E2", start)
    assert not uses(booked, "other", "E1", start)
    assert not uses(booked, None, "E1", start)
    answer = desk.noted("R-1", fulfilled(*desk.known["R-1"], "S-1", start))
    assert answer.booking.state is BookingState.FULFILLED
    assert answer.fact.booked.session_id == "S-1"  # type: ignore[union-attr]


def test_an_early_start_never_reaches_into_anothers_period() -> None:
    plan = BookingPlan(evse_uids=("E1",), time_zone=ZONE)
    desk = Desk(offer(plan, early_start_allowed=True, early_start_time=Decimal(20)))
    desk.ask(request("R-1", period(1)))
    booked = desk.ask(request("R-2", period(2))).fact.booked  # type: ignore[union-attr]
    assert booked.opens_at == period(2).start - timedelta(minutes=20)
    assert kept_from(desk.books, booked) == period(2).start


def test_the_operator_may_cancel_at_any_time() -> None:
    desk = Desk(offer(**SOON))
    desk.ask(request())
    reason = Cancellation(CanceledReason.BROKEN_CHARGER, "CPO")
    answer = desk.noted("R-1", called_off(*desk.known["R-1"], reason, "", NOW + timedelta(hours=2)))
    assert (answer.booking.state, answer.booking.canceled) == (BookingState.CANCELED, reason)


# --- hours ------------------------------------------------------------------------------------------------

WEEK = Hours(
    twentyfourseven=False,
    regular_hours=tuple(RegularHours(day, "08:00", "20:00") for day in range(1, 6)),
    exceptional_closings=(ExceptionalPeriod(NOW.replace(hour=11), NOW.replace(hour=12, minute=30)),),
)


def test_bookable_hours_are_local_and_closings_are_cut_out() -> None:
    plan = BookingPlan(evse_uids=("E1",), time_zone=ZONE, hours=WEEK, days_ahead=1)
    assert openings(plan, window(plan, NOW)) == [
        Period(NOW.replace(hour=7), NOW.replace(hour=11)),
        Period(NOW.replace(hour=12, minute=30), NOW.replace(hour=19)),
    ]
    assert slots(plan, {}, NOW) == (Period(NOW.replace(hour=12, minute=30), NOW.replace(hour=19)),)
    assert not is_open(plan, Period(NOW.replace(hour=10), NOW.replace(hour=13)), NOW)


def test_hours_keep_to_the_wall_clock_when_it_is_put_forward() -> None:
    plan = BookingPlan(evse_uids=("E1",), time_zone=ZONE, hours=WEEK, days_ahead=3)
    before = datetime(2026, 3, 27, 12, tzinfo=UTC)  # A Friday; the clock changes on Sunday.
    after = datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert openings(plan, window(plan, before))[0].start == before.replace(hour=7)
    assert openings(plan, window(plan, after))[0].start == after.replace(hour=6)


def test_a_slot_begins_at_the_next_whole_increment() -> None:
    plan = BookingPlan(evse_uids=("E1",), time_zone=ZONE, increment=30, days_ahead=1)
    late = NOW + timedelta(minutes=7, seconds=3)
    assert slots(plan, {}, late)[0].start == NOW + timedelta(minutes=30)


# --- laws -------------------------------------------------------------------------------------------------

_WISHES = st.lists(
    st.tuples(
        st.integers(0, 11),  # Which booking.
        st.integers(-4, 60),  # Quarters of an hour from now.
        st.integers(1, 12),
        st.sampled_from([None, "E1", "E2", "E3"]),
        st.sampled_from(["ask", "ask", "ask", "cancel", "give up", "wait", "use"]),
    ),
    max_size=40,
)


@given(_WISHES, st.booleans())
def test_no_two_accepted_bookings_of_one_evse_overlap(wishes: list[Any], by_hand: bool) -> None:
    plan = BookingPlan(evse_uids=("E1", "E2", "E3"), time_zone=ZONE, confirm=by_hand)
    desk = Desk(offer(plan, noshow_timeout=Decimal(15)))
    for which, start, lasts, uid, what in wishes:
        number = f"R-{which}"
        option = None if uid is None else BookingOption(evse_uid=uid)
        asked = request(number, period(start / 4, lasts / 4), option=option)
        match what:
            case "ask":
                desk.ask(asked)
            case "cancel" if number in desk.known:
                desk.ask(msgspec.structs.replace(asked, canceled=CANCEL))
            case "give up" if f"B-{number}" in desk.books:
                answer = given_up(*desk.known[number], desk.now)
                if answer is not None:
                    desk.noted(number, answer)
            case "use" if f"B-{number}" in desk.books:
                desk.noted(number, fulfilled(*desk.known[number], "S", desk.now))
            case "wait":
                desk.now += timedelta(minutes=lasts)
            case _:
                pass
        for periods in taken(desk.books).values():
            ordered = sorted(periods)
            assert all(one.end <= other.start for one, other in pairwise(ordered))


@given(_WISHES, st.integers(0, 48), st.sampled_from([5, 15, 20, 60]))
def test_every_slot_of_the_calendar_can_be_booked_and_nothing_outside_can(
    wishes: list[Any], probe: int, increment: int
) -> None:
    plan = BookingPlan(
        evse_uids=("E1", "E2"), time_zone="Asia/Kathmandu", hours=WEEK, increment=increment, days_ahead=2
    )
    desk = Desk(offer(plan))
    for number, (_, start, lasts, uid, _) in enumerate(wishes):
        option = None if uid is None else BookingOption(evse_uid=uid)
        desk.ask(request(f"R-{number}", period(start / 4, lasts / 4), option=option))
    free = slots(plan, taken(desk.books), desk.now)
    for index, slot in enumerate(free):
        assert is_whole(plan, slot)
        answer = Desk.ask(_copy(desk), request(f"S-{index}", slot))
        assert answer.booking.state is BookingState.RESERVED, answer.says
    asked = period(probe / 4, increment / 60)
    answer = Desk.ask(_copy(desk), request("P", asked))
    within = any(slot.start <= asked.start and asked.end <= slot.end for slot in free)
    assert (answer.booking.state is BookingState.RESERVED) == (within and is_whole(plan, asked))


def _copy(desk: Desk) -> Desk:
    other = Desk(desk.offer)
    other.books, other.known, other.now = desk.books, dict(desk.known), desk.now
    return other


def test_free_stretches_of_an_evse_are_its_hours_less_what_is_booked() -> None:
    plan = BookingPlan(evse_uids=("E1",), time_zone=ZONE, days_ahead=1)
    found = list(free_at(plan, [period(2), period(4)], NOW))
    assert found[:2] == [period(0, 2), period(3, 1)]
