"""Reservations between a CPO and an eMSP (R-50, R-51, R-57, R-58; OCPI mod_commands, mod_sessions)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from roaming_world import (
    ELS,
    EVIL,
    RET,
    START,
    Node,
    StationDouble,
    World,
    aio,
    at_station,
    call,
    furnished,
    json_text,
    known,
    location,
    started,
    status,
    token,
)
from wire_documents import TOKEN

from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus, EvsePlace, Station
from elstrada.model.ids import PartyId, station_address, station_stream
from elstrada.model.party import Role
from elstrada.model.reservation import Reservation, ReservationState
from elstrada.model.waits import Waits
from elstrada.ocpi.paging import next_link
from elstrada.ocpi.v221.commands import ResponseType, ResultType
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.commander import Wish
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put
from elstrada.spine.memory import MemorySpine

RESERVE, CANCEL = "2.2.1/cpo/commands/RESERVE_NOW", "2.2.1/cpo/commands/CANCEL_RESERVATION"
URL = "https://ret.example/ocpi/2.2.1/emsp/commands/RESERVE_NOW/x"


def body(**changes: object) -> dict[str, object]:
    given: dict[str, object] = {
        "response_url": URL,
        "token": TOKEN,
        "expiry_date": "2026-02-03T13:00:00Z",
        "reservation_id": "r-1",
        "location_id": "L1",
        "evse_uid": "E1",
        "authorization_reference": "ref-9",
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


async def offering(*versions: str) -> World:
    """Registered; partners may reserve at the CPO's EVSE."""
    world = await furnished(World(versions=versions) if versions else None)
    evse = msgspec.structs.replace(location().evses[0], capabilities=("RESERVABLE",))
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
    return world


def kept(world: World, command: Command, number: int = 7) -> Reservation:
    """What the station's decider would make of a RESERVE."""
    assert command.token is not None
    assert command.reservation is not None
    return Reservation(
        id=number,
        evse_id=command.evse_id or 0,
        token_ref=command.token.ref,
        token_party=RET,
        made_for=command.asked_by,
        partner_ref=command.reservation.partner_ref,
        authorization_reference=command.authorization_reference,
        command_id=command.command_id,
        session_id="S-of-7",
        reserved_at=world.clock.now(),
        expires_at=command.reservation.expires_at,
    )


async def changed(world: World, one: Reservation, state: ReservationState, **more: Any) -> None:
    await at_station(world, f.ReservationChanged(one, state, world.clock.now(), **more))


async def reserved(world: World, station: StationDouble, **changes: object) -> Reservation:
    """A partner has reserved, by hand; the station keeps it."""
    before = len(station.asked)
    answer = await world.as_ret("POST", RESERVE, body(**changes))
    assert answer.data["result"] == "ACCEPTED", answer.envelope
    await asyncio.sleep(0.01)
    command = station.asked[before]
    await at_station(
        world,
        f.CommandRequested(command.command_id, command.name, command.asked_by),
        f.CommandAnswered(command.command_id, CommandResult.ACCEPTED),
    )
    one = kept(world, command)
    await changed(world, one, ReservationState.HELD)
    return one


def told(world: World, part: str = "emsp/commands/RESERVE_NOW/x") -> list[str]:
    return [json.loads(sent.body)["result"] for sent in world.net.requests("POST", part)]


# --- received ---------------------------------------------------------------------------------------------


