"""The folder with archived months, and the threads that read in it."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from elstrada.spine.archived.month import ArchiveAway, ArchivedMonth, LogRow
from elstrada.spine.archived.order import LogOrder
from elstrada.spine.archived.parquet import MonthFile
from elstrada.spine.archived.way import Place, Stretch, Wanted, stretch
from elstrada.spine.face import SpineDown

log = logging.getLogger(__name__)

_FILES_KEPT, _ORDERS_KEPT = 8, 8
_MOST_WAITING = 1000
"""Questions put and not answered; who comes then is sent away."""


class _Closes(Protocol):
    def close(self) -> None: ...


_Result = TypeVar("_Result")
_Kept = TypeVar("_Kept", bound=_Closes)


class Shelf:
    """Reads archived months off the event loop: one thread for streams, one for those who follow the log.

    So whoever reads one stream does not wait for a month that is being sorted. Memory is bounded by a part
    of a file for each thread, beside what is asked for.
    """

    def __init__(self, folder: Path | None, shards: int = 1) -> None:
        """
        Args:
            folder: with the files; None where nobody said.
            shards: how many logs there are, and so how many months may be followed at once.
        """
        self.folder = folder
        self._orders_kept = max(_ORDERS_KEPT, shards)
        self._files: OrderedDict[ArchivedMonth, MonthFile] = OrderedDict()
        self._orders: OrderedDict[ArchivedMonth, LogOrder] = OrderedDict()
        self._of_streams = ThreadPoolExecutor(1, thread_name_prefix="archive-streams")
        self._of_log = ThreadPoolExecutor(1, thread_name_prefix="archive-log")
        self._sorted_in: tempfile.TemporaryDirectory[str] | None = None
        self._waiting = 0
        self._closing = False

    def path(self, month: ArchivedMonth) -> Path:
        """Where a month's file must be.

        Raises:
            ArchiveAway: this installation is not told of the folder.
        """
        if self.folder is None:
            raise ArchiveAway(
                f"{month.of.name} was archived as {month.file}, and archive.dir is not set: name the folder it is in"
            )
        return self.folder / month.file

    def opened(self, month: ArchivedMonth) -> MonthFile:
        """A file that the caller closes; in whichever thread.

        Raises:
            ArchiveAway: it is not there, or not as it was written.
        """
        return MonthFile(self.path(month), month)

    async def older(self, month: ArchivedMonth, wanted: Wanted, start: Place) -> Stretch:
        """What a month has of a stream, from ``start`` backwards; raises as ``opened``."""
        return await self._in(self._of_streams, lambda: self._older(month, wanted, start))

    async def after(self, month: ArchivedMonth, position: int, limit: int) -> list[LogRow]:
        """A month's facts behind a position, in log order; raises as ``opened``."""
        return await self._in(self._of_log, lambda: self._order_of(month).after(position, limit))

    async def waiting(self, month: ArchivedMonth, position: int, most: int) -> tuple[int, int | None]:
        """How many facts of a month are behind a position, and the oldest time of record; raises as ``opened``."""
        return await self._in(self._of_log, lambda: self._order_of(month).waiting(position, most))

    async def close(self) -> None:
        """Answer what was asked, but give up a month that is being sorted; then close."""
        self._closing = True
        for threads in (self._of_streams, self._of_log):
            await asyncio.to_thread(threads.shutdown)
        for kept in (*self._files.values(), *self._orders.values()):
            kept.close()
        self._files.clear()
        self._orders.clear()
        if self._sorted_in is not None:
            self._sorted_in.cleanup()

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
        if self._waiting >= _MOST_WAITING:
            raise SpineDown(f"{_MOST_WAITING} questions wait for the archive")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except ArchiveAway as away:
            # Followers wait for what is away without a word.
            log.error("history is out of reach: %s", away)
            raise
        finally:
            self._waiting -= 1

    def _older(self, month: ArchivedMonth, wanted: Wanted, start: Place) -> Stretch:
        path = self.path(month)
        kept = self._files.get(month)
        if kept is not None and not _is_at(kept, path):
            self._files.pop(month).close()
        file = _kept(self._files, month, lambda: MonthFile(path, month), _FILES_KEPT)
        rows = file.of_stream(wanted.stream, wanted.first, start.version)
        return stretch(wanted, rows, start, path)

    def _is_closing(self) -> bool:
        return self._closing

    def _order_of(self, month: ArchivedMonth) -> LogOrder:
        return _kept(self._orders, month, lambda: self._sorted(month), self._orders_kept)

    def _sorted(self, month: ArchivedMonth) -> LogOrder:
        file = self.opened(month)
        try:
            self._sorted_in = self._sorted_in or tempfile.TemporaryDirectory(prefix="elstrada-archive-")
            return LogOrder(file, Path(self._sorted_in.name) / f"{month.of.name}.db", self._is_closing)
        except (sqlite3.Error, OSError) as problem:
            raise SpineDown(
                f"{month.of.name} cannot be sorted in the temporary folder: {problem}"
            ) from problem
        finally:
            file.close()


def _kept(
    keeper: OrderedDict[ArchivedMonth, _Kept], month: ArchivedMonth, make: Callable[[], _Kept], most: int
) -> _Kept:
    """What is kept of a month, made if need be; the one not used for longest is closed for it."""
    if month not in keeper:
        while len(keeper) >= most:
            keeper.popitem(last=False)[1].close()
        keeper[month] = make()
    keeper.move_to_end(month)
    return keeper[month]


def _is_at(file: MonthFile, path: Path) -> bool:
    """Is the file that is open still the one with this name?"""
    try:
        return os.path.samestat(file.stat(), path.stat())
    except OSError:
        return False
