"""A node: any set of roles on one memory, whatever hands they are given.

The simulator makes nodes on a virtual clock and network, ``roles.serve`` one on real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial

import msgspec

from elstrada.model.node import ALL_PARTS, Part
from elstrada.model.party import Party, Role
from elstrada.model.quirk import QuirkTable
from elstrada.model.settling import SettleRules
from elstrada.model.unended import EndRules
from elstrada.model.waits import Looks, Waits
from elstrada.net.face import Chance, Clock, HttpClient
from elstrada.ocpi.versions import TABLES
from elstrada.roles import biller, meterer, rater
from elstrada.roles.biller import Biller
from elstrada.roles.contracts.contracts import PlugAndCharge
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.expiry import ExpiryWatch
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.gateway.reception import Onboarding
from elstrada.roles.keys import Keys
from elstrada.roles.leading import Leader, report
from elstrada.roles.message_keys import Signer
from elstrada.roles.meterer import Meterer, MeterSweep
from elstrada.roles.quirks.table import load_quirks
from elstrada.roles.rater import Rater
from elstrada.roles.roaming import cashier, roamer
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.wiring import Roaming, wire
from elstrada.roles.signing.signers import Signers
from elstrada.roles.undertaker import Undertaker
from elstrada.roles.unrated import UnratedWatch
from elstrada.roles.vat.checking import VatChecking
from elstrada.roles.wirelog.tap import WireLog
from elstrada.spine.ending import ended
from elstrada.spine.face import Spine
from elstrada.spine.followers import Handle, Progress, Turn, run_follower
from elstrada.spine.lease import Terms
from elstrada.spine.post import LocalPost, Post


def as_it_is(name: str, handle: Handle) -> Handle:
    """A follower's step that nobody measures."""
    return handle


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What a node works with."""

    spine: Spine
    keys: Keys
    clock: Clock
    chance: Chance
    http: HttpClient
    public_url: str
    """Scheme, host and port under which peers reach this installation; no slash at the end."""
    wall: Clock
    """The machine's clock, by which nodes deal with one another, however fast the world's clock runs."""
    terms: Terms = Terms()
    """Of the leases under which this node does what must be done once."""
    waits: Waits = Waits()
    """How long it waits for stations and peers."""
    looks: Looks = Looks()
    """How often it looks for work of its own."""
    ocpi_versions: tuple[str, ...] = tuple(TABLES)
    """Of OCPI, which partners are offered."""
    traced: Callable[[str, Handle], Handle] = as_it_is
    """Wraps a follower's step in what measures it."""
    node: str = "node"
    """This node's name among those of the installation."""
    wire_log: WireLog | None = None
    """Told of every frame of a station; None: nobody is."""
    organization: str | None = None
    """The O that stations' certificates must bear; None: any."""
    vendors: frozenset[str] = frozenset()
    """Whose extensions' words are kept (DataTransfer)."""
    signers: Signers = Signers()
    """Who signs what stations ask for."""
    certificates_end_soon: timedelta = timedelta(days=30)
    """So long before its end, a station's certificate is a finding."""
    plug_and_charge: PlugAndCharge | None = None
    """Judges and fetches contracts' certificates; None: none is accepted."""
    vat: VatChecking = VatChecking()
    """How VAT numbers are checked that drivers enter."""
    onboarding: Onboarding = Onboarding()
    """What becomes of stations whose make is new."""
    quirks: QuirkTable = msgspec.field(default_factory=load_quirks)
    """Of stations' software."""
    end_rules: EndRules = EndRules()
    """How long a session's own end is waited for."""
    signer: Signer | None = None
    """Signs what answers signed messages of stations; None: nobody does."""
    settle_rules: SettleRules = SettleRules()
    """How long a station that came is asked nothing."""
    quarters_kept: timedelta = timedelta(days=1_100)
    """How long it is known what was metered in each quarter of an hour."""


