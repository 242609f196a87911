"""One seed, one world: stations, drivers and faults around the real roles, and then the promises checked."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from datetime import UTC, datetime

import msgspec

from elstrada.model.asks import Command
from elstrada.model.device import CommandName
from elstrada.sim import invariants, settlement
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_network import CPO, PARTIES, Post
from elstrada.sim.drivers import short_visit
from elstrada.sim.installation import Installation
from elstrada.sim.loop import run
from elstrada.sim.network import Lines
from elstrada.sim.plans import Fault, FaultKind, StationPlan, WorldPlan, world_plan
from elstrada.sim.small_network import small_network
from elstrada.sim.sockets import Car, Socket
from elstrada.sim.station16 import Station16
from elstrada.sim.station201 import Station201
from elstrada.sim.stations import VirtualStation
from elstrada.sim.store_weather import StoreWeather
from elstrada.sim.trace import Trace
from elstrada.sim.web import Traffic, Web
from elstrada.spine.face import SpineDown, Work
from elstrada.spine.memory import MemorySpine

EPOCH = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
_STORE = {
    FaultKind.STORE_SLOW: "slow",
    FaultKind.STORE_DOWN: "down",
    FaultKind.STORE_DOUBTFUL: "doubtful",
}
SETTLES_S = 3_600.0
"""How long a world may take to become quiet once all is well (P6 asks for less)."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a world."""

    seed: int
    digest: str
    """The same for the same seed, or something is not deterministic."""
    problems: tuple[str, ...]
    """Empty if every promise held."""
    trace: tuple[str, ...]
    """The last lines about what differs."""
    stations: int
    sessions: int
    facts: int
    energy_wh: int

    def __str__(self) -> str:
        if not self.problems:
            return f"seed {self.seed}: {self.stations} stations, {self.sessions} sessions, {self.facts} facts: all held"
        lines = [f"seed {self.seed}: {len(self.problems)} promises broken", *self.problems]
        return "\n".join((*lines, "", *self.trace, "", f"run it again with: elstrada sim {self.seed}"))


def simulate(seed: int, plan: WorldPlan | None = None) -> Report:
    """Run the world of a seed from beginning to end."""
    plan = plan or world_plan(seed)
    return run(World.play(plan), shuffle=f"order/{seed}", horizon_s=plan.span_s + 2 * SETTLES_S)


