"""Memory per idle connection, and echoed messages per second against npm ``ws``.

    python tests/bench/bench_sockets.py [memory|echo|all] [--gateway] [--compressed] [--connections 5000] [--engine picows]

``memory --gateway`` measures stations of the real gateway on SQLite: authenticated, connected in the log,
booted and idle. Without it a socket has the smallest line there can be. ``--compressed``: stations offer
compression.

A script, not a test. Servers run in child processes; clients in this one. ``echo`` needs node and npm
and installs ``ws`` into tests/bench/ws_echo on first use. Pin it to two cores for figures to compare.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import cast

import msgspec
import uvloop

from elstrada.model.answers import AskParty
from elstrada.model.device import Station as StationRecord
from elstrada.model.ids import PartyId
from elstrada.model.token import Verdict
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.engines import STATION_ENGINES
from elstrada.net.face import Admitted, Doorman, Knock, Line, Refused, StationSocket
from elstrada.net.station_server import StationLimits
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.roles.serve import settle
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.post import LocalPost
from elstrada.spine.sqlite import SqliteSpine

HERE = Path(__file__).parent
OWNER = PartyId("SE", "ELS")
BOOT = b'[2,"1","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Idle"}]'
FRAME = b'[2,"19223201","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-03-01T17:00:00Z",'
FRAME += b'"sampledValue":[{"value":"1234567","measurand":"Energy.Active.Import.Register"}]}]}]'
WARM = 100
"""Stations that connect before the first look at the memory, so that what all share is there."""
LOOPBACKS = 20
"""Client addresses: one has 28,000 ports only."""


class Echo:
    """The smallest Line."""

    __slots__ = ("received",)

    def __init__(self, socket: StationSocket) -> None:
        self.received = socket.send

    def closed(self, code: int, reason: str) -> None: ...


def credentials(n: int) -> str:
    return "Basic " + base64.b64encode(f"CP{n}:secret".encode()).decode()


class Porter:
    """Admits whoever shows the password."""

    def admit(self, knock: Knock) -> Admitted | Refused:
        if knock.headers.get("authorization") != credentials(int(knock.path.removeprefix("/ocpp/CP"))):
            return Refused(401)
        return Admitted("SE*ELS", knock.path, "ocpp1.6")

    def opened(self, socket: StationSocket, admitted: Admitted) -> Line:
        return Echo(socket)


class NoPeers:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


async def real_gateway(folder: Path, stations: int) -> Gateway:
    """A gateway with so many stations on its roll, none of them connected."""
    clock, keys, now = SystemClock(), derived_keys("bench"), datetime.now(UTC)
    names = [f"CP{n}" for n in range(stations)]
    rows = [
        {
            "owner": str(OWNER),
            "station_id": name,
            "password_hash": keys.station_hash(name, b"secret"),
            "document": msgspec.json.encode(StationRecord(owner=OWNER, id=name)).decode(),
            "changed_at": now,
        }
        for name in names
    ]
    spine = SqliteSpine(folder / "elstrada.db", clock)
    await spine.start()
    await spine.commit(Work(writes=tuple(Put(t.station, row) for row in rows)))
    gateway = Gateway(
        spine, keys, clock, SystemChance(), NoPeers(), Findings(spine, clock), LocalPost(), (OWNER,)
    )
    await gateway.start()
    return gateway


async def serve(engine: str, doorman: Doorman) -> None:
    """Serve until standard input ends; prints the port, and the memory after each line of input."""
    limits = StationLimits(opening_sockets=10_000, opening_per_address=10_000, ping_interval_s=600)
    server = await STATION_ENGINES[engine](
        doorman, host="127.0.0.1", port=0, clock=SystemClock(), limits=limits
    )
    settle()
    print(server.port, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(rss_bytes(), len(server.open), flush=True)


async def serve_gateway(engine: str, folder: Path, stations: int) -> None:
    await serve(engine, await real_gateway(folder, stations))


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def line(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


def memory(process: subprocess.Popen[str]) -> tuple[int, int]:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    rss, count = line(process)
    return rss, count


def opening(n: int, *, compressed: bool) -> bytes:
    key = base64.b64encode(n.to_bytes(16, "big")).decode()
    head = f"GET /ocpp/CP{n} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
    head += "Sec-WebSocket-Extensions: permessage-deflate\r\n" if compressed else ""
    return (head + f"Authorization: {credentials(n)}\r\nUser-Agent: bench\r\n\r\n").encode()


def masked(frame: bytes) -> bytes:
    """A text frame of a client, with a mask of zeros. Source: RFC 6455 §5.2."""
    length = bytes([0x80 | len(frame)]) if len(frame) < 126 else b"\xfe" + len(frame).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + frame


class Station(asyncio.Protocol):
    """A client down to bytes: it opens, and may then play ping-pong with one frame."""

    compressed = False

    def __init__(self, n: int, rounds_until: float) -> None:
        self._opening, self._until = opening(n, compressed=self.compressed), rounds_until
        self._frame = masked(FRAME)
        self._echo_bytes = 4 + len(FRAME)
        self._got = 0
        self.rounds = 0
        self.opened = asyncio.get_running_loop().create_future()
        self.booted = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            assert data.startswith(b"HTTP/1.1 101"), data
            assert (b"permessage-deflate" in data) == self.compressed, data
            self.opened.set_result(None)
            return
        self._got += len(data)
        if not self.booted.done() and b"[3," in data[:8]:
            self.booted.set_result(None)
        elif self._got >= self._echo_bytes:
            self._got = 0
            self.rounds += 1
            self.play()

    def play(self) -> None:
        if time.monotonic() < self._until:
            self.transport.write(self._frame)
        elif not self.ended.done():
            self.ended.set_result(None)


async def connect(port: int, count: int, until: float = 0.0, begin: int = 0) -> list[Station]:
    """Open so many stations, numbered from ``begin``, a hundred at a time."""
    loop, stations = asyncio.get_running_loop(), list[Station]()
    for first in range(0, count, 100):
        made = await asyncio.gather(
            *(
                loop.create_connection(
                    lambda n=n: Station(n, until),
                    "127.0.0.1",
                    port,
                    local_addr=(f"127.0.0.{2 + n % LOOPBACKS}", 0),
                )
                for n in range(begin + first, begin + min(first + 100, count))
            )
        )
        batch = [protocol for _, protocol in made]
        await asyncio.gather(*(station.opened for station in batch))
        stations += batch
    return stations


async def measure_memory(engine: str, connections: int, *, gateway: bool) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        stations = ["--connections", str(connections + WARM)]
        options = ["--engine", engine, *(["--gateway", "--folder", folder] if gateway else []), *stations]
        with child(sys.executable, __file__, "serve", *options) as server:
            grown = await growth(server, connections, gateway=gateway)
    what = f"{engine} and gateway" if gateway else engine
    what += ", compressed" * Station.compressed
    print(f"{what}: {grown / connections / 1000:.2f} kB per idle connection ({connections + WARM} open)")


async def growth(server: subprocess.Popen[str], connections: int, *, gateway: bool) -> int:
    """By how much a server grows with so many connections, in bytes."""
    (port,) = line(server)
    warm = await connect(port, WARM)
    await boot(warm, gateway=gateway)
    before, at_first = memory(server)
    stations = await connect(port, connections, begin=WARM)
    await boot(stations, gateway=gateway)
    after, count = memory(server)
    assert count == at_first + connections, f"{count} open"
    return after - before


async def boot(stations: list[Station], *, gateway: bool) -> None:
    """Let every station of a gateway boot, so that it has become its stream's writer and has served a call."""
    if gateway:
        for station in stations:
            station.transport.write(masked(BOOT))
        await asyncio.gather(*(station.booted for station in stations))
    await asyncio.sleep(0.5)


