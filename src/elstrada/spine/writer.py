"""A thread that owns a writing connection, and commits works in groups. The same for every store."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from queue import Empty, SimpleQueue

import msgspec

from elstrada.spine.batch import Written
from elstrada.spine.clock import Clock
from elstrada.spine.face import SpineDown
from elstrada.spine.store import Outcome, Store
from elstrada.spine.tally import WriterTally
from elstrada.spine.trouble import Trouble

_WORKS_AT_ONCE = 512
_MOST_WAITING = 100_000
"""Works handed in and not done; who comes then is sent away, for the store is far behind."""


Committed = Callable[[Sequence[Written]], None]
"""Told on the event loop of works with facts that were done."""


class Handed(msgspec.Struct, frozen=True, eq=False):
    """Something to do whose outcome somebody awaits."""

    written: Written | None
    """The work; None asks for the views to be made again."""
    future: asyncio.Future[int]
    meeting: threading.Barrier | None = None
    """Where the writers of all its shards come together, before it is done and after."""


class Standby(msgspec.Struct, frozen=True, eq=False):
    """A place in the order in which another writer does a work of this writer's shard too."""

    meeting: threading.Barrier


_Turn = list[Handed] | Standby
"""What is done at a time: one batch, or nothing while another writer is at work."""


class Writer:
    """Takes works from the event loop, and answers each after the commit that holds it.

    Batches form by themselves: what is handed in while one commit waits for the disk makes up the
    next. Works are done in the order in which they were handed in.
    """

    def __init__(
        self, store: Store, clock: Clock, committed: Committed, name: str = "spine-writer", shard: int = 0
    ) -> None:
        """Start the thread.

        Args:
            committed: called on the event loop after every batch that added facts.
            name: of the thread.
            shard: whose works it does, for the tally.
        """
        self._store, self._clock, self._committed = store, clock, committed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Handed | Standby | None] = SimpleQueue()
        self.tally = WriterTally(shard)
        self._closed = False
        self.failure: str | None = None
        """Why nothing will ever be committed again."""
        # A daemon, because a process that ends without closing must end: for the store it is a kill.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def refusal(self) -> str | None:
        """Why nothing can be handed in now."""
        if self._closed or self.failure is not None:
            return self.failure or "the spine is closed"
        return f"{_MOST_WAITING} works wait for the store" if self.tally.waiting >= _MOST_WAITING else None

    def do(self, written: Written | None, others: Sequence[Writer] = ()) -> asyncio.Future[int]:
        """Hand in a work (None: a rebuild); what it comes to is as with ``Spine.commit``.

        Args:
            others: writers of the work's other shards. They do first what they were handed in
                before it, and wait while it is done.
        """
        future: asyncio.Future[int] = self._loop.create_future()
        refusals = [refusal for writer in (self, *others) if (refusal := writer.refusal()) is not None]
        if refusals:
            future.set_exception(SpineDown(refusals[0]))
            return future
        # All take their places at once, so that in every queue such works stand in the same order.
        meeting = threading.Barrier(1 + len(others)) if others else None
        self.tally.waiting += 1
        self._queue.put(Handed(written, future, meeting))
        for writer in others:
            assert meeting is not None
            writer._queue.put(Standby(meeting))
        return future

    async def stop(self) -> None:
        """Do what was handed in, then end the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _settle(self, handed: Sequence[Handed], outcomes: Sequence[Outcome]) -> None:
        """Answer the callers; runs on the event loop."""
        self.tally.waiting -= len(handed)
        for item, outcome in zip(handed, outcomes, strict=True):
            if item.future.done():  # Whoever waited was cancelled; the work stands all the same.
                continue
            if isinstance(outcome, int):
                item.future.set_result(outcome)
            else:
                item.future.set_exception(outcome)
        done = [
            item.written
            for item, outcome in zip(handed, outcomes, strict=True)
            if item.written is not None and item.written.texts and isinstance(outcome, int)
        ]
        if done:
            self._committed(done)

    # From here on: the thread's own.

    def _run(self) -> None:
        going_on = True
        while going_on:
            taken = self._take()
            going_on = taken[-1] is not None
            for turn in _turns(item for item in taken if item is not None):
                self._do_in_turn(turn)

    def _do_in_turn(self, turn: _Turn) -> None:
        meeting = turn.meeting if isinstance(turn, Standby) else turn[0].meeting
        if meeting is not None:
            meeting.wait()
        try:
            if not isinstance(turn, Standby):
                self._answer(turn)
        finally:
            if meeting is not None:
                meeting.wait()

    def _take(self) -> list[Handed | Standby | None]:
        """Whatever waits, at least one, within a batch's limit."""
        taken = [self._queue.get()]
        with suppress(Empty):
            while len(taken) < _WORKS_AT_ONCE:
                taken.append(self._queue.get_nowait())
        return taken

    def _answer(self, handed: list[Handed]) -> None:
        began = time.perf_counter()
        outcomes = self._outcomes([item.written for item in handed])
        failed = sum(not isinstance(outcome, int) for outcome in outcomes)
        self.tally.batch(len(handed), failed, time.perf_counter() - began)
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, handed, outcomes)

    def _outcomes(self, works: Sequence[Written | None]) -> list[Outcome]:
        """Do everything in one transaction; what a single work spoils is done again without it."""
        if self.failure is not None:
            return [SpineDown(self.failure) for _ in works]
        try:
            return self._done(works)
        except Exception as error:  # noqa: BLE001  Every error is judged, and reaches the one who waits.
            trouble = self._store.trouble_of(error)
            if trouble is Trouble.LASTING:
                self.failure = f"the store failed and was stopped: {error}"
            if trouble is not Trouble.WORK:
                return [SpineDown(self.failure or f"the store cannot commit now: {error}") for _ in works]
            if len(works) == 1:
                return [self._store.for_caller(error)]
        return [outcome for work in works for outcome in self._outcomes([work])]

    def _done(self, works: Sequence[Written | None]) -> list[Outcome]:
        written = [work for work in works if work is not None]
        if written:
            return self._store.transact(written, self._clock.now())
        return [self._store.rebuild() for _ in works]


def _turns(items: Iterable[Handed | Standby]) -> Iterator[_Turn]:
    """What may be done together, in order: works of this writer's shard alone; else one at a time."""

    def kind(item: Handed | Standby) -> object:
        shared = isinstance(item, Standby) or item.meeting is not None or item.written is None
        return item if shared else None

    for _, group in groupby(items, kind):
        together = list(group)
        if isinstance(together[0], Standby):
            yield together[0]
        else:
            yield [item for item in together if isinstance(item, Handed)]
