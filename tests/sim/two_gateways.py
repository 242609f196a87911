"""One operator with two gateways on one memory, in virtual time: the stations of a seed, and what befalls them.

Only the gateways are real roles here; ``sim.world`` has the others, with one gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from itertools import pairwise

from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.asks import Command
from elstrada.model.device import CommandName
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.token import Verdict
from elstrada.net.chance import SeededChance
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.sim import invariants, records
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_network import CPO
from elstrada.sim.drivers import short_visit
from elstrada.sim.loop import run
from elstrada.sim.network import House, Lines
from elstrada.sim.plans import Fault, FaultKind, StationPlan, WorldPlan, world_plan
from elstrada.sim.process import Process
from elstrada.sim.small_network import small_network
from elstrada.sim.station_kinds import planned
from elstrada.sim.stations import VirtualStation
from elstrada.sim.store_weather import StoreWeather
from elstrada.sim.trace import Trace
from elstrada.sim.world import EPOCH
from elstrada.spine import tables as t
from elstrada.spine.face import SpineDown, Work
from elstrada.spine.memory import MemorySpine, MemoryStore
from elstrada.spine.post import Handler, Letter, LocalPost, NobodyThere, NoReply, Release

_STORE = {FaultKind.STORE_SLOW: "slow", FaultKind.STORE_DOWN: "down", FaultKind.STORE_DOUBTFUL: "doubtful"}
NAMES = ("n1", "n2")


class Fallbacks:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class Exchange:
    """Post between processes: an ask is served by the process that its address names, while that lives."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[Process, LocalPost]] = {}


class ExchangePost:
    """One node's end of it."""

    def __init__(self, exchange: Exchange, node_id: str, process: Process) -> None:
        self._exchange, self._local = exchange, LocalPost()
        exchange.nodes[node_id] = (process, self._local)

    def serve(self, address: str, handler: Handler) -> Release:
        return self._local.serve(address, handler)

    async def ask(self, address: str, ask: Letter, *, timeout_s: float) -> Letter:
        process, local = self._exchange.nodes[address[1:].partition("/")[0]]
        await asyncio.sleep(0.002)
        if not process.alive:
            raise NobodyThere(f"nobody serves {address}")
        task = process.spawn(local.ask(address, ask, timeout_s=timeout_s))
        await asyncio.wait({task}, timeout=timeout_s)
        if not task.done() or task.cancelled():
            raise NoReply(f"{address} gave no answer")
        return task.result()


Writers = dict[tuple[str, int], str]
"""Which node wrote a fact, by its stream and version."""


class SignedSpine(MemorySpine):
    """Notes which node wrote what; the log itself does not say."""

    def __init__(
        self, clock: SimClock, store: MemoryStore, weather: StoreWeather, node: str, writers: Writers
    ) -> None:
        super().__init__(clock, store, before=weather.before, after=weather.after)
        self._node, self._writers = node, writers

    def _do(self, work: Work) -> int:
        position = super()._do(work)
        for append in work.appends:
            for number, _ in enumerate(append.facts, 1):
                self._writers[append.stream, append.expected + number] = self._node
        return position


