"""A station's seat: its state, its stream, and the one place where its asks are decided and committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from elstrada.charging.decision import Decision
from elstrada.charging.state import StationState, evolve
from elstrada.charging.station import decide, forgotten
from elstrada.model import asks
from elstrada.model.answers import AskParty, StationAnswer, TellStation
from elstrada.model.facts import SessionCompleted, StationFact
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.token import Verdict
from elstrada.net.face import Chance, Clock
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Recorded, Spine, StreamMoved, Work

SNAPSHOT_EVERY = 200
"""Facts between snapshots: what a node reads at most when it takes a station over."""

RECALLED_AT_ONCE = 5_000
"""Facts read at a time to recall a session."""

_encode = msgspec.msgpack.Encoder(enc_hook=str).encode
_decode = msgspec.msgpack.Decoder(StationState).decode


class Authorizer(Protocol):
    """Asks a token's eMSP."""

    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        """Get the eMSP's verdict, or the question's fallback when there is none in time."""
        ...


Teller = Callable[[TellStation], Awaitable[asks.CommandReply]]
"""Sends a command to the station and waits for its reply, or for the deadline."""
Noted = Callable[[tuple[StationFact, ...]], None]
"""Told of the facts that this seat committed."""


class Begun(NamedTuple):
    """An ask that was decided, and whose facts are on their way to the log."""

    answer: StationAnswer | None
    commit: asyncio.Future[int] | None
    """The answer may be given once it is done (P1); None: at once, for nothing has happened."""