class Following(msgspec.Struct, frozen=True):
    """A follower of one shard, which runs here for as long as this node holds its lease."""

    name: str
    shard: int
    progress: Progress

    @property
    def lease(self) -> str:
        return f"follower:{self.name}/{self.shard}"


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
            node_id=hands.node,
            wire_log=hands.wire_log,
            organization=hands.organization,
            vendors=hands.vendors,
            authority=hands.signers.own,
            v2g_authority=hands.signers.v2g,
            onboarding=hands.onboarding,
            quirks=hands.quirks,
            plug_and_charge=hands.plug_and_charge,
            vat=hands.vat,
            end_rules=hands.end_rules,
            signer=hands.signer,
            settle_rules=hands.settle_rules,
            looks=hands.looks,
        )
        self.expiry = ExpiryWatch(hands.spine, hands.clock, self.findings, hands.certificates_end_soon)
        self.rater, self.biller = Rater(hands.spine), Biller(hands.spine)
        self.meterer = Meterer(hands.spine)
        self.leader = Leader(hands.spine, hands.wall, hands.node, hands.terms)
        self.followings: list[Following] = []
        """Every follower that may run here, and how it is doing."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make the parties known, then begin to work."""
        looks = self.hands.looks
        await settle_parties(self.hands.spine, self.parties)
        await self.findings.load()
        if Part.GATEWAY in self.parts:
            await self.gateway.start()
            self.leader.lead("gateway:sweep", self.gateway.sweep)
            self.leader.lead("gateway:certificates", self.expiry.run)
            undertaker = Undertaker(
                self.hands.spine, self.hands.wall, self.hands.node, self.gateway.say_gone_of
            )
            self.leader.lead("gateway:undertaker", undertaker.run)
        self._run(self.findings.run(looks.findings_s))
        if Part.ROAMER in self.parts:
            self._follow(roamer.FOLLOWER, self.roaming.roamer.handle)
            self._run(self.roaming.switch.journal.run(looks.findings_s))
            self._follow(cashier.FOLLOWER, self.roaming.cashier.handle)
            self.leader.lead("roamer:courier", partial(self.roaming.courier.run, looks.marks_s))
            self.leader.lead("roamer:pulse", partial(self.roaming.watch.run, looks.pulse_s))
            self.leader.lead("roamer:callbacks", partial(self.roaming.callbacks.run, looks.callbacks_s))
            self.leader.lead("roamer:keeper", partial(self.roaming.keeper.run, looks.callbacks_s))
        if Part.RATER in self.parts:
            self._follow(rater.NAME, self.rater.handle)
            self.leader.lead("rater:retry", UnratedWatch(self.hands.spine, self.rater).run)
            self._follow(meterer.NAME, self.meterer.handle)
            sweep = MeterSweep(self.hands.spine, self.hands.clock, self.hands.quarters_kept)
            self.leader.lead("meterer:sweep", sweep.run)
        if Part.BILLER in self.parts:
            self._follow(biller.NAME, self.biller.handle, turn=asyncio.Lock())
            self.leader.lead("biller:retry", partial(self.biller.run, self.hands.clock, self.findings))

    async def drain(self, per_second: float, within_s: float) -> None:
        """Let the stations go, each after the call it has in hand; see ``Gateway.drain``."""
        if Part.GATEWAY in self.parts:
            await self.gateway.drain(per_second=per_second, within_s=within_s)

    async def stop(self) -> None:
        """Finish what is in hand. What followers have not done yet they do elsewhere, or in the next life."""
        if Part.GATEWAY in self.parts:
            await self.gateway.stop()
        await self.leader.stop()
        self.roaming.callbacks.stop()
        await ended(*reversed(self._tasks))
        self._tasks = []

    def led(self) -> list[Following]:
        """The followers that run here now."""
        return [following for following in self.followings if self.leader.holds(following.lease)]

    def unready(self) -> list[str]:
        """Why this node cannot serve now, in words; empty when it can."""
        reasons = [
            f"follower {one.name} of shard {one.shard} stopped at {one.progress.stopped}"
            for one in self.led()
            if one.progress.stopped
        ]
        if Part.GATEWAY in self.parts and not self.gateway.ready:
            reasons.append("the gateway admits nobody: the store was down, or the node is leaving")
        return reasons

    def _follow(self, name: str, handle: Handle, turn: Turn | None = None) -> None:
        """Have every shard followed.

        Args:
            turn: of those whose shards' facts lead to the same streams, as CDRs do to the bill of one contract.
        """
        spine, clock = self.hands.spine, self.hands.clock
        handle = self.hands.traced(name, handle)
        for shard in range(spine.shards):
            following = Following(name, shard, Progress())
            self.followings.append(following)
            self.leader.lead(
                following.lease,
                partial(
                    run_follower,
                    spine,
                    name,
                    handle,
                    clock=clock,
                    shard=shard,
                    progress=following.progress,
                    turn=turn,
                ),
            )

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(report)
        self._tasks.append(task)


def _means(hands: Hands, findings: Findings) -> Means:
    return Means(
        spine=hands.spine,
        clock=hands.clock,
        chance=hands.chance,
        keys=hands.keys,
        http=hands.http,
        findings=findings,
        public_url=hands.public_url,
        versions=hands.ocpi_versions,
        waits=hands.waits,
        quirks=hands.quirks,
    )
