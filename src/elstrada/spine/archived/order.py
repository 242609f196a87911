"""A month in the order of the log, for those who follow it from long ago: sorted once, in a temporary file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from elstrada.spine.archived.month import LogRow
from elstrada.spine.archived.parquet import MonthFile

_COLUMNS = "position INTEGER PRIMARY KEY, shard, stream, version, at, kind, body, previous"
_UNSAFE = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA locking_mode = EXCLUSIVE")
"""The file is thrown away, so nothing about it need last."""
_AT_ONCE = 1000
_STEPS = 100_000
"""Of the engine, between questions whether to stop: some milliseconds."""


class LogOrder:
    """A month's facts by position. Takes the disk that the month takes unpacked, twice while it is made."""

    def __init__(self, month: MonthFile, path: Path, stopped: Callable[[], bool] = lambda: False) -> None:
        """Sort; memory does not grow with the month.

        Args:
            stopped: asked now and then; nobody waits for the rest once it says so.
        Raises:
            ArchiveAway: the file is not as it was written.
            sqlite3.OperationalError: it was stopped, or the disk is full.
        """
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.set_progress_handler(stopped, _STEPS)
            self._fill(month)
            self._connection.set_progress_handler(None, 0)
        except BaseException:
            self.close()
            raise

    def after(self, position: int, limit: int) -> list[LogRow]:
        """Facts behind a position."""
        text = "SELECT * FROM log WHERE position > ? ORDER BY position LIMIT ?"
        return cast("list[LogRow]", self._connection.execute(text, (position, limit)).fetchall())

    def waiting(self, position: int, most: int) -> tuple[int, int | None]:
        """How many are behind a position, counted no further than ``most``, and the oldest time of record."""
        text = (
            "SELECT count(*), min(at) FROM (SELECT at FROM log WHERE position > ? ORDER BY position LIMIT ?)"
        )
        return cast("tuple[int, int | None]", self._connection.execute(text, (position, most)).fetchone())

    def rows(self) -> Iterator[LogRow]:
        """All of them, a thousand at a time."""
        after = 0
        while rows := self.after(after, _AT_ONCE):
            yield from rows
            after = rows[-1][0]

    def close(self) -> None:
        """Throw it away."""
        self._connection.close()
        self._path.unlink(missing_ok=True)

    def _fill(self, month: MonthFile) -> None:
        for text in _UNSAFE:
            self._connection.execute(text)
        self._connection.execute(
            "CREATE TABLE unsorted (position, shard, stream, version, at, kind, body, previous)"
        )
        self._connection.execute(f"CREATE TABLE log ({_COLUMNS})")
        self._connection.execute("BEGIN")
        for rows in month.parts():
            self._connection.executemany("INSERT INTO unsorted VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        # The engine sorts in files of its own, and fills the table from one end to the other.
        self._connection.execute("INSERT INTO log SELECT * FROM unsorted ORDER BY position")
        self._connection.execute("COMMIT")
        self._connection.execute("DROP TABLE unsorted")
