"""Gateways on one memory, each with a real WebSocket server and a post of its own, and stations that dial them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import websockets

from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, Station
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.token import Verdict
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.station_server import StationServer
from elstrada.net.stations import serve_stations
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Recorded, Work
from elstrada.spine.memory import MemorySpine, MemoryStore
from elstrada.spine.post import Letter, LocalPost, Post
from nats_server import NatsServer, nats_post, nats_server, until

CPO = PartyId("SE", "ELS")
KEYS = derived_keys("test")
PASSWORD = "a-machine-made-password"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
STREAM = station_stream(CPO, "CP1")


class Fallbacks:
    """An authorizer whose peers are all away."""

    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class Node:
    """One gateway with its hands."""

    def __init__(self, store: MemoryStore, post: Post, node_id: str) -> None:
        self.clock = SystemClock()
        self.spine, self.post, self.node_id = MemorySpine(self.clock, store), post, node_id
        self.findings = Findings(self.spine, self.clock)
        self.gateway = Gateway(
            self.spine,
            KEYS,
            self.clock,
            SystemChance(),
            Fallbacks(),
            self.findings,
            post,
            (CPO,),
            node_id,
        )
        self.server: StationServer | None = None

    async def start(self) -> None:
        await self.gateway.start()
        self.server = await serve_stations(self.gateway, host="127.0.0.1", port=0, clock=self.clock)

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.close(per_second=10_000)
            self.server = None
        await self.gateway.stop()

    async def command(self, command_id: str, station_id: str = "CP1", deadline_s: int = 5) -> Letter:
        """Give the station a command from this node."""
        ask = Command(command_id=command_id, name=CommandName.RESET, asked_by=CPO, deadline_s=deadline_s)
        return await reach.command(self.spine, self.post, CPO, station_id, ask, timeout_s=deadline_s + 1)

    def count(self, code: str) -> int:
        """How often a finding was noted of CP1."""
        return self.findings.unsaved(f"station:{CPO}/CP1", code)

    def dial(self, station_id: str = "CP1", password: str = PASSWORD) -> AbstractAsyncContextManager[Caller]:
        assert self.server is not None
        return dial(self.server.port, station_id, password)


@asynccontextmanager
async def dial(port: int, station_id: str = "CP1", password: str = PASSWORD) -> AsyncIterator[Caller]:
    """A station's socket to whoever listens."""
    basic = base64.b64encode(f"{station_id}:{password}".encode()).decode()
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ocpp/{station_id}",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {basic}"},
        ping_interval=None,
        close_timeout=0.2,
    ) as socket:
        caller = Caller(socket)
        try:
            yield caller
        finally:
            caller.stop()


class Caller:
    """A station's end of one socket: it boots when told, accepts every command, and pongs by itself."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.asked: list[str] = []
        self.answered: dict[str, float] = {}
        """When each call was answered, by its message id, on the monotonic clock."""
        self.pings = 0
        self._listening = asyncio.create_task(self._listen())

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason, once the gateway has closed it."""
        return (
            None
            if self.socket.close_code is None
            else (self.socket.close_code, self.socket.close_reason or "")
        )

    async def send(self, message_id: str, action: str = "Heartbeat", **payload: object) -> None:
        await self.socket.send(json.dumps([2, message_id, action, payload]))

    async def status(self, message_id: str, status: str) -> None:
        """Say something that becomes a fact."""
        await self.send(message_id, "StatusNotification", connectorId=1, status=status, errorCode="NoError")

    async def served(self, message_id: str = "1", timeout_s: float = 3) -> None:
        """Say something, and wait for the answer."""
        await self.send(message_id)
        await until(lambda: message_id in self.answered, timeout_s)

    async def gone(self, timeout_s: float = 3) -> tuple[int, str]:
        """Wait for the gateway's goodbye."""
        await until(lambda: self.closed is not None, timeout_s)
        assert self.closed is not None
        return self.closed

    def go_silent(self) -> None:
        """Read nothing more, as a station does whose line is dead or whose process is stopped."""
        self.socket.transport.pause_reading()

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.socket.transport.resume_reading()
        self._listening.cancel()

    async def _listen(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self.socket:
                match json.loads(text):
                    case [2, message_id, action, _]:
                        self.asked.append(action)
                        await self.socket.send(json.dumps([3, message_id, {"status": "Accepted"}]))
                    case [_, message_id, *_]:
                        self.answered[message_id] = time.monotonic()


class Place:
    """All the nodes, and what they remember."""

    def __init__(self, store: MemoryStore, nats: NatsServer | None, nodes: dict[str, Node]) -> None:
        self.store, self.nats, self.nodes = store, nats, nodes

    def log(self, kind: type[f.Fact]) -> list[Recorded]:
        """What was recorded of CP1, of one kind."""
        return [one for one in self.store.streams.get(STREAM, []) if isinstance(one.fact, kind)]

    @property
    def owners(self) -> list[str]:
        """Which nodes CP1 was connected to, one after the other."""
        return [one.fact.node for one in self.log(f.StationConnected)]  # type: ignore[union-attr]

    def row(self, station_id: str = "CP1") -> dict[str, object]:
        return dict(self.store.tables.get(t.station_state, (str(CPO), station_id)) or {})


def records(*station_ids: str) -> tuple[Put, ...]:
    return tuple(
        Put(
            t.station,
            {
                "owner": str(CPO),
                "station_id": name,
                "password_hash": KEYS.station_hash(name, PASSWORD.encode()),
                "document": msgspec.json.encode(Station(owner=CPO, id=name)).decode(),
                "changed_at": NOW,
            },
        )
        for name in station_ids
    )


@asynccontextmanager
async def place(
    folder: Path | None = None, *names: str, stations: tuple[str, ...] = ("CP1", "CP2", "CP3")
) -> AsyncIterator[Place]:
    """Nodes of these names with NATS between them; without names one, and no NATS."""
    store = MemoryStore()
    await MemorySpine(SystemClock(), store).commit(Work(writes=records(*stations)))
    async with AsyncExitStack() as stack:
        nats: NatsServer | None = None
        if folder is not None and names:
            nats = stack.enter_context(nats_server(folder))
            await nats.start()
        nodes: dict[str, Node] = {}
        for name in names or ("n1",):
            post: Post = LocalPost()
            if nats is not None:
                between = await stack.enter_async_context(nats_post(nats.url, name))
                await between.announced()
                post = between
            nodes[name] = Node(store, post, name)
            await nodes[name].start()
            stack.push_async_callback(nodes[name].stop)
        yield Place(store, nats, nodes)


async def holds(what: Callable[[], bool], for_s: float) -> None:
    """See that something stays so."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        assert what()
        await asyncio.sleep(0.02)
