"""How long we wait for peers and stations is what was configured (P5, F20)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from roaming_world import ELS, StationDouble, World, aio, furnished
from wire_documents import TOKEN

from elstrada.model.device import CommandName
from elstrada.model.waits import Waits
from elstrada.spine import tables as t

WAITS = Waits(authorize_s=2, command_s=4, peer_s=7)
COMMAND = {
    "response_url": "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/x",
    "token": TOKEN,
    "location_id": "L1",
    "evse_uid": "E1",
}


def waited_s(world: World, part: str) -> set[float]:
    """For responses of addresses with this part."""
    return {seconds for address, seconds in world.net.waits_s if part in address}


@aio
async def test_a_peer_has_peer_s_for_a_response_and_longer_for_pages_and_credentials() -> None:
    world = await furnished(World(waits=WAITS))
    assert waited_s(world, "/ocpi/versions") == {7}
    assert waited_s(world, "/credentials") == {21}, "it calls us before it answers"
    assert waited_s(world, "/emsp/locations/SE/ELS/") == {7}
    peer = await world.els.roaming.peers.get(ELS, "ret")
    assert peer is not None
    await world.els.roaming.puller.pull(peer, "tokens")
    assert waited_s(world, "/emsp/tokens") == {21}


@aio
async def test_a_station_has_command_s_and_the_peer_is_told_to_wait_longer() -> None:
    world = await furnished(World(waits=WAITS))
    station = await StationDouble.connected(world)
    taken = await world.as_ret("POST", "2.2.1/cpo/commands/START_SESSION", COMMAND)
    assert (taken.data["result"], taken.data["timeout"]) == ("ACCEPTED", 9)
    await station.heard.wait()
    assert (station.asked[0].name, station.asked[0].deadline_s) == (CommandName.START, 4)
    [row] = await world.els.spine.find(t.callback)
    assert row["due_at"] == world.clock.now() + timedelta(seconds=9)


@pytest.mark.parametrize("command_s", [1, 300])
def test_the_peer_hears_of_a_timeout_only_after_the_stations_own_time(command_s: int) -> None:
    @aio
    async def check() -> None:
        callbacks = World(waits=Waits(command_s=command_s)).els.roaming.callbacks
        assert callbacks.station_s == command_s < callbacks.result_s

    check()
