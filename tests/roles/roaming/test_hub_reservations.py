"""A reservation through a hub: made, and taken back by the CPO, of which its eMSP hears all the same (R-54, R-58)."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from hub_world import ELS, HUB, NOR, RET, HubWorld, envelope
from roaming_world import Node, StationDouble, aio, at_station, furnish, known, location, token

from elstrada.model import facts as f
from elstrada.model.device import CommandResult
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.reservation import Reservation, ReservationState
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.partner_reservations import ReserveAtPartner, reserve
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put

C = "cpo"
URL = "https://ret.example/ocpi/2.2.1/emsp/commands/RESERVE_NOW/77"


async def _connected(version: str) -> HubWorld:
    """All have told each other what there is, and partners may reserve at the CPO's EVSE."""
    world = await HubWorld(version).open()
    await furnish(world)  # type: ignore[arg-type]
    evse = msgspec.structs.replace(location().evses[0], capabilities=("RESERVABLE",))
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
    await world.hub.roaming.watch.settle()
    await world.settle()
    for party in (ELS, RET):
        node = world.at[party]
        await node.roaming.roamer.resync(known(await node.roaming.peers.get(party, "hub")))
    await world.settle()
    await world.settle()
    return world


def _desk(node: Node) -> Desk:
    return Desk(
        spine=node.spine,
        keys=node.means.keys,
        clock=node.means.clock,
        chance=node.means.chance,
        post=node.post,
        commander=node.roaming.commander,
    )


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_r58_our_emsp_reserves_through_a_hub_and_learns_that_the_cpo_took_it_back(version: str):
    @aio
    async def check() -> None:
        world = await _connected(version)
        station = await StationDouble.connected(world)  # type: ignore[arg-type]
        wanted = ReserveAtPartner(
            partner="hub", cpo=str(ELS), location="L1", evse="E1", token=token().uid, minutes=30
        )
        made = await asyncio.wait_for(reserve(_desk(world.ret), wanted), 10)
        assert (made.state, made.party) == ("ACCEPTED", str(ELS))
        (command,) = station.asked
        assert command.token is not None
        assert command.reservation is not None
        kept = Reservation(
            id=7,
            evse_id=1,
            token_ref=command.token.ref,
            token_party=RET,
            made_for=RET,
            partner_ref=command.reservation.partner_ref,
            authorization_reference=command.authorization_reference,
            command_id=command.command_id,
            session_id="S-of-7",
            reserved_at=world.clock.now(),
            expires_at=command.reservation.expires_at,
        )
        await at_station(
            world,  # type: ignore[arg-type]
            f.CommandRequested(command.command_id, command.name, RET),
            f.CommandAnswered(command.command_id, CommandResult.ACCEPTED),
            f.ReservationChanged(kept, ReservationState.HELD, world.clock.now()),
        )
        await world.els.roaming.callbacks.settle()
        await at_station(world, f.ReservationChanged(kept, ReservationState.LOST, world.clock.now()))  # type: ignore[arg-type]
        await world.els.roaming.callbacks.settle()
        (row,) = await world.ret.spine.find(t.roamed_reservation)
        assert row["state"] == "CANCELED_RESERVATION"

    check()


async def _asked(world: HubWorld, **changes: str) -> str:
    """The eMSP has asked the hub for a reservation by hand; where the CPO tells how it ended."""

    async def answers(request: HttpRequest) -> HttpResponse | None:
        told = {"result": "ACCEPTED", "timeout": 30} if "RESERVE_NOW" in request.path else None
        return HttpResponse(200, {}, envelope(told))

    world.answers(ELS, answers)
    world.answers(RET, answers)
    wish = {"response_url": URL, "reservation_id": "R1", "location_id": "L1"}
    body = wish | {"expiry_date": "2026-02-10T12:00:00Z", **changes}
    await world.ask(RET, "POST", f"{C}/commands/RESERVE_NOW", body, to=ELS)
    (sent,) = world.to_party(ELS, "POST")
    return json.loads(sent.body)["response_url"].removeprefix("https://hub.example/ocpi/2.2.1/")


async def _told(world: HubWorld, path: str, result: str) -> int:
    return (await world.ask(ELS, "POST", path, {"result": result}, to=RET)).status


@aio
async def test_r54_a_reservation_has_one_result_and_may_be_taken_back_once():
    world = await HubWorld().open()
    path = await _asked(world)
    assert await _told(world, path, "ACCEPTED") == 200
    assert [await _told(world, path, result) for result in ("ACCEPTED", "REJECTED")] == [404, 404]
    world.clock.pass_by(days=3)
    assert await _told(world, path, "CANCELED_RESERVATION") == 200
    assert await _told(world, path, "CANCELED_RESERVATION") == 404
    told = [json.loads(sent.body)["result"] for sent in world.to_party(RET, "POST")]
    assert told == ["ACCEPTED", "CANCELED_RESERVATION"]


@pytest.mark.parametrize(("result", "days"), [("REJECTED", 0), ("ACCEPTED", 30)], ids=["refused", "over"])
def test_nothing_is_taken_back_of_a_reservation_that_is_none(result: str, days: int):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        path = await _asked(world)
        assert await _told(world, path, result) == 200
        world.clock.pass_by(days=days)
        assert await _told(world, path, "CANCELED_RESERVATION") == 404

    check()


@pytest.mark.parametrize("until", ["", "never", "9999-12-31T23:59:59Z"])
def test_an_address_is_kept_a_month_at_most(until: str):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        path = await _asked(world, expiry_date=until)
        assert await _told(world, path, "ACCEPTED") == 200
        world.clock.pass_by(days=40)
        assert await _told(world, path, "CANCELED_RESERVATION") == 404

    check()


@pytest.mark.parametrize("role", ["CPO", "EMSP"])
def test_r09_a_party_behind_a_hub_has_the_role_that_the_hub_told_of_it(role: str):
    """A hub of 2.2.1 names itself alone: without its word an eMSP that reads locations is taken for anybody."""

    @aio
    async def check() -> None:
        world = await HubWorld().open()
        peers = world.els.roaming.peers
        hub = known(await peers.get(ELS, "hub"))
        party = NOR if role == "CPO" else RET
        assert await peers.told_roles(hub, party) == ()
        await world.hub.roaming.watch.settle()
        await world.settle()
        assert [one.value for one in await peers.told_roles(hub, party)] == [role]
        assert await peers.told_roles(hub, HUB) == ()

    check()
