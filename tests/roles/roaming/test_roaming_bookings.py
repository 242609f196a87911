"""Bookings between a CPO and an eMSP (OCPI 2.3.0 bookings 1.1)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    EVIL,
    RET,
    START,
    STATION,
    Node,
    StationDouble,
    World,
    aio,
    at_station,
    bookable,
    call,
    furnish,
    furnished,
    json_text,
    known,
    location,
    started,
    token,
)
from wire_documents import BOOKING, BOOKING_LOCATION, BOOKING_REQUEST, CALENDAR

from elstrada.model import facts as f
from elstrada.model.booking import BookingPlan, BookingState
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.location import Location
from elstrada.model.party import Role
from elstrada.model.reservation import Reservation, ReservationState
from elstrada.model.waits import Waits
from elstrada.ocpi.paging import next_link
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.booking_books import booking_of_session
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, SpineDown, Work

M = "2.3.0/cpo/bookings"
AT = "2.3.0/emsp/bookings"
CANCEL = {"cancellation_reason": "TRAFFIC", "who_canceled": "EMSP"}


def asked(number: str = "R-1", start: str = "14:00", end: str = "15:00", **changes: Any) -> dict[str, Any]:
    day = "2026-02-03T{}:00Z"
    period = {"start_date_time": day.format(start), "end_date_time": day.format(end)}
    return BOOKING_REQUEST | {"request_id": number, "period": period} | changes


async def world_of(plan: BookingPlan | None = None, **terms: Any) -> World:
    world = await furnished()
    await bookable(world, plan, **terms)
    await world.settle()
    return world


async def book(world: World, number: str = "R-1", *more: str, **changes: Any) -> dict[str, Any]:
    answer = await world.as_ret("POST", M, asked(number, *more, **changes))
    assert (answer.status, answer.code) == (200, 1000), answer.envelope
    return answer.data


def slots_of(place: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (slot["start_date_time"][11:16], slot["end_date_time"][11:16])
        for calendar in place.get("calendars", ())
        for slot in calendar["available_timeslots"]
    ]


async def copy_of(world: World, number: str = "R-1") -> dict[str, Any]:
    """The eMSP's copy of a booking, as the CPO may read it there."""
    return (await world.as_els("GET", f"{AT}/SE/ELS/{number}")).data


# --- made ---------------------------------------------------------------------------------------------------


@aio
async def test_a_booking_is_made_at_once_and_told_to_its_emsp_with_what_is_free_now() -> None:
    world = await world_of(BookingPlan(evse_uids=("E1",), time_zone="Europe/Stockholm", days_ahead=1))
    booking = await book(world)
    assert booking["reservation_status"] == "RESERVED"
    assert booking["booking_option"] == {"evse_uid": "E1"}
    assert booking["booking_requests"][0]["request_status"] == "ACCEPTED"
    shown = (await world.as_ret("GET", f"{M}/booking_locations/BL1")).data
    assert slots_of(shown) == [("12:00", "14:00"), ("15:00", "23:00")]
    await world.settle()
    assert await copy_of(world) == booking
    assert await copy_of(world, booking["id"]) == booking
    theirs = (await world.as_els("GET", f"{AT}/SE/ELS/booking_locations/BL1")).data
    assert slots_of(theirs) == slots_of(shown)
    assert theirs["last_updated"] == booking["last_updated"]


@aio
async def test_a_request_sent_again_gets_the_same_booking_and_is_booked_once() -> None:
    world = await world_of()
    first = await book(world)
    assert await book(world) == first
    assert await book(world, "r-1") != first, "another spelling is another request, of the same booking"
    assert len(await world.els.spine.find(t.booking)) == 1


@aio
async def test_what_cannot_be_had_is_rejected_with_the_reason_in_the_status_message() -> None:
    world = await world_of()
    await book(world)
    answer = await world.as_ret("POST", M, asked("R-2"))
    assert (answer.status, answer.code, answer.data["reservation_status"]) == (200, 1000, "REJECTED")
    assert "nothing that suits is free" in answer.envelope["status_message"]
    assert (await world.as_ret("POST", M, asked("R-2"))).envelope["data"] == answer.data