async def rate(port: int, connections: int, seconds: float) -> float:
    until = time.monotonic() + seconds + 0.5
    stations = await connect(port, connections, until)
    start = time.monotonic()
    for station in stations:
        station.play()
    await asyncio.gather(*(station.ended for station in stations))
    spent = time.monotonic() - start
    for station in stations:
        station.transport.abort()
    return sum(station.rounds for station in stations) / spent


def install_ws() -> Path:
    """npm's ``ws`` beside its server; returns the server."""
    npm, folder = shutil.which("npm"), HERE / "ws_echo"
    if npm is None:
        sys.exit("echo needs npm")
    if not (folder / "node_modules").exists():
        quiet = ["--no-audit", "--no-fund", "--silent", "--no-package-lock"]
        subprocess.run([npm, "install", *quiet], cwd=folder, check=True)
    return folder / "server.js"


async def measure_echo(server: Path, engine: str, connections: int, seconds: float) -> None:
    """Ours, theirs, ours, theirs, so that a busy machine is busy for both."""
    rates: dict[str, list[float]] = {engine: [], "npm ws": []}
    ours = child(sys.executable, __file__, "serve", "--engine", engine)
    with ours as first, child("node", str(server)) as second:
        ports = {engine: line(first)[0], "npm ws": line(second)[0]}
        for name in [engine, "npm ws"] * 3:
            rates[name].append(await rate(ports[name], connections, seconds))
    for name, runs in rates.items():
        print(f"{name}: {median(runs):,.0f} echoes/s (runs: {', '.join(f'{run:,.0f}' for run in runs)})")
    print(f"ratio {median(rates[engine]) / median(rates['npm ws']):.2f}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", nargs="?", default="all", choices=["memory", "echo", "all", "serve"])
    arguments.add_argument("--gateway", action="store_true")
    arguments.add_argument("--compressed", action="store_true")
    arguments.add_argument("--folder", type=Path, help="of the gateway's database")
    arguments.add_argument("--engine", default="picows", choices=sorted(STATION_ENGINES))
    arguments.add_argument("--connections", type=int, default=5_000)
    arguments.add_argument("--talkers", type=int, default=50)
    arguments.add_argument("--seconds", type=float, default=3.0)
    chosen = arguments.parse_args()
    Station.compressed = chosen.compressed
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if chosen.what == "serve":
        gateway = chosen.gateway and serve_gateway(chosen.engine, chosen.folder, chosen.connections)
        uvloop.run(gateway or serve(chosen.engine, Porter()))
    if chosen.what in ("memory", "all"):
        uvloop.run(measure_memory(chosen.engine, chosen.connections, gateway=chosen.gateway))
    if chosen.what in ("echo", "all"):
        uvloop.run(measure_echo(install_ws(), chosen.engine, chosen.talkers, chosen.seconds))


if __name__ == "__main__":
    main()
