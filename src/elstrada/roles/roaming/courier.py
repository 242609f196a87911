"""The courier: brings each peer the present state of what is marked, and fetches what we lack.

Peers are served side by side, so that a slow one holds up nobody else (P7), and each by two tasks at most:
one that brings it what it lacks, and one that reads its lists, which may be long. A peer that fails is left alone for a while, longer each time, with jitter (F20). An object that a peer
refuses rests on its own. CDRs are brought until they are accepted (P4).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from elstrada.model.facts import CdrDelivered, Fact, InvoiceRecordDelivered
from elstrada.model.ids import PartyId, cdr_stream, invoice_record_stream
from elstrada.model.party import Peer, PeerState
from elstrada.ocpi.client import Received, Silent, Unagreed, describe, is_peers_fault
from elstrada.ocpi.endpoints import Interface
from elstrada.ocpi.registration import endpoint_url, hub_or_not
from elstrada.roaming.news import MODULE_OF, Kind
from elstrada.roaming.patience import GIVE_UP_AFTER, REFUSED_S, UNREACHABLE_S, pause
from elstrada.roaming.visibility import is_hub
from elstrada.roles.roaming.clients import away
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.lists import Lists
from elstrada.roles.roaming.marks import Mark, mark, read_mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.parcels import Brought, Held, Parcels, Withheld
from elstrada.roles.roaming.peers import Peers
from elstrada.spine import tables as t
from elstrada.spine.face import (
    AnyOf,
    Append,
    Between,
    Delete,
    Put,
    Row,
    RowMoved,
    SpineDown,
    StreamMoved,
    Where,
    Work,
)

log = logging.getLogger(__name__)

_LASTING = frozenset({Kind.CDR, Kind.INVOICE, Kind.ADVICE})
"""What is brought until it is taken (P4): nothing newer of it would come by itself."""
_NOTED = frozenset({Kind.CDR, Kind.INVOICE})
"""Of what it is a fact that it was taken."""
_AT_ONCE = 200
"""Marks taken for one peer at a time."""

_MOST_PEERS = 10_000
CLIENTS = MODULE_OF[Kind.CLIENT]

_OURS = "party:{}"
"""Source of what is for ourselves to mend, and no peer's doing."""

_SIDE_BY_SIDE = 8
"""Objects brought to one peer at a time: a line of 50 ms would else carry no more than 20 a second."""
_ORDER = {
    Kind.AGREEMENT: 0,
    Kind.PULL: 0,
    Kind.TARIFF: 0,
    Kind.LOCATION: 0,
    Kind.TOKEN: 0,
    Kind.COPY: 0,
    Kind.CLIENT: 0,
    Kind.EVSE: 1,
    Kind.BOOKING_LOCATION: 1,
    Kind.BOOKING: 2,
    Kind.SESSION: 1,
    Kind.PROFILE: 2,
    Kind.CDR: 2,
    Kind.INVOICE: 3,
    Kind.TERMINAL: 0,
    Kind.ADVICE: 2,
}
"""What others refer to goes before what refers to it; the rest goes side by side."""

_BROUGHT = AnyOf(tuple(kind.value for kind in Kind if kind is not Kind.PULL))
"""Kinds of what is brought; the other is fetched."""

PeerKey = tuple[PartyId, str]
_Course = tuple[PeerKey, bool]
"""A peer, and whether its lists are read (or else it is brought what it lacks)."""


class _Rest(msgspec.Struct, frozen=True):
    """A peer that failed, and until when it is left alone."""

    failures: int
    until: datetime