@aio
async def test_a_booking_is_changed_and_cancelled_by_its_request_id() -> None:
    world = await world_of()
    first = await book(world)
    moved = await book(world, "R-1", "14:30", "16:00")
    assert moved["id"] == first["id"]
    assert moved["period"]["start_date_time"] == "2026-02-03T14:30:00Z"
    assert [entry["request_status"] for entry in moved["booking_requests"]] == ["ACCEPTED", "ACCEPTED"]
    over = await book(world, "R-1", "14:30", "16:00", canceled=CANCEL)
    assert (over["reservation_status"], over["canceled"]) == ("CANCELED", CANCEL)
    await world.settle()
    assert (await copy_of(world))["reservation_status"] == "CANCELED"
    assert (await book(world, "R-2"))["reservation_status"] == "RESERVED", "it is free again"


@aio
async def test_bookings_are_listed_by_date_and_in_pages_and_only_ones_own() -> None:
    world = await world_of()
    for hour in range(14, 19):
        await book(world, f"R-{hour}", f"{hour}:00", f"{hour}:30")
        world.clock.pass_by(seconds=1)
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        answer = await world.as_ret("GET", M, query=query)
        seen += [one["request_id"] for one in answer.data]
        link = next_link(answer.headers)
        if link is None:
            break
        query = dict(part.split("=", 1) for part in link.partition("?")[2].split("&"))
    assert seen == [f"R-{hour}" for hour in range(14, 19)]
    since = {"date_from": (START + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert [one["request_id"] for one in (await world.as_ret("GET", M, query=since)).data] == ["R-17", "R-18"]
    evil = await intruder(world)
    assert (await call(world.els, evil, "GET", M)).data == []


@aio
async def test_what_is_free_is_listed_by_date_and_time_slot() -> None:
    world = await world_of(BookingPlan(evse_uids=("E1",), time_zone="Europe/Stockholm", days_ahead=1))
    await book(world)

    async def found(**query: str) -> int:
        answer = await world.as_ret("GET", f"{M}/booking_locations", query=query)
        assert answer.headers["x-total-count"] == str(len(answer.data))
        return len(answer.data)

    assert await found() == 1
    assert await found(timeslot_from="2026-02-03T14:00:00Z", timeslot_to="2026-02-03T15:00:00Z") == 0
    assert await found(timeslot_from="2026-02-03T14:00:00Z", timeslot_to="2026-02-03T15:01:00Z") == 1
    assert await found(timeslot_from="2026-02-03T23:00:00Z") == 0
    assert await found(date_from="2026-02-03T12:00:01Z") == 0
    answer = await world.as_ret("GET", f"{M}/booking_locations", query={"timeslot_from": "soon"})
    assert (answer.status, answer.code) == (200, 2001)
    calendar = await world.as_ret("GET", f"{M}/booking_locations/BL1/1")
    assert calendar.data["timeslot_increment"] == 15
    assert (await world.as_ret("GET", f"{M}/booking_locations/BL1/2")).status == 404


@aio
async def test_who_registers_later_is_told_everything_and_pulls_what_it_missed() -> None:
    world = await (World()).open()

    await furnish(world)
    await bookable(world)
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    await world.settle()
    assert (await world.as_els("GET", f"{AT}/SE/ELS/booking_locations/BL1")).status == 200
    booking = await book(world)
    world.net.down.add("ret.example")
    await world.els.settle()
    world.net.down.clear()
    assert (await world.as_els("GET", f"{AT}/SE/ELS/R-1")).status == 404
    peer = await world.els_at_ret()
    await world.ret.roaming.puller.pull(peer, "bookings")
    assert await copy_of(world) == booking


# --- hostile ------------------------------------------------------------------------------------------------


async def intruder(world: World) -> str:
    """Another eMSP that is registered with the CPO; the token it shows."""
    evil = Node(
        world.net,
        world.clock,
        "evil.example",
        world.els.spine.__class__(world.clock),
        Waits(),
        tuple(TABLES),
    )
    await evil.party(EVIL, Role.CPO, Role.EMSP)
    token_a = await world.els.roaming.registrar.invite(ELS, "evil")
    peer = await evil.roaming.registrar.register(EVIL, "els", world.els.versions_url, token_a)
    return known(await evil.roaming.peers.token_out(peer))


THEIRS = {"country_code": "SE", "party_id": "EVL"}


@aio
async def test_t18_another_emsp_can_neither_change_nor_see_nor_use_what_is_not_its_own() -> None:
    world = await world_of()
    booking = await book(world)
    evil = await intruder(world)

    async def post(**changes: Any) -> Any:
        return await call(world.els, evil, "POST", M, asked(**changes))

    for_ret = await post(canceled=CANCEL)
    assert (for_ret.status, for_ret.code) == (200, 2001)
    with_theirs = await post(**THEIRS)
    assert (with_theirs.code, "tokens of your own" in with_theirs.envelope["status_message"]) == (2001, True)
    own = [BOOKING_REQUEST["tokens"][0] | THEIRS]
    cancels = await post(**THEIRS, tokens=own, canceled=CANCEL)
    assert (cancels.code, "no booking to cancel" in cancels.envelope["status_message"]) == (2001, True)
    other = await post(**THEIRS, tokens=own, period=asked("x", "16:00", "17:00")["period"])
    assert other.data["reservation_status"] == "RESERVED", "the same request_id of another eMSP is another"
    assert other.data["id"] != booking["id"]
    assert (await world.as_ret("GET", M)).data == [booking]
    assert [one["id"] for one in (await call(world.els, evil, "GET", M)).data] == [other.data["id"]]


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"location_id": "L9"}, 2003, "no such location"),
        ({"booking_location_id": "BL9"}, 2001, "nothing of that id can be booked"),
        ({"party_id": "ELS"}, 2001, "only bookings of your own"),
        ({"request_id": ""}, 2001, "1 to 36 characters"),
        ({"request_id": "x" * 37}, 2001, "1 to 36 characters"),
        ({"authorization_reference": "x" * 37}, 2001, "1 to 36 characters"),
        ({"canceled": CANCEL}, 2001, "no booking to cancel"),
        ({"period": {"start_date_time": "2026-02-03T14:00:00Z"}}, 2001, "end_date_time"),
        (
            {"tokens": [BOOKING_REQUEST["tokens"][0] | {"contract_id": "SERETX"}]},
            2001,
            "another contract_id",
        ),
    ],
)
@aio
async def test_r20_a_request_that_means_nothing_is_refused_and_nothing_is_kept(
    changes: dict[str, Any], code: int, says: str
) -> None:
    world = await world_of()
    answer = await world.as_ret("POST", M, asked() | changes)
    assert (answer.status, answer.code) == (200, code), answer.envelope
    assert says in answer.envelope["status_message"]
    assert await world.els.spine.find(t.booking) == []


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [("11:00", "11:30", "in the past"), ("13:07", "14:00", "whole increments"), ("15:00", "14:00", None)],
)
@aio
async def test_a_past_or_impossible_period_is_not_booked(start: str, end: str, says: str | None) -> None:
    world = await world_of()
    answer = await world.as_ret("POST", M, asked("R-1", start, end))
    if says is None:
        assert answer.code == 2001
    else:
        assert answer.data["reservation_status"] == "REJECTED"
        assert says in answer.envelope["status_message"]


