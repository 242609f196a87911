"""What a CPO does with what its hub tells of an eMSP: sends, holds back, catches up (R-72)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from hub_scene import CONNECTED, OFFLINE, PLANNED, SUSPENDED, WITH_HUBS, Scene, client, hub_of_two
from roaming_world import (
    ELS,
    RET,
    START,
    World,
    aio,
    at_station,
    furnish,
    issue,
    json_text,
    started,
    token,
)

from elstrada.model.answers import AskParty
from elstrada.model.facts import MeterSampled
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.party import ConnectionStatus, PeerEndpoint, Role
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.roles.roaming.rows import identity_of, identity_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put

versions = pytest.mark.parametrize("version", WITH_HUBS)
_ACCEPTED = b'{"status_code":1000,"timestamp":"2026-02-03T12:00:00Z"}'
_NOTHING = b'{"status_code":1000,"timestamp":"2026-02-03T12:00:00Z","data":[]}'


class Market:
    """The CPO with a session of the eMSP's driver, and a hub that takes what is for the eMSP."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.els = scene.nodes["els"]
        self.world = cast("World", SimpleNamespace(els=self.els, ret=scene.nodes["ret"]))
        self.passed_on: list[HttpRequest] = []
        """What reached the hub for the eMSP."""
        self._day = 0
        host = scene.nodes["hub"].host
        office = scene.net.hosts[host]

        async def hub(request: HttpRequest) -> HttpResponse:
            if "/emsp/" not in request.path:
                return await office(request)
            if request.method == "GET":  # A list of all, asked of the hub itself.
                return HttpResponse(200, {}, _NOTHING)
            self.passed_on.append(request)
            return HttpResponse(200, {}, _ACCEPTED)

        scene.net.hosts[host] = hub

    async def open(self) -> Market:
        await furnish(self.world)
        ref = self.els.means.keys.token_ref(token().uid)
        await self.els.put(Put(t.identity, identity_row(ELS, identity_of(token()), ref)))
        peer = await self.scene.peer("els", "hub")
        base = f"{self.scene.nodes['hub'].means.public_url}/ocpi/{self.scene.version}/emsp"
        offered = (
            PeerEndpoint("sessions", "RECEIVER", f"{base}/sessions"),
            PeerEndpoint("cdrs", "RECEIVER", f"{base}/cdrs"),
            PeerEndpoint("tokens", "SENDER", f"{base}/tokens"),
        )
        known = [one for one in peer.endpoints if one.identifier == "hubclientinfo"]
        whole = msgspec.structs.replace(peer, endpoints=(*known, *offered))
        row = {"owner": str(ELS), "peer_id": "hub", "document": json_text(whole)}
        await self.els.put(Put(t.peer, row))
        return self

    async def is_told(self, status: ConnectionStatus) -> None:
        """The hub tells the CPO how it is connected to the eMSP."""
        self._day += 1
        at = (START + timedelta(days=self._day)).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = client(RET, Role.EMSP, status, at)
        assert (await self.scene.call("hub", "els", "PUT", "hubclientinfo/SE/RET", told)).code == 1000

    async def charges(self, kwh: int) -> None:
        sample = MeterSampled(1, 1, (), session_id="S1", energy_wh=kwh * 1000)
        await at_station(self.world, sample)
        await self.els.settle()

    def sessions(self) -> list[str]:
        """What of the session reached the hub."""
        return [sent.body.decode() for sent in self.passed_on if "/sessions/" in sent.path]

    def cdrs(self) -> list[HttpRequest]:
        return [sent for sent in self.passed_on if "/cdrs" in sent.path]

    async def held(self) -> list[str]:
        return [str(row["kind"]) for row in await self.els.spine.find(t.mark, {"held_for": str(RET)})]


