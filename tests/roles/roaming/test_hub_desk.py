"""What an operator sees of hubs and their parties, and orders (R-72)."""

from __future__ import annotations

from typing import cast

import pytest
from hub_scene import CONNECTED, HUB, OFFLINE, PLANNED, SUSPENDED, WITH_HUBS, Scene, hub_of_two
from roaming_world import ELS, EVIL, RET, aio

from elstrada.model.party import ClientReason, ConnectionStatus, Role
from elstrada.roles.desk.clients import ClientLine, ClientOrdered
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import params_of, perform, verb_named

versions = pytest.mark.parametrize("version", WITH_HUBS)


async def done(scene: Scene, at: str, name: str, **values: object) -> object:
    """Do a verb at an installation's desk."""
    means = scene.nodes[at].means
    desk = Desk(spine=means.spine, keys=means.keys, clock=means.clock, chance=means.chance)
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values, strict=False)
    assert not isinstance(params, Refusal), params
    return await perform(desk, verb, params)


async def lines(scene: Scene, at: str, **values: object) -> list[tuple[str | None, str, ConnectionStatus]]:
    page = await done(scene, at, "client list", **values)
    assert not isinstance(page, Refusal), page
    return [(line.hub, line.client, line.status) for line in cast("tuple[ClientLine, ...]", page)]


@versions
@aio
async def test_the_operator_of_each_side_sees_who_is_connected(version: str):
    async with hub_of_two(version) as scene:
        both = [str(ELS), str(RET)]
        assert await lines(scene, "hub") == [(None, name, CONNECTED) for name in both]
        assert ("hub", str(RET), CONNECTED) in await lines(scene, "els")
        await scene.net.cut(scene.nodes["ret"].host)
        await scene.silence()
        assert await lines(scene, "hub", status="OFFLINE") == [(None, str(RET), OFFLINE)]
        assert await lines(scene, "els", status="OFFLINE") == [("hub", str(RET), OFFLINE)]


@versions
@aio
async def test_r72_what_an_operator_orders_holds_and_is_told_until_it_is_released(version: str):
    async with hub_of_two(version) as scene:
        answer = await done(scene, "hub", "client suspend", client=str(RET))
        assert answer == ClientOrdered(
            party=str(HUB),
            client=str(RET),
            roles=(Role.EMSP,),
            status=SUSPENDED,
            reason=ClientReason.OPERATOR,
        )
        await scene.settle()
        assert await scene.told("els", RET) is SUSPENDED
        assert (await scene.call("ret", "hub", "GET", "hubclientinfo")).code == 1000
        await scene.silence()
        assert await scene.told("els", RET) is SUSPENDED, "though it lives"
        released = await done(scene, "hub", "client release", client=str(RET))
        assert isinstance(released, ClientOrdered)
        assert released.status is CONNECTED
        await scene.settle()
        assert await scene.told("els", RET) is CONNECTED


@versions
@aio
async def test_a_party_can_be_planned_before_it_comes(version: str):
    async with hub_of_two(version) as scene:
        refusal = await done(scene, "hub", "client plan", client=str(EVIL))
        assert isinstance(refusal, Refusal)
        assert (refusal.kind, refusal.pointer) == (Kind.USAGE, "/role")
        await done(scene, "hub", "client plan", client=str(EVIL), role="EMSP")
        await scene.settle()
        assert await scene.told("els", EVIL) is PLANNED
        assert await scene.told("ret", EVIL) is PLANNED
        await scene.node("evil", EVIL, Role.EMSP)
        await scene.join("evil", EVIL)
        await scene.settle()
        assert await scene.told("els", EVIL) is PLANNED, "until the contracts are made"
        await done(scene, "hub", "client release", client=str(EVIL))
        await scene.settle()
        assert await scene.told("els", EVIL) is CONNECTED


@pytest.mark.parametrize(
    ("verb", "values", "kind", "says"),
    [
        ("client release", {"client": str(RET)}, Kind.CONFLICT, "nothing is ordered"),
        ("client suspend", {"client": "nonsense"}, Kind.USAGE, "not a party id"),
        ("client suspend", {"client": str(HUB)}, Kind.USAGE, "nobody's client"),
        ("client plan", {"client": str(EVIL), "role": "HUB"}, Kind.USAGE, "nobody's client"),
        ("client plan", {"client": str(EVIL), "party": "DE*XXX"}, Kind.MISSING, "not a party"),
    ],
)
@aio
async def test_what_cannot_be_ordered_is_refused(verb: str, values: dict[str, str], kind: Kind, says: str):
    async with hub_of_two("2.2.1") as scene:
        before = await lines(scene, "hub")
        refusal = await done(scene, "hub", verb, **values)
        assert isinstance(refusal, Refusal)
        assert refusal.kind is kind
        assert says in refusal.says
        assert await lines(scene, "hub") == before


@aio
async def test_only_a_hub_orders():
    async with hub_of_two("2.2.1") as scene:
        refusal = await done(scene, "els", "client suspend", client=str(RET))
        assert isinstance(refusal, Refusal)
        assert refusal.kind is Kind.MISSING
        refusal = await done(scene, "els", "client suspend", client=str(RET), party=str(ELS))
        assert isinstance(refusal, Refusal)
        assert "is no hub" in refusal.says