@aio
async def test_a_reservation_is_asked_of_the_station_with_the_token_and_its_reference():
    world = await offering()
    station = await StationDouble.connected(world)
    answer = await world.as_ret("POST", RESERVE, body())
    assert answer.data == {"result": "ACCEPTED", "timeout": 35}
    await station.heard.wait()
    [command] = station.asked
    assert (command.name, command.evse_id, command.asked_by) == (CommandName.RESERVE, 1, RET)
    assert command.authorization_reference == "ref-9"
    wish = known(command.reservation)
    assert (wish.partner_ref, wish.expires_at) == ("R-1", START + timedelta(hours=1))
    whose = {"owner": str(ELS), "ref": known(command.token).ref}
    assert len(await world.els.spine.find(t.identity, whose)) == 1
    await asyncio.sleep(0.01)
    assert told(world) == ["ACCEPTED"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (CommandResult.OCCUPIED, "EVSE_OCCUPIED"),
        (CommandResult.INOPERATIVE, "EVSE_INOPERATIVE"),
        (CommandResult.REJECTED, "REJECTED"),
        (CommandResult.NOT_SUPPORTED, "NOT_SUPPORTED"),
        (CommandResult.TIMEOUT, "TIMEOUT"),
    ],
)
def test_p5_each_answer_of_the_station_is_told_once_in_ocpis_words(result: CommandResult, expected: str):
    @aio
    async def check() -> None:
        world = await offering()
        station = await StationDouble.connected(world, result)
        await world.as_ret("POST", RESERVE, body())
        await station.heard.wait()
        await asyncio.sleep(0.01)
        await world.els.roaming.callbacks.settle()
        assert told(world) == [expected]

    check()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"location_id": "NONE"}, 2003),
        ({"evse_uid": "NONE"}, 2001),
        ({"token": {**TOKEN, "party_id": "EVL"}}, 2001),
        ({"response_url": "https://evil.example/x"}, 2001),
        ({"expiry_date": "2026-02-03T11:59:59Z"}, 2001),
        ({"expiry_date": "2027-02-03T12:00:00Z"}, 2001),
        ({"reservation_id": ""}, 2001),
        ({"reservation_id": "x" * 37}, 2001),
        ({"expiry_date": "tomorrow"}, 2001),
        ({"reservation_id": None}, 2001),
    ],
)
def test_r13_t16_what_we_cannot_reserve_is_refused_and_no_station_asked(
    changes: dict[str, object], code: int
):
    @aio
    async def check() -> None:
        world = await offering()
        station = await StationDouble.connected(world)
        answer = await world.as_ret("POST", RESERVE, body(**changes))
        assert answer.code == code, answer.envelope
        await asyncio.sleep(0.01)
        assert station.asked == []
        assert await world.els.spine.find(t.callback) == []
        assert await world.els.spine.find(t.reserver) == []

    check()


@aio
async def test_where_no_reservations_are_offered_partners_make_none():
    world = await furnished()
    station = await StationDouble.connected(world)
    assert (await world.as_ret("POST", RESERVE, body())).data["result"] == "NOT_SUPPORTED"
    assert station.asked == []


@aio
async def test_any_evse_of_the_locations_one_station_can_be_reserved():
    world = await offering()
    station = await StationDouble.connected(world)
    assert (await world.as_ret("POST", RESERVE, body(evse_uid=None))).data["result"] == "ACCEPTED"
    await station.heard.wait()
    named = await world.as_ret("POST", RESERVE, body(evse_uid="e1", reservation_id="r-2"))
    assert named.data["result"] == "ACCEPTED", "ids are known in any case"
    await asyncio.sleep(0.01)
    assert [command.evse_id for command in station.asked] == [0, 1]


@aio
async def test_where_none_is_named_one_of_a_station_with_a_free_evse_is_reserved():
    """The second station is free, and stays it when the same reservation is asked for again in use (R-58)."""
    world = await offering()
    first = msgspec.structs.replace(location().evses[0], capabilities=("RESERVABLE",))
    second = msgspec.structs.replace(first, uid="E2", evse_id="SE*ELS*E00002*1")
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(first, second)), "own")))
    other = Station(owner=ELS, id="OTHER", places=(EvsePlace(1, "L1", "E2"),))
    row = {"owner": str(ELS), "station_id": "OTHER", "document": json_text(other), "changed_at": START}
    await world.els.put(Put(t.station, row))
    stream = station_stream(ELS, "OTHER")
    await world.els.happen(
        stream, f.StationConnected("ocpp1.6", "c1", "n1"), status(ConnectorStatus.OCCUPIED)
    )
    await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"), status(ConnectorStatus.OCCUPIED))
    asked: list[Command] = []

    async def decide(command: Command) -> CommandDone:
        asked.append(command)
        return CommandDone(CommandResult.ACCEPTED)

    world.els.post.serve(station_address("n1", ELS, "OTHER", "c1"), decide)  # type: ignore[arg-type]
    busy = await world.as_ret("POST", RESERVE, body(evse_uid=None))
    assert (busy.data["result"], busy.data["message"][0]["text"]) == (
        "REJECTED",
        "no EVSE of the location is free",
    )
    await world.els.happen(stream, status(ConnectorStatus.AVAILABLE))
    taken = await world.as_ret("POST", RESERVE, body(evse_uid=None))
    assert taken.data["result"] == "ACCEPTED", taken.envelope
    await asyncio.sleep(0.01)
    one = kept(world, asked[0])
    assert one.evse_id == 1
    await world.els.happen(stream, f.ReservationChanged(one, ReservationState.HELD, world.clock.now()))
    await at_station(world, status(ConnectorStatus.AVAILABLE))
    await world.els.happen(stream, status(ConnectorStatus.RESERVED))
    again = await world.as_ret("POST", RESERVE, body(evse_uid=None, expiry_date="2026-02-03T14:00:00Z"))
    assert again.data["result"] == "ACCEPTED", again.envelope
    await asyncio.sleep(0.01)
    assert len(asked) == 2


