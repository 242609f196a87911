"""A hub and those behind it over real sockets: HTTP as it is, with its connections, waits and breaks."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import msgspec
import pytest
from hub_world import DAN, ELS, HUB, PLACE, RET, HubWorld
from roaming_world import Net, aio

from elstrada.model.http import HttpRequest, HttpResponse, Late
from elstrada.model.waits import Waits
from elstrada.net.client import GuardedClient
from elstrada.net.egress import EgressRules
from elstrada.net.http import Mount, listen, nowhere, serve_http
from elstrada.spine import tables as t

E, C = "emsp", "cpo"
L9 = f"{E}/locations/SE/ELS/L9"


class Wires(Net):
    """Takes each host's name for a port on this machine, and carries everything there by a real client."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[str, int] = {}
        self.client = GuardedClient(EgressRules(plain_http=True, networks=("127.0.0.0/8",)))

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        self.sent.append(request)
        host = urlsplit(request.path).netloc
        path = request.path.replace(f"https://{host}", f"http://127.0.0.1:{self.ports[host]}", 1)
        return await self.client.send(msgspec.structs.replace(request, path=path), timeout_s=timeout_s)


class Behind:
    """What a host serves, whatever it is just now."""

    def __init__(self, net: Net, host: str) -> None:
        self._net, self._host = net, host

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        return await self._net.hosts[self._host](request)


async def _wired(stack: AsyncExitStack, others: dict[str, str] | None = None) -> HubWorld:
    wires = Wires()
    world = HubWorld("2.2.1", others, net=wires, waits=Waits(peer_s=2, authorize_s=2))
    stack.push_async_callback(wires.client.close)
    for host in list(wires.hosts):
        listening = listen("127.0.0.1", 0)
        wires.ports[host] = listening.getsockname()[1]
        server = await serve_http([Mount("/ocpi", Behind(wires, host))], nowhere, listening)
        stack.push_async_callback(server.close)
    return await world.open()


@aio
async def test_r68_r69_r70_over_sockets_between_three_versions():
    async with AsyncExitStack() as stack:
        world = await _wired(stack, {"dan": "2.3.0", "nor": "2.1.1"})
        body = json.dumps(PLACE, indent=2).encode()
        assert (await world.ask(ELS, "PUT", L9, body, to=RET)).status == 201
        (sent,) = world.to_party(RET)
        assert sent.body == body
        assert (await world.ask(ELS, "PUT", L9, PLACE, to=HUB)).status == 201
        await world.settle()
        (row,) = await world.at[DAN].spine.find(t.location)
        assert row["party"] == str(ELS)
        assert [one["id"] for one in (await world.ask(RET, "GET", f"{C}/locations", to=HUB)).data] == ["L9"]
        listed = await world.ask(RET, "GET", f"{C}/locations", to=ELS)
        assert (listed.status, listed.code, listed.data) == (200, 1000, [])


@aio
async def test_r68_over_sockets_a_slow_receiver_is_4002_and_a_closed_port_4003_and_others_do_not_wait():
    async with AsyncExitStack() as stack:
        world = await _wired(stack)
        release = asyncio.Event()
        stack.callback(release.set)

        async def sleeps(request: HttpRequest) -> HttpResponse | None:
            await release.wait()
            return None

        world.answers(RET, sleeps)
        slow = asyncio.ensure_future(world.ask(ELS, "PUT", L9, PLACE, to=RET))
        while not world.to_party(RET):  # noqa: ASYNC110  Until it is on its way.
            await asyncio.sleep(0.01)
        assert (await world.ask(ELS, "PUT", L9, PLACE, to=DAN)).code == 1000
        assert not slow.done()
        assert (await slow).code == 4002
        with socket.create_server(("127.0.0.1", 0)) as closed:
            assert isinstance(world.net, Wires)
            world.net.ports["dan.example"] = closed.getsockname()[1]
        assert (await world.ask(ELS, "PUT", L9, PLACE, to=DAN)).code == 4003


@aio
async def test_an_answer_that_does_not_come_in_time_is_late():
    async with AsyncExitStack() as stack:
        world = await _wired(stack)
        assert isinstance(world.net, Wires)

        async def sleeps(request: HttpRequest) -> HttpResponse | None:
            await asyncio.sleep(3600)
            return None

        world.answers(RET, sleeps)
        request = HttpRequest("GET", "https://ret.example/ocpi/versions")
        with pytest.raises(Late, match=r"0\.2 s"):
            await world.net.send(request, timeout_s=0.2)
