"""The pulse: when a hub last heard of each of its peers, who is asked whether it lives, and what follows (R-72).

Any request of a peer is a sign of life. One that has been silent for ``Waits.silence_s`` is asked for its
versions, which every peer has and which changes nothing; if it does not answer, its parties are OFFLINE.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Party, Peer, PeerState, Role
from elstrada.ocpi.client import Outcome, Received, describe
from elstrada.roaming.clients import changes, standings
from elstrada.roles.roaming.clients import TooMany, TooOften, note, of_hub
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.spine import tables as t
from elstrada.spine.ending import ended
from elstrada.spine.face import Between, Cell, Delete, Put, Row, RowMoved, Spine, SpineDown, Work

MOST_PEERS = 10_000
_SPREAD = 0.2
"""By how much of itself a silence may be longer, so that peers which fell silent together are not asked together."""
_WRITTEN_AGAIN = 0.1
"""After how much of a silence a sign of life is written down again."""
_AT_ONCE = 16
"""Peers asked at a time."""

PeerKey = tuple[PartyId, str]


class Pulses:
    """Takes down signs of life, of the peers of hubs alone."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._written: dict[PeerKey, datetime] = {}

    async def heard(self, own: Party, peer: Peer) -> None:
        """A peer has asked something of us; written down now and then only. Never fails."""
        if Role.HUB not in own.roles or peer.state is not PeerState.ACTIVE:
            return
        key, now = (peer.owner, peer.id), self._means.clock.now()
        before = self._written.get(key)
        if before is not None and now - before < self._silence * _WRITTEN_AGAIN:
            return
        if len(self._written) >= MOST_PEERS:
            self._written.clear()
        self._written[key] = now
        row: dict[str, Cell] = {"heard_at": now, "problem": None, "due_at": self.due(now)}
        try:
            await self._means.spine.commit(Work(writes=(Put(t.pulse, _key(key) | row),)))
        except SpineDown:
            self._written.pop(key, None)  # The next request is another sign.

    def due(self, now: datetime) -> datetime:
        """When a peer that is silent from now on is asked."""
        return now + self._silence * (1 + _SPREAD * self._means.chance.spread())

    @property
    def _silence(self) -> timedelta:
        return timedelta(seconds=self._means.waits.silence_s)


class Watch:
    """Asks silent peers, and notes how the hubs among our parties are connected to theirs."""

    def __init__(self, means: Means, peers: Peers, line: Line, pulses: Pulses) -> None:
        self._means, self._peers, self._line, self._pulses = means, peers, line, pulses
        self._asking: dict[PeerKey, asyncio.Task[None]] = {}

    async def run(self, every_s: float) -> None:
        """Watch until cancelled; one node at a time does."""
        try:
            while True:
                with contextlib.suppress(SpineDown):
                    await self.look()
                await asyncio.sleep(every_s)
        finally:
            await ended(*self._asking.values())

    async def settle(self) -> None:
        """Look, and wait for whoever is asked."""
        await self.look()
        while self._asking:
            await asyncio.gather(*self._asking.values(), return_exceptions=True)
        await self.look()

    async def look(self) -> None:
        """Begin to ask whoever is due, and note what has changed."""
        hubs = await _hubs(self._means.spine)
        for hub in hubs:
            await self._note(hub)
        if hubs:
            await self._ask_due()

    async def _note(self, hub: PartyId) -> None:
        """Bring what is known of a hub's parties up to date."""
        spine, now = self._means.spine, self._means.clock.now()
        peers = await all_peers(spine, hub)
        pulses = await pulses_of(spine, hub)
        fresh = [peer for peer in peers if peer.state is PeerState.ACTIVE and peer.id not in pulses]
        if fresh:
            due = (Put(t.pulse, {**_key((hub, peer.id)), "due_at": self._pulses.due(now)}) for peer in fresh)
            await spine.commit(Work(writes=tuple(due)))
        wanted = standings(hub, peers, silent_of(pulses))
        for client, reason in changes(await of_hub(spine, hub), wanted, now):
            try:
                await note(spine, hub, client, reason, now=now)
            except (TooMany, TooOften) as problem:
                self._means.findings.note(
                    f"party:{hub}", f"client {type(problem).__name__}", str(client.party)
                )

    async def _ask_due(self) -> None:
        now = self._means.clock.now()
        room = _AT_ONCE - len(self._asking)
        where = {"due_at": Between(high=now + timedelta(microseconds=1))}
        # Those under way are due still.
        rows = await self._means.spine.find(t.pulse, where, order=("due_at",), limit=2 * _AT_ONCE)
        for row in rows:
            key = PartyId.parse(str(row["owner"])), str(row["peer_id"])
            if key in self._asking or room <= 0:
                continue
            room -= 1
            self._asking[key] = asyncio.ensure_future(self._ask(key, row))
            self._asking[key].add_done_callback(lambda task, key=key: self._asked(key, task))

    def _asked(self, key: PeerKey, task: asyncio.Task[None]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._means.findings.note(source(*key), "pulse", f"{type(problem).__name__}: {problem}"[:300])

    async def _ask(self, key: PeerKey, row: Row) -> None:
        """Ask one peer whether it lives, and write down what it said, unless it has been heard meanwhile."""
        peer = await self._peers.get(*key)
        seen = {"due_at": row["due_at"]}
        if peer is None or peer.state is not PeerState.ACTIVE:
            await self._write(Delete(t.pulse, _key(key), seen))
            return
        problem = _problem(await self._line.versions(peer))
        now = self._means.clock.now()
        told: dict[str, Cell] = {"asked_at": now, "problem": problem, "due_at": self._pulses.due(now)}
        if problem is None:
            told["heard_at"] = now
        else:
            self._means.findings.note(source(*key), "silent", problem)
        await self._write(Put(t.pulse, _key(key) | told, seen))

    async def _write(self, write: Put | Delete) -> None:
        with contextlib.suppress(RowMoved, SpineDown):
            await self._means.spine.commit(Work(writes=(write,)))


async def all_peers(spine: Spine, owner: PartyId) -> list[Peer]:
    """The peers of one of our parties, in whatever state."""
    rows = await spine.find(t.peer, {"owner": str(owner)}, limit=MOST_PEERS)
    return [msgspec.json.decode(str(row["document"]), type=Peer) for row in rows]


async def pulses_of(spine: Spine, owner: PartyId) -> dict[str, Row]:
    """What is written down of a hub's peers, by their ids."""
    rows = await spine.find(t.pulse, {"owner": str(owner)}, limit=MOST_PEERS)
    return {str(row["peer_id"]): row for row in rows}


def silent_of(pulses: Mapping[str, Row]) -> set[str]:
    """The peers that did not answer when they were last asked, and have not been heard since."""
    return {peer_id for peer_id, row in pulses.items() if row["problem"] is not None}


async def _hubs(spine: Spine) -> list[PartyId]:
    """Those of our parties that are hubs."""
    rows = await spine.find(t.party)
    parties = (msgspec.json.decode(str(row["document"]), type=Party) for row in rows)
    return [party.id for party in parties if Role.HUB in party.roles]


def _problem(outcome: Outcome) -> str | None:
    """Why an answer is no sign of life; None: it is one."""
    if not isinstance(outcome, Received):
        return describe(outcome)[:300]
    return None if isinstance(outcome.data, list) else "answered without a list of versions"


def _key(key: PeerKey) -> dict[str, Cell]:
    return {"owner": str(key[0]), "peer_id": key[1]}
