"""The system under test in a world: one party's node, the real one, on a memory that outlives it."""

from __future__ import annotations

import asyncio
from functools import partial

from elstrada.model.asks import Command
from elstrada.model.ids import PartyId
from elstrada.model.node import ALL_PARTS, Part
from elstrada.model.party import Party, Peer, Role
from elstrada.model.unended import EndRules
from elstrada.model.waits import Looks
from elstrada.net.chance import SeededChance
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.passwords import ChangePassword, change_password
from elstrada.roles.gateway import reach
from elstrada.roles.keys import derived_keys
from elstrada.roles.node import Hands, Node
from elstrada.sim.app import start_session
from elstrada.sim.clock import SimClock
from elstrada.sim.network import House, Lines
from elstrada.sim.process import Process
from elstrada.sim.store_weather import StoreWeather
from elstrada.sim.web import Web
from elstrada.spine import tables as t
from elstrada.spine.lease import Terms
from elstrada.spine.memory import MemorySpine, MemoryStore
from elstrada.spine.post import Letter

_TERMS = Terms(lasts_s=120.0, renew_s=55.0)
"""A world lasts hours; renewing as often as on real clocks would be half of its cost."""


class Installation:
    """One party's node, started again and again on the same store."""

    def __init__(
        self,
        party: Party,
        seed: int,
        *,
        clock: SimClock,
        lines: Lines,
        web: Web,
        weather: StoreWeather,
        end_rules: EndRules | None = None,
        looks: Looks | None = None,
    ) -> None:
        self.party, self.weather = party, weather
        self._end_rules, self._looks = end_rules or EndRules(), looks or Looks()
        self.name = str(party.id)
        self.url = f"http://{party.id.party_id.lower()}.example"
        self.keys = derived_keys(f"{self.name}/{seed}")
        self.store = MemoryStore()
        self.node: Node | None = None
        """None while it is down."""
        self._seed, self._clock, self._lines, self._web = seed, clock, lines, web
        self._starts = 0

    @property
    def up(self) -> bool:
        return self.node is not None

    async def start(self) -> None:
        """Start a new process on what the last one left.

        Raises:
            SpineDown: it could not; nothing of it is left running.
        """
        self._starts += 1
        self._process = Process(f"{self.name}#{self._starts}")
        self._spine = MemorySpine(
            self._clock, self.store, before=self.weather.before, after=self.weather.after
        )
        hands = Hands(
            spine=self._spine,
            keys=self.keys,
            clock=self._clock,
            chance=SeededChance(f"{self.name}/{self._seed}/{self._starts}"),
            http=self._web.client(self._process),
            public_url=self.url,
            wall=self._clock,
            terms=_TERMS,
            end_rules=self._end_rules,
            looks=self._looks,
        )
        # Who has no stations runs no gateway.
        parts = ALL_PARTS if Role.CPO in self.party.roles else ALL_PARTS - {Part.GATEWAY}
        node = self._process.call(partial(Node, parts=parts), hands, (self.party,))
        starting = self._process.spawn(node.start())
        await asyncio.wait({starting})
        if starting.cancelled() or starting.exception() is not None:
            self.kill()
        starting.result()
        self.node = node
        self._web.serve(self.url, node.roaming.office, self._process)
        if Role.CPO in self.party.roles:
            self._lines.open_house(House(node.gateway, self._process))

    def kill(self) -> None:
        """End it as SIGKILL does."""
        self.node = None
        self._spine.crash()
        self._process.kill()
        self._lines.crash(self._process)

    async def invite(self, peer_id: str) -> str:
        """Make a token A for a peer."""
        assert self.node is not None
        return await self._process.spawn(self.node.roaming.registrar.invite(self.party.id, peer_id))

    async def register(self, peer_id: str, url: str, token_a: str) -> Peer:
        """Register with a peer: the OCPI handshake."""
        assert self.node is not None
        registering = self.node.roaming.registrar.register(
            self.party.id, peer_id, f"{url}/ocpi/versions", token_a
        )
        return await self._process.spawn(registering)

    async def command(self, station_id: str, ask: Command) -> Letter | None:
        """Give a station a command, as the operator's desk would; None if nobody answered."""
        if self.node is None:
            return None
        timeout_s = ask.deadline_s + 5
        reaching = reach.command(
            self._spine, self.node.post, self.party.id, station_id, ask, timeout_s=timeout_s
        )
        task = self._process.spawn(reaching)
        await asyncio.wait({task})
        return None if task.cancelled() or task.exception() else task.result()

    async def change_password(self, station_id: str) -> str:
        """Give a station a new password, as the operator's desk does; says how it ended."""
        if self.node is None:
            return "the CPO is down"
        desk = Desk(
            spine=self._spine,
            keys=self.keys,
            clock=self._clock,
            chance=self.node.hands.chance,
            post=self.node.post,
        )
        task = self._process.spawn(change_password(desk, ChangePassword(station=station_id)))
        await asyncio.wait({task})
        if task.cancelled():
            return "the CPO failed"
        if (problem := task.exception()) is not None:
            return f"{problem}"
        return task.result().result

    async def start_remotely(self, cpo: PartyId, token_uid: str, evse_uid: str) -> str:
        """Start a session as a driver's app does, by OCPI's START_SESSION; says how it ended."""
        if self.node is None:
            return "the eMSP is down"
        task = self._process.spawn(start_session(self.node, self.party.id, cpo, token_uid, evse_uid))
        await asyncio.wait({task})
        return "the eMSP failed" if task.cancelled() or task.exception() else task.result()

    async def unfinished(self) -> list[str]:
        """What still has to be done, in words."""
        if self.node is None:
            return [f"{self.name} is down"]
        marks = len(list(self.store.tables.rows(t.mark)))
        behind = {
            name: (await self._spine.waiting(position, shard)).count
            for (name, shard), position in self.store.cursors.items()
        }
        running = [row for row in self.store.tables.rows(t.session) if row["completed_at"] is None]
        open_commands = [row for row in self.store.tables.rows(t.command) if row["result"] is None]
        return [
            *([f"{self.name}: {marks} marks are not worked off"] if marks else []),
            *(f"{self.name}: {name} is {lag} facts behind" for name, lag in behind.items() if lag),
            *(f"{self.name}: session {row['session_id']} is not complete" for row in running),
            *(f"{self.name}: command {row['command_id']} has no result" for row in open_commands),
            *(f"{self.name}: {why}" for why in self.node.unready()),
        ]
