"""``elstrada demo``: a network living on this machine, everything real but the cars.

A CPO and an electricity retailer, and neighbours of theirs, who talk OCPI to each other over HTTP on loopback; stations
on real WebSockets; drivers from the distribution of real sessions. One process with SQLite, or several nodes on
PostgreSQL and NATS: then this process is the node for everything but the stations' sockets. The neighbours have
SQLite each.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvloop

from elstrada.config import Config
from elstrada.net.chance import SeededChance
from elstrada.net.clock import SystemClock
from elstrada.roles.engines import Engines
from elstrada.roles.ground import Ground
from elstrada.roles.house import House
from elstrada.roles.keys import Keys, load_keys
from elstrada.roles.serve import settle, told_to_stop
from elstrada.settings import HealthSection, HttpSection, OcpiSection, StationsSection
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_drivers import DemoDrivers
from elstrada.sim.demo_engines import EngineRoom, engine_room
from elstrada.sim.demo_neighbours import DIJK, LOOPBACK, Door, introduce, neighbourhood
from elstrada.sim.demo_network import CPO, EPOCH, ODD, PARTIES, RETAILER, DemoNetwork, Post, demo_network
from elstrada.sim.habits import Habits
from elstrada.sim.real_wire import RealDial
from elstrada.sim.records import lenient
from elstrada.sim.servers import ServersMissing
from elstrada.sim.sockets import Socket
from elstrada.sim.station_kinds import KINDS
from elstrada.sim.stations import VirtualStation
from elstrada.spine.ending import ended
from elstrada.spine.face import Append, Put, Work

_CLOSED_WITHIN_S = 60.0
"""What is not closed then is cut off."""
_SOCKETS = 16
"""Lines opened at a time: the page must be there before all stations are."""


def run(*, seed: int, speed: float, stations: int, keep: bool, port: int, nodes: int = 1) -> int:
    """Show the network until Ctrl-C; returns the exit code.

    Args:
        nodes: 1, or more: PostgreSQL, NATS and all but one of them gateways.
        speed: seconds of the world in a real second. Timeouts between processes stay real.
        keep: leave the data folder behind.
        port: of the pages; if it is taken, any other.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        with _folder(keep=keep) as folder, engine_room(folder, nodes, keep=keep) as room:
            uvloop.run(_show(folder, room, seed, speed, stations, port))
            return 0
    except ServersMissing as missing:
        _say(f"elstrada: {missing}")
        return 1


async def _show(folder: Path, room: EngineRoom, seed: int, speed: float, stations: int, port: int) -> None:
    stop = told_to_stop()
    async with living(folder, room, seed=seed, speed=speed, stations=stations, port=port) as network:
        _say(*network.house.addresses, *network.gateways, f"data      {folder}")
        _say(
            f"The world's clock began at {EPOCH:%Y-%m-%d %H:%M} UTC and runs {speed:g} times as fast. Ctrl-C ends it."
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, network.neighbours}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            _say(*(f"{one.neighbour.name:9} {one.house.http_url}/" for one in network.neighbours.result()))
        await stopping


class LivingNetwork:
    """The demo while it runs."""

    def __init__(
        self,
        house: House,
        clock: SimClock,
        stations: list[VirtualStation],
        drivers: DemoDrivers,
        gateways: list[str],
    ) -> None:
        self.house, self.clock, self.stations, self.drivers = house, clock, stations, drivers
        self.gateways = gateways
        """What nodes of their own say of where they are."""
        self.neighbours: asyncio.Future[list[Door]] = asyncio.get_running_loop().create_future()
        """Done when they are there, which the page does not wait for."""
        self._leaving = asyncio.Event()

    async def welcome(self, folder: Path, seed: int) -> None:
        """Open the neighbours, let drivers come to them, and close them when all leave."""
        try:
            async with neighbourhood(self.house, folder, self.clock, seed) as doors:
                stations = [one for door in doors for one in _guests(door, self.clock, seed)]
                try:
                    self.drivers.welcome([door.neighbour.network for door in doors], stations)
                    await _switch_on(stations)
                    self.neighbours.set_result(doors)
                    await self._leaving.wait()
                finally:
                    await asyncio.gather(*(one.retire() for one in stations), return_exceptions=True)
        except Exception as failure:
            if self.neighbours.done():
                raise
            self.neighbours.set_exception(failure)  # Whoever waits for them is told.

    def leave(self) -> None:
        """Let the neighbours close."""
        self._leaving.set()


def _guests(door: Door, clock: SimClock, seed: int) -> list[VirtualStation]:
    return _stations(door.neighbour.network, [door.house.stations_url], clock, seed)


