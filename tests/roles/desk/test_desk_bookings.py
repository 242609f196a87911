"""Bookings by the desk's verbs, between two installations (OCPI 2.3.0 bookings 1.1)."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "roaming"))

from roaming_world import ELS, RET, START, Node, World, aio, furnished

from elstrada.roles.desk.face import Desk, Refusal
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.spine import tables as t


def desk_of(node: Node) -> Desk:
    return Desk(
        spine=node.spine,
        keys=node.means.keys,
        clock=node.clock,
        chance=node.means.chance,
        post=node.post,
        commander=node.roaming.commander,
    )


async def told(node: Node, name: str, **values: object) -> Any:
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values, strict=False)
    assert not isinstance(params, Refusal), params
    answer = await perform(desk_of(node), verb, params)
    assert not isinstance(answer, Refusal), answer
    return answer


async def refused(node: Node, name: str, **values: object) -> Refusal:
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values, strict=False)
    answer = params if isinstance(params, Refusal) else await perform(desk_of(node), verb, params)
    assert isinstance(answer, Refusal), answer
    return answer


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


TOKEN = "04A1B2C3D4E5F6"
PLACE = {"place": "BL1", "location": "L1", "evse": ["E1"], "no_show": 20, "cancel_until": 30}


async def opened(**more: object) -> World:
    world = await furnished()
    await told(world.els, "booking open", **PLACE, **more)
    await world.settle()
    return world


async def booked(world: World, since: float = 2, until: float = 3) -> Any:
    wanted = {"partner": "els", "place": "BL1", "token": TOKEN, "since": at(since), "until": at(until)}
    return await told(world.ret, "partner book", **wanted)


@aio
async def test_a_driver_is_booked_in_moved_and_cancelled() -> None:
    world = await opened(days=1)
    [free] = await told(world.ret, "partner slots", partner="els", since=at(0), until=at(24))
    assert (free.place, free.increment) == ("BL1", 15)
    assert free.slots == "2026-02-03T12:00Z/2026-02-03T23:00Z"
    line = await booked(world)
    assert (line.state, line.party) == ("RESERVED", str(ELS))
    [ours] = await told(world.els, "booking list")
    assert (ours.booking_id, ours.evse_uid, ours.made_for) == (line.booking_id, "E1", str(RET))
    moved = await told(world.ret, "partner rebook", request=line.request_id, since=at(4), until=at(5))
    assert (moved.starts_at, moved.state) == (START + timedelta(hours=4), "RESERVED")
    await world.settle()
    [free] = await told(world.ret, "partner slots", partner="els")
    assert free.slots == "2026-02-03T12:00Z/2026-02-03T16:00Z 2026-02-03T17:00Z/2026-02-03T23:00Z"
    over = await told(world.ret, "partner unbook", request=line.request_id, reason="TRAFFIC")
    assert over.state == "CANCELED"
    assert await told(world.ret, "partner bookings") == ()
    assert [one.state for one in await told(world.ret, "partner bookings", ended=True)] == ["CANCELED"]
    assert await told(world.els, "booking list") == ()
    again = await refused(world.ret, "partner rebook", request=line.request_id)
    assert "is over: CANCELED" in again.says


@aio
async def test_what_the_partner_rejects_is_an_answer_with_its_reason() -> None:
    world = await opened()
    await booked(world)
    line = await booked(world)
    assert line.state == "REJECTED"
    assert "nothing that suits is free" in line.detail


@aio
async def test_an_answer_that_is_lost_is_asked_for_again_and_there_is_one_booking() -> None:
    world = await opened()
    world.net.down.add("els.example")
    wanted = {"partner": "els", "place": "BL1", "token": TOKEN, "since": at(2), "until": at(3)}
    lost = await refused(world.ret, "partner book", **wanted)
    assert lost.kind == "unreachable"
    [line] = await told(world.ret, "partner bookings")
    assert line.state == "ASKED"
    assert line.request_id in lost.hint
    world.net.down.clear()
    assert (await told(world.ret, "partner rebook", request=line.request_id)).state == "RESERVED"
    assert (await told(world.ret, "partner rebook", request=line.request_id)).state == "RESERVED"
    assert len(await world.els.spine.find(t.booking)) == 1


@pytest.mark.parametrize(("verb", "state"), [("booking accept", "RESERVED"), ("booking decline", "REJECTED")])
@aio
async def test_the_operator_says_yes_or_no_to_what_waits_for_it(verb: str, state: str) -> None:
    world = await opened(confirm=True)
    line = await booked(world)
    assert line.state == "PENDING"
    assert (await told(world.els, verb, booking=line.booking_id)).state == state
    await world.settle()
    [theirs] = await told(world.ret, "partner bookings", ended=True)
    assert theirs.state == state
    again = await refused(world.els, verb, booking=line.booking_id)
    assert again.kind == "conflict"


@aio
async def test_the_operator_cancels_and_the_partner_is_told_why() -> None:
    world = await opened()
    line = await booked(world)
    await told(world.els, "booking cancel", booking=line.booking_id, reason="POWER_OUTAGE")
    await world.settle()
    [theirs] = await told(world.ret, "partner bookings", ended=True)
    assert theirs.state == "CANCELED"
    answer = await world.as_els("GET", f"2.3.0/emsp/bookings/SE/ELS/{line.booking_id}")
    assert answer.data["canceled"] == {"cancellation_reason": "POWER_OUTAGE", "who_canceled": "CPO"}
    again = await refused(world.els, "booking cancel", booking=line.booking_id)
    assert "is CANCELED: it is over" in again.says


@aio
async def test_what_is_closed_is_booked_by_nobody_and_what_was_booked_stays() -> None:
    world = await opened()
    await booked(world)
    assert not (await told(world.els, "booking close", place="BL1")).open
    await world.settle()
    assert (await booked(world, 5, 6)).state == "REJECTED"
    [free] = await told(world.ret, "partner slots", partner="els")
    assert free.slots == ""
    [ours] = await told(world.els, "booking list")
    assert ours.state == "RESERVED"
    [place] = await told(world.els, "booking places", location="L1")
    assert (place.place, place.open) == ("BL1", False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"evse": ["E9"]}, "no EVSE with the uid 'E9'"),
        ({"evse": []}, "Expected `array` of length >= 1"),
        ({"hours": ["8-9"]}, "not bookable hours"),
        ({"hours": ["1-5 08:00-25:00"]}, "not bookable hours"),
        ({"location": "L9"}, "there is no location"),
        ({"place": "a b"}, "not a name for what can be booked"),
    ],
)
@aio
async def test_what_cannot_be_opened_is_refused_with_the_reason(change: dict[str, Any], says: str) -> None:
    world = await furnished()
    answer = await refused(world.els, "booking open", **(PLACE | change))
    assert says.lower() in answer.says.lower()
    assert await world.els.spine.find(t.booking_location) == []


@aio
async def test_bookable_hours_are_the_places_own() -> None:
    world = await opened(hours=["1-5 08:00-20:00"], days=1)
    [free] = await told(world.ret, "partner slots", partner="els")
    assert free.slots == "2026-02-03T12:00Z/2026-02-03T19:00Z"