@aio
async def test_r57_only_who_reserved_can_cancel_and_ids_of_two_partners_do_not_clash():
    world = await offering()
    station = await StationDouble.connected(world)
    one = await reserved(world, station)
    # A second partner's reservation of the same id, at another number.
    await changed(
        world,
        msgspec.structs.replace(one, id=8, made_for=PartyId("SE", "XXX"), command_id="other"),
        ReservationState.HELD,
    )
    cancel = {"response_url": URL.replace("/x", "/y"), "reservation_id": "R-1"}
    stranger = await another_emsp(world)
    answer = await call(
        world.els, stranger, "POST", CANCEL, {**cancel, "response_url": "https://evl.example/y"}
    )
    assert answer.data["result"] == "REJECTED"
    assert len(station.asked) == 1
    assert (await world.as_ret("POST", CANCEL, cancel)).data["result"] == "ACCEPTED"
    await asyncio.sleep(0.01)
    command = station.asked[1]
    assert (command.name, command.reservation_id) == (CommandName.CANCEL_RESERVATION, one.id)
    assert command.asked_by == RET
    assert told(world, "emsp/commands/RESERVE_NOW/y") == ["ACCEPTED"]


async def another_emsp(world: World) -> str:
    """The token of an eMSP that has reserved nothing."""
    node = Node(world.net, world.clock, "evl.example", MemorySpine(world.clock), Waits(), tuple(TABLES))
    await node.party(EVIL, Role.EMSP)
    token_a = await node.roaming.registrar.invite(EVIL, "els")
    await world.els.roaming.registrar.register(ELS, "evl", node.versions_url, token_a)
    peer = known(await node.roaming.peers.get(EVIL, "els"))
    return known(await node.roaming.peers.token_out(peer))


@aio
async def test_a_reservation_that_the_station_does_not_know_is_unknown():
    world = await offering()
    station = await StationDouble.connected(world)
    await reserved(world, station)
    station.result = CommandResult.UNKNOWN
    cancel = {"response_url": URL.replace("/x", "/y"), "reservation_id": "r-1"}
    assert (await world.as_ret("POST", CANCEL, cancel)).data["result"] == "ACCEPTED"
    await asyncio.sleep(0.01)
    assert told(world, "emsp/commands/RESERVE_NOW/y") == ["UNKNOWN_RESERVATION"]


@aio
async def test_r58_the_same_id_at_another_station_is_not_taken_until_it_is_cancelled():
    world = await offering()
    station = await StationDouble.connected(world)
    one = await reserved(world, station)
    await world.els.happen(
        f"station/{ELS}/OTHER", f.ReservationChanged(one, ReservationState.HELD, world.clock.now())
    )
    answer = await world.as_ret("POST", RESERVE, body(reservation_id="R-1"))
    assert answer.data["result"] == "REJECTED"
    assert "another station" in answer.data["message"][0]["text"]


@pytest.mark.parametrize(
    ("state", "by", "expected"),
    [
        (ReservationState.CANCELED, ELS, ["ACCEPTED", "CANCELED_RESERVATION"]),
        (ReservationState.LOST, None, ["ACCEPTED", "CANCELED_RESERVATION"]),
        (ReservationState.REMOVED, None, ["ACCEPTED", "CANCELED_RESERVATION"]),
        (ReservationState.CANCELED, RET, ["ACCEPTED"]),
        (ReservationState.EXPIRED, None, ["ACCEPTED"]),
        (ReservationState.USED, None, ["ACCEPTED"]),
    ],
)
def test_a_partner_is_told_once_of_a_reservation_that_we_take_back(
    state: ReservationState, by: PartyId | None, expected: list[str]
):
    @aio
    async def check() -> None:
        world = await offering()
        station = await StationDouble.connected(world)
        one = await reserved(world, station)
        await world.els.roaming.callbacks.settle()
        assert told(world) == ["ACCEPTED"]
        assert len(await world.els.spine.find(t.reserver)) == 1
        await changed(world, one, state, by=by)
        for _ in range(2):
            await world.els.roaming.callbacks.settle()
        assert told(world) == expected
        assert await world.els.spine.find(t.reserver) == []

    check()


@aio
async def test_a_refused_reservation_leaves_nobody_to_be_told():
    world = await offering()
    station = await StationDouble.connected(world, CommandResult.REJECTED)
    await world.as_ret("POST", RESERVE, body())
    await station.heard.wait()
    await asyncio.sleep(0.01)
    await at_station(
        world,
        f.CommandRequested(station.asked[0].command_id, CommandName.RESERVE, RET),
        f.CommandAnswered(station.asked[0].command_id, CommandResult.REJECTED),
    )
    await world.els.roaming.callbacks.settle()
    assert await world.els.spine.find(t.reserver) == []


