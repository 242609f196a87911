"""The system under test in a world: the real roles on a memory that outlives them."""

from __future__ import annotations

import asyncio
import random

from elstrada.model.answers import AskParty
from elstrada.model.asks import Command
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.net.chance import SeededChance
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.roles.rater import NAME as RATER
from elstrada.roles.rater import Rater
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_network import CPO
from elstrada.sim.network import House, Lines
from elstrada.sim.process import Process
from elstrada.sim.store_weather import StoreWeather
from elstrada.spine.followers import run_follower
from elstrada.spine.memory import MemorySpine, MemoryStore
from elstrada.spine.post import Letter, LocalPost


class _Emsp:
    """Answers every question with yes, in its own time."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        await asyncio.sleep(self._chance.choice((0.1, 0.1, 2.0, 6.0)))
        return Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.AUTH_REQUEST, party=PartyId("SE", "RET"))


class Installation:
    """One node, started again and again on the same store."""

    def __init__(
        self, seed: int, clock: SimClock, lines: Lines, weather: StoreWeather, store: MemoryStore
    ) -> None:
        self.store = store
        self._seed, self._clock, self._lines, self._weather = seed, clock, lines, weather
        self._starts = 0
        self.process: Process | None = None
        self.post = LocalPost()
        self.gateway: Gateway | None = None
        self.spine: MemorySpine | None = None

    async def start(self) -> None:
        self._starts += 1
        self.process = Process(f"node-{self._starts}")
        self.spine = MemorySpine(
            self._clock, self.store, before=self._weather.before, after=self._weather.after
        )
        chance = SeededChance(f"node/{self._seed}/{self._starts}")
        self.post = LocalPost()
        findings = Findings(self.spine, self._clock)
        emsp = _Emsp(random.Random(f"emsp/{self._seed}"))  # noqa: S311  Repeating is its purpose.
        self.gateway = Gateway(
            self.spine, derived_keys(str(self._seed)), self._clock, chance, emsp, findings, self.post, (CPO,)
        )
        await self.process.spawn(self.gateway.start())
        self.process.spawn(run_follower(self.spine, RATER, Rater(self.spine).handle, clock=self._clock))
        self._lines.open_house(House(self.gateway, self.process))

    def crash(self) -> None:
        assert self.process is not None
        assert self.spine is not None
        self.spine.crash()
        self.process.kill()
        self._lines.crash(self.process)
        self.gateway = None

    async def command(self, station_id: str, ask: Command) -> Letter | None:
        """Give a station a command, as the operator's desk would; None if nobody answered."""
        if self.process is None or not self.process.alive:
            return None
        address = station_stream(CPO, station_id)
        task = self.process.spawn(self.post.ask(address, ask, timeout_s=ask.deadline_s + 5))
        await asyncio.wait({task})
        return None if task.cancelled() or task.exception() else task.result()

    def quiet(self) -> bool:
        """Is nothing left to be done?"""
        return True
