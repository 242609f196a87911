"""A hub, a CPO and an eMSP on installations of their own, which speak over real sockets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import openapi
from roaming_world import ELS, RET, START, Answer, Clock, Net, Node, call, known

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.party import ConnectionStatus, Peer, Role
from elstrada.model.waits import Waits
from elstrada.net.client import GuardedClient
from elstrada.net.egress import EgressRules
from elstrada.net.http import HttpServer, Mount, listen, nowhere, serve_http
from elstrada.roles.roaming.clients import OURS, status_of
from elstrada.spine import tables as t
from elstrada.spine.memory import MemorySpine

HUB = PartyId("SE", "HUB")
openapi.judge(HttpRequest("GET", "/ocpi"), HttpResponse(200), ours=False)
"""The official files are read once, and not while somebody waits for an answer."""
WITH_HUBS = ["2.2.1", "2.3.0"]
CONNECTED, OFFLINE = ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE
PLANNED, SUSPENDED = ConnectionStatus.PLANNED, ConnectionStatus.SUSPENDED


class Sockets(Net):
    """Carries HTTP messages over sockets of this machine. A host is cut off by closing its listener."""

    def __init__(self) -> None:
        super().__init__()
        self._client = GuardedClient(EgressRules(plain_http=True, networks=("127.0.0.0/8",)))
        self._servers: dict[str, HttpServer] = {}

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        self.sent.append(request)
        self.waits_s.append((request.path, timeout_s))
        return await self._client.send(request, timeout_s=timeout_s)

    async def open(self, host: str, listening: socket.socket | None = None) -> None:
        name, _, port = host.partition(":")
        handler = _Handler(self, host)
        mounts = [Mount("/ocpi", handler)]
        self._servers[host] = await serve_http(mounts, nowhere, listening or listen(name, int(port)))

    async def cut(self, host: str) -> None:
        await self._servers.pop(host).close()

    async def close(self) -> None:
        for host in list(self._servers):
            await self.cut(host)
        await self._client.close()


class _Handler:
    def __init__(self, net: Net, host: str) -> None:
        self._net, self._host = net, host

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        return await self._net.hosts[self._host](request)


class Scene:
    """Who there is. Installations are named after their party: ``hub``, ``els``, ``ret``."""

    def __init__(self, version: str) -> None:
        self.net, self.clock, self.version = Sockets(), Clock(), version
        self.nodes: dict[str, Node] = {}

    async def node(self, name: str, party: PartyId, *roles: Role, versions: tuple[str, ...] = ()) -> Node:
        listening = listen("127.0.0.1", 0)
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        node = Node(
            self.net,
            self.clock,
            host,
            MemorySpine(self.clock),
            Waits(peer_s=15),
            versions or (self.version,),
            scheme="http",
        )
        await self.net.open(host, listening)
        await node.party(party, *roles)
        self.nodes[name] = node
        return node

    async def join(self, name: str, party: PartyId, hub: str = "hub") -> None:
        """Register an installation with the hub, which invited it."""
        at = self.nodes[hub]
        owner = await self.owner(hub)
        token_a = await at.roaming.registrar.invite(owner, name)
        await self.nodes[name].roaming.registrar.register(party, hub, at.versions_url, token_a)

    async def owner(self, name: str) -> PartyId:
        [row] = await self.nodes[name].spine.find(t.party)
        return PartyId.parse(str(row["party"]))

    async def settle(self) -> None:
        """Let everything be noted, marked and brought, at all of them."""
        for node in self.nodes.values():
            await node.roaming.watch.settle()
        for node in self.nodes.values():
            await node.settle()

    async def peer(self, at: str, name: str) -> Peer:
        return known(await self.nodes[at].roaming.peers.get(await self.owner(at), name))

    async def call(
        self, caller: str, at: str, method: str, path: str, body: object = None, **more: Any
    ) -> Answer:
        """A request by hand, with the token that the caller must show."""
        token = await self.nodes[caller].roaming.peers.token_out(await self.peer(caller, at))
        return await call(self.nodes[at], token, method, f"{self.version}/{path}", body, **more)

    async def at_hub(self, party: PartyId) -> ConnectionStatus | None:
        """A party's status as the hub has it."""
        return await status_of(self.nodes["hub"].spine, HUB, party, OURS)

    async def told(self, name: str, party: PartyId, hub: str = "hub") -> ConnectionStatus | None:
        """The same as a party was told of it."""
        return await status_of(self.nodes[name].spine, await self.owner(name), party, hub)

    async def silence(self, seconds: float = 400) -> None:
        """Let so much time go by that whoever has not been heard is asked."""
        self.clock.pass_by(seconds=seconds)
        await self.settle()


@contextlib.asynccontextmanager
async def hub_of_two(version: str) -> AsyncGenerator[Scene]:
    """A hub with the CPO ELS and the eMSP RET, all of it told to each other."""
    scene = Scene(version)
    try:
        await scene.node("hub", HUB, Role.HUB)
        await scene.node("els", ELS, Role.CPO)
        await scene.node("ret", RET, Role.EMSP)
        await scene.join("els", ELS)
        await scene.join("ret", RET)
        await scene.settle()
        yield scene
    finally:
        await scene.net.close()


def client(party: PartyId, role: Role, status: ConnectionStatus, at: str = "") -> dict[str, str]:
    """As it stands on the wire."""
    return {
        "party_id": party.party_id,
        "country_code": party.country_code,
        "role": role.value,
        "status": status.value,
        "last_updated": at or START.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def hosts_asked(scene: Scene, part: str) -> list[str]:
    """Where requests went whose address has a part."""
    return [urlsplit(sent.path).netloc for sent in scene.net.sent if part in sent.path]
