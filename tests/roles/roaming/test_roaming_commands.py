"""Commands from end to end: one result each, whatever happens (P5)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    START,
    STATION,
    StationDouble,
    World,
    aio,
    at_station,
    call,
    furnished,
    json_text,
    location,
    started,
    token,
)
from wire_documents import TOKEN

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult, EvsePlace, Station
from elstrada.model.ids import PartyId
from elstrada.ocpi.v221.commands import ResponseType, ResultType
from elstrada.roles.roaming.callbacks import UNTOLD
from elstrada.roles.roaming.commander import Ended
from elstrada.roles.roaming.results import RESULTS
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row
from elstrada.spine.memory import MemorySpine


async def _start(world: World) -> Ended:
    evse = location().evses[0]
    return await world.ret.roaming.commander.start(
        await world.els_at_ret(), ELS, token(), "L1", evse, evse.connectors[0].id
    )


def test_every_end_of_a_command_has_its_word():
    assert set(RESULTS) == set(CommandResult)


@pytest.mark.parametrize(
    ("station", "result"),
    [
        (CommandResult.ACCEPTED, ResultType.ACCEPTED),
        (CommandResult.REJECTED, ResultType.REJECTED),
        (CommandResult.OFFLINE, ResultType.FAILED),
        (CommandResult.TIMEOUT, ResultType.TIMEOUT),
    ],
)
def test_a_commands_result_reaches_whoever_gave_it(station: CommandResult, result: ResultType):
    @aio
    async def check() -> None:
        world = await furnished()
        await StationDouble.connected(world, station)
        assert (await _start(world)).result is result
        assert await world.els.spine.find(t.callback) == []

    check()


@aio
async def test_a_station_that_nobody_serves_is_a_failure_told():
    world = await furnished()
    assert (await _start(world)).result is ResultType.FAILED


@aio
async def test_r52_the_result_is_posted_bare_with_all_headers():
    world = await furnished()
    await StationDouble.connected(world)
    await _start(world)
    [result] = world.net.requests("POST", "emsp/commands/START_SESSION/")
    assert json.loads(result.body) == {"result": "ACCEPTED"}
    assert sum(name.startswith("ocpi-") for name in result.headers) == 4


@aio
async def test_r53_two_commands_at_once_get_their_own_results():
    world = await furnished()
    station = await StationDouble.connected(world)
    first = asyncio.ensure_future(_start(world))
    await station.heard.wait()
    station.result = CommandResult.REJECTED
    second = asyncio.ensure_future(_start(world))
    assert [(await first).result, (await second).result] == [ResultType.ACCEPTED, ResultType.REJECTED]
    urls = {json.loads(sent.body)["response_url"] for sent in world.net.requests("POST", "cpo/commands")}
    assert len(urls) == 2


@aio
async def test_r60_our_emsp_always_names_the_connector():
    world = await furnished()
    await StationDouble.connected(world)
    await _start(world)
    [sent] = world.net.requests("POST", "cpo/commands/START_SESSION")
    assert json.loads(sent.body)["connector_id"] == "1"
    assert json.loads(sent.body)["authorization_reference"]


@aio
async def test_a_command_that_is_not_taken_says_so():
    world = await furnished()
    ended = await world.ret.roaming.commander.stop(await world.els_at_ret(), ELS, "NONE")
    assert ended.result is ResponseType.UNKNOWN_SESSION
    world.net.down.add("els.example")
    assert (await _start(world)).result is ResponseType.REJECTED


@aio
async def test_a_session_is_stopped_from_the_other_side():
    world = await furnished()
    station = await StationDouble.connected(world)
    await at_station(world, started(world))
    ended = await world.ret.roaming.commander.stop(await world.els_at_ret(), ELS, "S1")
    assert ended.result is ResultType.ACCEPTED
    assert station.asked[0].session_id == "S1"


@aio
async def test_r54_a_result_counts_once_and_only_from_the_peer_that_was_asked():
    world = await furnished()
    station = await StationDouble.connected(world, None)
    waiting = asyncio.ensure_future(_start(world))
    await station.heard.wait()
    [sent] = world.net.requests("POST", "cpo/commands")
    path = json.loads(sent.body)["response_url"].removeprefix("https://ret.example/ocpi/")
    stranger = await _another_cpo(world)
    assert (await call(world.ret, stranger, "POST", path, {"result": "ACCEPTED"})).status == 404
    assert not waiting.done()
    assert (await world.as_els("POST", path, {"result": "REJECTED"})).status == 200
    assert (await world.as_els("POST", path, {"result": "ACCEPTED"})).status == 404
    assert (await waiting).result is ResultType.REJECTED


@aio
async def test_a_result_that_is_told_at_another_node_reaches_the_one_that_waits():
    """Peers know one address, and a balancer behind it chooses among the nodes that roam."""
    world = await furnished()
    station = await StationDouble.connected(world, None)
    waiting = asyncio.ensure_future(_start(world))
    await station.heard.wait()
    [sent] = world.net.requests("POST", "cpo/commands")
    path = json.loads(sent.body)["response_url"].removeprefix("https://ret.example/ocpi/")
    world.ret.roaming = wire(world.ret.means, world.ret.post)
    assert (await world.as_els("POST", path, {"result": "EVSE_OCCUPIED"})).status == 200
    assert (await waiting).result is ResultType.EVSE_OCCUPIED
    assert (await world.as_els("POST", path, {"result": "ACCEPTED"})).status == 404


async def _another_cpo(world: World) -> str:
    """The token of a second connection to the same eMSP."""
    token_a = await world.ret.roaming.registrar.invite(PartyId("SE", "RET"), "els-2")
    peer = await world.els.roaming.registrar.register(ELS, "ret-2", world.ret.versions_url, token_a)
    shown = await world.els.roaming.peers.token_out(peer)
    assert shown is not None
    return shown


async def _taken_then_crashed(world: World) -> str:
    """A command was taken, its station asked; then the node died. Returns the command's id."""
    station = await StationDouble.connected(world, None)
    body = {
        "response_url": "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/x",
        "token": TOKEN,
        "location_id": "L1",
        "evse_uid": "E1",
    }
    assert (await world.as_ret("POST", "2.2.1/cpo/commands/START_SESSION", body)).data["result"] == "ACCEPTED"
    await station.heard.wait()
    station.release()
    for task in list(world.els.roaming.callbacks._under_way.values()):
        task.cancel()
    await asyncio.sleep(0)
    world.els.roaming = wire(world.els.means, world.els.post)
    return station.asked[0].command_id