class World:
    """A running world."""

    def __init__(self, plan: WorldPlan) -> None:
        self.plan = plan
        self.clock = SimClock(EPOCH)
        self.trace = Trace(self.clock)
        self._chance = random.Random(f"events/{plan.seed}")  # noqa: S311  Repeating is its purpose.
        self.lines = Lines(self.clock, self._random("lines"), self.trace)
        self.web = Web(self._random("web"), self.trace)
        self.cpo, self.emsp = (
            Installation(
                party,
                plan.seed,
                clock=self.clock,
                lines=self.lines,
                web=self.web,
                weather=StoreWeather(self._random(f"store/{party.id}")),
            )
            for party in PARTIES
        )
        self.network = small_network(plan, EPOCH)
        self.stations = [
            self._station(one, post) for one, post in zip(plan.stations, self.network.posts, strict=True)
        ]
        self._tokens = deque(token.uid for token in self.network.tokens)

    @classmethod
    async def play(cls, plan: WorldPlan) -> Report:
        """Live through a plan, and judge."""
        world = cls(plan)
        await world._live()
        report = await world._judge()
        for station in world.stations:
            await station.retire()
        for installation in world._installations:
            installation.kill()
        return report

    # --- life -------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        await self._open()
        async with asyncio.TaskGroup() as tasks:
            for station, plan in zip(self.stations, self.plan.stations, strict=True):
                tasks.create_task(self._drivers(station, plan))
            for fault in self.plan.faults:
                tasks.create_task(self._befall(fault))
            for number in range(self.plan.commands):
                tasks.create_task(self._command(number))
        await self._settle()

    async def _open(self) -> None:
        """Write the records, start the nodes, let the parties register with each other, switch stations on."""
        for installation in self._installations:
            spine = MemorySpine(self.clock, installation.store)
            puts = self.network.puts(installation.party.id, installation.keys, EPOCH)
            await spine.commit(Work(writes=puts))
            await installation.start()
        token_a = await self.emsp.invite("ELS")
        await self.cpo.register("RET", self.emsp.url, token_a)
        for station in self.stations:
            station.power_on()

    async def _settle(self) -> None:
        """All is well from here on: wait until nobody has anything more to tell."""
        for _ in range(int(SETTLES_S / 10)):
            await self.clock.sleep(10)
            if self._quiet():
                break

    def _quiet(self) -> bool:
        busy = any(s.charges or not s.drained or not s.online for s in self.stations)
        return not (busy or any(installation.unfinished() for installation in self._installations))

    async def _drivers(self, station: VirtualStation, plan: StationPlan) -> None:
        """The drivers who come to a station."""
        chance = self._random(f"drivers/{station.station_id}")
        async with asyncio.TaskGroup() as tasks:
            for number in range(plan.visits + plan.remote_visits):
                socket = station.sockets[chance.randint(1, len(station.sockets))]
                driver = self._drive_by_app if number >= plan.visits else self._drive
                come_s = chance.uniform(0, self.plan.span_s)
                tasks.create_task(driver(station, socket, self._tokens.popleft(), come_s, chance))

    async def _drive(
        self, station: VirtualStation, socket: Socket, token_uid: str, come_s: float, chance: random.Random
    ) -> None:
        await self.clock.sleep(come_s)
        visit = short_visit(chance, socket)
        await station.charge(socket.evse_id, token_uid, visit.curve, visit.stay_s)

    async def _drive_by_app(
        self, station: VirtualStation, socket: Socket, token_uid: str, come_s: float, chance: random.Random
    ) -> None:
        """Plug in and start with the app; if nothing begins, drive on."""
        await self.clock.sleep(come_s)
        visit = short_visit(chance, socket)
        car = Car(curve=visit.curve, stay_s=visit.stay_s, started=asyncio.Event())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(station.wait_for_remote_start(socket.evse_id, car, 120))
            place = self._place(station.station_id, socket.evse_id)
            ended = await self.emsp.start_remotely(CPO, token_uid, place)
            self.trace.note("app", f"{station.station_id}: {ended}")

    def _place(self, station_id: str, evse_id: int) -> str:
        """The EVSE's uid in the locations."""
        station = next(post.station for post in self.network.posts if post.station.id == station_id)
        return next(place.evse_uid for place in station.places if place.evse_id == evse_id)

    async def _befall(self, fault: Fault) -> None:
        await self.clock.sleep(fault.at_s)
        station = self.stations[fault.station % len(self.stations)]
        hit = self.emsp if fault.at_emsp else self.cpo
        self.trace.note("world", f"{fault.kind.value} {station.station_id} {hit.name} {fault.lasts_s:.0f} s")
        match fault.kind:
            case FaultKind.CUT:
                self.lines.cut(station.station_id)
            case FaultKind.DEAD:
                self.lines.go_dead(station.station_id)
            case FaultKind.POWER:
                await self._cut_power(station, fault.lasts_s)
            case FaultKind.CRASH:
                await self._crash(hit, fault.lasts_s)
            case FaultKind.STORE_SLOW | FaultKind.STORE_DOWN | FaultKind.STORE_DOUBTFUL:
                with hit.weather.turned(_STORE[fault.kind]):
                    await self.clock.sleep(fault.lasts_s)
            case FaultKind.PEER_OUTAGE:
                with self.web.closed(hit.url):
                    await self.clock.sleep(fault.lasts_s)
            case FaultKind.PEER_BAD:
                with self.web.worse(Traffic(bad=0.3, slow=0.2)):
                    await self.clock.sleep(fault.lasts_s)

    async def _cut_power(self, station: VirtualStation, lasts_s: float) -> None:
        if station.powered:
            self.lines.go_dead(station.station_id)
            station.power_off()
            await self.clock.sleep(lasts_s)
            station.power_on()

    async def _crash(self, installation: Installation, lasts_s: float) -> None:
        """Kill a node, and start it again until it stands."""
        if not installation.up:
            return
        installation.kill()
        await self.clock.sleep(lasts_s)
        while not installation.up:
            with contextlib.suppress(SpineDown):
                await installation.start()
            await self.clock.sleep(1)

    async def _command(self, number: int) -> None:
        chance = self._random(f"command/{number}")
        await self.clock.sleep(chance.uniform(10, self.plan.span_s))
        station = chance.choice(self.stations)
        name = chance.choice(
            (CommandName.TRIGGER, CommandName.UNLOCK, CommandName.RESET, CommandName.TRIGGER)
        )
        ask = Command(
            command_id=f"command-{number}",
            name=name,
            asked_by=CPO,
            evse_id=1,
            connector_id=1,
            hard=chance.random() < 0.5,
            message="StatusNotification" if name is CommandName.TRIGGER else None,
        )
        done = await self.cpo.command(station.station_id, ask)
        self.trace.note("operator", f"{name} {station.station_id}: {done}")

    # --- judgement ----------------------------------------------------------------------------------------

    async def _judge(self) -> Report:
        logs = invariants.station_logs(self.cpo.store.log, self.stations, CPO)
        problems = [
            problem
            for station in self.stations
            for problem in invariants.of_station(station, logs[station.station_id])
        ]
        problems += [f"P6 {what}" for one in self._installations for what in one.unfinished()]
        problems += settlement.of_parties(self.cpo.store, self.emsp.store, self.stations)
        for one in self._installations:
            problems += await settlement.views_agree(self.clock, one.name, one.store)
        truths = [truth for station in self.stations for truth in station.book.sessions]
        return Report(
            seed=self.plan.seed,
            digest=self.trace.digest,
            problems=tuple(problems),
            trace=tuple(self._about(problems)),
            stations=len(self.stations),
            sessions=len(truths),
            facts=len(self.cpo.store.log) + len(self.emsp.store.log),
            energy_wh=sum(truth.energy_wh for truth in truths),
        )

    def _about(self, problems: list[str]) -> list[str]:
        """The trace of the stations that the problems name."""
        names = [s.station_id for s in self.stations if any(s.station_id in problem for problem in problems)]
        return self.trace.about("world", *names) if problems else []

    @property
    def _installations(self) -> tuple[Installation, ...]:
        return self.cpo, self.emsp

    # --- parts ------------------------------------------------------------------------------------------

    def _random(self, purpose: str) -> random.Random:
        """Chance for one purpose: what happens elsewhere does not disturb it."""
        return random.Random(f"{purpose}/{self.plan.seed}")  # noqa: S311  Repeating is its purpose.

    def _station(self, plan: StationPlan, post: Post) -> VirtualStation:
        kind = Station16 if plan.version == "1.6" else Station201
        sockets = tuple(
            Socket(evse_id=n, power_w=power_w, phases=0 if power_w >= 50_000 else 3, register_wh=register_wh)
            for n, (power_w, register_wh) in enumerate(zip(plan.sockets_w, plan.registers_wh, strict=True), 1)
        )
        return kind(
            post.station.id,
            post.password,
            sockets,
            habits=plan.habits,
            dial=self.lines.dial,
            clock=self.clock,
            chance=self._random(f"station/{plan.id}"),
        )
