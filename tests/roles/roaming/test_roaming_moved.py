"""A partner that moved to another host: its new token is shown at no address that it gave before (T16)."""

from __future__ import annotations

import asyncio
import json

import msgspec
from hub_world import HUB, HubWorld, envelope
from roaming_world import ELS, RET, Node, StationDouble, World, aio, furnished, known
from wire_documents import TOKEN

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.waits import Waits
from elstrada.ocpi.headers import authorization
from elstrada.roles.roaming.peers import Secrets

NEW = "n" * 32
RESULT = "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/77"
START = {"response_url": RESULT, "token": TOKEN, "location_id": "L1", "evse_uid": "E1"}


async def moves(node: Node, owner: PartyId, peer_id: str) -> None:
    """The partner renews its credentials from another host, with another token."""
    before = known(await node.roaming.peers.get(owner, peer_id))
    there = tuple(
        msgspec.structs.replace(one, url=one.url.replace(".example/", ".elsewhere/"))
        for one in before.endpoints
    )
    url = known(before.versions_url).replace(".example/", ".elsewhere/")
    after = msgspec.structs.replace(before, versions_url=url, endpoints=there)
    await node.roaming.peers.write(after, Secrets(token_out=NEW), before=before)


def shown_at(world: World | HubWorld, host: str) -> list[str]:
    """The addresses at a host at which the new token was shown."""
    return [
        sent.path
        for sent in world.net.sent
        if sent.headers.get("authorization") == authorization(NEW) and f"//{host}/" in sent.path
    ]


@aio
async def test_t16_a_result_that_is_owed_to_a_former_host_is_not_told_there():
    world = await furnished(World(waits=Waits(command_s=1)))
    station = await StationDouble.connected(world)
    answer = await world.as_ret("POST", "2.2.1/cpo/commands/START_SESSION", START)
    assert answer.data["result"] == "ACCEPTED"
    await moves(world.els, ELS, "ret")
    await station.heard.wait()
    await asyncio.sleep(0.01)
    assert shown_at(world, "ret.example") == []


@aio
async def test_t16_a_hub_shows_no_new_token_at_an_address_of_a_former_host():
    world = await HubWorld().open()

    async def taken(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, envelope({"result": "ACCEPTED", "timeout": 30}))

    world.net.hosts["els.example"] = taken
    await world.ask(RET, "POST", "cpo/commands/START_SESSION", START, to=ELS)
    url = json.loads(world.to_party(ELS)[-1].body)["response_url"]
    await moves(world.hub, HUB, "ret")
    told = await world.ask(
        ELS, "POST", url.removeprefix("https://hub.example/ocpi/2.2.1/"), {"result": "ACCEPTED"}, to=RET
    )
    assert (told.status, told.code) == (200, 4003)
    assert shown_at(world, "ret.example") == []
