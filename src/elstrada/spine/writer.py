"""The thread that owns the only writing connection, and commits works in groups."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from queue import Empty, SimpleQueue

import msgspec

from elstrada.spine.batch import Written
from elstrada.spine.clock import Clock
from elstrada.spine.face import SpineDown
from elstrada.spine.sqlite_store import Outcome, SqliteStore
from elstrada.spine.tally import WriterTally
from elstrada.spine.trouble import Trouble, for_caller, trouble_of

_WORKS_AT_ONCE = 512
_MOST_WAITING = 100_000
"""Works handed in and not done; who comes then is sent away, for the store is far behind."""


class Handed(msgspec.Struct, frozen=True, eq=False):
    """Something to do whose outcome somebody awaits."""

    written: Written | None
    """The work; None asks for the views to be made again."""
    future: asyncio.Future[int]


class Writer:
    """Takes works from the event loop, and answers each after the commit that holds it.

    Batches form by themselves: what is handed in while one commit waits for the disk makes up the
    next. Works are done in the order in which they were handed in.
    """

    def __init__(self, store: SqliteStore, clock: Clock, committed: Callable[[], None]) -> None:
        """Start the thread.

        Args:
            committed: called on the event loop after every batch that added facts.
        """
        self._store, self._clock, self._committed = store, clock, committed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Handed | None] = SimpleQueue()
        self.tally = WriterTally()
        self._closed = False
        self._position = 0
        self.failure: str | None = None
        """Why nothing will ever be committed again."""
        # A daemon, because a process that ends without closing must end: for the store it is a kill.
        self._thread = threading.Thread(target=self._run, name="spine-writer", daemon=True)
        self._thread.start()

    def do(self, written: Written | None) -> asyncio.Future[int]:
        """Hand in a work (None: a rebuild); what it comes to is as with ``Spine.commit``."""
        future: asyncio.Future[int] = self._loop.create_future()
        if self._closed or self.failure is not None:
            future.set_exception(SpineDown(self.failure or "the spine is closed"))
        elif self.tally.waiting >= _MOST_WAITING:
            future.set_exception(SpineDown(f"{_MOST_WAITING} works wait for the store"))
        else:
            self.tally.waiting += 1
            self._queue.put(Handed(written, future))
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
        position = max((outcome for outcome in outcomes if isinstance(outcome, int)), default=0)
        if position > self._position:
            self._position = position
            self._committed()

    # From here on: the thread's own.

    def _run(self) -> None:
        going_on = True
        while going_on:
            taken = self._take()
            going_on = taken[-1] is not None
            handed = [item for item in taken if item is not None]
            for _, group in groupby(handed, lambda item: item.written is None):
                self._answer(list(group))

    def _take(self) -> list[Handed | None]:
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
            trouble = trouble_of(error)
            if trouble is Trouble.LASTING:
                self.failure = f"the store failed and was stopped: {error}"
            if trouble is not Trouble.WORK:
                return [SpineDown(self.failure or f"the store cannot commit now: {error}") for _ in works]
            if len(works) == 1:
                return [for_caller(error)]
        return [outcome for work in works for outcome in self._outcomes([work])]

    def _done(self, works: Sequence[Written | None]) -> list[Outcome]:
        written = [work for work in works if work is not None]
        if written:
            return self._store.transact(written, self._clock.now())
        return [self._store.rebuild() for _ in works]