# --- as a session -----------------------------------------------------------------------------------------


async def sessions_at_ret(world: World) -> list[tuple[str, str]]:
    await world.settle()
    rows = await world.ret.spine.find(t.roamed_session)
    return [(str(row["session_id"]), str(row["status"])) for row in rows]


@aio
async def test_a_reservation_is_a_session_that_becomes_active_when_it_is_used():
    world = await offering()
    one = await reserved(world, await StationDouble.connected(world))
    assert await sessions_at_ret(world) == [("S-of-7", "RESERVATION")]
    row = (await world.ret.spine.find(t.roamed_session))[0]
    assert '"authorization_reference":"ref-9"' in str(row["document"])
    world.clock.pass_by(minutes=5)
    begun = started(world, "S-of-7", at=world.clock.now())
    await at_station(
        world, begun, f.ReservationChanged(one, ReservationState.USED, begun.at, session_id="S-of-7")
    )
    assert await sessions_at_ret(world) == [("S-of-7", "ACTIVE")]


@pytest.mark.parametrize(
    "state", [ReservationState.EXPIRED, ReservationState.CANCELED, ReservationState.LOST]
)
def test_one_that_nobody_uses_is_completed_with_nothing(state: ReservationState):
    @aio
    async def check() -> None:
        world = await offering()
        one = await reserved(world, await StationDouble.connected(world))
        await world.settle()
        world.clock.pass_by(minutes=5)
        await changed(world, one, state)
        assert await sessions_at_ret(world) == [("S-of-7", "COMPLETED")]
        row = (await world.ret.spine.find(t.roamed_session))[0]
        assert row["kwh"] == 0

    check()


@aio
async def test_one_of_any_evse_says_so_in_ocpis_words():
    world = await offering()
    await reserved(world, await StationDouble.connected(world), evse_uid=None)
    await world.settle()
    [sent] = world.net.requests("PUT", "emsp/sessions")
    assert json.loads(sent.body)["evse_uid"] == json.loads(sent.body)["connector_id"] == "#NA"


@aio
async def test_lists_of_sessions_have_reservations_behind_them_page_by_page():
    world = await offering()
    await at_station(world, started(world, "S1"), started(world, "S2", transaction_id="8"))
    await reserved(world, await StationDouble.connected(world))

    async def page(offset: int, limit: int = 2) -> list[tuple[str, str]]:
        query = {"date_from": "2026-01-01T00:00:00Z", "offset": str(offset), "limit": str(limit)}
        answer = await world.as_ret("GET", "2.2.1/cpo/sessions", query=query)
        assert answer.headers["x-total-count"] == "3"
        return [(one["id"], one["status"]) for one in answer.data]

    assert await page(0) == [("S1", "ACTIVE"), ("S2", "ACTIVE")]
    assert await page(1) == [("S2", "ACTIVE"), ("S-of-7", "RESERVATION")]
    assert await page(2) == [("S-of-7", "RESERVATION")]
    assert await page(3) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@aio
async def test_our_links_lead_from_the_sessions_to_the_reservations_behind_them(limit: int):
    world = await offering()
    await at_station(world, started(world, "S1"), started(world, "S2", transaction_id="8"))
    await reserved(world, await StationDouble.connected(world))
    seen, query = list[str](), {"date_from": "2026-01-01T00:00:00Z", "limit": str(limit)}
    for _ in range(4):
        answer = await world.as_ret("GET", "2.2.1/cpo/sessions", query=query)
        seen += [one["id"] for one in answer.data]
        link = next_link(answer.headers)
        if link is None:
            break
        query = dict(parse_qsl(urlsplit(link).query))
    assert seen == ["S1", "S2", "S-of-7"]


# --- given ------------------------------------------------------------------------------------------------


async def given(world: World, evse_uid: str | None = "E1") -> tuple[str, ResultType | ResponseType]:
    wish = Wish(
        cpo=ELS,
        token=token(),
        location_id="L1",
        evse_uid=evse_uid,
        expires_at=world.clock.now() + timedelta(minutes=30),
    )
    number, ended = await world.ret.roaming.commander.reserve(await world.els_at_ret(), wish)
    return number, ended.result