class World:
    """Two gateways and their stations."""

    def __init__(self, plan: WorldPlan) -> None:
        self.plan = plan
        self.clock = SimClock(EPOCH)
        self.trace = Trace(self.clock)
        self.lines = Lines(self.clock, self._random("lines"), self.trace)
        self.store, self.weather = MemoryStore(), StoreWeather(self._random("store"))
        self.keys, self.exchange = derived_keys(f"two/{plan.seed}"), Exchange()
        self.network = small_network(plan, EPOCH)
        self.stations = [
            planned(
                one,
                post.password,
                dial=self.lines.dial,
                clock=self.clock,
                chance=self._random(f"station/{one.id}"),
            )
            for one, post in zip(plan.stations, self.network.posts, strict=True)
        ]
        self.living: dict[str, tuple[Process, MemorySpine, Gateway]] = {}
        self.writers: Writers = {}
        self._starts = 0

    async def play(self) -> list[str]:
        """Live through the plan, and say what was broken."""
        tokens = (records.put_token(CPO, token, self.keys) for token in self.network.tokens)
        puts = (*self.network.puts(CPO, self.keys, EPOCH), *tokens)
        await MemorySpine(self.clock, self.store).commit(Work(writes=puts))
        for name in NAMES:
            await self._start(name)
        for station in self.stations:
            station.power_on()
        async with asyncio.TaskGroup() as tasks:
            for station, plan in zip(self.stations, self.plan.stations, strict=True):
                tasks.create_task(self._drivers(station, plan))
            for fault in self.plan.faults:
                tasks.create_task(self._befall(fault))
            for number in range(self.plan.commands):
                tasks.create_task(self._command(number))
        for _ in range(180):
            await self.clock.sleep(10)
            if not self._unfinished():
                break
        return self._judge()

    async def end(self) -> None:
        for station in self.stations:
            await station.retire()
        for name in list(self.living):
            self._kill(name)

    # --- life -------------------------------------------------------------------------------------------

    async def _start(self, name: str) -> None:
        self._starts += 1
        process = Process(f"{name}#{self._starts}")
        spine = SignedSpine(self.clock, self.store, self.weather, name, self.writers)
        gateway = process.call(self._gateway, name, process, spine)
        starting = process.spawn(gateway.start())
        await asyncio.wait({starting})
        if starting.cancelled() or starting.exception() is not None:
            process.kill()
        starting.result()
        self.living[name] = (process, spine, gateway)
        self.lines.open_house(House(gateway, process))

    def _gateway(self, name: str, process: Process, spine: MemorySpine) -> Gateway:
        return Gateway(
            spine,
            self.keys,
            self.clock,
            SeededChance(f"{name}/{self.plan.seed}/{self._starts}"),
            Fallbacks(),
            Findings(spine, self.clock),
            ExchangePost(self.exchange, name, process),
            (CPO,),
            name,
        )

    def _kill(self, name: str) -> None:
        process, spine, _ = self.living.pop(name)
        spine.crash()
        process.kill()
        self.lines.crash(process)

    async def _befall(self, fault: Fault) -> None:
        await self.clock.sleep(fault.at_s)
        station = self.stations[fault.station % len(self.stations)]
        match fault.kind:
            case FaultKind.CUT:
                self.lines.cut(station.station_id)
            case FaultKind.DEAD:
                self.lines.go_dead(station.station_id)
            case FaultKind.POWER if station.powered:
                self.lines.go_dead(station.station_id)
                station.power_off()
                await self.clock.sleep(fault.lasts_s)
                station.power_on()
            case FaultKind.CRASH:
                await self._crash(NAMES[fault.at_emsp], fault.lasts_s)
            case FaultKind.STORE_SLOW | FaultKind.STORE_DOWN | FaultKind.STORE_DOUBTFUL:
                with self.weather.turned(_STORE[fault.kind]):
                    await self.clock.sleep(fault.lasts_s)
            case _:
                pass  # Of peers, which are not here.

    async def _crash(self, name: str, lasts_s: float) -> None:
        if name not in self.living:
            return
        self._kill(name)
        await self.clock.sleep(lasts_s)
        while name not in self.living:
            with contextlib.suppress(SpineDown):
                await self._start(name)
            await self.clock.sleep(1)

    async def _drivers(self, station: VirtualStation, plan: StationPlan) -> None:
        chance = self._random(f"drivers/{station.station_id}")
        tokens = [token.uid for token in self.network.tokens]
        for _ in range(plan.visits):
            await self.clock.sleep(chance.uniform(0, self.plan.span_s / plan.visits))
            socket = station.sockets[chance.randint(1, len(station.sockets))]
            visit = short_visit(chance, socket)
            await station.charge(socket.evse_id, chance.choice(tokens), visit.curve, visit.stay_s)

    async def _command(self, number: int) -> None:
        chance = self._random(f"command/{number}")
        await self.clock.sleep(chance.uniform(10, self.plan.span_s))
        station, name = chance.choice(self.stations), chance.choice(NAMES)
        if name not in self.living:
            return
        process, spine, gateway = self.living[name]
        ask = Command(
            command_id=f"command-{number}", name=CommandName.UNLOCK, asked_by=CPO, evse_id=1, connector_id=1
        )
        reaching = reach.command(spine, gateway.post, CPO, station.station_id, ask, timeout_s=35)
        await asyncio.wait({process.spawn(reaching)})

    # --- judgement ----------------------------------------------------------------------------------------

    def _unfinished(self) -> list[str]:
        running = [
            *(row["session_id"] for row in self.store.tables.rows(t.session) if row["completed_at"] is None),
            *(row["command_id"] for row in self.store.tables.rows(t.command) if row["result"] is None),
        ]
        busy = [s.station_id for s in self.stations if s.charges or not s.drained or not s.online]
        # A station whose line went dead notices with its next heartbeat.
        unclear = [problem for s in self.stations for problem in self._one_owner(s.station_id)]
        return [*busy, *(str(name) for name in running), *unclear]

    def _judge(self) -> list[str]:
        logs = invariants.station_logs(self.store.log, self.stations, CPO)
        problems = [f"P6 {what} is not finished" for what in self._unfinished()]
        for station in self.stations:
            problems += invariants.of_station(station, logs[station.station_id])
            problems += self._one_writer(station.station_id)
        return problems

    def _one_owner(self, station_id: str) -> list[str]:
        """T2: of the sockets that gateways let speak, one is the station's, and the log names that one."""
        row = self.store.tables.get(t.station_state, (str(CPO), station_id)) or {}
        speaking = [
            (name, link.connection_id)
            for name, (_, _, gateway) in self.living.items()
            for link in gateway._links.values()
            if link.seat.station_id == station_id and not link.ending
        ]
        told = [(row["node"], row["connection_id"])]
        return [] if speaking == told else [f"T2 {station_id}: {speaking} speak, the log says {told}"]

    def _one_writer(self, station_id: str) -> list[str]:
        """T2: between a connection and its end, its node alone writes of the station; anyone may say it is gone."""
        problems: list[str] = []
        owner = connection_id = None
        for one in self.store.streams.get(station_stream(CPO, station_id), []):
            writer = self.writers[one.stream, one.version]
            match one.fact:
                case f.StationConnected():
                    owner, connection_id = one.fact.node, one.fact.connection_id
                case f.StationDisconnected():
                    if one.fact.connection_id != connection_id:
                        problems.append(f"T2 {station_id}: {writer} ended a connection that was over")
                    owner = connection_id = None
                case fact if owner is not None and writer != owner:
                    kind = type(fact).__name__
                    problems.append(
                        f"T2 {station_id}: {writer} wrote {kind} {one.version} while {owner} owned it"
                    )
                case _:
                    pass
        return problems

    # --- parts ------------------------------------------------------------------------------------------

    @property
    def handovers(self) -> int:
        """How often a station went from one node to the other."""
        nodes: dict[str, list[str]] = {}
        for one in self.store.log:
            if isinstance(one.fact, f.StationConnected):
                nodes.setdefault(one.stream, []).append(one.fact.node)
        return sum(a != b for held in nodes.values() for a, b in pairwise(held))

    def _random(self, purpose: str) -> random.Random:
        return random.Random(f"two/{purpose}/{self.plan.seed}")


def live(seed: int) -> tuple[list[str], int]:
    """The world of a seed: what was broken in it, and how often a station changed nodes."""

    async def whole() -> tuple[list[str], int]:
        world = World(world_plan(seed))
        problems = await world.play()
        await world.end()
        return problems, world.handovers

    return run(whole(), shuffle=f"two/{seed}", horizon_s=10_000)