class Seat:
    """The only writer of one station's stream on this node.

    Asks are decided and committed one after the other; questions to others are awaited outside.
    """

    __slots__ = (
        "_authorizer",
        "_chance",
        "_clock",
        "_committing",
        "_lock",
        "_since_snapshot",
        "_spine",
        "_stale",
        "connection_id",
        "noted",
        "owner",
        "state",
        "station_id",
        "stream",
        "teller",
        "version",
    )

    def __init__(
        self,
        owner: PartyId,
        station_id: str,
        spine: Spine,
        clock: Clock,
        chance: Chance,
        authorizer: Authorizer,
    ) -> None:
        self.owner, self.station_id = owner, station_id
        self.stream = station_stream(owner, station_id)
        self.state = StationState(owner=owner, station_id=station_id)
        self.version = 0
        self.teller: Teller | None = None
        self.noted: Noted | None = None
        self.connection_id: str | None = None
        """Of the socket this seat is for, once the log knows it; None for a station that is away."""
        self._spine, self._clock, self._chance, self._authorizer = spine, clock, chance, authorizer
        self._lock = asyncio.Lock()
        self._committing: asyncio.Future[int] | None = None
        self._since_snapshot = 0
        self._stale = False

    async def load(self) -> None:
        """Take the stream's state from the log."""
        loaded = await self._spine.load(self.stream)
        state = StationState(owner=self.owner, station_id=self.station_id)
        facts = loaded.facts
        if loaded.snapshot is not None:
            try:
                state = _decode(loaded.snapshot)
            except msgspec.ValidationError:
                # Another version's state: a snapshot is only a short cut, so take the long way.
                facts = tuple(await self._spine.facts(self.stream, limit=loaded.version))
        for recorded in facts:
            state = evolve(state, recorded.fact, recorded.at)  # type: ignore[arg-type]  # A station's stream.
        self.state, self.version, self._since_snapshot = state, loaded.version, len(facts)

    def ask_at_once(self, ask: asks.StationAsk, now: datetime) -> Begun | None:
        """Decide an ask without waiting for anything, and hand its facts in.

        Returns:
            The answer and its commit; None: nothing was done, for something has to be awaited first
            (another ask's turn, a session to be recalled, a question to be asked): use ``ask``.
        Raises:
            SpineDown: as ``ask``.
        """
        if self._committing is not None or self._lock.locked() or self._stale:
            return None
        if forgotten(self.state, ask) is not None:
            return None
        decision = decide(self.state, ask, now, self._chance.fresh())
        if decision.questions:
            return None
        return Begun(decision.answer, self._commit(decision.facts, now) if decision.facts else None)

    async def ask(self, ask: asks.StationAsk) -> StationAnswer | None:
        """Decide an ask, commit its facts, ask whom must be asked, and return the final answer.

        Raises:
            StreamMoved: another node owns the station now.
            SpineDown: nothing was acknowledged, nothing may be answered.
        """
        while True:
            decision = await self._decide(ask)
            verdict: Verdict | None = None
            for question in decision.questions:
                match question:
                    case AskParty():
                        verdict = await self._authorizer.authorize(self.owner, question)
                    case TellStation():
                        assert self.teller is not None, "a connected station has a teller"
                        return await self.ask(await self.teller(question))
            if verdict is None:
                return decision.answer
            assert isinstance(ask, asks.Authorize | asks.StartSession | asks.UpdateSession)
            ask = msgspec.structs.replace(ask, verdict=verdict)

    async def _decide(self, ask: asks.StationAsk) -> Decision:
        async with self._lock:
            if self._committing is not None:
                # Behind its other callbacks, that is: when the state has its facts.
                turn = asyncio.Event()
                self._committing.add_done_callback(lambda _: turn.set())
                await turn.wait()
            if self._stale:
                await self._look_again()
            hint = forgotten(self.state, ask)
            if hint is not None:
                await self._recall(*hint)
            now = self._clock.now()
            decision = decide(self.state, ask, now, self._chance.fresh())
            if decision.facts:
                await self._commit(decision.facts, now)
            return decision

    def _commit(self, facts: tuple[StationFact, ...], now: datetime) -> asyncio.Future[int]:
        """Hand facts in; once they are durable, and before anybody else learns of it, they are in the state."""
        state = self.state
        for fact in facts:
            state = evolve(state, fact, now)
        self._since_snapshot += len(facts)
        snapshot = None
        if self._since_snapshot >= SNAPSHOT_EVERY:
            snapshot, self._since_snapshot = _encode(state), 0
        commit = self._spine.commit(Work((Append(self.stream, self.version, facts, snapshot),)))
        self._committing = commit
        commit.add_done_callback(partial(self._committed, facts, state))
        return commit

    def _committed(
        self, facts: tuple[StationFact, ...], state: StationState, commit: asyncio.Future[int]
    ) -> None:
        self._committing = None
        if commit.cancelled() or commit.exception() is not None:
            # It may stand in the log all the same (F5): look before the next decision.
            self._stale = True
            return
        self.version += len(facts)
        self.state = state
        if self.noted is not None:
            self.noted(facts)

    async def _look_again(self) -> None:
        """Read what became of a commit whose outcome is not known.

        Raises:
            StreamMoved: meanwhile the station is connected elsewhere.
        """
        await self.load()
        if self.connection_id is not None and self.state.connection_id != self.connection_id:
            raise StreamMoved(self.stream, self.version, self.version)
        self._stale = False

    async def _recall(self, column: str, value: str) -> None:
        """Bring back a session that the state has forgotten (P2: across months)."""
        where = {"owner": str(self.owner), "station_id": self.station_id, column: value}
        rows = await self._spine.find(t.session, where, order=("-first_version",), limit=1)
        if not rows:
            return
        first, session_id = rows[0]["first_version"], str(rows[0]["session_id"])
        assert isinstance(first, int)
        mine = await self._facts_of(session_id, first)
        self.state = self.state.recalling((r.fact, r.at) for r in mine)  # type: ignore[misc]  # A station's stream.

    async def _facts_of(self, session_id: str, first: int) -> list[Recorded]:
        """A session's facts, at least to its completion: with less of them it would end once more."""
        mine, after = list[Recorded](), first - 1
        while True:
            page = await self._spine.facts(self.stream, after_version=after, limit=RECALLED_AT_ONCE)
            mine += [one for one in page if getattr(one.fact, "session_id", None) == session_id]
            if len(page) < RECALLED_AT_ONCE or any(isinstance(one.fact, SessionCompleted) for one in mine):
                return mine
            after = page[-1].version