@versions
@aio
async def test_r72_what_is_for_a_party_that_is_offline_is_held_and_the_latest_is_brought_when_it_is_back(
    version: str,
):
    async with hub_of_two(version) as scene:
        market = await Market(scene).open()
        await at_station(market.world, started(market.world))
        await market.els.settle()
        assert len(market.sessions()) == 1
        [sent] = market.passed_on
        assert sent.headers["ocpi-to-party-id"] == "RET"
        await market.is_told(OFFLINE)
        market.passed_on.clear()
        for kwh in (1, 2, 3):
            await market.charges(kwh)
        await issue(market.world)
        await market.els.settle()
        scene.clock.pass_by(days=2)
        await market.els.settle()
        assert market.passed_on == [], "nothing is asked of who is away, however long"
        assert sorted(await market.held()) == ["cdr", "session"], "once each, and visible"
        await market.is_told(CONNECTED)
        await market.els.settle()
        [session] = market.sessions()
        assert '"kwh":3' in session
        assert len(market.cdrs()) == 1
        assert await market.els.marks() == []


@versions
@pytest.mark.parametrize("status", [PLANNED, SUSPENDED])
@aio
async def test_r72_to_a_party_that_is_planned_or_suspended_nothing_is_sent(
    version: str, status: ConnectionStatus
):
    async with hub_of_two(version) as scene:
        market = await Market(scene).open()
        await market.is_told(status)
        await at_station(market.world, started(market.world))
        await issue(market.world)
        await market.els.settle()
        assert market.passed_on == []
        assert await market.held() == ["cdr"], "a CDR stays owed: people must deal with it"


@aio
async def test_who_is_away_at_one_hub_is_reached_without_it():
    """A hub's word is about the way by itself alone."""
    async with hub_of_two("2.2.1") as scene:
        market = await Market(scene).open()
        els, ret = scene.nodes["els"], scene.nodes["ret"]
        token_a = await ret.roaming.registrar.invite(RET, "els")
        await els.roaming.registrar.register(ELS, "ret", ret.versions_url, token_a)
        await market.is_told(OFFLINE)
        await at_station(market.world, started(market.world))
        await els.settle()
        assert [sent.path for sent in scene.net.requests("PUT", "/sessions/") if ret.host in sent.path]
        assert market.passed_on == []


@aio
async def test_what_is_held_is_let_go_when_the_hub_is_no_peer_any_more():
    async with hub_of_two("2.2.1") as scene:
        market = await Market(scene).open()
        await market.is_told(OFFLINE)
        await at_station(market.world, started(market.world))
        await market.els.settle()
        assert await market.held() == ["session"]
        await market.els.roaming.registrar.unregister(ELS, "hub")
        await market.els.settle()
        assert await market.els.marks() == []


@aio
async def test_nobody_is_asked_for_a_token_whose_issuer_is_away():
    async with hub_of_two("2.2.1") as scene:
        market = await Market(scene).open()
        await market.is_told(OFFLINE)
        scene.net.sent.clear()
        fallback = Verdict(Allowed.ALLOWED, AuthMethod.WHITELIST, RET, note="known")
        question = AskParty(
            token_uid=token().uid,
            token_ref=market.els.means.keys.token_ref(token().uid),
            token_type="RFID",
            party=RET,
            evse_id=1,
            fallback=fallback,
        )
        verdict = await market.els.roaming.authorizer.authorize(ELS, question)
        assert verdict.allowed is Allowed.ALLOWED
        assert scene.net.sent == []


@versions
@aio
async def test_the_list_is_fetched_again_after_an_outage_of_the_hub(version: str):
    async with hub_of_two(version) as scene:
        market = await Market(scene).open()
        host = scene.nodes["hub"].host
        await scene.net.cut(host)
        await at_station(market.world, started(market.world))
        await market.els.settle()
        assert market.els.roaming.courier.failing()
        await scene.net.open(host)
        scene.net.sent.clear()
        scene.clock.pass_by(minutes=1)
        await market.els.settle()
        assert len(scene.net.requests("GET", "hubclientinfo")) == 1
        await market.charges(4)
        assert len(scene.net.requests("GET", "hubclientinfo")) == 1, "once"


@aio
async def test_the_list_is_fetched_when_a_node_begins_to_bring():
    async with hub_of_two("2.2.1") as scene:
        scene.net.sent.clear()
        running = asyncio.ensure_future(scene.nodes["els"].roaming.courier.run(0.01))
        while not scene.net.requests("GET", "hubclientinfo"):  # noqa: ASYNC110  The net has no event.
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(scene.net.requests("GET", "hubclientinfo")) == 1