@aio
async def test_an_unpublished_location_is_nowhere_to_be_booked() -> None:
    world = await world_of()
    hidden: Location = location(publish=False)
    await world.els.put(Put(t.location, location_row(ELS, hidden, "own")))
    assert (await world.as_ret("POST", M, asked())).code == 2003
    assert (await world.as_ret("GET", f"{M}/booking_locations")).data == []
    assert (await world.as_ret("GET", f"{M}/booking_locations/BL1")).status == 404


@aio
async def test_many_who_want_the_same_at_once_do_not_get_it_twice() -> None:
    world = await world_of()
    answers = await asyncio.gather(*(world.as_ret("POST", M, asked(f"R-{n}")) for n in range(8)))
    states = sorted(answer.data["reservation_status"] for answer in answers if answer.status == 200)
    assert states.count("RESERVED") == 1
    assert set(states) == {"RESERVED", "REJECTED"}


@aio
async def test_the_same_request_at_once_is_one_booking() -> None:
    world = await world_of()
    answers = await asyncio.gather(*(world.as_ret("POST", M, asked()) for _ in range(5)))
    assert len({answer.data["id"] for answer in answers}) == 1
    assert len(await world.els.spine.find(t.booking)) == 1


@aio
async def test_a_store_that_fails_on_the_way_leaves_nothing_and_the_same_request_is_booked_later() -> None:
    world = await world_of()
    spine, commit = world.els.spine, world.els.spine.commit

    def broken(work: Work) -> Any:
        if any(append.stream.startswith("bookings/") for append in work.appends):
            raise SpineDown("power cut")
        return commit(work)

    spine.commit = broken  # type: ignore[method-assign]
    assert (await world.as_ret("POST", M, asked())).status == 503
    spine.commit = commit  # type: ignore[method-assign]
    assert await spine.find(t.booking) == await spine.find(t.booking_paper) == []
    assert (await book(world))["reservation_status"] == "RESERVED"