async def state_of(world: World, number: str) -> object:
    return known(await world.ret.spine.get(t.roamed_reservation, owner=str(RET), reservation_id=number))[
        "state"
    ]


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_our_emsp_reserves_and_cancels(version: str):
    @aio
    async def check() -> None:
        world = await offering(version)
        assert (await world.els_at_ret()).version == version
        station = await StationDouble.connected(world)
        number, result = await given(world)
        assert result is ResultType.ACCEPTED
        assert await state_of(world, number) == "ACCEPTED"
        [sent] = world.net.requests("POST", f"{version}/cpo/commands/RESERVE_NOW")
        asked = json.loads(sent.body)
        assert (asked["reservation_id"], asked["evse_uid"]) == (number, "E1")
        assert asked["token"]["uid"] == token().uid
        await changed(world, kept(world, station.asked[0]), ReservationState.HELD)
        row = known(await world.ret.spine.get(t.roamed_reservation, owner=str(RET), reservation_id=number))
        ended = await world.ret.roaming.commander.cancel(await world.els_at_ret(), row)
        assert ended.result is ResultType.ACCEPTED
        assert await state_of(world, number) == "CANCELED"

    check()


@aio
async def test_our_emsp_learns_that_the_cpo_has_cancelled_and_only_from_that_cpo():
    world = await offering()
    station = await StationDouble.connected(world)
    number, _ = await given(world)
    one = kept(world, station.asked[0])
    await changed(world, one, ReservationState.HELD)
    path = f"2.2.1/emsp/commands/RESERVE_NOW/{number}"
    assert (await world.as_els("POST", path, {"result": "ACCEPTED"})).status == 404, "it was told once"
    assert await state_of(world, number) == "ACCEPTED"
    stranger = await another_cpo(world)
    taken_back = {"result": "CANCELED_RESERVATION"}
    assert (await call(world.ret, stranger, "POST", path, taken_back)).status == 404
    assert await state_of(world, number) == "ACCEPTED"
    await changed(world, one, ReservationState.CANCELED, by=ELS, detail="roadworks")
    await world.els.roaming.callbacks.settle()
    assert await state_of(world, number) == "CANCELED_RESERVATION"
    assert (await world.as_els("POST", path, {"result": "CANCELED_RESERVATION"})).status == 404, "once"


async def another_cpo(world: World) -> str:
    """The token of a second connection to the same eMSP."""
    token_a = await world.ret.roaming.registrar.invite(RET, "els-2")
    peer = await world.els.roaming.registrar.register(ELS, "ret-2", world.ret.versions_url, token_a)
    return known(await world.els.roaming.peers.token_out(peer))


@aio
async def test_a_result_that_comes_too_late_is_known_all_the_same():
    world = await offering()
    world.net.down.add("ret.example")  # The result cannot come.
    await StationDouble.connected(world)
    peer = await world.els_at_ret()
    asking = asyncio.ensure_future(given(world))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    [row] = await world.ret.spine.find(t.roamed_reservation)
    number = str(row["reservation_id"])
    assert await state_of(world, number) == "ASKED"
    await world.ret.put(Put(t.roamed_reservation, {**row, "state": "TIMEOUT"}))
    world.net.down.clear()
    path = f"2.2.1/emsp/commands/RESERVE_NOW/{number}"
    assert (await world.as_els("POST", path, {"result": "ACCEPTED"})).status == 200
    assert await state_of(world, number) == "ACCEPTED"
    assert peer.id == "els"


@pytest.mark.parametrize("result", ["ACCEPTED", "EVSE_OCCUPIED", "OF OUR OWN"])
def test_a_result_that_comes_after_its_node_has_died_is_known_once(result: str):
    """Else it would stay ASKED for ever, and nobody would know of the reservation that holds."""

    @aio
    async def check() -> None:
        world = await offering()
        await StationDouble.connected(world, None)
        asking = asyncio.ensure_future(given(world))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        [row] = await world.ret.spine.find(t.roamed_reservation)
        number, known_word = str(row["reservation_id"]), result in frozenset(ResultType)
        path = f"2.2.1/emsp/commands/RESERVE_NOW/{number}"
        assert (await world.as_els("POST", path, {"result": result})).status == (200 if known_word else 404)
        assert await state_of(world, number) == (result if known_word else "ASKED")
        assert (await world.as_els("POST", path, {"result": "REJECTED"})).status == (
            404 if known_word else 200
        )

    check()


@aio
async def test_old_reservations_of_ours_are_forgotten():
    world = await offering()
    await StationDouble.connected(world)
    first, _ = await given(world)
    world.clock.pass_by(days=92)
    second, _ = await given(world)
    rows = await world.ret.spine.find(t.roamed_reservation)
    assert [row["reservation_id"] for row in rows] == [second]
    assert first != second
