"""One seed, one world: stations, drivers and faults around the real roles, and then the promises checked."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import UTC, datetime

from elstrada.model.asks import Command
from elstrada.model.device import CommandName
from elstrada.sim import admission, invariants, settlement
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_network import CPO, PARTIES
from elstrada.sim.drivers import Visit, short_visit
from elstrada.sim.installation import Installation
from elstrada.sim.loop import run
from elstrada.sim.mishaps import Mishaps
from elstrada.sim.network import Lines
from elstrada.sim.plans import Hardening, StationPlan, WorldPlan, world_plan
from elstrada.sim.report import Report
from elstrada.sim.small_network import agreed_by, small_network
from elstrada.sim.sockets import Car, Socket
from elstrada.sim.station_kinds import planned
from elstrada.sim.stations import VirtualStation
from elstrada.sim.store_weather import StoreWeather
from elstrada.sim.trace import Trace
from elstrada.sim.web import Web
from elstrada.spine import tables as t
from elstrada.spine.face import Work
from elstrada.spine.memory import MemorySpine

EPOCH = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
_COMMANDS = (CommandName.TRIGGER, CommandName.UNLOCK, CommandName.RESET, CommandName.CHANGE_AVAILABILITY)
SETTLES_S = 1_800.0
"""How long a world may take to become quiet once all is well: a visit of 10 minutes, and 15 more (P6)."""


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
                end_rules=plan.end_rules,
                looks=plan.looks,
            )
            for party in PARTIES
        )
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
        self._tokens = deque(token.uid for token in self.network.tokens)
        """Of drivers who do not charge at present."""
        self._mishaps = Mishaps(
            self.clock,
            self.trace,
            lines=self.lines,
            web=self.web,
            stations=self.stations,
            cpo=self.cpo,
            emsp=self.emsp,
        )

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
                tasks.create_task(self._mishaps.befall(fault))
            for wipe in self.plan.wipes:
                tasks.create_task(self._mishaps.wipe(wipe))
            for hardening in self.plan.hardenings:
                tasks.create_task(self._harden(hardening))
            for number in range(self.plan.commands):
                tasks.create_task(self._command(number))
        await self._settle()

    async def _open(self) -> None:
        """Write the records, start the nodes, let the parties register with each other, switch stations on."""
        for installation in self._installations:
            spine = MemorySpine(self.clock, installation.store)
            puts = self.network.puts(installation.party.id, installation.keys, EPOCH)
            await spine.commit(Work(appends=agreed_by(installation.party.id), writes=puts))
            await installation.start()
        token_a = await self.emsp.invite("ELS")
        await self.cpo.register("RET", self.emsp.url, token_a)
        for station in self.stations:
            station.power_on()

    async def _settle(self) -> None:
        """All is well from here on: wait until nobody has anything more to tell."""
        for _ in range(int(SETTLES_S / 10)):
            await self.clock.sleep(10)
            if await self._quiet():
                break

    async def _quiet(self) -> bool:
        if any(s.charges or not s.drained or not (s.online or s.gone) for s in self.stations):
            return False
        return not await self._unfinished()

    async def _unfinished(self) -> list[str]:
        """What the installations still have to do, in words."""
        return [what for one in self._installations for what in await one.unfinished()]

    async def _drivers(self, station: VirtualStation, plan: StationPlan) -> None:
        """The drivers who come to a station."""
        chance = self._random(f"drivers/{station.station_id}")
        async with asyncio.TaskGroup() as tasks:
            for number in range(plan.visits + plan.remote_visits):
                socket = station.sockets[chance.randint(1, len(station.sockets))]
                come_s = chance.uniform(0, self.plan.span_s)
                by_app = number >= plan.visits
                tasks.create_task(
                    self._drive(station, socket, short_visit(chance, socket), come_s, by_app=by_app)
                )

    async def _drive(
        self, station: VirtualStation, socket: Socket, visit: Visit, come_s: float, *, by_app: bool
    ) -> None:
        """One driver, from arrival to departure. Nobody charges two cars at once with one token."""
        await self.clock.sleep(come_s)
        if not self._tokens:
            return
        token_uid = self._tokens.popleft()
        if by_app:
            await self._start_by_app(station, socket, visit, token_uid)
        else:
            await station.charge(socket.evse_id, token_uid, visit.curve, visit.stay_s)
        self._tokens.append(token_uid)

    async def _start_by_app(
        self, station: VirtualStation, socket: Socket, visit: Visit, token_uid: str
    ) -> None:
        """Plug in and start with the app; if nothing begins, drive on."""
        car = Car(curve=visit.curve, stay_s=visit.stay_s, started=asyncio.Event())
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(station.wait_for_remote_start(socket.evse_id, car, 120))
            place = self._place(station.station_id, socket.evse_id)
            ended = await self.emsp.start_remotely(CPO, token_uid, place)
            self.trace.note("app", f"{station.station_id}: {ended}")
        if waiting.result():
            await self.clock.sleep(visit.stay_s)

    def _place(self, station_id: str, evse_id: int) -> str:
        """The EVSE's uid in the locations."""
        station = next(post.station for post in self.network.posts if post.station.id == station_id)
        return next(place.evse_uid for place in station.places if place.evse_id == evse_id)

    async def _command(self, number: int) -> None:
        """The operator tells a station to do something."""
        chance = self._random(f"command/{number}")
        await self.clock.sleep(chance.uniform(10, self.plan.span_s))
        station = chance.choice(self.stations)
        running = [
            str(row["session_id"])
            for row in self.cpo.store.tables.rows(t.session)
            if row["station_id"] == station.station_id and row["ended_at"] is None
        ]
        ask = Command(
            command_id=f"command-{number}",
            name=CommandName.STOP if running and chance.random() < 0.5 else chance.choice(_COMMANDS),
            asked_by=CPO,
            evse_id=1,
            connector_id=1,
            session_id=running[0] if running else None,
            asked_at=self.clock.now(),
            hard=chance.random() < 0.5,
            message="StatusNotification",
        )
        done = await self.cpo.command(station.station_id, ask)
        self.trace.note("operator", f"{ask.name.value} {station.station_id}: {done}")

    async def _harden(self, hardening: Hardening) -> None:
        await self.clock.sleep(hardening.at_s)
        station = self.stations[hardening.station]
        if hardening.profile is not None:
            self.trace.note("world", f"{station.station_id} rises to profile {hardening.profile}")
            station.raise_profile(hardening.profile)
            return
        told = await self.cpo.change_password(station.station_id)
        self.trace.note("operator", f"new password for {station.station_id}: {told}")

    # --- judgement ----------------------------------------------------------------------------------------

    async def _judge(self) -> Report:
        logs = invariants.station_logs(self.cpo.store.log, self.stations, CPO)
        problems = [
            problem
            for station in self.stations
            for problem in invariants.of_station(station, logs[station.station_id])
        ]
        problems += [f"P6 {what}" for what in await self._unfinished()]
        problems += [
            problem
            for station in self.stations
            for problem in admission.of_station(station, self.lines, self.cpo.store)
        ]
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