# --- received -----------------------------------------------------------------------------------------------


@aio
async def test_r32_the_emsp_keeps_what_the_cpo_tells_of_its_own_and_nothing_else() -> None:
    world = await world_of()
    own = BOOKING | {"id": "B9"}
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/B9", own)).status == 201
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/R-9", own)).status == 200, "one table says request_id"
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/B8", own)).code == 2001
    assert (await world.as_els("PUT", f"{AT}/SE/EVL/B9", own | THEIRS)).status == 404
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/B9", own | THEIRS)).code == 2001
    others = msgspec.json.decode(msgspec.json.encode(own))
    others["booking_requests"][0]["booking_request"]["party_id"] = "EVL"
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/B9", others)).code == 2001
    assert (await world.as_els("GET", f"{AT}/SE/ELS/B9")).data == own


@aio
async def test_r33_r34_a_booking_is_patched_by_what_is_newer() -> None:
    world = await world_of()
    await world.as_els("PUT", f"{AT}/SE/ELS/B9", BOOKING)

    async def patch(**fields: Any) -> tuple[int, int]:
        answer = await world.as_els("PATCH", f"{AT}/SE/ELS/B9", fields)
        return answer.status, answer.code

    assert await patch(reservation_status="CANCELED") == (200, 2001), "it lacks its date"
    later, earlier = "2026-02-03T13:00:00Z", "2026-02-03T11:00:00Z"
    assert await patch(reservation_status="CANCELED", last_updated=earlier) == (200, 1000)
    assert (await copy_of(world, "B9"))["reservation_status"] == "RESERVED"
    assert await patch(reservation_status="NO_SHOW", last_updated=later) == (200, 1000)
    assert (await copy_of(world, "B9"))["reservation_status"] == "NO_SHOW"
    assert await patch(id="B8", last_updated=later) == (200, 2001)
    assert await patch(reservation_status="MAYBE", last_updated=later) == (200, 2001)
    assert await patch(evse_uid="E7", last_updated=later) == (200, 1000), "as the sample of 1.0 has it"
    assert (await copy_of(world, "B9"))["booking_option"]["evse_uid"] == "E7"
    missing = await world.as_els(
        "PATCH", f"{AT}/SE/ELS/B7", {"reservation_status": "NO_SHOW", "last_updated": later}
    )
    assert missing.status == 404


@pytest.mark.parametrize(
    "where", ["SE/ELS/booking_locations/BL9", "bookinglocations/SE/ELS/BL9"], ids=["text", "samples"]
)
@aio
async def test_booking_locations_are_taken_at_either_address(where: str) -> None:
    """Source: ocpi #577."""
    world = await world_of()
    assert (await world.as_els("PUT", f"{AT}/{where}", BOOKING_LOCATION)).status == 201
    assert (await world.as_els("GET", f"{AT}/{where}")).data == BOOKING_LOCATION
    later = {"timeslot_increment": 30, "last_updated": "2026-02-03T13:00:00Z"}
    assert (await world.as_els("PATCH", f"{AT}/{where}/C1", later)).status == 200
    assert (await world.as_els("GET", f"{AT}/{where}/C1")).data == CALENDAR | later
    whole = (await world.as_els("GET", f"{AT}/{where}")).data
    assert whole["last_updated"] == later["last_updated"], "as the text demands of a PATCH of a calendar"
    other = CALENDAR | {"id": "C2", "last_updated": "2026-02-03T14:00:00Z"}
    assert (await world.as_els("PUT", f"{AT}/{where}/C2", other)).status == 201
    assert len((await world.as_els("GET", f"{AT}/{where}")).data["calendars"]) == 2
    stale = BOOKING_LOCATION | {"location_id": "L7"}
    assert (await world.as_els("PUT", f"{AT}/{where}", stale)).status == 200
    assert (await world.as_els("GET", f"{AT}/{where}")).data["location_id"] == "L9", "older news"
    policy = {"policy": {"reservation_required": True}, "last_updated": "2026-02-03T15:00:00Z"}
    assert (await world.as_els("PATCH", f"{AT}/{where}", policy)).status == 200
    assert (await world.as_els("GET", f"{AT}/{where}")).data["policy"] == {"reservation_required": True}
    assert (await world.as_els("PATCH", f"{AT}/{where}/C7", later)).status == 404
    assert (await world.as_els("PUT", f"{AT}/{where}", BOOKING_LOCATION | {"id": "X"})).code == 2001


