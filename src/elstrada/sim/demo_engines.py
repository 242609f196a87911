"""What the demo stands on: SQLite in its own process, or PostgreSQL, NATS and gateways in theirs."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec
from pydantic import SecretStr

from elstrada.model.node import ALL_PARTS, Part
from elstrada.settings import DatabaseSection, NatsSection
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_network import EPOCH
from elstrada.sim.servers import NatsServer, PostgresServer
from elstrada.spine.postgres_migrate import migrate_postgres

_OPEN_S = 30.0
_END_S = 30.0


class GatewayOrder(msgspec.Struct, frozen=True):
    """What a gateway of the demo is told on its standard input."""

    name: str
    folder: str
    database_url: str
    nats_url: str
    seed: int
    speed: float
    began: float
    """The loop's time at the world's epoch; all processes of a machine share it."""


class GatewayProcess(msgspec.Struct, frozen=True):
    """A gateway that serves."""

    name: str
    stations_url: str
    """Up to and with the slash before the station's identity."""


class EngineRoom:
    """The demo's memory and way between nodes, as this process is to be told of them."""

    def __init__(self, folder: Path, servers: tuple[PostgresServer, NatsServer] | None, nodes: int) -> None:
        self._folder, self._nodes = folder, nodes
        self._gateways: list[GatewayProcess] = []
        self._processes: list[asyncio.subprocess.Process] = []
        self.name = "demo" if servers is None else f"node-{nodes}"
        self.roles = tuple(sorted(ALL_PARTS - ({Part.GATEWAY} if servers else set[Part]())))
        """What this process does."""
        self.database = DatabaseSection(url=SecretStr(servers[0].url()) if servers else None)
        self.nats = NatsSection(url=SecretStr(servers[1].url) if servers else None)

    async def open_gateways(self, clock: SimClock, seed: int) -> list[GatewayProcess]:
        """Start the gateways, if they are nodes of their own.

        Raises:
            OSError: one does not come up.
        """
        if self.database.url is None or self.nats.url is None:
            return []
        orders = [
            GatewayOrder(
                name=f"node-{number}",
                folder=str(self._folder),
                database_url=self.database.url.get_secret_value(),
                nats_url=self.nats.url.get_secret_value(),
                seed=seed,
                speed=clock.speed,
                began=clock.began,
            )
            for number in range(1, self._nodes)
        ]
        await asyncio.gather(*(self._open(order) for order in orders))
        return sorted(self._gateways, key=lambda gateway: gateway.name)

    async def close_gateways(self) -> None:
        """End them in order, side by side."""
        await asyncio.gather(*map(_closed, self._processes))

    async def _open(self, order: GatewayOrder) -> None:
        process = await _started(order)
        self._processes.append(process)
        self._gateways.append(await _opened(order.name, process))


@contextlib.contextmanager
def engine_room(folder: Path, nodes: int, *, keep: bool) -> Generator[EngineRoom]:
    """The engines for so many nodes, for as long as the context is open.

    Raises:
        ServersMissing: more than one node is wanted, and the servers are not installed.
    """
    if nodes == 1:
        yield EngineRoom(folder, None, nodes)
        return
    postgres, nats = PostgresServer(), NatsServer(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(postgres.stop if keep else postgres.remove)
        postgres.start()
        stack.callback(nats.stop)
        nats.start_now()
        migrate_postgres(postgres.url(), EPOCH)
        yield EngineRoom(folder, (postgres, nats), nodes)


async def _started(order: GatewayOrder) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "elstrada.sim.demo_gateway"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl-C is for this process, which ends the others in order.
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(order) + b"\n")
    return process


async def _opened(name: str, process: asyncio.subprocess.Process) -> GatewayProcess:
    assert process.stdout is not None
    async with asyncio.timeout(_OPEN_S):
        told = await process.stdout.readline()
    if not told:
        raise OSError(f"{name} did not come up: it ended with {await process.wait()}")
    return GatewayProcess(name, told.decode().strip())


async def _closed(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()  # What it waits for.
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