@asynccontextmanager
async def living(
    folder: Path, room: EngineRoom, *, seed: int, speed: float, stations: int, port: int
) -> AsyncGenerator[LivingNetwork]:
    """A network that lives for as long as the context is open, and leaves no task behind."""
    clock, network, keys = (
        SimClock(EPOCH, speed),
        demo_network(seed, EPOCH, stations=stations),
        load_keys(folder / "keys.json"),
    )
    chance = SeededChance(f"demo/{seed}")
    engines = Engines(_config(folder, room, port), clock, chance, room.name)
    async with contextlib.AsyncExitStack() as stack:
        await engines.start()
        stack.push_async_callback(engines.close)
        await engines.spine.commit(Work(appends=_agreed(), writes=_puts(network, keys)))
        stack.push_async_callback(room.close_gateways)
        opening = asyncio.create_task(room.open_gateways(clock, seed))
        stack.push_async_callback(ended, opening)
        house = await _opened(folder, room, engines, keys, clock, chance, port)
        stack.push_async_callback(house.close)
        await introduce(house, RETAILER, house, CPO)
        gateways = await opening
        urls = [gateway.stations_url for gateway in gateways] or [house.stations_url]
        virtual = _stations(network, urls, clock, seed)
        drivers = DemoDrivers(network, virtual, house.node, clock, seed)
        told = [f"{gateway.name:9} {gateway.stations_url}<station id>" for gateway in gateways]
        alive = LivingNetwork(house, clock, virtual, drivers, told)
        stack.push_async_callback(_part, alive, asyncio.create_task(alive.welcome(folder, seed)))
        doing = (_switch_on(virtual), drivers.come())
        stack.push_async_callback(_retire, virtual, [asyncio.create_task(one) for one in doing])
        yield alive


def _puts(network: DemoNetwork, keys: Keys) -> tuple[Put, ...]:
    return tuple(put for party in (CPO, RETAILER) for put in network.puts(party, keys, EPOCH))


def _agreed() -> tuple[Append, ...]:
    """With both CPOs that the retailer's drivers go to."""
    return tuple(lenient(RETAILER, cpo.party_id, ODD) for cpo in (CPO, DIJK.id))


async def _opened(
    folder: Path,
    room: EngineRoom,
    engines: Engines,
    keys: Keys,
    clock: SimClock,
    chance: SeededChance,
    port: int,
) -> House:
    """Open the house; where its port is taken, on any that is free."""
    for attempt in (port, 0):
        ground = Ground(
            spine=engines.spine,
            post=engines.post,
            keys=keys,
            clock=clock,
            wall=SystemClock(),
            chance=chance,
            node=room.name,
            transport=engines.amiss,
            tallies=engines.tallies,
        )
        house = House(_config(folder, room, attempt), PARTIES, ground)
        try:
            await house.open()
        except OSError as taken:
            if attempt == 0:
                raise
            _say(f"port {port} is taken ({taken.strerror}); using another")
        else:
            settle()
            return house
    raise AssertionError("the second attempt returns or raises")


def _config(folder: Path, room: EngineRoom, port: int) -> Config:
    return Config(
        data_dir=folder,
        http=HttpSection(port=port, zone="Europe/Stockholm"),
        health=HealthSection(port=0),
        stations=StationsSection(port=0),
        outbound=LOOPBACK,
        ocpi=OcpiSection(versions=("2.1.1", "2.2.1", "2.3.0")),
        roles=room.roles,
        database=room.database,
        nats=room.nats,
    )


# --- stations -----------------------------------------------------------------------------------------------


def _stations(network: DemoNetwork, urls: list[str], clock: SimClock, seed: int) -> list[VirtualStation]:
    """Every station, each with all addresses, beginning with another."""
    stations: list[VirtualStation] = []
    for number, post in enumerate(network.posts):
        first = number % len(urls)
        chance = random.Random(f"{post.station.id}/{seed}")  # noqa: S311  Repeating is its purpose.
        stations.append(_station(post, RealDial(*urls[first:], *urls[:first]), clock, chance))
    return stations


def _station(post: Post, dial: RealDial, clock: SimClock, chance: random.Random) -> VirtualStation:
    # However fast the world, a real second has room for so many messages only.
    habits = Habits(
        sample_every_s=max(60.0, 5.0 * clock.speed),
        heartbeat_s=max(300.0, 30.0 * clock.speed),
        back_off_s=(2.0 * clock.speed, 10.0 * clock.speed),
    )
    sockets = tuple(
        Socket(
            evse_id=number,
            power_w=power_w,
            phases=0 if power_w >= 50_000 else 3,
            register_wh=chance.randrange(10_000, 9_000_000),
        )
        for number, power_w in enumerate(post.sockets_w, 1)
    )
    kind = KINDS[post.version]
    return kind(post.station.id, post.password, sockets, habits=habits, dial=dial, clock=clock, chance=chance)


async def _switch_on(stations: list[VirtualStation]) -> None:
    """Not all at once: a thousand handshakes in one moment would hold up the page."""
    for number, station in enumerate(stations):
        station.power_on()
        if number % _SOCKETS == _SOCKETS - 1:
            await asyncio.sleep(0.1)


async def _part(alive: LivingNetwork, welcoming: asyncio.Task[None]) -> None:
    """Close the neighbours in their own time, for whoever is cancelled again while it tidies up leaves things behind."""
    alive.leave()
    await asyncio.wait((welcoming,), timeout=_CLOSED_WITHIN_S)
    await ended(welcoming)


async def _retire(stations: list[VirtualStation], tasks: list[asyncio.Task[None]]) -> None:
    await ended(*tasks)
    await asyncio.gather(*(station.retire() for station in stations), return_exceptions=True)


@contextmanager
def _folder(*, keep: bool) -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="elstrada-demo-"))
    try:
        yield folder
    finally:
        if keep:
            _say(f"The data is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201  To the person who started it.