@pytest.mark.roaming_rule(34)
@aio
async def test_what_was_dated_in_the_future_can_be_changed_all_the_same() -> None:
    world = await world_of()
    future, now = {"last_updated": "2099-01-01T00:00:00Z"}, {"last_updated": "2026-02-03T12:00:00Z"}
    await world.as_els("PUT", f"{AT}/SE/ELS/B9", BOOKING | future)
    left = {"reservation_status": "NO_SHOW"} | now
    assert (await world.as_els("PATCH", f"{AT}/SE/ELS/B9", left)).status == 200
    assert (await copy_of(world, "B9"))["reservation_status"] == "NO_SHOW"
    await world.as_els("PUT", f"{AT}/SE/ELS/B9", BOOKING | future)
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/B9", BOOKING | now)).status == 200
    assert (await world.as_els("GET", f"{AT}/SE/ELS/B9")).data == BOOKING | now

    place = f"{AT}/SE/ELS/booking_locations/BL9"
    ahead = BOOKING_LOCATION | {"calendars": [CALENDAR | future]} | future
    assert (await world.as_els("PUT", place, ahead)).status == 201
    calendar = {"timeslot_increment": 30} | now
    assert (await world.as_els("PATCH", f"{place}/C1", calendar)).status == 200
    assert (await world.as_els("GET", f"{place}/C1")).data == CALENDAR | calendar
    assert (await world.as_els("GET", place)).data["last_updated"] == now["last_updated"]
    await world.as_els("PUT", place, ahead)
    policy = {"policy": {"reservation_required": True}} | now
    assert (await world.as_els("PATCH", place, policy)).status == 200
    assert (await world.as_els("GET", place)).data["policy"] == {"reservation_required": True}
    await world.as_els("PUT", place, ahead)
    assert (await world.as_els("PUT", place, BOOKING_LOCATION | now)).status == 200
    assert (await world.as_els("GET", place)).data == BOOKING_LOCATION | now


@aio
async def test_a_partner_of_an_older_version_has_no_bookings_at_all() -> None:
    world = await furnished(World(versions=("2.2.1",)))
    await bookable(world)
    await world.settle()
    assert (await world.as_ret("POST", "2.2.1/cpo/bookings", asked())).status == 404
    assert await world.ret.spine.find(t.booking_location) == []
    assert ("booking_location", "BL1") not in await world.els.marks()


# --- at the station -----------------------------------------------------------------------------------------


def reservation(world: World, station: StationDouble, number: int = 7) -> Reservation:
    """What the station's decider would make of the last RESERVE."""
    command = next(ask for ask in reversed(station.asked) if ask.name is CommandName.RESERVE)
    assert command.token is not None
    assert command.reservation is not None
    return Reservation(
        id=number,
        evse_id=command.evse_id or 0,
        token_ref=command.token.ref,
        token_party=RET,
        made_for=command.asked_by,
        authorization_reference=command.authorization_reference,
        command_id=command.command_id,
        session_id="S-of-7",
        reserved_at=world.clock.now(),
        expires_at=command.reservation.expires_at,
        booking_id=command.reservation.booking_id,
    )


class Keeping(StationDouble):
    """A station that keeps what it is asked to, as its gateway would write it down."""

    def __init__(self, world: World, result: CommandResult | None) -> None:
        super().__init__(world, result)
        self.world, self.kept = world, dict[int, Reservation]()

    async def decide(self, ask: Any) -> Any:
        done = await super().decide(ask)
        if done.result is not CommandResult.ACCEPTED:
            return done
        if ask.name is CommandName.RESERVE:
            one = reservation(self.world, self, 7 + len(self.kept))
            self.kept[one.id] = one
            await changed(self.world, one, ReservationState.HELD)
        else:
            await changed(self.world, self.kept[ask.reservation_id], ReservationState.CANCELED, by=ELS)
        return done


async def changed(world: World, one: Reservation, state: ReservationState, **more: Any) -> None:
    await at_station(world, f.ReservationChanged(one, state, world.clock.now(), **more))