class Courier:
    """Works marks off."""

    def __init__(self, means: Means, peers: Peers, parcels: Parcels, lists: Lists) -> None:
        self._means, self._peers, self._parcels, self._lists = means, peers, parcels, lists
        self._resting: dict[PeerKey, _Rest] = {}
        self._rounds: dict[_Course, asyncio.Task[None]] = {}

    async def run(self, every_s: float) -> None:
        """Work until cancelled."""
        begun = False
        try:
            while True:
                with contextlib.suppress(SpineDown):
                    if not begun:
                        await self.begin()
                    begun = True
                    await self.start_rounds()
                await asyncio.sleep(every_s)
        finally:
            for round_ in list(self._rounds.values()):
                round_.cancel()

    def failing(self) -> dict[PeerKey, int]:
        """Peers that are being left alone, with how often in a row they failed."""
        now = self._means.clock.now()
        return {key: rest.failures for key, rest in self._resting.items() if now < rest.until}

    async def settle(self) -> None:
        """Work until nothing is due that can be done now."""
        while await self.start_rounds():
            await asyncio.gather(*self._rounds.values(), return_exceptions=True)

    async def start_rounds(self) -> int:
        """Start a round for each peer that has something due and is not being served or left alone.

        Returns:
            How many: of a peer one for its lists, and one for all else.
        """
        now = self._means.clock.now()
        await self._release(now)
        for write in await self._lists.due(now):
            await self._commit(write)
        due = await self._means.spine.count(t.mark, {"next_at": _until(now)}, by=("owner", "peer_id", "kind"))
        started = 0
        for course in dict.fromkeys(map(_course, due)):
            rest = self._resting.get(course[0])
            if course in self._rounds or (rest is not None and now < rest.until):
                continue
            self._rounds[course] = asyncio.ensure_future(self._round(course, now))
            self._rounds[course].add_done_callback(lambda ended, course=course: self._ended(course, ended))
            started += 1
        return started

    async def begin(self) -> None:
        """Have fetched what peers told while nobody listened."""
        for row in await self._means.spine.find(t.peer, {"state": PeerState.ACTIVE.value}, limit=_MOST_PEERS):
            await self._catch_up(msgspec.json.decode(str(row["document"]), type=Peer))

    async def _catch_up(self, peer: Peer) -> None:
        """Have fetched what a peer may have told in vain; of a hub of ours, whom it is connected to as well."""
        for write in await self._lists.missed(peer):
            await self._commit(write)
        own = await self._peers.party(peer.owner) if is_hub(peer) else None
        if own is None or False not in hub_or_not(own.roles):
            return
        if endpoint_url(peer.endpoints, CLIENTS, Interface.SENDER.value) is not None:
            position = await self._means.spine.commit(Work())
            now = self._means.clock.now()
            await self._commit(mark(peer, Kind.PULL, CLIENTS, position=position, now=now))

    async def _release(self, now: datetime) -> None:
        """Let go on what is held for parties whose hub is connected to them again, or is no hub of ours any more."""
        by = ("owner", "peer_id", "held_for")
        for row in await self._means.spine.count(t.mark, {"held_for": Between(low="")}, by=by):
            peer = await self._peers.get(PartyId.parse(str(row["owner"])), str(row["peer_id"]))
            party = PartyId.parse(str(row["held_for"]))
            is_there = peer is None or peer.state is not PeerState.ACTIVE
            if is_there or (peer and await away(self._means.spine, peer, party) is None):
                where = {name: row[name] for name in by}
                for held in await self._means.spine.find(t.mark, where, limit=_AT_ONCE):
                    await self._commit(read_mark(held).released(now))

    def _ended(self, course: _Course, ended: asyncio.Task[None]) -> None:
        """A round is over; one that broke off (the store is down, or a bug) is begun again later."""
        self._rounds.pop(course, None)
        if not ended.cancelled() and (problem := ended.exception()) is not None:
            self._leave_alone(course[0], f"{type(problem).__name__}: {problem}")

    async def _round(self, course: _Course, now: datetime) -> None:
        """Bring a peer what is due, or read its lists that are, until it fails."""
        key, reads = course
        peer = await self._peers.get(*key)
        where: Where = {
            "owner": str(key[0]),
            "peer_id": key[1],
            "kind": Kind.PULL.value if reads else _BROUGHT,
            "next_at": _until(now),
        }
        rows = await self._means.spine.find(t.mark, where, order=("next_at",), limit=_AT_ONCE)
        due = list(map(read_mark, rows))
        if peer is None or peer.state is not PeerState.ACTIVE:
            for found in due:
                await self._commit(found.done())
            return
        due.sort(key=lambda found: _ORDER[found.kind])
        # One goes ahead, so that a peer that is away is asked once, and not by everybody.
        if not await self._bring(peer, iter(due[:1])):
            return
        for _, alike in groupby(due[1:], lambda found: _ORDER[found.kind]):
            shared = iter(list(alike))
            if not all(await asyncio.gather(*(self._bring(peer, shared) for _ in range(_SIDE_BY_SIDE)))):
                return

    async def _bring(self, peer: Peer, due: Iterator[Mark]) -> bool:
        """Bring one after the other of what nobody else brings; False once the peer has failed."""
        key = peer.owner, peer.id
        for found in due:
            outcome = await self._outcome(peer, found)
            if (problem := _absence(found, outcome)) is not None:
                for _ in due:
                    pass  # Nobody takes another.
                self._leave_alone(key, problem)
                if found.kind is Kind.PULL:
                    # Else it would be the first again and again, and hold up what the peer does take.
                    await self._try_again(found, problem)
                return False
            if self._resting.pop(key, None) is not None:
                await self._catch_up(peer)
            await self._settle(peer, found, outcome)
        return True

    async def _outcome(self, peer: Peer, found: Mark) -> Brought:
        """How bringing a mark went. One that fails by a fault of ours rests, and holds up nothing else."""
        try:
            return await self._parcels.bring(peer, found)
        except SpineDown:
            raise
        except Exception as problem:
            log.exception("a %s cannot be brought to %s", found.kind.value, peer.id)
            return Withheld(f"{type(problem).__name__}: {problem}"[:300])

    async def _settle(self, peer: Peer, found: Mark, outcome: Brought) -> None:
        """Note how it went: None means that there is nothing to bring any more."""
        if outcome is None or (isinstance(outcome, Unagreed) and found.kind not in _LASTING):
            await self._commit(found.done())
        elif isinstance(outcome, Received):
            await self._delivered(found, outcome)
        elif isinstance(outcome, Held):
            await self._commit(found.held(outcome.party))
        elif isinstance(outcome, Withheld):
            self._means.findings.note(_OURS.format(found.owner), f"withheld {found.kind.value}", outcome.why)
            await self._try_again(found, outcome.why)
        elif isinstance(outcome, Unagreed):
            await self._try_again(found, outcome.problem)  # It stays due (P4).
        else:
            error = describe(outcome)
            self._means.findings.note(source(peer.owner, peer.id), f"refused {found.kind.value}", error)
            await self._try_again(found, error)

    async def _delivered(self, found: Mark, received: Received) -> None:
        if found.kind not in _NOTED:
            await self._commit(found.done())
            return
        fact: Fact
        if found.kind is Kind.CDR:
            stream = cdr_stream(found.owner, found.owner, found.object_id)
            fact = CdrDelivered(found.peer_id, received.location)
        elif await self._parcels.stands(found):
            stream = invoice_record_stream(found.owner, found.owner, found.object_id)
            fact = InvoiceRecordDelivered(found.peer_id)
        else:
            await self._commit(found.done())
            return
        version = await self._means.spine.version(stream)
        work = Work(appends=(Append(stream, version, (fact,)),), writes=(found.done(),))
        # If it cannot be noted, the mark stays; the peer takes the same CDR again as a success.
        with contextlib.suppress(RowMoved, StreamMoved, SpineDown):
            await self._means.spine.commit(work)

    async def _try_again(self, found: Mark, error: str) -> None:
        if found.attempts + 1 >= GIVE_UP_AFTER and found.kind not in _LASTING:
            await self._commit(found.done())
            if found.kind is Kind.PULL:
                await self._commit(self._lists.given_up(found.owner, found.peer_id, found.parts[0]))
            return
        wait = pause(found.attempts + 1, self._means.chance.spread(), REFUSED_S)
        await self._commit(found.later(self._means.clock.now() + wait, error))

    def _leave_alone(self, key: PeerKey, problem: str) -> None:
        before, now = self._resting.get(key), self._means.clock.now()
        if before is not None and now < before.until:
            return  # What else was under way to it fails for the same reason.
        failures = before.failures + 1 if before else 1
        until = now + pause(failures, self._means.chance.spread(), UNREACHABLE_S)
        self._resting[key] = _Rest(failures, until)
        self._means.findings.note(source(*key), "unreachable", problem)

    async def _commit(self, write: Put | Delete) -> None:
        """Write, unless the mark was set anew meanwhile: then there is more to bring."""
        with contextlib.suppress(RowMoved, SpineDown):
            await self._means.spine.commit(Work(writes=(write,)))


def _absence(found: Mark, outcome: Brought) -> str | None:
    """Why the peer would fare no better with anything else; a list that it cannot give says nothing of the rest."""
    if isinstance(outcome, Withheld | Held | None):
        return None
    is_away = isinstance(outcome, Silent) if found.kind is Kind.PULL else is_peers_fault(outcome)
    return describe(outcome) if is_away else None


def _course(row: Row) -> _Course:
    """The course that a kind of marks of a peer goes."""
    key = PartyId.parse(str(row["owner"])), str(row["peer_id"])
    return key, row["kind"] == Kind.PULL.value


def _until(now: datetime) -> Between:
    """Everything due by now, now included."""
    return Between(high=now + timedelta(microseconds=1))
