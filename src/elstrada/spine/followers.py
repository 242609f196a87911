"""Followers: each reads the log behind its own durable cursor, and has its effect exactly once.

The effect of a batch (facts, records) and the cursor commit in one work: after a crash a follower
starts again where its effects end. What it does beyond the spine (a request to a peer) it may do
twice, and never not at all.

When a batch fails, it is taken again one fact at a time, so that everything before the culprit takes
effect. The culprit is tried again five times, with growing pauses. Then it is recorded as a finding
(source ``follower:<name>``, code ``poison``) and the follower stops, visibly: ``Progress.stopped`` says
why, ``Stopped`` is raised, the lag grows. Nothing is skipped, because what would be skipped is
somebody's CDR. Other followers go on. A restart tries again from the same fact, so a corrected handler
carries on as if it had never failed (F18).

Where two nodes follow under one name, the cursor says who was first: the other reads on from there.

A store that cannot commit is no fault of the facts: the follower waits for it, however long.

Followers whose effects meet in the same streams, such as those of several shards, would do most of their work again
and again for whoever was first. On one node they take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import cast

import msgspec

from elstrada.spine import tables
from elstrada.spine.clock import Clock
from elstrada.spine.face import (
    Advance,
    Cell,
    CursorMoved,
    Put,
    Recorded,
    RowMoved,
    Spine,
    SpineDown,
    StreamMoved,
    Waiting,
    Work,
)

Handle = Callable[[list[Recorded]], Awaitable[Work]]
"""What a follower does with facts, in log order: it reads what it needs, and says what shall be written.

Called again for the same facts after a conflict or a failure. ``advance`` of the work is ignored.
"""

PAUSES_S = (0.1, 0.5, 2.0, 5.0, 15.0)
"""Before each new try of a fact that failed."""

_DOWN_PAUSE_S = 1.0
_CONFLICTS_AT_ONCE = 20
_SAMPLE_LENGTH = 300

Turn = AbstractAsyncContextManager[object]
"""Is entered anew for each batch; a lock."""


class Progress(msgspec.Struct):
    """How a follower is doing; kept up to date while it runs."""

    position: int = 0
    """Everything up to here has had its effect."""
    failures: int = 0
    """In a row, of the fact at hand."""
    stopped: str | None = None
    """What stopped it, until it is begun again: by another life of this node, or whoever has its lease next."""


class Stopped(Exception):
    """A follower met a fact that it cannot handle."""


async def run_follower(
    spine: Spine,
    name: str,
    handle: Handle,
    *,
    clock: Clock,
    shard: int = 0,
    batch: int = 500,
    pauses_s: Sequence[float] = PAUSES_S,
    progress: Progress | None = None,
    turn: Turn | None = None,
) -> None:
    """Follow the log until cancelled, or until a fact cannot be handled.

    Args:
        name: of the cursor, for ever.
        clock: for the time of a finding.
        batch: the most facts handled at a time.
        progress: filled in for whoever watches.
        turn: held from the reading for a batch to its commit; None: nobody else writes where this one does.
    Raises:
        Stopped: a fact could not be handled, however often it was tried.
    """
    cursor, progress, turn = Advance(name, 0, shard), progress or Progress(), turn or nullcontext()
    await _Follower(spine, cursor, handle, clock, pauses_s, progress, turn).run(batch)


async def lag(spine: Spine, name: str, shard: int = 0) -> Waiting:
    """How far a follower is behind in a shard: how many facts, and since when."""
    return await spine.waiting(await spine.cursor(name, shard), shard)


class _Follower:
    def __init__(
        self,
        spine: Spine,
        cursor: Advance,
        handle: Handle,
        clock: Clock,
        pauses_s: Sequence[float],
        progress: Progress,
        turn: Turn,
    ) -> None:
        self._spine, self._handle, self._clock, self._pauses_s = spine, handle, clock, pauses_s
        self._cursor = cursor
        self._progress = progress
        self._turn = turn
        self._careful_until = 0
        """Up to here facts are taken one at a time: a batch that ended here failed."""

    async def run(self, batch: int) -> None:
        self._progress.failures, self._progress.stopped = 0, None
        news = self._spine.watch()
        while True:
            # Cleared before reading: what is committed from now on sets it again.
            news.clear()
            try:
                if not await self._step(batch):
                    await news.wait()
            except SpineDown:
                await asyncio.sleep(_DOWN_PAUSE_S)

    async def _step(self, batch: int) -> bool:
        """Take the next facts; False if there are none."""
        name, shard = self._cursor.follower, self._cursor.shard
        position = self._progress.position = await self._spine.cursor(name, shard)
        facts = await self._spine.read(position, 1 if position < self._careful_until else batch, shard)
        if facts:
            await self._take(facts)
        return bool(facts)

    async def _take(self, facts: list[Recorded]) -> None:
        try:
            async with self._turn:
                await self._have_effect(facts)
        except SpineDown:
            raise
        except CursorMoved as moved:
            self._progress.position, self._progress.failures = moved.actual, 0
        except Exception as trouble:  # noqa: BLE001  Whatever it is, it is tried again, then reported.
            await self._after_failure(facts, trouble)
        else:
            self._progress.position, self._progress.failures = facts[-1].position, 0

    async def _have_effect(self, facts: list[Recorded]) -> None:
        """Commit effects and cursor together; when somebody else was first, look again."""
        cursor = msgspec.structs.replace(
            self._cursor, position=facts[-1].position, expected=self._progress.position
        )
        for left in reversed(range(_CONFLICTS_AT_ONCE)):
            try:
                work = await self._handle(facts)
                await self._spine.commit(msgspec.structs.replace(work, advance=cursor))
            except (StreamMoved, RowMoved):
                if left == 0:
                    raise
            else:
                return

    async def _after_failure(self, facts: list[Recorded], trouble: Exception) -> None:
        if len(facts) > 1:
            self._careful_until = facts[-1].position
            return
        failures = self._progress.failures
        self._progress.failures += 1
        if failures < len(self._pauses_s):
            await asyncio.sleep(self._pauses_s[failures])
            return
        said = _said(facts[0], trouble)
        await self._record(said)  # Where that cannot be written, the fact is tried again.
        self._progress.stopped = said
        raise Stopped(f"follower {self._cursor.follower} stopped at {said}") from trouble

    async def _record(self, sample: str) -> None:
        """Count the poison among the findings."""
        source, code = f"follower:{self._cursor.follower}", "poison"
        now = self._clock.now()
        known = await self._spine.get(tables.finding, source=source, code=code)
        row: dict[str, Cell] = {"source": source, "code": code, "sample": sample, "last_at": now}
        row["first_at"] = known["first_at"] if known else now
        row["count"] = 1 + (cast(int, known["count"]) if known else 0)
        await self._spine.commit(Work(writes=(Put(tables.finding, row),)))


def _said(fact: Recorded, trouble: Exception) -> str:
    kind = type(fact.fact).__name__
    where = f"position {fact.position}, {kind} of {fact.stream} version {fact.version}"
    return f"{where}: {type(trouble).__name__}: {trouble}"[:_SAMPLE_LENGTH]
