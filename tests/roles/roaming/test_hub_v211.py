"""An operator of 2.1.1 behind a hub: its version names no receiver and no owner, and the hub knows both."""

from __future__ import annotations

import json

from hub_world import DAN, ELS, HUB, NOR, RET, HubWorld
from roaming_world import Answer, aio, call, issued, location, token
from wire_documents import TOKEN, but

from elstrada.ocpi.body import encode
from elstrada.ocpi.versions import language
from elstrada.roles.roaming.rows import identity_of
from elstrada.spine import tables as t

WORDS = language("2.1.1")


async def _as_els(world: HubWorld, method: str, path: str, body: bytes = b"") -> Answer:
    """A request of the operator, which shows its token as it is and says nothing of parties."""
    shown = {"authorization": f"Token {await world.token(ELS)}"}
    return await call(world.hub, None, method, path, body, headers=shown)


async def _told() -> HubWorld:
    """Its place is told to all, and the driver's token was told by her provider."""
    world = await HubWorld("2.2.1", {"els": "2.1.1"}).open()
    driver = but(TOKEN, uid=token().uid, contract_id=token().contract_id)
    assert (await world.ask(RET, "PUT", f"cpo/tokens/SE/RET/{token().uid}", driver, to=HUB)).status == 201
    place = encode(WORDS.location.write(location()).value)
    put = await _as_els(world, "PUT", "emsp/2.1.1/locations/SE/ELS/L1", place)
    assert put.status == 201, put.envelope
    assert "ocpi-from-party-id" not in put.headers
    await world.settle()
    return world


@aio
async def test_r69_what_it_pushes_is_told_to_all_in_their_own_words():
    world = await _told()
    for party in (RET, DAN):
        (row,) = await world.at[party].spine.find(t.location)
        assert (row["party"], row["location_id"]) == (str(ELS), "L1")
    sent = world.to_party(ELS, "PUT")
    assert [one.path for one in sent] == [
        f"https://els.example/ocpi/cpo/2.1.1/tokens/SE/RET/{token().uid}"
    ], "and it is told of tokens in its own"
    assert json.loads(sent[0].body)["auth_id"] == token().contract_id
    assert "ocpi-from-party-id" not in sent[0].headers


@aio
async def test_r68_its_cdrs_find_the_provider_of_their_contract():
    world = await _told()
    cdr = issued(world).cdr  # type: ignore[arg-type]
    body = encode(WORDS.cdr.write(cdr, identity_of(token()), location()).value)
    posted = await _as_els(world, "POST", "emsp/2.1.1/cdrs", body)
    assert posted.status == 201, posted.envelope
    (row,) = await world.ret.spine.find(t.cdr)
    assert (row["party"], row["cdr_id"]) == (str(ELS), "C1")
    assert await world.at[DAN].spine.find(t.cdr) == []
    again = posted.headers["location"].removeprefix("https://hub.example/ocpi/")
    assert (await _as_els(world, "GET", again)).data["id"] == "C1"


@aio
async def test_r70_it_lists_all_without_saying_whom_it_asks():
    world = await _told()
    listed = await _as_els(world, "GET", "emsp/2.1.1/tokens")
    assert [one["uid"] for one in listed.data] == [token().uid]
    assert listed.headers["x-total-count"] == "1"


@aio
async def test_r71_it_speaks_for_itself_alone():
    world = await _told()
    place = encode(WORDS.location.write(location()).value)
    foreign = await _as_els(world, "PUT", "emsp/2.1.1/locations/NO/NOR/L1", place)
    assert foreign.status == 404
    assert {one.path.split("/")[6] for one in world.to_party(NOR)} <= {"tokens"}