async def due(world: World) -> None:
    await world.els.roaming.keeper.settle()
    await world.settle()


def names(station: StationDouble) -> list[CommandName]:
    return [ask.name for ask in station.asked]


@aio
async def test_the_station_keeps_the_evse_from_when_the_period_begins_until_nobody_came() -> None:
    world = await world_of()
    station = await Keeping.connected(world)
    booking = await book(world)
    await due(world)
    assert station.asked == []
    world.clock.pass_by(hours=2)
    await due(world)
    await due(world)
    [command] = station.asked
    assert (command.name, command.evse_id, command.asked_by) == (CommandName.RESERVE, 1, RET)
    assert command.authorization_reference == "ref-b1"
    assert command.token is not None
    assert command.token.uid == token().uid
    assert command.reservation is not None
    assert command.reservation.expires_at == world.clock.now() + timedelta(minutes=20)
    assert command.reservation.booking_id == booking["id"]
    world.clock.pass_by(minutes=20)
    await due(world)
    assert (await copy_of(world))["reservation_status"] == "NO_SHOW"
    assert names(station) == [CommandName.RESERVE], "it ends by itself"


@aio
async def test_the_start_of_its_driver_fulfils_the_booking_and_the_cdr_names_it() -> None:
    world = await world_of()
    await Keeping.connected(world)
    booking = await book(world)
    world.clock.pass_by(hours=2, minutes=5)
    await due(world)
    at = world.clock.now()
    await at_station(world, started(world, at=at, authorization_reference="ref-b1"))
    await due(world)
    assert (await copy_of(world))["reservation_status"] == "FULFILLED"
    [row] = await world.els.spine.find(t.booking)
    assert (row["state"], row["session_id"]) == ("FULFILLED", "S1")
    ref = world.els.means.keys.token_ref(token().uid)
    found = await booking_of_session(world.els.spine, ELS, "S1", ("L1", "E1"), ref, at)
    assert known(found).id == booking["id"]
    world.clock.pass_by(hours=3)
    await due(world)
    assert (await copy_of(world))["reservation_status"] == "FULFILLED", "for ever"


@aio
async def test_a_session_fulfils_one_booking_and_none_that_was_made_later() -> None:
    world = await world_of(early_start_allowed=True, early_start_time=Decimal(60))
    await Keeping.connected(world)
    await book(world, "R-1", "14:00", "15:00")
    await book(world, "R-2", "15:00", "16:00")
    world.clock.pass_by(hours=2, minutes=5)
    await at_station(world, started(world, at=world.clock.now()))
    await due(world)
    await due(world)
    states = [(await copy_of(world, f"R-{n}"))["reservation_status"] for n in (1, 2)]
    assert states == ["FULFILLED", "RESERVED"]
    world.clock.pass_by(minutes=5)
    later = await book(world, "R-3", "14:15", "14:45")
    await due(world)
    assert (await copy_of(world, "R-3"))["reservation_status"] == later["reservation_status"] == "RESERVED"


@aio
async def test_a_session_of_somebody_else_fulfils_nothing() -> None:
    world = await world_of()
    await Keeping.connected(world)
    await book(world)
    world.clock.pass_by(hours=2, minutes=5)
    await at_station(world, started(world, at=world.clock.now(), token_ref="another"))
    await due(world)
    assert (await copy_of(world))["reservation_status"] == "RESERVED"


@aio
async def test_what_is_cancelled_or_moved_while_it_is_kept_is_released() -> None:
    world = await world_of()
    station = await Keeping.connected(world)
    await book(world, "R-1", "12:00", "13:00")
    await due(world)
    assert names(station) == [CommandName.RESERVE]
    moved = await book(world, "R-1", "14:00", "15:00")
    assert moved["period"]["start_date_time"] == "2026-02-03T14:00:00Z"
    world.clock.pass_by(seconds=1)
    await due(world)
    assert names(station) == [CommandName.RESERVE, CommandName.CANCEL_RESERVATION]
    world.clock.pass_by(hours=2)
    await due(world)
    assert names(station)[2:] == [CommandName.RESERVE], "in its new period"
    await book(world, "R-1", "14:00", "15:00", canceled=CANCEL)
    assert (await copy_of(world))["reservation_status"] == "RESERVED", "too late by the terms"