@aio
async def test_p5_after_a_crash_the_stations_own_answer_is_told_once():
    world = await furnished()
    command_id = await _taken_then_crashed(world)
    requested = f.CommandRequested(command_id, CommandName.START, PartyId("SE", "RET"))
    await at_station(world, requested, f.CommandAnswered(command_id, CommandResult.REJECTED))

    async def slow_disk(_: object) -> None:
        await asyncio.sleep(0)

    # Two lives of the node overlap, and both see what is owed before either can claim it.
    world.els.spine._before = slow_disk  # type: ignore[attr-defined]
    lives = (world.els.roaming, wire(world.els.means, world.els.post))
    await asyncio.gather(*(life.callbacks.settle() for life in lives))
    await world.els.roaming.callbacks.settle()
    results = [json.loads(sent.body) for sent in world.net.requests("POST", "emsp/commands/START_SESSION/x")]
    assert results == [{"result": "REJECTED"}]


@aio
async def test_p5_after_a_crash_without_an_answer_it_is_timeout_when_due_and_not_before():
    world = await furnished()
    await _taken_then_crashed(world)
    await world.els.roaming.callbacks.settle()
    assert world.net.requests("POST", "emsp/commands/START_SESSION/x") == []
    world.clock.pass_by(seconds=36)
    await world.els.roaming.callbacks.settle()
    results = [json.loads(sent.body) for sent in world.net.requests("POST", "emsp/commands/START_SESSION/x")]
    assert results == [{"result": "TIMEOUT"}]
    assert await world.els.spine.find(t.callback) == []


UNLOCK, CABLE = (
    "2.2.1/cpo/commands/UNLOCK_CONNECTOR",
    {
        "response_url": "https://ret.example/result/1",
        "location_id": "L1",
        "evse_uid": "E1",
        "connector_id": "1",
    },
)


@pytest.mark.parametrize("token_party", [ELS, PartyId("SE", "EVL"), None])
def test_t8_nobody_unlocks_where_anothers_session_runs(token_party: PartyId | None):
    """A station of OCPP 1.6 would end the session first: STOP_SESSION by another name."""

    @aio
    async def check() -> None:
        world = await furnished()
        station = await StationDouble.connected(world)
        await at_station(world, started(world, "S2", token_party=token_party))
        answer = await world.as_ret("POST", UNLOCK, CABLE)
        assert answer.data["result"] == "REJECTED"
        assert "session" in answer.data["message"][0]["text"]
        assert station.asked == []
        await at_station(world, f.SessionEnded("S2", START))
        answer = await world.as_ret("POST", UNLOCK, CABLE)
        assert answer.data["result"] == "ACCEPTED", "the cable may be stuck now"

    check()


@aio
async def test_the_cable_of_ones_own_session_can_be_unlocked():
    world = await furnished()
    await StationDouble.connected(world)
    await at_station(world, started(world))
    assert (await world.as_ret("POST", UNLOCK, CABLE)).data["result"] == "ACCEPTED"


