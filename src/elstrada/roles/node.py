"""A node: any set of roles on one memory, whatever hands they are given.

The simulator makes nodes on a virtual clock and network, ``roles.serve`` one on real ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from enum import StrEnum

import msgspec

from elstrada.model.party import Party, Role
from elstrada.net.face import Chance, Clock, HttpClient
from elstrada.roles import biller, rater
from elstrada.roles.biller import Biller
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import Keys
from elstrada.roles.rater import Rater
from elstrada.roles.roaming import roamer
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.wiring import Roaming, wire
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Spine, Work
from elstrada.spine.followers import Handle, Progress, run_follower
from elstrada.spine.post import LocalPost, Post

log = logging.getLogger(__name__)


class Part(StrEnum):
    """What a node can be asked to do."""

    GATEWAY = "gateway"
    """Hold the stations' sockets."""
    ROAMER = "roamer"
    """Keep peers up to date, and be kept up to date by them."""
    RATER = "rater"
    """Make CDRs."""
    BILLER = "biller"
    """Make bill lines."""


ALL_PARTS = frozenset(Part)


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What a node works with."""

    spine: Spine
    keys: Keys
    clock: Clock
    chance: Chance
    http: HttpClient
    public_url: str
    """Scheme, host and port under which peers reach this node; no slash at the end."""


class Node:
    """Roles, wired. Nothing happens before ``start`` and after ``stop``."""

    def __init__(
        self,
        hands: Hands,
        parties: tuple[Party, ...],
        *,
        parts: frozenset[Part] = ALL_PARTS,
        post: Post | None = None,
    ) -> None:
        self.hands, self.parties, self.parts = hands, parties, parts
        self.post: Post = post or LocalPost()
        self.findings = Findings(hands.spine, hands.clock)
        self.roaming: Roaming = wire(_means(hands, self.findings), self.post)
        self.gateway = Gateway(
            hands.spine,
            hands.keys,
            hands.clock,
            hands.chance,
            self.roaming.authorizer,
            self.findings,
            self.post,
            tuple(party.id for party in parties if Role.CPO in party.roles),
        )
        self.rater, self.biller = Rater(hands.spine), Biller(hands.spine)
        self.progress: dict[str, Progress] = {}
        """How each follower is doing, by name."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make the parties known, then begin to work."""
        await self.hands.spine.commit(Work(writes=tuple(map(_record, self.parties))))
        await self.findings.load()
        if Part.GATEWAY in self.parts:
            await self.gateway.start()
        self._run(self.findings.run())
        if Part.ROAMER in self.parts:
            self._follow(roamer.FOLLOWER, self.roaming.roamer.handle)
            self._run(self.roaming.courier.run())
            self._run(self.roaming.callbacks.run())
        if Part.RATER in self.parts:
            self._follow(rater.NAME, self.rater.handle)
        if Part.BILLER in self.parts:
            self._follow(biller.NAME, self.biller.handle)

    async def stop(self) -> None:
        """Finish what is in hand. What followers have not done yet they do in the next life."""
        if Part.GATEWAY in self.parts:
            await self.gateway.stop()
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def unready(self) -> str:
        """Why this node cannot serve now, in words; empty when it can."""
        if Part.GATEWAY in self.parts and not self.gateway.ready:
            return "the gateway admits nobody: the store was down, or the node is leaving"
        stopped = [
            f"{name}: {progress.stopped}" for name, progress in self.progress.items() if progress.stopped
        ]
        return "; ".join(stopped)

    def _follow(self, name: str, handle: Handle) -> None:
        progress = self.progress[name] = Progress()
        self._run(run_follower(self.hands.spine, name, handle, clock=self.hands.clock, progress=progress))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_report)
        self._tasks.append(task)


def _report(task: asyncio.Task[None]) -> None:
    """A part that ended by itself has failed; the operator must read of it."""
    if not task.cancelled() and task.exception() is not None:
        log.error("a part of the node stopped", exc_info=task.exception())


def _means(hands: Hands, findings: Findings) -> Means:
    return Means(
        spine=hands.spine,
        clock=hands.clock,
        chance=hands.chance,
        keys=hands.keys,
        http=hands.http,
        findings=findings,
        public_url=hands.public_url,
    )


def _record(party: Party) -> Put:
    return Put(t.party, {"party": str(party.id), "document": msgspec.json.encode(party).decode()})