@aio
async def test_a_station_that_is_away_or_busy_is_asked_again_and_it_is_a_finding() -> None:
    world = await world_of()
    await book(world, "R-1", "12:00", "13:00")
    await due(world)
    source = f"station:{ELS}/{STATION}"
    assert (source, "booking-not-kept") in await world.els.found()
    station = await Keeping.connected(world, CommandResult.OCCUPIED)
    await due(world)
    assert station.asked == [], "not before a minute has passed"
    world.clock.pass_by(minutes=1)
    await due(world)
    station.result = CommandResult.ACCEPTED
    world.clock.pass_by(minutes=1)
    await due(world)
    await due(world)
    assert names(station) == [CommandName.RESERVE] * 2
    assert (await world.els.found())[source, "booking-not-kept"] == 2


@aio
async def test_a_station_that_cannot_reserve_is_asked_once_and_the_booking_stands() -> None:
    world = await world_of()
    station = await Keeping.connected(world, CommandResult.NOT_SUPPORTED)
    await book(world, "R-1", "12:00", "13:00")
    for _ in range(3):
        await due(world)
        world.clock.pass_by(minutes=2)
    assert names(station) == [CommandName.RESERVE]
    await at_station(world, started(world, at=world.clock.now()))
    await due(world)
    assert (await copy_of(world))["reservation_status"] == "FULFILLED"


@aio
async def test_after_a_crash_it_is_seen_from_the_log_that_the_station_keeps_it() -> None:
    world = await world_of()
    station = await Keeping.connected(world)
    await book(world, "R-1", "12:00", "13:00")
    spine, commit = world.els.spine, world.els.spine.commit

    def broken(work: Work) -> Any:
        held = [write for write in work.writes if isinstance(write, Put) and write.row.get("hold") == "HELD"]
        if held:
            raise SpineDown("power cut")
        return commit(work)

    spine.commit = broken  # type: ignore[method-assign]
    with pytest.raises(SpineDown):
        await world.els.roaming.keeper.settle()
    spine.commit = commit  # type: ignore[method-assign]
    for _ in range(4):
        await due(world)
        world.clock.pass_by(minutes=1)
    assert names(station) == [CommandName.RESERVE], "asked once"
    [paper] = await spine.find(t.booking_paper)
    assert (paper["hold"], paper["number"]) == ("HELD", 7)


@aio
async def test_what_waits_for_the_operator_is_pending_and_over_when_it_would_begin() -> None:
    plan = BookingPlan(evse_uids=("E1",), time_zone="Europe/Stockholm", confirm=True)
    world = await world_of(plan)
    assert (await book(world))["reservation_status"] == "PENDING"
    world.clock.pass_by(hours=2)
    await due(world)
    told = await copy_of(world)
    assert told["reservation_status"] == "REJECTED"
    assert told["booking_requests"][0]["request_status"] == "DECLINED"


@aio
async def test_a_new_day_is_told_to_who_keeps_calendars() -> None:
    world = await world_of(BookingPlan(evse_uids=("E1",), time_zone="Europe/Stockholm", days_ahead=1))
    await due(world)
    before = (await world.as_els("GET", f"{AT}/SE/ELS/booking_locations/BL1")).data
    world.clock.pass_by(days=1)
    await due(world)
    after = (await world.as_els("GET", f"{AT}/SE/ELS/booking_locations/BL1")).data
    assert before["calendars"][0]["end_before"] == "2026-02-03T23:00:00Z"
    assert after["calendars"][0]["end_before"] == "2026-02-04T23:00:00Z"


@aio
async def test_t28_no_fact_holds_a_token_or_a_plate_and_papers_go_in_time() -> None:
    world = await world_of(supported_access_methods=("LICENSE_PLATE",))
    plate = [{"method": "LICENSE_PLATE", "value": "ABC123"}]
    assert (await book(world, access_information=plate))["access_information"] == plate
    for recorded in await world.els.spine.read(0, limit=10_000):
        told = json_text(recorded.fact)
        assert token().uid not in told
        assert "ABC123" not in told
    world.clock.pass_by(days=200)
    await due(world)
    world.clock.pass_by(days=91)
    await due(world)
    assert await world.els.spine.find(t.booking_paper) == []
    [row] = await world.els.spine.find(t.booking)
    assert row["state"] == BookingState.NO_SHOW.value
    answer = await world.as_ret("POST", M, asked())
    assert (answer.code, "over for long" in answer.envelope["status_message"]) == (2001, True)