@pytest.mark.parametrize("command", ["START_SESSION", "UNLOCK_CONNECTOR"])
def test_who_is_rejected_for_want_of_a_station_is_told_so(command: str):
    @aio
    async def check() -> None:
        world = await furnished()
        station = Station(owner=ELS, id=STATION)
        key = {"owner": str(ELS), "station_id": STATION}
        await world.els.put(
            Put(t.station, {**key, "document": msgspec.json.encode(station).decode(), "changed_at": START})
        )
        world.clock.pass_by(hours=1)  # Where stations stand is known anew.
        answer = await world.as_ret("POST", f"2.2.1/cpo/commands/{command}", CABLE | {"token": TOKEN})
        assert answer.data["result"] == "REJECTED"
        assert answer.data["message"][0]["text"] == "no station is placed at this EVSE"
        assert await _start(world) == Ended(ResponseType.REJECTED, "no station is placed at this EVSE")

    check()


@aio
async def test_p7_a_debt_that_cannot_be_understood_holds_up_nobody_elses_result():
    """Such as one that a later release has written, of which this node is not yet."""
    world = await furnished()
    await _taken_then_crashed(world)
    [owed] = await world.els.spine.find(t.callback)
    await world.els.put(Put(t.callback, {**owed, "command_id": "0", "kind": "OF A LATER RELEASE"}))
    world.clock.pass_by(minutes=10)
    await world.els.roaming.callbacks.settle()
    results = [json.loads(sent.body) for sent in world.net.requests("POST", "emsp/commands/START_SESSION/x")]
    assert results == [{"result": "TIMEOUT"}]
    await world.els.means.findings.flush()
    assert ("peer:SE*ELS/ret", UNTOLD) in await world.els.found()


@pytest.mark.parametrize("name", ["START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR", "RESERVE_NOW"])
def test_a_command_of_endless_texts_is_not_taken(name: str):
    """What it says goes into facts, which stay for ever, and to the station."""

    @aio
    async def check() -> None:
        world = await furnished()
        station = await StationDouble.connected(world)
        body = {
            "response_url": "https://ret.example/ocpi/2.2.1/emsp/x",
            "token": TOKEN,
            "location_id": "L1",
            "evse_uid": "E1",
            "connector_id": "1",
            "session_id": "S1",
            "reservation_id": "R1",
            "expiry_date": "2026-02-03T13:00:00Z",
            "authorization_reference": "r" * 20_000,
        }
        facts = len(await world.els.spine.read(0))
        answer = await world.as_ret("POST", f"2.2.1/cpo/commands/{name}", body)
        assert (answer.status, answer.code) == (200, 2001)
        assert "16384" in answer.envelope["status_message"]
        await asyncio.sleep(0.01)
        assert station.asked == []
        assert len(await world.els.spine.read(0)) == facts

    check()


class Shared(MemorySpine):
    """A store to which others write too, as in an installation of several nodes."""

    reads = 0
    is_shared = False

    def edition(self, tables: Any) -> tuple[int, ...] | None:
        return None if self.is_shared else super().edition(tables)

    async def find(self, table: Any, *args: Any, **more: Any) -> list[Row]:
        self.reads += table is t.station and "station_id" not in (args[0] if args else {})
        return await super().find(table, *args, **more)


@pytest.mark.parametrize("is_shared", [False, True])
def test_an_evse_without_a_station_has_not_all_stations_read_each_time(is_shared: bool):
    """A partner that asks for it again and again would else hold up everybody."""

    @aio
    async def check() -> None:
        world = await furnished(World(lambda _, clock: Shared(clock)))
        spine = world.els.spine
        assert isinstance(spine, Shared)
        spine.is_shared = is_shared
        evses = (location().evses[0], msgspec.structs.replace(location().evses[0], uid="E2"))
        await world.els.put(Put(t.location, location_row(ELS, location(evses=evses), "own")))
        body = {
            "response_url": "https://ret.example/x",
            "token": TOKEN,
            "location_id": "L1",
            "evse_uid": "E2",
        }

        async def start() -> Any:
            return (await world.as_ret("POST", "2.2.1/cpo/commands/START_SESSION", body)).data

        assert (await start())["message"][0]["text"] == "no station is placed at this EVSE"
        before = spine.reads
        for _ in range(20):
            assert (await start())["result"] == "REJECTED"
        assert spine.reads == before
        new = Station(owner=ELS, id="NEW", places=(EvsePlace(1, "L1", "E2"),))
        key = {"owner": str(ELS), "station_id": "NEW"}
        await world.els.put(Put(t.station, {**key, "document": json_text(new), "changed_at": START}))
        world.clock.pass_by(seconds=2 if is_shared else 0)
        assert (await start())["result"] == "ACCEPTED"

    check()
